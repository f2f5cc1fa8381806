"""The rota as a CSV file, out and in.

Columns ``day,user_id,name,shift,note``; `shift` is a code, `name` is for people and is not read.
A file is taken whole or not at all. For each day and person that it names, the rota afterwards
holds what the file says; a row without a shift means a day off. Days and people that it does not
name stay as they are. What went out and comes back unchanged changes nothing.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput
from callcenter.workforce.domain.shifts import EntrySource
from callcenter.workforce.shifts import repository
from callcenter.workforce.shifts.models import RotaEntry
from callcenter.workforce.shifts.planning import fill, touch
from callcenter.workforce.shifts.service import EntryInfo, ShiftService

_log = logging.getLogger(__name__)

COLUMNS = ("day", "user_id", "name", "shift", "note")
NEEDED = ("day", "user_id", "shift")
ROWS_MAX = 20_000
PROBLEMS_MAX = 50
"""Nobody mends more at once."""
NOTE_MAX = 200
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One line of a file."""

    line: int
    day: date
    user_id: int
    shift: str
    """A code; '' for a day off."""
    note: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file changed."""

    added: int
    changed: int
    removed: int
    unchanged: int


def write(entries: Iterable[EntryInfo]) -> str:
    """The entries as a file; with a mark that makes spreadsheets read it as UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow(
            (entry.day, entry.user_id, _safe(entry.name), entry.shift_code, _safe(entry.note))
        )
    return "\ufeff" + out.getvalue()


def _safe(text: str) -> str:
    """A cell that begins like a formula would be reckoned by the spreadsheet."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def read(text: str) -> list[CsvRow]:
    """The rows of a file; `BadInput` ``bad_csv`` names every line that cannot be read."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    problems: list[str] = []
    rows: list[CsvRow] = []
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        missing = [name for name in NEEDED if name not in header]
        if missing:
            raise _bad([f"line 1: the columns {', '.join(missing)} are missing"])
        reader.fieldnames = header
        for cells in reader:
            if len(rows) >= ROWS_MAX:
                raise _bad([f"line {reader.line_num}: at most {ROWS_MAX} rows are taken at once"])
            try:
                rows.append(_row(reader.line_num, cells))
            except ValueError as error:
                problems.append(f"line {reader.line_num}: {error}")
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}")
    if problems:
        raise _bad(problems)
    return rows


def _row(line: int, cells: dict[str, str | None]) -> CsvRow:
    if None in cells:
        raise ValueError("more cells than columns")

    def cell(name: str) -> str:
        return (cells.get(name) or "").strip()

    try:
        day = date.fromisoformat(cell("day"))
    except ValueError:
        raise ValueError(f"day: {cell('day')!r} is not a day such as 2026-12-31") from None
    user_id = cell("user_id")
    if not (user_id.isascii() and user_id.isdigit() and 0 < int(user_id) < 2**31):
        raise ValueError(f"user_id: {user_id!r} is not a number of a user")
    note = _plain(cell("note"))
    if len(note) > NOTE_MAX or "\0" in note:
        raise ValueError(f"note: at most {NOTE_MAX} characters, no NUL")
    return CsvRow(line, day, int(user_id), cell("shift"), note)


def _bad(problems: Sequence[str]) -> BadInput:
    return BadInput(
        f"the file is not taken: {problems[0]}",
        code="bad_csv",
        problems=list(problems[:PROBLEMS_MAX]),
        problems_total=len(problems),
    )


class RotaImport:
    """Takes files into the rota."""

    def __init__(self, database: Database, shifts: ShiftService, clock: Clock = utc_now) -> None:
        self._database = database
        self._shifts = shifts
        self._clock = clock

    async def take(self, text: str, *, actor: str) -> Imported:
        """Make the rota hold what the file says; `BadInput` ``bad_csv``.

        Who is no user any more, and a shift that is disabled, stay where they are in the rota but
        are not planned anew.
        """
        rows = read(text)
        if not rows:
            return Imported(0, 0, 0, 0)
        names = await self._shifts.names({row.user_id for row in rows})
        days = [row.day for row in rows]
        async with self._database.writing() as session:
            shifts = {shift.code: shift for shift in await repository.shifts(session)}
            wanted, problems = _slots(rows, shifts)
            present: dict[tuple[int, date], dict[int, RotaEntry]] = {}
            for entry in await repository.entries(session, min(days), max(days)):
                present.setdefault((entry.user_id, entry.day), {})[entry.shift_id] = entry
            now = self._clock()
            added = changed = removed = unchanged = 0
            for (user_id, day), slot in wanted.items():
                old = present.get((user_id, day), {})
                gone = user_id not in names
                for code, row in slot.items():
                    entry_there = old.pop(shifts[code].id, None) if code else None
                    if gone and entry_there is None and (code or not old):
                        problems[row.line] = f"there is no user {user_id}"
                    elif not code:
                        pass
                    elif entry_there is None:
                        if not shifts[code].enabled:
                            problems[row.line] = f"shift {code} is disabled"
                        entry = RotaEntry(user_id=user_id, day=day)
                        fill(entry, shifts[code], EntrySource.IMPORT, row.note, actor, now)
                        session.add(entry)
                        added += 1
                    elif entry_there.note != row.note:
                        entry_there.note = row.note
                        touch(entry_there, actor, now)
                        changed += 1
                    else:
                        unchanged += 1
                for entry in old.values():
                    await session.delete(entry)
                    removed += 1
            if problems:  # Nothing of the above is kept.
                raise _bad([f"line {line}: {what}" for line, what in sorted(problems.items())])
            facts = {
                "from": str(min(days)),
                "to": str(max(days)),
                "added": added,
                "changed": changed,
                "removed": removed,
            }
            await record(session, Entry("rota.imported", "rota", facts, actor), now=now)
        _log.info("rota imported added=%d removed=%d by=%s", added, removed, actor)
        self._shifts.changed()
        return Imported(added, changed, removed, unchanged)


def _slots(
    rows: Iterable[CsvRow], shifts: Collection[str]
) -> tuple[dict[tuple[int, date], dict[str, CsvRow]], dict[int, str]]:
    """Each person's days with their rows by shift, and by line what is wrong."""
    slots: dict[tuple[int, date], dict[str, CsvRow]] = {}
    problems: dict[int, str] = {}
    for row in rows:
        slot = slots.setdefault((row.user_id, row.day), {})
        first = slot.get(row.shift)
        if row.shift and row.shift not in shifts:
            problems[row.line] = f"there is no shift {row.shift!r}"
        elif first is not None:
            problems[row.line] = f"the same as line {first.line}"
        else:
            slot[row.shift] = row
    return slots, problems
