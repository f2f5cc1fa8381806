"""Who is called back, in which order, and when it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.ledger import Direction, Outcome
from callcenter.workforce.domain.callbacks import (
    CallbackLimits,
    CallbackRefusal,
    CallbackResult,
    CallbackStatus,
    CallbackTask,
    Finished,
    Missed,
    MissedReason,
    choose,
    due,
    finish,
    give_back,
    got_through,
    missed,
    place,
    refuse_dialling,
    refuse_holding,
    refuse_taking,
)
from tests.unit.insight.reports.ledgers import MIDNIGHT, call_row

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
LIMITS = CallbackLimits(3, timedelta(minutes=30), timedelta(minutes=30))


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def task(serial: int = 1, **changes: object) -> CallbackTask:
    made = CallbackTask(serial, "12345", CallbackStatus.OPEN, False, NOW - minutes(60))
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "queue", "reason"),
    [
        (Outcome.ABANDONED, "12345", MissedReason.ABANDONED),
        (Outcome.CALLBACK, "12345", MissedReason.REQUESTED),
        (Outcome.OVERFLOW, "12345", MissedReason.NO_PLACE),
        (Outcome.CLOSED, "", MissedReason.CLOSED),
        (Outcome.HUNG_UP, "12345", MissedReason.NO_MESSAGE),
        (Outcome.INTERRUPTED, "12345", MissedReason.INTERRUPTED),
        (Outcome.HUNG_UP, "", None),  # During the notice: asked for nobody yet.
        (Outcome.INTERRUPTED, "", None),
        (Outcome.BLOCKED, "", None),
        (Outcome.VOICE_MESSAGE, "12345", None),  # It has a case.
        (Outcome.ANSWERED, "12345", None),
        (Outcome.IN_PROGRESS, "12345", None),
    ],
)
def test_who_reached_nobody_is_called_back(
    outcome: Outcome, queue: str, reason: MissedReason | None
) -> None:
    call = call_row(
        1, MIDNIGHT, ended_at=MIDNIGHT + minutes(1), outcome=outcome, queue=queue,
        answered_at=MIDNIGHT if outcome is Outcome.ANSWERED else None,
    )  # fmt: skip
    found = missed(call)
    assert (found.reason if found else None) == reason


def test_a_call_that_was_answered_before_the_pbx_died_is_not_missed() -> None:
    call = call_row(
        1, MIDNIGHT, ended_at=MIDNIGHT + minutes(1), outcome=Outcome.INTERRUPTED, queue="12345",
        answered_at=MIDNIGHT,
    )  # fmt: skip
    assert missed(call) is None


@pytest.mark.parametrize("number", ["", "zhangsan", "12", "1" * 19, "sip:x@y", "138 0013"])
def test_what_cannot_be_dialled_is_not_called_back(number: str) -> None:
    call = call_row(1, MIDNIGHT, ended_at=MIDNIGHT, outcome=Outcome.ABANDONED, caller_number=number)
    assert missed(call) is None
    assert got_through(replace(call, answered_at=MIDNIGHT)) is None


def test_calls_that_did_not_come_from_outside_are_none_of_this() -> None:
    call = call_row(1, MIDNIGHT, ended_at=MIDNIGHT, outcome=Outcome.ABANDONED)
    assert missed(replace(call, direction=Direction.OUTBOUND)) is None
    assert missed(replace(call, ended_at=None)) is None


TASKS = st.builds(
    CallbackTask,
    id=st.integers(1, 50),
    queue=st.sampled_from(["12345", "business", ""]),
    status=st.sampled_from(CallbackStatus),
    requested=st.booleans(),
    joined_at=st.integers(-300, 0).map(lambda count: NOW + minutes(count)),
    attempts=st.integers(0, 4),
    not_before=st.none() | st.integers(-5, 5).map(lambda count: NOW + minutes(count)),
    taken_by=st.sampled_from(["", "wang", "li"]),
    taken_at=st.none() | st.integers(-60, 0).map(lambda count: NOW + minutes(count)),
    got_through=st.booleans(),
)
WAITING = st.dictionaries(
    st.sampled_from(["12345", "business"]),
    st.integers(-300, 0).map(lambda count: NOW + minutes(count)),
)


@given(st.lists(TASKS, max_size=10, unique_by=lambda one: one.id), WAITING)
def test_nobody_is_called_before_those_whose_turn_it_is(
    tasks: list[CallbackTask], waiting: dict[str, datetime]
) -> None:
    chosen = choose(tasks, waiting, LIMITS, NOW)
    for other in tasks:
        if due(other, waiting, LIMITS, NOW):
            assert chosen is not None
            assert place(chosen) <= place(other)
    if chosen is None:
        return
    assert chosen.status.is_open
    assert not chosen.holder(LIMITS, NOW)
    first = waiting.get(chosen.queue)
    if first is not None:  # Somebody waits there: only an earlier place that was kept goes first.
        assert chosen.requested
        assert chosen.joined_at <= first


@given(TASKS, WAITING)
def test_a_kept_place_is_never_worse_than_a_lost_one(
    one: CallbackTask, waiting: dict[str, datetime]
) -> None:
    gave_up = replace(one, requested=False)
    if due(gave_up, waiting, LIMITS, NOW):
        assert due(replace(one, requested=True), waiting, LIMITS, NOW)


def test_a_kept_place_is_due_when_all_before_have_been_served() -> None:
    kept = task(requested=True, joined_at=NOW - minutes(5))
    assert not due(kept, {"12345": NOW - minutes(6)}, LIMITS, NOW)
    assert due(kept, {"12345": NOW - minutes(4)}, LIMITS, NOW)
    assert due(kept, {"business": NOW - minutes(6)}, LIMITS, NOW)


def test_two_agents_cannot_have_the_same_task() -> None:
    mine = task(status=CallbackStatus.TAKEN, taken_by="wang", taken_at=NOW - minutes(10))
    assert refuse_taking(mine, "wang", LIMITS, NOW) is None
    assert refuse_taking(mine, "li", LIMITS, NOW) is CallbackRefusal.TAKEN
    assert refuse_holding(mine, "li") is CallbackRefusal.TAKEN
    assert refuse_holding(task(), "li") is CallbackRefusal.NOT_TAKEN


def test_a_forgotten_task_is_free_again() -> None:
    forgotten = task(status=CallbackStatus.TAKEN, taken_by="wang", taken_at=NOW - minutes(30))
    assert refuse_taking(forgotten, "li", LIMITS, NOW) is None
    assert due(forgotten, {}, LIMITS, NOW)
    # Whoever comes back to it in the meantime still has it.
    assert refuse_holding(forgotten, "wang") is None


def test_attempts_have_a_limit() -> None:
    tried = task(status=CallbackStatus.TAKEN, taken_by="wang", taken_at=NOW, attempts=3)
    assert refuse_dialling(tried, "wang", LIMITS) is CallbackRefusal.NO_ATTEMPTS
    made = finish(tried, CallbackResult.LATER, not_before=None, limits=LIMITS, now=NOW)
    assert made.status is CallbackStatus.FAILED
    twice = replace(tried, attempts=2)
    made = finish(twice, CallbackResult.LATER, not_before=None, limits=LIMITS, now=NOW)
    assert (made.status, made.not_before) == (CallbackStatus.OPEN, NOW + minutes(30))
    assert not due(replace(twice, status=made.status, not_before=made.not_before), {}, LIMITS, NOW)


def test_who_got_through_meanwhile_is_not_called_again() -> None:
    mine = task(status=CallbackStatus.TAKEN, taken_by="wang", taken_at=NOW, got_through=True)
    made = finish(mine, CallbackResult.LATER, not_before=None, limits=LIMITS, now=NOW)
    assert made.status is CallbackStatus.DROPPED
    assert give_back(mine) is CallbackStatus.DROPPED
    assert give_back(replace(mine, got_through=False)) is CallbackStatus.OPEN


@given(TASKS)
def test_what_is_over_stays_over(one: CallbackTask) -> None:
    if one.status.is_open:
        return
    for refusal in (
        refuse_taking(one, "wang", LIMITS, NOW),
        refuse_holding(one, "wang"),
        refuse_dialling(one, "wang", LIMITS),
    ):
        assert refusal is CallbackRefusal.CLOSED


def test_what_is_known_of_a_missed_call_goes_with_it() -> None:
    call = call_row(
        1, MIDNIGHT, ended_at=MIDNIGHT + minutes(1), outcome=Outcome.ABANDONED, queue="business"
    )
    assert missed(call) == Missed(
        call.id,
        call.caller_number,
        "business",
        MissedReason.ABANDONED,
        MIDNIGHT,
        MIDNIGHT + minutes(1),
    )


def test_who_was_answered_has_got_through() -> None:
    call = call_row(1, MIDNIGHT, ended_at=MIDNIGHT, outcome=Outcome.ANSWERED)
    answered = replace(call, answered_at=MIDNIGHT + minutes(2))
    assert got_through(answered) == MIDNIGHT + minutes(2)
    assert got_through(replace(answered, direction=Direction.OUTBOUND)) is None
    assert got_through(replace(call, answered_at=None)) is None


def test_who_asked_goes_before_who_came_earlier_and_the_older_before_the_newer() -> None:
    asked = task(3, requested=True, joined_at=NOW - minutes(5))
    gave_up = [task(2, joined_at=NOW - minutes(50)), task(1, joined_at=NOW - minutes(40))]
    twin = task(4, joined_at=NOW - minutes(40))
    order = sorted([twin, *gave_up, asked], key=place)
    assert [one.id for one in order] == [3, 2, 1, 4]
    assert choose([twin, *gave_up, asked], {}, LIMITS, NOW) is asked


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (CallbackResult.DONE, CallbackStatus.DONE),
        (CallbackResult.FAILED, CallbackStatus.FAILED),
        (CallbackResult.LATER, CallbackStatus.OPEN),
    ],
)
def test_what_an_agent_says_is_what_it_becomes(
    result: CallbackResult, status: CallbackStatus
) -> None:
    mine = task(status=CallbackStatus.TAKEN, taken_by="wang", taken_at=NOW)
    made = finish(mine, result, not_before=NOW + minutes(7), limits=LIMITS, now=NOW)
    later = NOW + minutes(7) if result is CallbackResult.LATER else None
    assert made == Finished(status, later)
    if result is not CallbackResult.LATER:
        through = replace(mine, got_through=True)
        assert finish(through, result, not_before=None, limits=LIMITS, now=NOW).status is status


def test_a_task_is_held_for_its_time_and_tried_from_its_moment_on() -> None:
    held = task(status=CallbackStatus.TAKEN, taken_by="wang", taken_at=NOW - minutes(29.9))
    assert held.holder(LIMITS, NOW) == "wang"
    assert replace(held, taken_at=NOW - minutes(30)).holder(LIMITS, NOW) == ""
    assert replace(held, status=CallbackStatus.OPEN).holder(LIMITS, NOW) == ""
    assert due(task(not_before=NOW), {}, LIMITS, NOW)
    assert not due(task(not_before=NOW + minutes(0.1)), {}, LIMITS, NOW)
    assert due(task(attempts=2), {}, LIMITS, NOW)
    assert not due(task(attempts=3), {}, LIMITS, NOW)
    assert due(task(requested=True), {"12345": NOW - minutes(60)}, LIMITS, NOW)
