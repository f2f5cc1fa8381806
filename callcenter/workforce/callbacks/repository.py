"""SQL of call-back tasks, missed calls and attempts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.workforce.callbacks.models import CallbackAttempt, CallbackMissed, CallbackTask
from callcenter.workforce.domain.callbacks import CallbackStatus

CHUNK = 500
"""Ids per statement, well below the number of parameters that any database takes."""
OFFERED = 500
"""Open tasks that are looked at for the next one: those whose place is best. More than an hour's
missed calls of a large city; behind them nothing can come before its turn."""

TASK = cast(Table, CallbackTask.__table__)
MISSED = cast(Table, CallbackMissed.__table__)
ATTEMPT = cast(Table, CallbackAttempt.__table__)

_OPEN_OF_NUMBERS = select(TASK.c.id).where(
    TASK.c.open_number.in_(bindparam("numbers", expanding=True))
)
"""Made once: it is asked for every call, and hardly anybody who calls has such a task."""

OPEN_STATES = tuple(status.value for status in CallbackStatus if status.is_open)


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """What a list is narrowed to; None leaves it as wide as it is."""

    status: str | None = None
    open: bool | None = None
    """True: open or taken."""
    queue: str | None = None
    number: str | None = None
    reason: str | None = None
    missed_from: datetime | None = None
    """First missed; inclusive."""
    missed_to: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class QueueCount:
    """Tasks of one queue that are still to be called back."""

    queue: str
    count: int
    oldest: datetime
    """When the first of them was missed first."""


# -- for the ledger's listener --------------------------------------------------------------------


async def known_missed(session: AsyncSession, call_ids: Collection[str]) -> set[str]:
    """Those of `call_ids` that have made a task, or were merged into one."""
    return {
        row.call_id
        for part in _chunks(call_ids)
        for row in await session.execute(select(MISSED.c.call_id).where(MISSED.c.call_id.in_(part)))
    }


async def open_of_numbers(
    session: AsyncSession, numbers: Collection[str]
) -> dict[str, CallbackTask]:
    """Open and taken tasks of `numbers`."""
    ids = [
        task_id
        for part in _chunks(numbers)
        for task_id in await session.scalars(_OPEN_OF_NUMBERS, {"numbers": part})
    ]
    return {
        row.number: row
        for part in _chunks(ids)
        for row in await session.scalars(select(CallbackTask).where(CallbackTask.id.in_(part)))
    }


async def add_missed(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note which calls belong to which tasks."""
    if rows:
        await session.execute(insert(MISSED), list(rows))


async def attempts_of_calls(
    session: AsyncSession, call_ids: Collection[str]
) -> dict[str, CallbackAttempt]:
    """The attempts whose calls are among `call_ids`."""
    return {
        row.call_id: row
        for part in _chunks(call_ids)
        for row in await session.scalars(
            select(CallbackAttempt).where(CallbackAttempt.call_id.in_(part))
        )
    }


# -- for people -----------------------------------------------------------------------------------


async def by_id(session: AsyncSession, task_id: int) -> CallbackTask | None:
    """One task."""
    found: CallbackTask | None = await session.get(CallbackTask, task_id)
    return found


async def candidates(session: AsyncSession) -> Sequence[CallbackTask]:
    """The open tasks whose place is best: those that were asked for first."""
    statement = (
        select(CallbackTask)
        .where(CallbackTask.status.in_(OPEN_STATES))
        .order_by(CallbackTask.requested.desc(), CallbackTask.joined_at, CallbackTask.id)
        .limit(OFFERED)
    )
    return (await session.scalars(statement)).all()


async def taken_by(session: AsyncSession, agent: str) -> Sequence[CallbackTask]:
    """What `agent` has taken, the oldest first."""
    statement = (
        select(CallbackTask)
        .where(
            CallbackTask.status == CallbackStatus.TAKEN.value,
            CallbackTask.taken_by == agent,
        )
        .order_by(CallbackTask.joined_at, CallbackTask.id)
    )
    return (await session.scalars(statement)).all()


async def newest_first(
    session: AsyncSession, wanted: TaskFilter, *, before: tuple[datetime, int] | None, limit: int
) -> Sequence[CallbackTask]:
    """Up to `limit` tasks, last missed first, older than the key `before`."""
    statement = (
        select(CallbackTask)
        .order_by(CallbackTask.last_missed_at.desc(), CallbackTask.id.desc())
        .limit(limit)
    )
    for column, value in (
        (CallbackTask.status, wanted.status),
        (CallbackTask.queue, wanted.queue),
        (CallbackTask.number, wanted.number),
        (CallbackTask.reason, wanted.reason),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.open is not None:
        among = CallbackTask.status.in_(OPEN_STATES)
        statement = statement.where(among if wanted.open else ~among)
    if wanted.missed_from is not None:
        statement = statement.where(
            CallbackTask.first_missed_at >= wanted.missed_from,
            # Follows from it, and is what the list goes along.
            CallbackTask.last_missed_at >= wanted.missed_from,
        )
    if wanted.missed_to is not None:
        statement = statement.where(CallbackTask.first_missed_at < wanted.missed_to)
    if before is not None:
        key = tuple_(CallbackTask.last_missed_at, CallbackTask.id)
        statement = statement.where(key < tuple_(*before))
    return (await session.scalars(statement)).all()


async def attempts_of(
    session: AsyncSession, task_ids: Collection[int]
) -> dict[int, list[CallbackAttempt]]:
    """The attempts of each task, in their order."""
    found: dict[int, list[CallbackAttempt]] = {task_id: [] for task_id in task_ids}
    for part in _chunks(task_ids):
        statement = (
            select(CallbackAttempt)
            .where(CallbackAttempt.task_id.in_(part))
            .order_by(CallbackAttempt.task_id, CallbackAttempt.serial)
        )
        for row in await session.scalars(statement):
            found[row.task_id].append(row)
    return found


async def calls_of(session: AsyncSession, task_id: int) -> Sequence[str]:
    """The missed calls of a task, in the order in which they ended."""
    statement = (
        select(MISSED.c.call_id)
        .where(MISSED.c.task_id == task_id)
        .order_by(MISSED.c.at, MISSED.c.call_id)
    )
    return (await session.scalars(statement)).all()


async def counts(
    session: AsyncSession, *, missed_from: datetime | None, missed_to: datetime | None
) -> Sequence[QueueCount]:
    """Tasks still to be called back, by queue; narrowed to those that were missed first within
    the span."""
    statement = (
        select(CallbackTask.queue, func.count(), func.min(CallbackTask.first_missed_at))
        .where(CallbackTask.status.in_(OPEN_STATES))
        .group_by(CallbackTask.queue)
        .order_by(CallbackTask.queue)
    )
    if missed_from is not None:
        statement = statement.where(CallbackTask.first_missed_at >= missed_from)
    if missed_to is not None:
        statement = statement.where(CallbackTask.first_missed_at < missed_to)
    rows = await session.execute(statement)
    return [QueueCount(queue, count, oldest) for queue, count, oldest in rows]


async def last_attempt(session: AsyncSession, task_id: int) -> CallbackAttempt | None:
    """The newest attempt of a task."""
    statement = (
        select(CallbackAttempt)
        .where(CallbackAttempt.task_id == task_id)
        .order_by(CallbackAttempt.serial.desc())
        .limit(1)
    )
    return (await session.scalars(statement)).first()


async def forget_attempt(session: AsyncSession, call_id: str) -> None:
    """Remove an attempt that the PBX did not begin."""
    found = await session.get(CallbackAttempt, call_id)
    if found is not None:
        await session.delete(found)
        await session.execute(
            update(TASK).where(TASK.c.id == bindparam("task")).values(attempts=TASK.c.attempts - 1),
            {"task": found.task_id},
        )


def _chunks(keys: Iterable[Any]) -> list[list[Any]]:
    wanted = sorted(keys)
    return [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
