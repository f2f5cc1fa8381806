"""SQL over the opening calendar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.opening.models import OpeningHours, SpecialDay


async def spans(session: AsyncSession) -> list[tuple[int, int, int]]:
    """(weekday, opens, closes) of the whole week, in order."""
    query = select(OpeningHours.weekday, OpeningHours.opens, OpeningHours.closes).order_by(
        OpeningHours.weekday, OpeningHours.opens
    )
    return [(row.weekday, row.opens, row.closes) for row in await session.execute(query)]


async def special_days(session: AsyncSession) -> Sequence[SpecialDay]:
    """All special days, in order."""
    return (await session.execute(select(SpecialDay).order_by(SpecialDay.day))).scalars().all()


async def replace(
    session: AsyncSession, hours: Iterable[OpeningHours], days: Iterable[SpecialDay]
) -> None:
    """Put `hours` and `days` in the place of all that is there."""
    await session.execute(delete(OpeningHours))
    await session.execute(delete(SpecialDay))
    session.add_all(hours)
    session.add_all(days)
