"""SQL of the outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.db.models import OutboxEntry

_TABLE = cast(Table, OutboxEntry.__table__)
_ADD = insert(_TABLE).returning(_TABLE.c.id)
_FORGET = delete(_TABLE)


def _row(
    topic: str, key: str, consumers: Sequence[str], body: str, now: datetime, problem: str = ""
) -> dict[str, Any]:
    return {
        "topic": topic,
        "key": key,
        "consumers": list(consumers),
        "body": body,
        "created_at": now,
        "attempts": 0,
        "due_at": now,
        "problem": problem,
        "parked_at": None,
    }


async def add(
    session: AsyncSession, topic: str, consumers: Sequence[str], body: str, now: datetime
) -> int:
    """A whole entry; its id."""
    connection = await session.connection()
    made = await connection.execute(_ADD, _row(topic, "", consumers, body, now))
    return int(made.scalar_one())


async def add_split(
    session: AsyncSession,
    topic: str,
    consumer: str,
    bodies: Mapping[str, str],
    now: datetime,
    *,
    problem: str = "",
) -> None:
    """Rows of one consumer, by key."""
    if bodies:
        connection = await session.connection()
        await connection.execute(
            insert(_TABLE),
            [_row(topic, key, [consumer], body, now, problem) for key, body in bodies.items()],
        )


async def whole(session: AsyncSession) -> Sequence[OutboxEntry]:
    """Whole entries, in their order."""
    statement = select(OutboxEntry).where(OutboxEntry.key == "")
    return (await session.scalars(statement.order_by(OutboxEntry.id))).all()


async def split(session: AsyncSession) -> Sequence[OutboxEntry]:
    """Rows of single consumers and keys, in their order. There are few: one for each thing that
    somebody has to look at."""
    statement = select(OutboxEntry).where(OutboxEntry.key != "").order_by(OutboxEntry.id)
    return (await session.scalars(statement)).all()


async def forget(session: AsyncSession, ids: Sequence[int]) -> None:
    """They are taken."""
    connection = await session.connection()
    await connection.execute(_FORGET.where(_TABLE.c.id.in_(ids)))


async def cross_off(session: AsyncSession, entry_id: int, consumer: str) -> None:
    """`consumer` has taken it; it goes with the last one."""
    row = await session.get(OutboxEntry, entry_id)
    if row is None:
        return
    row.consumers = [name for name in row.consumers if name != consumer]
    if not row.consumers:
        await session.delete(row)


async def failed(
    session: AsyncSession,
    entry_id: int,
    attempts: int,
    *,
    problem: str,
    due_at: datetime,
    parked_at: datetime | None,
) -> None:
    """It was tried in vain."""
    await session.execute(
        update(OutboxEntry)
        .where(OutboxEntry.id == entry_id)
        .values(attempts=attempts, problem=problem, due_at=due_at, parked_at=parked_at)
    )


async def retry(session: AsyncSession, entry_id: int | None, now: datetime) -> int:
    """Have it tried again: one, or all that are parked."""
    statement = update(OutboxEntry).where(OutboxEntry.parked_at.is_not(None))
    if entry_id is not None:
        statement = statement.where(OutboxEntry.id == entry_id)
    done = await session.execute(statement.values(attempts=0, due_at=now, parked_at=None))
    return cast(CursorResult[Any], done).rowcount
