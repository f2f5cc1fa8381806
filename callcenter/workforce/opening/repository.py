"""SQL over the opening calendar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.workforce.domain.opening import HolidayOpening
from callcenter.workforce.opening.models import (
    CalendarDay,
    CalendarYear,
    OpeningHours,
    OpeningPeriod,
    OpeningRule,
    SpecialDay,
)

_RULE_ID = 1

# Built once: building a statement costs more than running it.
_SPANS = select(OpeningHours.weekday, OpeningHours.opens, OpeningHours.closes).order_by(
    OpeningHours.weekday, OpeningHours.opens
)
_SPECIAL_DAYS = select(SpecialDay.day, SpecialDay.spans, SpecialDay.note).order_by(SpecialDay.day)
_VERSION = select(OpeningRule.version).where(OpeningRule.id == _RULE_ID)
_RULE = select(OpeningRule.holidays, OpeningRule.holiday_spans, OpeningRule.moved_workday_as).where(
    OpeningRule.id == _RULE_ID
)
_PERIODS = select(OpeningPeriod.first_day, OpeningPeriod.last_day, OpeningPeriod.spans)
_CALENDAR_DAYS = select(CalendarDay.day, CalendarDay.kind, CalendarDay.name)
_CALENDAR_YEARS = select(CalendarYear.year)


@dataclass(frozen=True, slots=True)
class DayRow:
    """A special day as it is stored."""

    day: date
    spans: str
    note: str


def spans(connection: Connection) -> list[tuple[int, int, int]]:
    """(weekday, opens, closes) of the whole week, in order."""
    return [(row.weekday, row.opens, row.closes) for row in connection.execute(_SPANS)]


def special_days(connection: Connection) -> list[DayRow]:
    """All special days, in order."""
    return [DayRow(*row) for row in connection.execute(_SPECIAL_DAYS)]


@dataclass(frozen=True, slots=True)
class RuleRow:
    """The rule as it is stored."""

    holidays: str
    spans: str
    moved_workday_as: int | None


def version(connection: Connection) -> int:
    """Raised by each change of any of the tables; 0 before the first."""
    return connection.execute(_VERSION).scalar() or 0


def rule(connection: Connection) -> RuleRow | None:
    """What is done on holidays; None if nobody has said."""
    row = connection.execute(_RULE).first()
    return None if row is None else RuleRow(*row)


def period_spans(connection: Connection) -> list[tuple[date, date, str]]:
    """(first, last, spans) of all periods."""
    return [(row[0], row[1], row[2]) for row in connection.execute(_PERIODS)]


def calendar_days(connection: Connection) -> list[tuple[date, str, str]]:
    """(day, kind, name) of all days that an admin entered."""
    return [(row[0], row[1], row[2]) for row in connection.execute(_CALENDAR_DAYS)]


def calendar_years(connection: Connection) -> frozenset[int]:
    """Years that an admin has entered whole."""
    return frozenset(connection.execute(_CALENDAR_YEARS).scalars())


async def touch(session: AsyncSession, now: datetime) -> OpeningRule:
    """Raise the version; every change does. The rule's row, made if it is not there."""
    row = await session.get(OpeningRule, _RULE_ID)
    if row is None:
        row = OpeningRule(
            id=_RULE_ID, version=1, holidays=HolidayOpening.AS_WEEK.value, holiday_spans=""
        )
        session.add(row)
    else:
        # Raised by the database: two who write at once raise it twice.
        row.version = OpeningRule.version + 1
    row.updated_at = now
    return row


async def period(session: AsyncSession, period_id: int) -> OpeningPeriod | None:
    """One period."""
    return await session.get(OpeningPeriod, period_id)


async def periods(session: AsyncSession) -> Sequence[OpeningPeriod]:
    """All periods, in order of their first day."""
    query = select(OpeningPeriod).order_by(OpeningPeriod.first_day, OpeningPeriod.id)
    return (await session.execute(query)).scalars().all()


async def calendar_day(session: AsyncSession, day: date) -> CalendarDay | None:
    """What an admin said of `day`."""
    return await session.get(CalendarDay, day)


async def calendar_year(session: AsyncSession, year: int) -> CalendarYear | None:
    """Whether an admin has entered `year` whole."""
    return await session.get(CalendarYear, year)


async def clear_year(session: AsyncSession, year: int) -> None:
    """Remove the days that an admin entered of `year`."""
    await session.execute(
        delete(CalendarDay).where(
            CalendarDay.day >= date(year, 1, 1), CalendarDay.day <= date(year, 12, 31)
        )
    )


async def replace(
    session: AsyncSession, hours: Iterable[OpeningHours], days: Iterable[SpecialDay]
) -> None:
    """Put `hours` and `days` in the place of all that is there."""
    await session.execute(delete(OpeningHours))
    await session.execute(delete(SpecialDay))
    session.add_all(hours)
    session.add_all(days)
