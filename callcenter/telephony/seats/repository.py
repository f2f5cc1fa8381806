"""SQL over the seats."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.registrations import PhoneKinds
from callcenter.telephony.seats.models import Seat

_BOUND = 500
"""Values in one query; SQLite takes at least 999."""
# As numbers sort: a deployment that went from three digits to four has both.
_ORDER = (func.length(Seat.extension), Seat.extension)


async def by_extension(session: AsyncSession, extension: str) -> Seat | None:
    """One seat."""
    return await session.get(Seat, extension)


async def enabled(session: AsyncSession) -> Sequence[Seat]:
    """Every enabled seat, by extension."""
    query = select(Seat).where(Seat.enabled).order_by(*_ORDER)
    return (await session.execute(query)).scalars().all()


async def all_of_them(session: AsyncSession) -> Sequence[Seat]:
    """Every seat, by extension."""
    return (await session.execute(select(Seat).order_by(*_ORDER))).scalars().all()


async def existing(session: AsyncSession, extensions: Sequence[str]) -> list[str]:
    """Those of `extensions` that are there, in order."""
    found: list[str] = []
    for start in range(0, len(extensions), _BOUND):
        part = extensions[start : start + _BOUND]
        query = select(Seat.extension).where(Seat.extension.in_(part)).order_by(*_ORDER)
        found += (await session.execute(query)).scalars().all()
    return found


async def followers(session: AsyncSession) -> dict[Extension, bool]:
    """The seats that may have either kind of phone; whether the last one was a browser."""
    query = select(Seat.extension, Seat.browser).where(Seat.phones == PhoneKinds.BOTH.value)
    rows = (await session.execute(query)).all()
    return {Extension(extension): browser for extension, browser in rows}


async def in_order(session: AsyncSession, *, after: str | None, limit: int) -> Sequence[Seat]:
    """Up to `limit` seats behind extension `after`."""
    query = select(Seat).order_by(*_ORDER).limit(limit)
    if after is not None:
        length = func.length(Seat.extension)
        query = query.where(
            or_(length > len(after), and_(length == len(after), Seat.extension > after))
        )
    return (await session.execute(query)).scalars().all()


async def is_empty(session: AsyncSession) -> bool:
    """Whether there is no seat at all."""
    return (await session.execute(select(Seat.extension).limit(1))).first() is None
