"""SQL over the queues, their numbers and the menu's keys."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.telephony.queues.models import Queue, QueueMenuKey, QueueNumber

# Built once: building a statement costs more than running it.
_ROUTE = (
    select(Queue.code)
    .join(QueueNumber, QueueNumber.queue == Queue.code)
    .where(QueueNumber.number == bindparam("number"), Queue.enabled)
)


def queue_of_number(connection: Connection, number: str) -> str | None:
    """The enabled queue that `number` leads to."""
    found = connection.execute(_ROUTE, {"number": number}).first()
    return None if found is None else str(found[0])


async def by_code(session: AsyncSession, code: str) -> Queue | None:
    """One queue."""
    return await session.get(Queue, code)


async def queues(session: AsyncSession) -> Sequence[Queue]:
    """Every queue, by code."""
    return (await session.execute(select(Queue).order_by(Queue.code))).scalars().all()


async def number(session: AsyncSession, digits: str) -> QueueNumber | None:
    """One number."""
    return await session.get(QueueNumber, digits)


async def numbers(session: AsyncSession) -> Sequence[QueueNumber]:
    """Every number."""
    query = select(QueueNumber).order_by(QueueNumber.number)
    return (await session.execute(query)).scalars().all()


async def menu_key(session: AsyncSession, key: str) -> QueueMenuKey | None:
    """One key."""
    return await session.get(QueueMenuKey, key)


async def menu_keys(session: AsyncSession) -> Sequence[QueueMenuKey]:
    """Every key."""
    query = select(QueueMenuKey).order_by(QueueMenuKey.key)
    return (await session.execute(query)).scalars().all()
