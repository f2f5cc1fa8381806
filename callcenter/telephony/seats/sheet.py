"""Seats as a sheet of a spreadsheet (CSV, RFC 4180): read, checked, written; no I/O.

Written is UTF-8 with a byte order mark, which office programs need to see Chinese; read is that
and GB 18030, in which office programs in China save. Secrets are in no sheet. A cell that a
spreadsheet would take for a formula is written with an apostrophe before it, and read without.

Reading goes on to the end, whatever is wrong: every problem is named with its row, as the
spreadsheet numbers them (the heading is row 1), so that one round of mending is enough.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from callcenter.telephony.domain.registrations import PhoneKinds

COLUMNS = ("extension", "name", "enabled", "in_queue", "phones")
NAME_CHARACTERS = 100
ROWS_MAX = 5000
"""More than a deployment can have seats."""
_FORMULA = ("=", "+", "-", "@", "\t", "'")
_YES = frozenset({"yes", "true", "1", "是"})
_NO = frozenset({"no", "false", "0", "否"})


class SheetFault(StrEnum):
    """What can be wrong in a sheet."""

    NOT_TEXT = "not_text"
    NO_HEADING = "no_heading"
    UNKNOWN_COLUMN = "unknown_column"
    COLUMN_TWICE = "column_twice"
    TOO_MANY_ROWS = "too_many_rows"
    TOO_MANY_CELLS = "too_many_cells"
    MISSING = "missing"
    BAD_VALUE = "bad_value"
    BAD_EXTENSION = "bad_extension"
    SEAT_TWICE = "seat_twice"


@dataclass(frozen=True, slots=True)
class SheetProblem:
    """One thing to mend."""

    row: int
    column: str
    """'' if it is the whole row."""
    fault: SheetFault
    message: str


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One seat of a sheet; None: the cell is empty or its column is missing, so it stays as it is.

    For a seat that is not there yet the usual values are taken.
    """

    row: int
    extension: str
    name: str | None = None
    enabled: bool | None = None
    in_queue: bool | None = None
    phones: PhoneKinds | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """What was read."""

    rows: tuple[SheetRow, ...]
    problems: tuple[SheetProblem, ...]


class _BadCell(ValueError):
    pass


def write_sheet(seats: Iterable[Any]) -> str:
    """The sheet of `seats` (objects with the attributes `COLUMNS`), without a byte order mark."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for seat in seats:
        writer.writerow([_written(getattr(seat, column)) for column in COLUMNS])
    return out.getvalue()


def read_sheet(data: bytes) -> Sheet:
    """The seats in `data`, and everything that is wrong with it."""
    text = _decoded(data)
    if text is None:
        return _faulty(0, SheetFault.NOT_TEXT, "save it as CSV in UTF-8")
    records = list(csv.reader(io.StringIO(text, newline="")))
    if not records or not any(cell.strip() for cell in records[0]):
        return _faulty(1, SheetFault.NO_HEADING, f"row 1 must name columns: {', '.join(COLUMNS)}")
    heading = [cell.strip().lower() for cell in records[0]]
    while heading and not heading[-1]:
        heading.pop()
    problems = list(_of_heading(heading))
    if len(records) - 1 > ROWS_MAX:
        problems.append(
            SheetProblem(ROWS_MAX + 2, "", SheetFault.TOO_MANY_ROWS, f"at most {ROWS_MAX} rows")
        )
    if problems:
        return Sheet((), tuple(problems))
    rows: list[SheetRow] = []
    first: dict[str, int] = {}
    for number, cells in enumerate(records[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue  # spreadsheets leave empty rows at the end
        row, found = _read_row(number, heading, cells)
        problems += found
        if row is not None and (before := first.setdefault(row.extension, number)) != number:
            message = f"seat {row.extension} stands in row {before} already"
            problems.append(SheetProblem(number, "extension", SheetFault.SEAT_TWICE, message))
        elif row is not None:
            rows.append(row)
    return Sheet(tuple(rows), tuple(problems))


def _faulty(row: int, fault: SheetFault, message: str) -> Sheet:
    return Sheet((), (SheetProblem(row, "", fault, message),))


def _decoded(data: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if "\0" in text else text
    return None


def _of_heading(heading: Sequence[str]) -> Iterable[SheetProblem]:
    for column in dict.fromkeys(heading):
        if column not in COLUMNS:
            message = f"there is no column {column[:40]!r}, only {', '.join(COLUMNS)}"
            yield SheetProblem(1, column[:40], SheetFault.UNKNOWN_COLUMN, message)
        elif heading.count(column) > 1:
            yield SheetProblem(1, column, SheetFault.COLUMN_TWICE, "the column stands here twice")
    if "extension" not in heading:
        message = "the column `extension` must be there"
        yield SheetProblem(1, "extension", SheetFault.MISSING, message)


def _read_row(
    number: int, heading: Sequence[str], cells: Sequence[str]
) -> tuple[SheetRow | None, list[SheetProblem]]:
    problems: list[SheetProblem] = []
    if any(cell.strip() for cell in cells[len(heading) :]):
        message = "more cells than the heading has columns"
        problems.append(SheetProblem(number, "", SheetFault.TOO_MANY_CELLS, message))
    values: dict[str, Any] = {}
    for column, cell in zip(heading, cells, strict=False):
        text = _unescaped(cell).strip()
        if not text:
            continue
        try:
            values[column] = _READERS[column](text)
        except _BadCell as error:
            problems.append(SheetProblem(number, column, SheetFault.BAD_VALUE, str(error)))
    if "extension" not in values:
        if not any(problem.column == "extension" for problem in problems):
            message = "which seat is it?"
            problems.append(SheetProblem(number, "extension", SheetFault.MISSING, message))
        return None, problems
    return SheetRow(number, **values), problems


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _extension(text: str) -> str:
    if not (text.isascii() and text.isdecimal() and len(text) <= 16):
        raise _BadCell("an extension is digits, nothing else")
    return text


def _name(text: str) -> str:
    if len(text) > NAME_CHARACTERS:
        raise _BadCell(f"a name has at most {NAME_CHARACTERS} characters")
    return text


def _flag(text: str) -> bool:
    word = text.lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise _BadCell("say yes or no")


def _phones(text: str) -> PhoneKinds:
    try:
        return PhoneKinds(text.lower())
    except ValueError:
        raise _BadCell(f"say {', '.join(PhoneKinds)}") from None


_READERS: Mapping[str, Callable[[str], object]] = {
    "extension": _extension,
    "name": _name,
    "enabled": _flag,
    "in_queue": _flag,
    "phones": _phones,
}
