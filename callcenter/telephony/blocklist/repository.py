"""SQL over the blocked numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.telephony.blocklist.models import BlockedNumber

# Built once: building a statement costs more than running it.
_ACTIVE = select(BlockedNumber.id).where(
    BlockedNumber.number == bindparam("number"),
    or_(BlockedNumber.until.is_(None), BlockedNumber.until > bindparam("now")),
)


def active(connection: Connection, number: str, now: datetime) -> bool:
    """Whether `number` is blocked at `now`."""
    return connection.execute(_ACTIVE, {"number": number, "now": now}).first() is not None


async def by_id(session: AsyncSession, blocked_id: int) -> BlockedNumber | None:
    """One entry."""
    return await session.get(BlockedNumber, blocked_id)


async def by_number(session: AsyncSession, number: str) -> BlockedNumber | None:
    """The entry of `number`, expired or not."""
    query = select(BlockedNumber).where(BlockedNumber.number == number)
    return (await session.execute(query)).scalar_one_or_none()


async def all_of_them(session: AsyncSession) -> Sequence[BlockedNumber]:
    """Every entry, oldest first."""
    return (await session.scalars(select(BlockedNumber).order_by(BlockedNumber.id))).all()


async def standing(session: AsyncSession, now: datetime) -> Sequence[tuple[str, datetime | None]]:
    """Number and end of every entry that blocks at `now`."""
    query = select(BlockedNumber.number, BlockedNumber.until).where(
        or_(BlockedNumber.until.is_(None), BlockedNumber.until > now)
    )
    return [(number, until) for number, until in (await session.execute(query)).all()]


async def newest_first(
    session: AsyncSession, *, before_id: int | None, number: str | None, limit: int
) -> Sequence[BlockedNumber]:
    """Up to `limit` entries below `before_id`; only the one of `number` if given."""
    query = select(BlockedNumber).order_by(BlockedNumber.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(BlockedNumber.id < before_id)
    if number is not None:
        query = query.where(BlockedNumber.number == number)
    return (await session.execute(query)).scalars().all()
