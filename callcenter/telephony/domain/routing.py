"""What happens to a caller: blocked, closed, or into the queue, and how far to the front.

The order of the rules: who is blocked is told so at any hour; then the calendar; then the queue.
Priority repairs what we broke or what waiting broke, nothing else: it looks at what the caller's
*last* call left undone. Whoever was served since has none. A caller without a number has none
either: nobody can tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from callcenter.telephony.domain.ledger import EndedBy, Outcome

PRIORITY_NONE = 0
PRIORITY_WAITED = 5
"""Waited before and reached nobody."""
PRIORITY_CUT_OFF = 10
"""Was talking with a seat and lost the line by our fault; ahead of all others."""


class Route(StrEnum):
    """Where the dialplan sends a caller."""

    QUEUE = "queue"
    CLOSED = "closed"
    BLOCKED = "blocked"
    VOICE_MESSAGE = "voice_message"


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """As much of an earlier call of the same number as the rules need."""

    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome
    ended_by: EndedBy | None
    answered: bool
    """A person talked with the caller."""
    queued: bool
    """The caller asked for a queue."""


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """What is known of a caller when the call comes in."""

    anonymous: bool
    blocked: bool
    open: bool
    earlier: tuple[EarlierCall, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """The answer to the dialplan."""

    route: Route
    queue: str
    priority: int


def decide_route(
    facts: RouteFacts, *, queue: str, priority_window: timedelta, now: datetime
) -> RouteDecision:
    """Where this caller goes. `priority_window` is how long an unfinished call is remembered."""
    if facts.blocked:
        return RouteDecision(Route.BLOCKED, queue, PRIORITY_NONE)
    if not facts.open:
        return RouteDecision(Route.CLOSED, queue, PRIORITY_NONE)
    priority = PRIORITY_NONE
    if not facts.anonymous:
        priority = priority_after(facts.earlier, window=priority_window, now=now)
    return RouteDecision(Route.QUEUE, queue, priority)


def priority_after(earlier: Iterable[EarlierCall], *, window: timedelta, now: datetime) -> int:
    """The priority (0–10) that the caller's last call within `window` leaves behind.

    A call that still runs counts as now: a mobile that lost its radio is still waiting in the
    queue as far as the PBX knows when its owner dials again.
    """
    if not window:
        return PRIORITY_NONE
    last: EarlierCall | None = None
    for call in earlier:
        if now - (call.ended_at or now) > window:
            continue
        if last is None or _order(call, now) > _order(last, now):
            last = call
    return PRIORITY_NONE if last is None else _left_undone(last)


def _order(call: EarlierCall, now: datetime) -> tuple[datetime, datetime]:
    return call.ended_at or now, call.started_at


def _left_undone(call: EarlierCall) -> int:
    if call.answered:
        cut_off = call.outcome is Outcome.INTERRUPTED or (
            call.outcome is Outcome.ANSWERED and call.ended_by is EndedBy.SYSTEM
        )
        return PRIORITY_CUT_OFF if cut_off else PRIORITY_NONE
    waited = call.outcome is Outcome.ABANDONED or (
        call.queued and call.outcome in (Outcome.IN_PROGRESS, Outcome.INTERRUPTED, Outcome.OVERFLOW)
    )
    return PRIORITY_WAITED if waited else PRIORITY_NONE


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What is known when a caller is to leave a voice message."""

    anonymous: bool
    free_bytes: int
    """On the disk that keeps the messages."""
    messages_last_hour: int
    """Of this number; of all callers without a number together if it has none."""


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """See the settings of the same names."""

    free_floor_bytes: int
    per_hour: int
    anonymous_per_hour: int


class MessageRefusal(StrEnum):
    """Why no message is taken."""

    DISK_FULL = "disk_full"
    TOO_MANY = "too_many"


def decide_voice_message(facts: MessageFacts, limits: MessageLimits) -> MessageRefusal | None:
    """Why this caller cannot leave a message, or None if they can."""
    if facts.free_bytes < limits.free_floor_bytes:
        return MessageRefusal.DISK_FULL
    limit = limits.anonymous_per_hour if facts.anonymous else limits.per_hour
    return MessageRefusal.TOO_MANY if facts.messages_last_hour >= limit else None


def decide_rating(
    *, enabled: bool, last_score_at: datetime | None, again_after: timedelta, now: datetime
) -> bool:
    """Whether the caller is asked for a score: not again within `again_after` of the last one.

    `last_score_at` is None for a caller who gave none, or who has no number.
    """
    if not enabled:
        return False
    return last_score_at is None or now - last_score_at >= again_after
