"""Who goes where, and who goes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.ledger import EndedBy, Outcome
from callcenter.telephony.domain.routing import (
    PRIORITY_CUT_OFF,
    PRIORITY_NONE,
    PRIORITY_WAITED,
    EarlierCall,
    MessageFacts,
    MessageLimits,
    MessageRefusal,
    Route,
    RouteFacts,
    decide_rating,
    decide_route,
    decide_voice_message,
    priority_after,
)

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)


def earlier(
    outcome: Outcome,
    *,
    ended_by: EndedBy | None = EndedBy.CALLER,
    answered: bool = False,
    queued: bool = True,
    ago: float = 2,
) -> EarlierCall:
    """A call that ended `ago` minutes ago after two minutes, or runs since then."""
    ended = None if outcome is Outcome.IN_PROGRESS else NOW - ago * MINUTE
    started = NOW - (ago + 2) * MINUTE
    return EarlierCall(started, ended, outcome, ended_by, answered, queued)


SERVED = earlier(Outcome.ANSWERED, ended_by=EndedBy.SEAT, answered=True)
CUT_OFF = earlier(Outcome.ANSWERED, ended_by=EndedBy.SYSTEM, answered=True)
GAVE_UP = earlier(Outcome.ABANDONED)


def priority(*calls: EarlierCall, window: timedelta = WINDOW) -> int:
    return priority_after(calls, window=window, now=NOW)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (CUT_OFF, PRIORITY_CUT_OFF),
        (earlier(Outcome.INTERRUPTED, ended_by=EndedBy.SYSTEM, answered=True), PRIORITY_CUT_OFF),
        (GAVE_UP, PRIORITY_WAITED),
        (earlier(Outcome.OVERFLOW), PRIORITY_WAITED),
        (earlier(Outcome.INTERRUPTED, ended_by=EndedBy.SYSTEM), PRIORITY_WAITED),
        (earlier(Outcome.IN_PROGRESS, ended_by=None), PRIORITY_WAITED),  # radio lost while waiting
        (SERVED, PRIORITY_NONE),
        (earlier(Outcome.ANSWERED, answered=True), PRIORITY_NONE),
        (earlier(Outcome.IN_PROGRESS, ended_by=None, answered=True), PRIORITY_NONE),  # talks now
        (earlier(Outcome.IN_PROGRESS, ended_by=None, queued=False), PRIORITY_NONE),
        (earlier(Outcome.INTERRUPTED, queued=False), PRIORITY_NONE),
        (earlier(Outcome.VOICE_MESSAGE), PRIORITY_NONE),
        (earlier(Outcome.HUNG_UP, queued=False), PRIORITY_NONE),
        (earlier(Outcome.CLOSED, queued=False), PRIORITY_NONE),
        (earlier(Outcome.BLOCKED, queued=False), PRIORITY_NONE),
    ],
)
def test_what_the_last_call_left_undone(call: EarlierCall, expected: int) -> None:
    assert priority(call) == expected


def test_who_was_served_since_has_nothing_left() -> None:
    served = earlier(Outcome.ANSWERED, ended_by=EndedBy.SEAT, answered=True, ago=1)
    gave_up = earlier(Outcome.ABANDONED, ago=9)
    for order in permutations((gave_up, CUT_OFF, served)):
        assert priority(*order) == PRIORITY_NONE
    for order in permutations((gave_up, served, earlier(Outcome.ABANDONED, ago=0.5))):
        assert priority(*order) == PRIORITY_WAITED


def test_the_window_ends_after_its_last_microsecond() -> None:
    assert priority(earlier(Outcome.ABANDONED, ago=15)) == PRIORITY_WAITED
    just_outside = EarlierCall(
        NOW - 20 * MINUTE,
        NOW - WINDOW - timedelta(microseconds=1),
        Outcome.ABANDONED,
        EndedBy.CALLER,
        answered=False,
        queued=True,
    )
    assert priority(just_outside) == PRIORITY_NONE
    assert priority(CUT_OFF, window=timedelta()) == PRIORITY_NONE


@st.composite
def histories(draw: st.DrawFn) -> list[EarlierCall]:
    """Calls of one number; each begins at a moment of its own."""
    starts = draw(st.lists(st.integers(1, 7200), max_size=6, unique=True))
    calls = []
    for seconds in starts:
        started = NOW - timedelta(seconds=seconds)
        lasted = draw(st.none() | st.integers(0, seconds))
        ended = None if lasted is None else started + timedelta(seconds=lasted)
        outcome = Outcome.IN_PROGRESS if ended is None else draw(st.sampled_from(Outcome))
        ended_by = draw(st.none() | st.sampled_from(EndedBy))
        answered, queued = draw(st.booleans()), draw(st.booleans())
        calls.append(EarlierCall(started, ended, outcome, ended_by, answered, queued))
    return calls


@given(histories(), st.randoms())
def test_the_order_in_which_calls_are_told_does_not_matter(
    calls: list[EarlierCall], chance: Random
) -> None:
    mixed = list(calls)
    chance.shuffle(mixed)
    assert priority(*mixed) == priority(*calls)


@given(histories())
def test_only_the_call_that_ended_last_counts(calls: list[EarlierCall]) -> None:
    if calls:
        last = max(calls, key=lambda call: (call.ended_at or NOW, call.started_at))
        assert priority(*calls) == priority(last)


@given(histories(), st.booleans(), st.booleans(), st.booleans())
def test_the_order_of_the_rules(
    calls: list[EarlierCall], anonymous: bool, blocked: bool, is_open: bool
) -> None:
    facts = RouteFacts(anonymous=anonymous, blocked=blocked, open=is_open, earlier=tuple(calls))
    decision = decide_route(facts, queue="12345", priority_window=WINDOW, now=NOW)
    assert decision.queue == "12345"
    if blocked:
        assert decision.route is Route.BLOCKED
    elif not is_open:
        assert decision.route is Route.CLOSED
    else:
        assert decision.route is Route.QUEUE
    if anonymous or decision.route is not Route.QUEUE:
        assert decision.priority == PRIORITY_NONE
    else:
        assert decision.priority == priority(*calls)
    assert decision.priority in (PRIORITY_NONE, PRIORITY_WAITED, PRIORITY_CUT_OFF)


def test_priorities_are_ordered_as_the_harm_is() -> None:
    assert 0 == PRIORITY_NONE < PRIORITY_WAITED < PRIORITY_CUT_OFF <= 10


@given(
    st.booleans(),
    st.integers(0, 2**40),
    st.integers(0, 100),
    st.integers(0, 50),
    st.integers(0, 50),
)
def test_a_message_is_taken_while_there_is_room_and_the_caller_left_few(
    anonymous: bool, free: int, had: int, per_hour: int, anonymous_per_hour: int
) -> None:
    limits = MessageLimits(2**30, per_hour, anonymous_per_hour)
    refusal = decide_voice_message(MessageFacts(anonymous, free, had), limits)
    if free < 2**30:
        assert refusal is MessageRefusal.DISK_FULL
    elif had >= (anonymous_per_hour if anonymous else per_hour):
        assert refusal is MessageRefusal.TOO_MANY
    else:
        assert refusal is None


@pytest.mark.parametrize(
    ("enabled", "hours_ago", "asked"),
    [
        (True, None, True),
        (False, None, False),
        (False, 100, False),
        (True, 23.99, False),
        (True, 24, True),
        (True, 25, True),
        (True, -1, False),  # a clock that was set back
    ],
)
def test_nobody_is_asked_for_a_score_twice_a_day(
    enabled: bool, hours_ago: float | None, asked: bool
) -> None:
    last = None if hours_ago is None else NOW - timedelta(hours=hours_ago)
    day = timedelta(hours=24)
    assert decide_rating(enabled=enabled, last_score_at=last, again_after=day, now=NOW) == asked


def test_without_a_pause_everybody_is_asked() -> None:
    assert decide_rating(enabled=True, last_score_at=NOW, again_after=timedelta(), now=NOW)


@pytest.mark.parametrize(
    ("anonymous", "messages", "free", "refusal"),
    [
        (False, 2, 100, None),
        (False, 3, 100, MessageRefusal.TOO_MANY),
        (True, 0, 100, None),
        (True, 1, 100, MessageRefusal.TOO_MANY),
        (False, 0, 99, MessageRefusal.DISK_FULL),
        (True, 9, 99, MessageRefusal.DISK_FULL),
    ],
)
def test_who_may_leave_a_message(
    anonymous: bool, messages: int, free: int, refusal: MessageRefusal | None
) -> None:
    limits = MessageLimits(free_floor_bytes=100, per_hour=3, anonymous_per_hour=1)
    assert decide_voice_message(MessageFacts(anonymous, free, messages), limits) is refusal
