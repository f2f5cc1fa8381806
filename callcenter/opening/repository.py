"""SQL over the opening calendar."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.opening.models import OpeningHours, SpecialDay

# Built once: building a statement costs more than running it.
_SPANS = select(OpeningHours.weekday, OpeningHours.opens, OpeningHours.closes).order_by(
    OpeningHours.weekday, OpeningHours.opens
)
_SPECIAL_DAYS = select(
    SpecialDay.day, SpecialDay.opens, SpecialDay.closes, SpecialDay.note
).order_by(SpecialDay.day)
_SPECIAL_DAY = _SPECIAL_DAYS.where(SpecialDay.day == bindparam("day")).order_by(None)


@dataclass(frozen=True, slots=True)
class DayRow:
    """A special day as it is stored."""

    day: date
    opens: int | None
    closes: int | None
    note: str


def spans(connection: Connection) -> list[tuple[int, int, int]]:
    """(weekday, opens, closes) of the whole week, in order."""
    return [(row.weekday, row.opens, row.closes) for row in connection.execute(_SPANS)]


def special_days(connection: Connection) -> list[DayRow]:
    """All special days, in order."""
    return [DayRow(*row) for row in connection.execute(_SPECIAL_DAYS)]


def special_day(connection: Connection, day: date) -> DayRow | None:
    """What `day` has of its own."""
    row = connection.execute(_SPECIAL_DAY, {"day": day}).first()
    return None if row is None else DayRow(*row)


async def replace(
    session: AsyncSession, hours: Iterable[OpeningHours], days: Iterable[SpecialDay]
) -> None:
    """Put `hours` and `days` in the place of all that is there."""
    await session.execute(delete(OpeningHours))
    await session.execute(delete(SpecialDay))
    session.add_all(hours)
    session.add_all(days)
