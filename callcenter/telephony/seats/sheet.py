"""Seats as a sheet of a spreadsheet (`platform.sheets`): what its columns mean. Secrets are in no
sheet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from callcenter.platform.sheets import cells
from callcenter.platform.sheets.faults import SheetProblem
from callcenter.platform.sheets.reading import Column, SheetLimits, read_sheet
from callcenter.platform.sheets.writing import Value
from callcenter.telephony.domain.registrations import PhoneKinds

NAME_CHARACTERS = 100
EXTENSION_DIGITS = 16

COLUMNS = (
    Column(
        "extension",
        cells.digits("an extension", EXTENSION_DIGITS),
        also=("分机", "分机号"),
        needed=True,
        filled=True,
    ),
    Column("name", cells.text(NAME_CHARACTERS), also=("名称", "姓名")),
    Column("enabled", cells.flag, also=("启用",)),
    Column("in_queue", cells.flag, also=("接听来电", "在队列")),
    Column("phones", cells.choice(PhoneKinds), also=("话机",)),
)
NAMES = tuple(column.name for column in COLUMNS)


class SeatFault(StrEnum):
    """What can be wrong in a sheet of seats besides what can be in any (`SheetFault`)."""

    BAD_EXTENSION = "bad_extension"
    SEAT_TWICE = "seat_twice"


@dataclass(frozen=True, slots=True)
class SeatRow:
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
class SeatSheet:
    """What was read."""

    rows: tuple[SeatRow, ...]
    problems: tuple[SheetProblem, ...]


def written(seats: Iterable[Any]) -> list[list[Value]]:
    """The rows of `seats` (objects with the attributes `NAMES`)."""
    return [[getattr(seat, name) for name in NAMES] for seat in seats]


def read_seats(data: bytes, limits: SheetLimits) -> SeatSheet:
    """The seats in `data`, and everything that is wrong with it."""
    sheet = read_sheet(data, COLUMNS, limits)
    problems = list(sheet.problems)
    rows: list[SeatRow] = []
    first: dict[str, int] = {}
    for row in sheet.rows:
        seat = SeatRow(row.number, **row.values)
        if (before := first.setdefault(seat.extension, row.number)) != row.number:
            message = f"seat {seat.extension} stands in row {before} already"
            problems.append(SheetProblem(row.number, "extension", SeatFault.SEAT_TWICE, message))
        else:
            rows.append(seat)
    return SeatSheet(tuple(rows), tuple(problems))
