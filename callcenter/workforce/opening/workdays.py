"""Public holidays and moved working days: the published lists, and what an admin puts above them.

A year is replaced as a whole, as it is published as a whole; single days can be mended after it.
`status` says which years are known and what is missing: it is for a screen that people see, so
that a missing list is noticed in November and not on New Year's Day.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, NotFound
from callcenter.platform.versions import check_version, version_of
from callcenter.workforce.domain.workdays import (
    CalendarWarning,
    DayFacts,
    DayKind,
    NamedDay,
    OfficialDays,
    Workdays,
    days_between,
    plain_kind,
)
from callcenter.workforce.opening import repository
from callcenter.workforce.opening.models import CalendarDay, CalendarYear
from callcenter.workforce.opening.official import published
from callcenter.workforce.opening.service import read_workdays

_log = logging.getLogger(__name__)

FIRST_YEAR, LAST_YEAR = 2004, 2100
"""Years that may be entered: from the first published list to the end of a typing error."""


@dataclass(frozen=True, slots=True)
class WorkdayStatus:
    """Which years are known, and what is missing."""

    official_first_year: int
    official_last_year: int
    declared_years: Sequence[int]
    today: DayFacts
    warnings: Sequence[CalendarWarning]


@dataclass(frozen=True, slots=True)
class WorkdayYear:
    """The days of a year that differ from their weekday, in order."""

    year: int
    known: bool
    """False: nobody has said, and every day passes for what its weekday is."""
    declared: bool
    """An admin has entered it whole."""
    days: Sequence[DayFacts]
    version: int
    """Of what an admin entered of it; 0: nothing."""


class WorkdayService:
    """Reads and changes what days are. `time_zone` is the city's (an IANA name)."""

    def __init__(
        self,
        database: Database,
        time_zone: str,
        clock: Clock = utc_now,
        official: OfficialDays | None = None,
    ) -> None:
        self._database = database
        self._zone = ZoneInfo(time_zone)
        self._clock = clock
        self._official = official or published()

    async def workdays(self) -> Workdays:
        """What is known of all days."""
        return await self._database.read(
            lambda connection: read_workdays(connection, self._official)
        )

    async def status(self) -> WorkdayStatus:
        """Which years are known, what today is, and what is missing."""
        known = await self.workdays()
        today = self._clock().astimezone(self._zone).date()
        return WorkdayStatus(
            official_first_year=known.official.first_year,
            official_last_year=known.official.last_year,
            declared_years=sorted(known.declared),
            today=known.facts(today),
            warnings=known.warnings(today),
        )

    async def year(self, year: int) -> WorkdayYear:
        """The days of `year` that differ; `BadInput` ``bad_year``."""
        _check_year(year)
        known = await self.workdays()
        facts = map(known.facts, days_between(date(year, 1, 1), date(year, 12, 31)))
        return WorkdayYear(
            year=year,
            known=known.knows(year),
            declared=year in known.declared,
            days=[day for day in facts if day.kind.differs or day.day in known.admin],
            version=_version(known, year) or 0,
        )

    async def replace_year(
        self, year: int, days: Mapping[date, NamedDay], *, actor: str
    ) -> WorkdayYear:
        """Enter `year` whole: `days` are those that differ. It counts as known from now on.

        Days of the published list that are not among `days` are ordinary ones from now on.
        Errors: `BadInput` ``bad_year``, ``bad_calendar_day``, ``bad_calendar_year``.
        """
        _check_year(year)
        for day, named in days.items():
            if day.year != year:
                raise BadInput(
                    f"days: {day} is not in {year}", code="bad_calendar_day", day=str(day)
                )
            check_kind(day, named.kind)
        if not any(named.kind is DayKind.HOLIDAY for named in days.values()):
            raise BadInput(
                f"days: {year} would count as known without one public holiday; enter them, or"
                f" DELETE /api/holidays/years/{year} to take back what was entered",
                code="bad_calendar_year",
                year=year,
            )
        now = self._clock()
        entered = {
            **{day: NamedDay(plain_kind(day)) for day in self._official.days if day.year == year},
            **days,
        }
        async with self._database.writing() as session:
            await self._check(session, year)
            await repository.touch(session, now)
            await repository.clear_year(session, year)
            session.add_all(
                CalendarDay(
                    day=day,
                    kind=named.kind.value,
                    name=named.name,
                    updated_by=actor,
                    updated_at=now,
                )
                for day, named in entered.items()
            )
            row = await repository.calendar_year(session, year)
            if row is None:
                row = CalendarYear(year=year)
                session.add(row)
            row.declared_by, row.declared_at = actor, now
            facts = {"days": {str(day): named.kind.value for day, named in days.items()}}
            await record(
                session, Entry("holidays.year_entered", f"year:{year}", facts, actor), now=now
            )
        _log.info("holidays of %d entered days=%d by=%s", year, len(days), actor)
        return await self.year(year)

    async def forget_year(self, year: int, *, actor: str) -> None:
        """Remove all that was entered of `year`; the published list holds again, if there is one.

        `NotFound` ``calendar_year_not_found`` if nothing was entered.
        """
        _check_year(year)
        known = await self.workdays()
        if year not in known.declared and not any(day.year == year for day in known.admin):
            raise NotFound(f"nothing was entered of {year}", code="calendar_year_not_found")
        now = self._clock()
        async with self._database.writing() as session:
            await self._check(session, year)
            await repository.touch(session, now)
            await record(
                session, Entry("holidays.year_forgotten", f"year:{year}", {}, actor), now=now
            )
            await repository.clear_year(session, year)
            row = await repository.calendar_year(session, year)
            if row is not None:
                await session.delete(row)
        _log.info("holidays of %d forgotten by=%s", year, actor)

    async def _check(self, session: AsyncSession, year: int) -> None:
        """That the writer has seen what was entered of `year`."""
        known = await session.run_sync(
            lambda sync: read_workdays(sync.connection(), self._official)
        )
        check_version(_version(known, year), f"the year {year}")

    async def set_day(self, day: date, named: NamedDay, *, actor: str) -> DayFacts:
        """Say what `day` is; `BadInput` ``bad_year``, ``bad_calendar_day``."""
        _check_year(day.year)
        check_kind(day, named.kind)
        now = self._clock()
        async with self._database.writing() as session:
            row = await repository.calendar_day(session, day)
            check_version(_day_version(row), f"what was said of {day}")
            await repository.touch(session, now)
            if row is None:
                row = CalendarDay(day=day)
                session.add(row)
            row.kind, row.name = named.kind.value, named.name
            row.updated_by, row.updated_at = actor, now
            facts = {"kind": named.kind.value}
            await record(session, Entry("holidays.day_set", f"day:{day}", facts, actor), now=now)
        _log.info("calendar day %s is %s by=%s", day, named.kind, actor)
        return (await self.workdays()).facts(day)

    async def remove_day(self, day: date, *, actor: str) -> None:
        """Take back what was said of `day`; `NotFound` ``calendar_day_not_found``."""
        async with self._database.writing() as session:
            row = await repository.calendar_day(session, day)
            if row is None:
                raise NotFound(f"nothing was entered of {day}", code="calendar_day_not_found")
            check_version(_day_version(row), f"what was said of {day}")
            now = self._clock()
            await repository.touch(session, now)
            await record(session, Entry("holidays.day_removed", f"day:{day}", {}, actor), now=now)
            await session.delete(row)
        _log.info("calendar day %s removed by=%s", day, actor)


def _version(known: Workdays, year: int) -> int | None:
    days = {day: named for day, named in known.admin.items() if day.year == year}
    declared = year in known.declared
    return version_of(declared, days) if declared or days else None


def _day_version(row: CalendarDay | None) -> int | None:
    return None if row is None else version_of(row.kind, row.name)


def _check_year(year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadInput(
            f"year: must be from {FIRST_YEAR} to {LAST_YEAR}", code="bad_year", year=year
        )


def check_kind(day: date, kind: DayKind) -> None:
    """`BadInput` ``bad_calendar_day`` for a slip: a weekend in the middle of the week, or a moved
    working day there."""
    weekday = plain_kind(day) is DayKind.WORKDAY
    if kind in (DayKind.WEEKEND, DayKind.MOVED_WORKDAY) and weekday:
        raise BadInput(
            f"{day} is a weekday: it can be workday or holiday",
            code="bad_calendar_day",
            day=str(day),
        )
    if kind is DayKind.WORKDAY and not weekday:
        raise BadInput(
            f"{day} is a Saturday or Sunday: it can be weekend, holiday or moved_workday",
            code="bad_calendar_day",
            day=str(day),
        )
