"""A year's holidays as a sheet (`platform.sheets`), out and in.

Columns ``day,kind,name``; `source` is for people and is not read. A file is the year whole, as it
is published whole: days that it does not name are ordinary ones afterwards, and the year counts as
known. What went out and comes back unchanged changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from callcenter.platform.errors import BadInput
from callcenter.platform.sheets import cells
from callcenter.platform.sheets.faults import SheetProblem, refused
from callcenter.platform.sheets.reading import Column, SheetLimits, read_sheet
from callcenter.platform.sheets.writing import Value
from callcenter.workforce.domain.workdays import DayKind, NamedDay
from callcenter.workforce.opening.workdays import WorkdayService, WorkdayYear, check_kind

NAME_CHARACTERS = 100
KIND_WORDS = {
    "放假": DayKind.HOLIDAY,
    "休": DayKind.HOLIDAY,
    "节假日": DayKind.HOLIDAY,
    "调休上班": DayKind.MOVED_WORKDAY,
    "班": DayKind.MOVED_WORKDAY,
    "补班": DayKind.MOVED_WORKDAY,
    "工作日": DayKind.WORKDAY,
    "周末": DayKind.WEEKEND,
}
"""What people call the kinds."""

COLUMNS = (
    Column("day", cells.day, also=("日期",), needed=True, filled=True),
    Column("kind", cells.choice(DayKind, KIND_WORDS), also=("类型",), needed=True, filled=True),
    Column("name", cells.text(NAME_CHARACTERS), also=("名称", "节日")),
    Column("source", None, also=("来源",)),
)
NAMES = tuple(column.name for column in COLUMNS)


class HolidayFault(StrEnum):
    """What can be wrong in a year's holidays besides what can be in any sheet (`SheetFault`)."""

    DAY_TWICE = "day_twice"
    OTHER_YEAR = "other_year"
    BAD_KIND = "bad_kind"
    NO_HOLIDAY = "no_holiday"


@dataclass(frozen=True, slots=True)
class YearImported:
    """What a file changed, or would change, of the days that differ."""

    added: int
    changed: int
    removed: int
    unchanged: int
    problems: tuple[SheetProblem, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    row: int
    named: NamedDay
    silent: bool
    """The sheet has no names: those that are there stay."""


def written(year: WorkdayYear) -> list[list[Value]]:
    """The rows of `year`."""
    return [[day.day, str(day.kind), day.name, str(day.source)] for day in year.days]


class HolidayImport:
    """Takes files into the calendar."""

    def __init__(self, workdays: WorkdayService) -> None:
        self._workdays = workdays

    async def take(
        self, year: int, data: bytes, limits: SheetLimits, *, dry_run: bool, actor: str
    ) -> YearImported:
        """Enter `year` whole as the file says, or with `dry_run` only say what that would be.

        `BadInput` ``bad_sheet`` if there are problems and it was no dry run; nothing is done then.
        Errors as `WorkdayService.replace_year`.
        """
        present = await self._workdays.year(year)
        rows, problems = await asyncio.to_thread(_read, year, data, limits)
        if not problems and not any(row.named.kind is DayKind.HOLIDAY for row in rows.values()):
            message = f"{year} would count as known without one public holiday; enter them"
            problems = [SheetProblem(0, "kind", HolidayFault.NO_HOLIDAY, message)]
        before = {day.day: NamedDay(day.kind, day.name) for day in present.days}
        after = {day: _named(row, before.get(day)) for day, row in rows.items()}
        done = YearImported(
            added=len(after.keys() - before.keys()),
            changed=sum(after[day] != before[day] for day in after.keys() & before.keys()),
            removed=len(before.keys() - after.keys()),
            unchanged=sum(after[day] == before[day] for day in after.keys() & before.keys()),
            problems=tuple(problems),
        )
        if dry_run:
            return done
        if problems:
            raise refused(problems, code="bad_sheet")
        if after != before or not present.known:
            await self._workdays.replace_year(year, after, actor=actor)
        return done


def _named(row: _Row, before: NamedDay | None) -> NamedDay:
    if row.silent and before is not None and before.kind is row.named.kind:
        return before
    return row.named


def _read(
    year: int, data: bytes, limits: SheetLimits
) -> tuple[Mapping[date, _Row], list[SheetProblem]]:
    sheet = read_sheet(data, COLUMNS, limits)
    problems = list(sheet.problems)
    rows: dict[date, _Row] = {}
    for row in sheet.rows:
        day, kind = row.values["day"], row.values["kind"]
        if day in rows:
            message = f"{day} stands in row {rows[day].row} already"
            problems.append(SheetProblem(row.number, "day", HolidayFault.DAY_TWICE, message))
        elif day.year != year:
            message = f"{day} is not in {year}; each year is a sheet of its own"
            problems.append(SheetProblem(row.number, "day", HolidayFault.OTHER_YEAR, message))
        elif (wrong := _wrong_kind(day, kind)) is not None:
            problems.append(SheetProblem(row.number, "kind", HolidayFault.BAD_KIND, wrong))
        else:
            named = NamedDay(kind, row.values.get("name") or "")
            rows[day] = _Row(row.number, named, silent="name" not in row.values)
    problems.sort(key=lambda problem: problem.row)
    return rows, problems


def _wrong_kind(day: date, kind: DayKind) -> str | None:
    try:
        check_kind(day, kind)
    except BadInput as error:
        return error.message
    return None
