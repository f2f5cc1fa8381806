"""Reads a sheet into rows of values, and names everything that is wrong with it.

Reading goes on to the end, whatever is wrong, so that one round of mending is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callcenter.platform.domain.nearest import nearest
from callcenter.platform.sheets import csv_text, excel
from callcenter.platform.sheets.cells import Reader, cleaned, mistaken
from callcenter.platform.sheets.faults import SheetFault, SheetProblem

SHOWN = 40
"""Characters of a heading that nobody knows."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a sheet may have."""

    name: str
    read: Reader | None
    """None: it is for people, and not read."""
    also: tuple[str, ...] = ()
    """Further headings that mean it."""
    needed: bool = False
    """The column must be there."""
    filled: bool = False
    """And so must each of its cells."""


@dataclass(frozen=True, slots=True)
class SheetLimits:
    """How much is taken at once; see the settings ``sheet_*``."""

    rows: int
    unpacked_bytes: int


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row: `values` has each column of the sheet that is read; None: its cell is empty.

    A column that the sheet does not have is not among them: it says nothing, which is not the same
    as saying that there is nothing.
    """

    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What was read. With problems the rows are those that have none."""

    rows: tuple[SheetRow, ...]
    problems: tuple[SheetProblem, ...]


def read_sheet(data: bytes, columns: Sequence[Column], limits: SheetLimits) -> Sheet:
    """The rows of `data`, by `columns`, and everything that is wrong with it. Takes a second for a
    large .xlsx: call it in a thread."""
    known = {
        heading.lower(): column for column in columns for heading in (column.name, *column.also)
    }
    if data.startswith(excel.PACKED):
        records, ended = excel.records(data, limits.rows + 1, limits.unpacked_bytes)
    elif data.startswith(excel.OLD):
        message = "this is an .xls, or has a password; save it as .xlsx or CSV, without a password"
        return _faulty(SheetFault.NOT_TEXT, message)
    elif (text := csv_text.decoded(data)) is None:
        return _faulty(SheetFault.NOT_TEXT, "save it as .xlsx, or as CSV in UTF-8")
    else:
        records, ended = csv_text.records(
            text, limits.rows + 1, lambda heading: cleaned(heading).lower() in known
        )
    if ended is not None and not records:
        return Sheet((), (ended,))
    if not records:
        names = ", ".join(column.name for column in columns)
        message = f"the first row must name columns: {names}"
        return Sheet((), (SheetProblem(1, "", SheetFault.NO_HEADING, message),))
    heading_row, cells = records[0]
    heading = [cleaned(cell).lower() for cell in cells]
    while heading and not heading[-1]:
        heading.pop()
    problems = _of_heading(heading_row, heading, columns, known)
    if len(records) - 1 > limits.rows:
        message = f"at most {limits.rows} rows are taken at once (CALLCENTER_SHEET_ROWS_MAX)"
        row = records[limits.rows + 1][0]
        problems.append(SheetProblem(row, "", SheetFault.TOO_MANY_ROWS, message))
    if problems:
        return Sheet((), tuple(problems))
    found = [known[name] for name in heading]
    rows = []
    for number, cells in records[1:]:
        values, wrong = _row(number, found, cells)
        problems += wrong
        if not wrong:
            rows.append(SheetRow(number, values))
    if ended is not None:
        problems.append(ended)
    return Sheet(tuple(rows), tuple(problems))


def _faulty(fault: SheetFault, message: str) -> Sheet:
    return Sheet((), (SheetProblem(0, "", fault, message),))


def _of_heading(
    row: int, heading: Sequence[str], columns: Sequence[Column], known: Mapping[str, Column]
) -> list[SheetProblem]:
    problems = []
    there: set[str] = set()
    for name in heading:
        column = known.get(name)
        if column is None:
            shown = name[:SHOWN]
            meant = nearest(shown, known)
            names = ", ".join(one.name for one in columns)
            question = f"; is it {meant}?" if meant else f"; known are {names}"
            message = f"there is no column {shown!r}{question}"
            problems.append(SheetProblem(row, shown, SheetFault.UNKNOWN_COLUMN, message))
        elif column.name in there:
            message = "the column stands here twice"
            problems.append(SheetProblem(row, column.name, SheetFault.COLUMN_TWICE, message))
        else:
            there.add(column.name)
    for column in columns:
        if column.needed and column.name not in there:
            message = f"the column {column.name} must be there"
            problems.append(SheetProblem(row, column.name, SheetFault.MISSING, message))
    return problems


def _row(
    number: int, columns: Sequence[Column], cells: Sequence[str]
) -> tuple[dict[str, Any], list[SheetProblem]]:
    values: dict[str, Any] = {column.name: None for column in columns if column.read is not None}
    problems = []
    if any(cell.strip() for cell in cells[len(columns) :]):
        message = "more cells than the heading has columns"
        problems.append(SheetProblem(number, "", SheetFault.TOO_MANY_CELLS, message))
    for column, raw in zip(columns, cells, strict=False):
        if column.read is None or not (cell := cleaned(raw)):
            continue
        try:
            if mistaken(said := raw.strip()):
                raise ValueError(f"the spreadsheet says {said}: its formula has a mistake")
            values[column.name] = column.read(cell)
        except ValueError as error:
            problems.append(SheetProblem(number, column.name, SheetFault.BAD_VALUE, str(error)))
    named = {problem.column for problem in problems}
    problems += [
        SheetProblem(number, column.name, SheetFault.MISSING, "the cell must not be empty")
        for column in columns
        if column.filled and values[column.name] is None and column.name not in named
    ]
    return values, problems
