"""The blocklist as a sheet of a spreadsheet (`platform.sheets`): what its columns mean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from callcenter.people.citizens import shown_number
from callcenter.platform.errors import BadInput
from callcenter.platform.sheets import cells
from callcenter.platform.sheets.faults import SheetProblem
from callcenter.platform.sheets.reading import Column, SheetLimits, read_sheet
from callcenter.platform.sheets.writing import Value
from callcenter.telephony.blocklist.service import Blocked, number_of_a_caller

NUMBER_CHARACTERS = 128
REASON_CHARACTERS = 500
FOR_GOOD = "for good"
_FOR_GOOD = frozenset({FOR_GOOD, "永久", "长期"})
_ROUNDED = re.compile(r"[0-9.]+[eE][+-]?[0-9]+", re.ASCII)

NAMES = ("number", "reason", "until", "version")


class BlockFault(StrEnum):
    """What can be wrong in a blocklist besides what can be in any sheet (`SheetFault`)."""

    NUMBER_TWICE = "number_twice"
    UNTIL_IN_THE_PAST = "until_in_the_past"


@dataclass(frozen=True, slots=True)
class Until:
    """An end that a sheet says."""

    moment: datetime | None
    """None: for good."""


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One number of a sheet; None: the cell is empty or its column is missing."""

    row: int
    number: str
    """Normalised."""
    reason: str | None = None
    until: Until | None = None
    version: int | None = None
    """Of the entry as the sheet was written; None: whatever it is now."""


@dataclass(frozen=True, slots=True)
class BlockSheet:
    """What was read."""

    rows: tuple[BlockRow, ...]
    problems: tuple[SheetProblem, ...]


def columns(zone: tzinfo) -> tuple[Column, ...]:
    """The columns; moments are on the clock of `zone`."""
    moment = cells.moment(zone)

    def until(cell: str) -> Until:
        return Until(None if cell.lower() in _FOR_GOOD else moment(cell))

    number, reason, end, version = NAMES
    return (
        Column(number, _number, also=("号码", "电话"), needed=True, filled=True),
        Column(reason, cells.lines(REASON_CHARACTERS), also=("原因",)),
        Column(end, until, also=("截止", "截止时间")),
        Column(version, cells.version, also=("版本",)),
    )


def _number(cell: str) -> str:
    if _ROUNDED.fullmatch(cell):
        raise ValueError(
            "the spreadsheet has rounded the number; format the column as text, and fill it in"
            " again"
        )
    try:
        return number_of_a_caller(cells.text(NUMBER_CHARACTERS)(cell))
    except BadInput as error:
        raise ValueError(error.message) from error


def written(entries: Iterable[Blocked], zone: tzinfo) -> list[list[Value]]:
    """The rows of `entries`, with numbers as the one who asks may see them."""
    return [
        [
            shown_number(entry.number),
            entry.reason,
            FOR_GOOD if entry.until is None else cells.moment_text(entry.until, zone),
            cells.version_text(entry.version),
        ]
        for entry in entries
    ]


def read_blocklist(data: bytes, limits: SheetLimits, zone: tzinfo) -> BlockSheet:
    """The numbers in `data`, and everything that is wrong with it."""
    sheet = read_sheet(data, columns(zone), limits)
    problems = list(sheet.problems)
    rows: list[BlockRow] = []
    first: dict[str, int] = {}
    for row in sheet.rows:
        entry = BlockRow(row.number, **row.values)
        if (before := first.setdefault(entry.number, row.number)) != row.number:
            message = f"this number stands in row {before} already, perhaps in another writing"
            problems.append(SheetProblem(row.number, "number", BlockFault.NUMBER_TWICE, message))
        else:
            rows.append(entry)
    return BlockSheet(tuple(rows), tuple(problems))
