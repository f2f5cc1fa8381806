"""Missed calls and call-backs: who is called back, when, in which order, and when it is over.

Policy:

- A caller is called back who asked for a person, or found the line closed, and neither talked
  with one nor left a voice message (that one has a case); and whoever pressed the call-back key.
  A number that cannot be called (withheld, or no telephone number) is not.
- One open task a number. A further missed call of the number is merged into it; when he gets
  through by himself, an open task is dropped. One that an agent has taken is the agent's: it is
  only marked, and dropped when the agent gives it back.
- Who asked for it while waiting keeps his place: his task is due as soon as everybody who joined
  before him has been served, and before all others. Who merely gave up is called when nobody
  waits in that queue, in the order in which they joined.
- An attempt that reaches nobody is tried again later, up to a limit. A task that was taken and
  forgotten is free again after a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from callcenter.telephony.domain.ledger import CallRow, Direction, Outcome

_CALLABLE = re.compile(r"\+?[0-9]{3,18}", re.ASCII)


class MissedReason(StrEnum):
    """Why a caller reached nobody."""

    ABANDONED = "abandoned"
    """He gave up while waiting."""
    CLOSED = "closed"
    """The line was closed and he left no message."""
    NO_PLACE = "no_place"
    """The queue was full, empty or too slow, and he left no message."""
    NO_MESSAGE = "no_message"
    """He left the queue for a voice message and then left none."""
    INTERRUPTED = "interrupted"
    """The PBX died while he waited."""
    REQUESTED = "requested"
    """He pressed the call-back key."""


class CallbackStatus(StrEnum):
    """Where a task stands."""

    OPEN = "open"
    TAKEN = "taken"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"
    """The citizen got through by himself."""

    @property
    def is_open(self) -> bool:
        """Whether the citizen is still to be called back."""
        return self in (CallbackStatus.OPEN, CallbackStatus.TAKEN)


class CallbackResult(StrEnum):
    """What an agent says at the end of an attempt."""

    DONE = "done"
    FAILED = "failed"
    LATER = "later"


class CallbackOutcome(StrEnum):
    """What came of the attempt."""

    REACHED = "reached"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    SWITCHED_OFF = "switched_off"
    WRONG_NUMBER = "wrong_number"
    DECLINED = "declined"
    """The citizen does not want it any more."""
    OTHER = "other"


class CallbackRefusal(StrEnum):
    """Why a step is not possible; the API's error code."""

    TAKEN = "callback_taken"
    NOT_TAKEN = "callback_not_taken"
    CLOSED = "callback_closed"
    NO_ATTEMPTS = "callback_no_attempts"


@dataclass(frozen=True, slots=True)
class Missed:
    """One call of which its caller is to be called back."""

    call_id: str
    number: str
    queue: str
    reason: MissedReason
    joined_at: datetime
    """When he joined the queue, or called if he came to none: his place."""
    at: datetime
    """When the call ended."""


@dataclass(frozen=True, slots=True)
class CallbackLimits:
    """See the settings of the same names."""

    attempts: int
    retry_after: timedelta
    taken_for: timedelta
    """A task that was taken and not finished is free again after it."""


@dataclass(frozen=True, slots=True)
class CallbackTask:
    """As much of a task as the rules need."""

    id: int
    queue: str
    status: CallbackStatus
    requested: bool
    joined_at: datetime
    attempts: int = 0
    not_before: datetime | None = None
    taken_by: str = ""
    taken_at: datetime | None = None
    got_through: bool = False
    """The citizen has talked with somebody since."""

    def holder(self, limits: CallbackLimits, now: datetime) -> str:
        """Who has it in hand, or ''."""
        if self.status is not CallbackStatus.TAKEN or self.taken_at is None:
            return ""
        return self.taken_by if now - self.taken_at < limits.taken_for else ""


def can_be_called(number: str) -> bool:
    """Whether `number` (normalised) is a telephone number that can be dialled."""
    return _CALLABLE.fullmatch(number) is not None


def missed(call: CallRow) -> Missed | None:
    """What `call` leaves to be called back, or None. His place is the call's beginning, as long as
    nobody says when he joined a queue."""
    if call.direction is not Direction.INBOUND or call.ended_at is None:
        return None
    if not can_be_called(call.caller_number):
        return None
    reason = _reason(call)
    if reason is None:
        return None
    started = call.started_at
    return Missed(call.id, call.caller_number, call.queue, reason, started, call.ended_at)


def _reason(call: CallRow) -> MissedReason | None:
    if call.answered_at is not None:
        return None
    if call.outcome is Outcome.INTERRUPTED:
        return MissedReason.INTERRUPTED if call.queue else None
    if call.outcome is Outcome.HUNG_UP:
        return MissedReason.NO_MESSAGE if call.queue else None
    return _REASONS.get(call.outcome)


_REASONS = {
    Outcome.CALLBACK: MissedReason.REQUESTED,
    Outcome.ABANDONED: MissedReason.ABANDONED,
    Outcome.CLOSED: MissedReason.CLOSED,
    Outcome.OVERFLOW: MissedReason.NO_PLACE,
}


def got_through(call: CallRow) -> datetime | None:
    """When the caller of `call` talked with a person, or None if he did not."""
    if call.direction is not Direction.INBOUND or not can_be_called(call.caller_number):
        return None
    return call.answered_at


# -- order ------------------------------------------------------------------------------------


def place(task: CallbackTask) -> tuple[bool, datetime, int]:
    """Sort key of the order in which tasks are offered."""
    return not task.requested, task.joined_at, task.id


def due(
    task: CallbackTask,
    waiting: Mapping[str, datetime],
    limits: CallbackLimits,
    now: datetime,
) -> bool:
    """Whether `task` may be offered now.

    `waiting` says since when the first of each queue has waited; a queue in which nobody does is
    not there.
    """
    if not task.status.is_open or task.holder(limits, now):
        return False
    if task.attempts >= limits.attempts:
        return False
    if task.not_before is not None and now < task.not_before:
        return False
    first = waiting.get(task.queue)
    return first is None or (task.requested and task.joined_at <= first)


def choose(
    tasks: Iterable[CallbackTask],
    waiting: Mapping[str, datetime],
    limits: CallbackLimits,
    now: datetime,
) -> CallbackTask | None:
    """The task that a free agent is offered, or None if there is none now."""
    return min((t for t in tasks if due(t, waiting, limits, now)), key=place, default=None)


# -- steps ------------------------------------------------------------------------------------


def refuse_taking(
    task: CallbackTask, agent: str, limits: CallbackLimits, now: datetime
) -> CallbackRefusal | None:
    """Why `agent` cannot take `task`, or None. Taking one's own again is allowed."""
    if not task.status.is_open:
        return CallbackRefusal.CLOSED
    holder = task.holder(limits, now)
    return CallbackRefusal.TAKEN if holder and holder != agent else None


def refuse_holding(task: CallbackTask, agent: str) -> CallbackRefusal | None:
    """Why `agent` cannot go on with `task`, or None: it must be in the agent's hand."""
    if not task.status.is_open:
        return CallbackRefusal.CLOSED
    if task.status is not CallbackStatus.TAKEN:
        return CallbackRefusal.NOT_TAKEN
    return None if task.taken_by == agent else CallbackRefusal.TAKEN


def refuse_dialling(
    task: CallbackTask, agent: str, limits: CallbackLimits
) -> CallbackRefusal | None:
    """Why `agent` cannot dial for `task`, or None."""
    refusal = refuse_holding(task, agent)
    if refusal is None and task.attempts >= limits.attempts:
        return CallbackRefusal.NO_ATTEMPTS
    return refusal


@dataclass(frozen=True, slots=True)
class Finished:
    """What a task becomes at the end of an attempt."""

    status: CallbackStatus
    not_before: datetime | None = None


def finish(
    task: CallbackTask,
    result: CallbackResult,
    *,
    not_before: datetime | None,
    limits: CallbackLimits,
    now: datetime,
) -> Finished:
    """What `task` becomes. `not_before` is when to try again, None for the usual time.

    To try later when the citizen has got through meanwhile is to drop it; when no attempt is
    left it has failed.
    """
    if result is CallbackResult.DONE:
        return Finished(CallbackStatus.DONE)
    if result is CallbackResult.LATER and task.got_through:
        return Finished(CallbackStatus.DROPPED)
    if result is CallbackResult.FAILED or task.attempts >= limits.attempts:
        return Finished(CallbackStatus.FAILED)
    return Finished(CallbackStatus.OPEN, not_before or now + limits.retry_after)


def give_back(task: CallbackTask) -> CallbackStatus:
    """What a task becomes that an agent gives back untried."""
    return CallbackStatus.DROPPED if task.got_through else CallbackStatus.OPEN
