"""The rota as a sheet (`platform.sheets`), out and in.

Columns ``day,user_id,name,shift,note``; `shift` is a code, `name` is for people and is not read.
A file is taken whole or not at all. For each day and person that it names, the rota afterwards
holds what the file says; a row without a shift means a day off. Days and people that it does not
name stay as they are, and so do the notes if it has no such column. What went out and comes back
unchanged changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.domain.nearest import nearest
from callcenter.platform.sheets import cells
from callcenter.platform.sheets.faults import SheetProblem, refused
from callcenter.platform.sheets.reading import Column, SheetLimits, read_sheet
from callcenter.platform.sheets.writing import Value
from callcenter.platform.texts import block
from callcenter.workforce.domain.shifts import EntrySource
from callcenter.workforce.shifts import repository
from callcenter.workforce.shifts.models import RotaEntry
from callcenter.workforce.shifts.planning import fill, touch
from callcenter.workforce.shifts.service import EntryInfo, ShiftService

_log = logging.getLogger(__name__)

NOTE_MAX = 200
CODE_MAX = 32

COLUMNS = (
    Column("day", cells.day, also=("日期",), needed=True, filled=True),
    Column("user_id", cells.row_id("a user"), also=("人员编号",), needed=True, filled=True),
    Column("name", None, also=("姓名",)),
    Column("shift", cells.text(CODE_MAX), also=("班次",), needed=True),
    Column("note", cells.lines(NOTE_MAX), also=("备注",)),
)
NAMES = tuple(column.name for column in COLUMNS)


class RotaFault(StrEnum):
    """What can be wrong in a rota besides what can be in any sheet (`SheetFault`)."""

    UNKNOWN_SHIFT = "unknown_shift"
    SHIFT_DISABLED = "shift_disabled"
    UNKNOWN_USER = "unknown_user"
    ROW_TWICE = "row_twice"


@dataclass(frozen=True, slots=True)
class RotaRow:
    """One row of a file."""

    row: int
    day: date
    user_id: int
    shift: str
    """A code; '' for a day off."""
    note: str | None
    """None: the file has no notes, so what is there stays."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file changed, or would change."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    problems: tuple[SheetProblem, ...] = ()


def written(entries: Iterable[EntryInfo]) -> list[list[Value]]:
    """The rows of `entries`."""
    return [
        [entry.day, entry.user_id, entry.name, entry.shift_code, entry.note] for entry in entries
    ]


def read(data: bytes, limits: SheetLimits) -> tuple[list[RotaRow], list[SheetProblem]]:
    """The rows of a file, and everything that is wrong with it."""
    sheet = read_sheet(data, COLUMNS, limits)
    rows = []
    for row in sheet.rows:
        note = (row.values["note"] or "") if "note" in row.values else None
        values = row.values
        shift = values["shift"] or ""
        rows.append(RotaRow(row.number, values["day"], values["user_id"], shift, note))
    return rows, list(sheet.problems)


class RotaImport:
    """Takes files into the rota."""

    def __init__(self, database: Database, shifts: ShiftService, clock: Clock = utc_now) -> None:
        self._database = database
        self._shifts = shifts
        self._clock = clock

    async def take(
        self, data: bytes, limits: SheetLimits, *, dry_run: bool, actor: str
    ) -> Imported:
        """Make the rota hold what the file says, or with `dry_run` only say what that would be.

        `BadInput` ``bad_csv`` if there are problems and it was no dry run; nothing is done then.
        Who is no user any more, and a shift that is disabled, stay where they are in the rota but
        are not planned anew.
        """
        rows, problems = await asyncio.to_thread(read, data, limits)
        if problems and not dry_run:
            raise refused(problems, code="bad_csv")
        names = await self._shifts.names({row.user_id for row in rows})
        if dry_run:
            async with self._database.reading() as session:  # nothing of it is kept
                done = await self._apply(session, rows, names, actor)
            found = sorted((*problems, *done.problems), key=lambda problem: problem.row)
            return replace(done, problems=tuple(found))
        if not rows:
            return Imported()
        async with self._database.writing() as session:
            done = await self._apply(session, rows, names, actor)
            if done.problems:  # Nothing of the above is kept.
                raise refused(done.problems, code="bad_csv")
            if done.added or done.changed or done.removed:
                facts = {
                    "from": str(min(row.day for row in rows)),
                    "to": str(max(row.day for row in rows)),
                    "added": done.added,
                    "changed": done.changed,
                    "removed": done.removed,
                }
                entry = Entry("rota.imported", "rota", facts, actor)
                await record(session, entry, now=self._clock())
        _log.info("rota imported added=%d removed=%d by=%s", done.added, done.removed, actor)
        self._shifts.changed()
        return done

    async def _apply(
        self, session: AsyncSession, rows: Sequence[RotaRow], names: Collection[int], actor: str
    ) -> Imported:
        """Change `session`'s rows as the file says; what it says wrongly is among the problems."""
        if not rows:
            return Imported()
        days = [row.day for row in rows]
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
                there = old.pop(shifts[code].id, None) if code else None
                if gone and there is None and (code or not old):
                    message = f"there is no user {user_id}"
                    problems.append(
                        SheetProblem(row.row, "user_id", RotaFault.UNKNOWN_USER, message)
                    )
                elif not code:
                    pass
                elif there is None:
                    if not shifts[code].enabled:
                        message = f"shift {code} is disabled"
                        problems.append(
                            SheetProblem(row.row, "shift", RotaFault.SHIFT_DISABLED, message)
                        )
                    entry = RotaEntry(user_id=user_id, day=day)
                    fill(entry, shifts[code], EntrySource.IMPORT, row.note or "", actor, now)
                    session.add(entry)
                    added += 1
                elif row.note is not None and _as_read(there.note) != row.note:
                    there.note = row.note
                    touch(there, actor, now)
                    changed += 1
                else:
                    unchanged += 1
            for entry in old.values():
                await session.delete(entry)
                removed += 1
        problems.sort(key=lambda problem: problem.row)
        return Imported(added, changed, removed, unchanged, tuple(problems))


def _as_read(note: str) -> str:
    """A note of the rota as a sheet that was written of it says it."""
    try:
        return block(note.strip())
    except ValueError:  # from a time when that could be entered
        return note


def _slots(
    rows: Iterable[RotaRow], shifts: Collection[str]
) -> tuple[dict[tuple[int, date], dict[str, RotaRow]], list[SheetProblem]]:
    """Each person's days with their rows by shift, and what is wrong."""
    slots: dict[tuple[int, date], dict[str, RotaRow]] = {}
    problems: list[SheetProblem] = []
    for row in rows:
        slot = slots.setdefault((row.user_id, row.day), {})
        first = slot.get(row.shift)
        if row.shift and row.shift not in shifts:
            meant = nearest(row.shift, shifts)
            message = f"there is no shift {row.shift!r}" + (f"; is it {meant}?" if meant else "")
            problems.append(SheetProblem(row.row, "shift", RotaFault.UNKNOWN_SHIFT, message))
        elif first is not None:
            message = f"the same as row {first.row}"
            problems.append(SheetProblem(row.row, "", RotaFault.ROW_TWICE, message))
        else:
            slot[row.shift] = row
    return slots, problems
