"""From the ledger to call-back tasks: what a batch of ledger rows makes, merges and drops.

- A call belongs to one task at most (`callback_missed`), so nothing is made or counted twice, also
  by a rebuild; what people did with a task is never touched.
- Things happen in the order of their moments, not of the rows: a caller who gives up and gets
  through in one batch is not called back.
- A task is dropped only by a talk that began after its last missed call.
- An attempt takes over when its call was answered and when it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.broadcast import Change
from callcenter.telephony.calls.day_rows import queue_joins
from callcenter.telephony.domain.ledger import CallRow, Direction, LedgerChanges
from callcenter.workforce.callbacks import repository
from callcenter.workforce.callbacks.models import CallbackTask
from callcenter.workforce.domain.callbacks import (
    CallbackStatus,
    Missed,
    MissedReason,
    got_through,
    missed,
)

TOPIC = "callback.changed"


class CallbackIntake:
    """A `calls.listener.LedgerListener` that makes tasks and needs nothing else: for a rebuild."""

    async def on_ledger(self, session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
        """See `take`."""
        return await take(session, changes)


def changed(task: CallbackTask) -> Change:
    """What watchers are told: which task, and where it stands. No number: they ask for it."""
    return Change(
        TOPIC,
        {
            "id": task.id,
            "status": task.status,
            "queue": task.queue,
            "taken_by": task.taken_by,
            "got_through": task.got_through_call_id is not None,
        },
    )


def concerned(changes: LedgerChanges) -> bool:
    """Whether a call was missed, got through or was made by a seat."""
    return any(
        call.direction is Direction.OUTBOUND
        or missed(call) is not None
        or got_through(call) is not None
        for call in changes.calls
    )


async def take(session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
    """Bring the tasks to what `changes` say; the changes of tasks, to be published."""
    found = [one for call in changes.calls if (one := missed(call)) is not None]
    reached = [
        (at, call)
        for call in changes.calls
        if (at := got_through(call)) is not None and call.direction is Direction.INBOUND
    ]
    outbound = {call.id: call for call in changes.calls if call.direction is Direction.OUTBOUND}
    if not found and not reached and not outbound:
        return ()
    if outbound:
        await _follow_attempts(session, outbound)
    known = await repository.known_missed(session, [one.call_id for one in found])
    fresh = [one for one in found if one.call_id not in known]
    if not fresh and not reached:
        return ()
    joins = await queue_joins(session, [one.call_id for one in fresh])
    fresh = [replace(one, joined_at=joins.get(one.call_id, one.joined_at)) for one in fresh]
    numbers = {one.number for one in fresh} | {call.caller_number for _, call in reached}
    tasks = await repository.open_of_numbers(session, numbers)
    return await _in_order(session, fresh, reached, tasks)


async def _in_order(
    session: AsyncSession,
    fresh: Iterable[Missed],
    reached: Iterable[tuple[datetime, CallRow]],
    tasks: dict[str, CallbackTask],
) -> list[Change]:
    steps: list[tuple[datetime, int, str, Missed | CallRow]] = [
        *((one.at, 0, one.call_id, one) for one in fresh),
        *((at, 1, call.id, call) for at, call in reached),
    ]
    links: list[dict[str, Any]] = []
    touched: dict[int, CallbackTask] = {}
    for at, _, _, step in sorted(steps, key=lambda one: one[:3]):
        if isinstance(step, Missed):
            task = tasks.get(step.number)
            if task is None:
                task = _new(step)
                session.add(task)
                await session.flush()  # for its id
                tasks[step.number] = task
            else:
                _merge(task, step)
            links.append(
                {
                    "call_id": step.call_id,
                    "task_id": task.id,
                    "reason": step.reason.value,
                    "at": step.at,
                }
            )
        else:
            task = tasks.get(step.caller_number)
            if task is None or at < task.last_missed_at or task.got_through_call_id == step.id:
                continue
            _reached(task, step.id, at)
            if not CallbackStatus(task.status).is_open:
                del tasks[step.caller_number]
                await session.flush()  # so that the number is free for another task
        touched[task.id] = task
    await session.flush()
    await repository.add_missed(session, links)
    return [changed(task) for task in touched.values()]


def _new(step: Missed) -> CallbackTask:
    return CallbackTask(
        number=step.number,
        open_number=step.number,
        queue=step.queue,
        reason=step.reason.value,
        requested=step.reason is MissedReason.REQUESTED,
        joined_at=step.joined_at,
        first_missed_at=step.at,
        last_missed_at=step.at,
        last_call_id=step.call_id,
        missed_count=1,
        status=CallbackStatus.OPEN.value,
        attempts=0,
        not_before=None,
        taken_by="",
        taken_at=None,
        got_through_call_id=None,
        outcome=None,
        note="",
        case_number=None,
        closed_at=None,
    )


def _merge(task: CallbackTask, step: Missed) -> None:
    """One more missed call of the same number: the earlier place stays."""
    task.missed_count += 1
    task.joined_at = min(task.joined_at, step.joined_at)
    task.first_missed_at = min(task.first_missed_at, step.at)
    if step.at >= task.last_missed_at:
        task.last_missed_at = step.at
        task.last_call_id = step.call_id
        task.got_through_call_id = None
        if step.queue:
            task.queue = step.queue
        if not task.requested:
            task.reason = step.reason.value
    if step.reason is MissedReason.REQUESTED:
        task.requested = True
        task.reason = step.reason.value


def _reached(task: CallbackTask, call_id: str, at: datetime) -> None:
    """The citizen talks with somebody: nobody need call him any more."""
    task.got_through_call_id = call_id
    if task.status == CallbackStatus.OPEN.value:
        task.status = CallbackStatus.DROPPED.value
        task.open_number = None
        task.closed_at = at


async def _follow_attempts(session: AsyncSession, calls: dict[str, CallRow]) -> None:
    for call_id, attempt in (await repository.attempts_of_calls(session, calls)).items():
        call = calls[call_id]
        attempt.answered_at = call.answered_at or attempt.answered_at
        attempt.ended_at = call.ended_at or attempt.ended_at
