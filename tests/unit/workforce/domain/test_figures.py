"""A day's figures: counted one by one as counted all at once, and as a person would count them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.telephony.domain.ledger import (
    CallRow,
    Direction,
    LedgerChanges,
    Outcome,
    QueueVisitRow,
    VisitEnd,
)
from callcenter.workforce.domain.figures import (
    DayBook,
    DayFigures,
    Figures,
    figures_of,
)
from tests.unit.insight.reports.ledgers import (
    DAY,
    MIDNIGHT,
    ZONE,
    Step,
    call_row,
    newest,
    told_ledgers,
)
from tests.unit.traces import NAMES, journal, ledger_of

DAYS = (DAY - timedelta(days=1), DAY)
TRACED = [name for name in NAMES if name != "nobody_there_message"]


THRESHOLDS = {"business": timedelta(seconds=40)}
"""The main queue has none of its own: 15 s."""


def book_of(*parts: LedgerChanges, first: int = 0) -> DayBook:
    book = DayBook(ZONE, DAYS[first], THRESHOLDS)
    for changes in parts:
        book.take(changes)
    return book


def counted(ledger: LedgerChanges, queue: str | None, day: int) -> dict[str, object]:
    """The figures in the words of the vocabulary, call by call, in no hurry."""
    calls = [
        call
        for call in ledger.calls
        if call.direction is Direction.INBOUND
        and call.started_at.astimezone(ZONE).date() == DAYS[day]
        and queue in (None, call.queue)
    ]
    offered = [call for call in calls if call.queue]
    answered = [call for call in offered if call.answered_at]
    waits = [wait for call in offered if (wait := wait_of(call, ledger)) is not None]
    talks = [
        sum(
            (
                talk.ended_at - talk.started_at
                for talk in ledger.talks
                if talk.call_id == call.id and talk.ended_at
            ),
            timedelta(),
        )
        for call in answered
        if call.ended_at
    ]
    in_time = [
        call
        for call in answered
        if (wait := wait_of(call, ledger)) is not None and wait.total_seconds() <= 15
    ]
    in_threshold = [
        call
        for call in answered
        if (wait := wait_of(call, ledger)) is not None
        and wait <= THRESHOLDS.get(call.queue, timedelta(seconds=15))
    ]
    return {
        "inbound": len(calls),
        "offered": len(offered),
        "answered": len(answered),
        "in_time": len(in_time),
        "in_threshold": len(in_threshold),
        "abandoned": sum(call.outcome is Outcome.ABANDONED for call in offered),
        "waiting": len(offered) - len(waits),
        "blocked": sum(call.outcome is Outcome.BLOCKED for call in calls),
        "closed": sum(call.route == "closed" for call in calls),
        "messages": sum(
            message.call_id == call.id and message.ended_at is not None
            for call in calls
            for message in ledger.voice_messages
        ),
        "longest": max(waits, default=timedelta()),
        "wait": sum(waits, timedelta()) / len(waits) if waits else None,
        "talk": sum(talks, timedelta()) / len(talks) if talks else None,
        "connect": len(answered) / len(offered) if offered else None,
        "service": len(in_time) / len(offered) if offered else None,
        "own": len(in_threshold) / len(offered) if offered else None,
    }


def wait_of(call: CallRow, ledger: LedgerChanges) -> timedelta | None:
    """From joining the first queue to the answer, or to leaving the last queue."""
    visits = [visit for visit in ledger.queue_visits if visit.call_id == call.id]
    first = min(visit.joined_at for visit in visits)
    if call.answered_at is not None:
        return call.answered_at - first
    lefts = [visit.left_at for visit in visits]
    if any(left is None for left in lefts):
        return None
    return max(left for left in lefts if left is not None) - first


def told(figures: Figures) -> dict[str, object]:
    return {
        "inbound": figures.inbound,
        "offered": figures.offered,
        "answered": figures.answered,
        "in_time": figures.answered_in_time,
        "in_threshold": figures.answered_in_threshold,
        "abandoned": figures.abandoned,
        "waiting": figures.waiting,
        "blocked": figures.blocked,
        "closed": figures.closed,
        "messages": figures.voice_messages,
        "longest": figures.longest_wait,
        "wait": figures.average_wait,
        "talk": figures.average_talk,
        "connect": figures.connect_rate,
        "service": figures.service_rate,
        "own": figures.threshold_rate,
    }


@given(told_ledgers(), st.integers(0, 40))
def test_at_any_moment_one_by_one_is_all_at_once(steps: list[Step], moment: int) -> None:
    """Also around midnight: every step up to any moment, each day of the two."""
    steps = steps[: 1 + moment % len(steps)]
    followed = book_of(*(step.changes for step in steps))
    at_once = book_of(newest(steps))
    for day in DAYS:
        assert followed.figures(day) == at_once.figures(day)
    assert tuple(followed.open_calls()) == tuple(at_once.open_calls())


@given(told_ledgers())
def test_figures_are_what_a_person_would_count(steps: list[Step]) -> None:
    ledger = newest(steps)
    book = book_of(*(step.changes for step in steps))
    for day in (0, 1):
        figures = book.figures(DAYS[day])
        assert told(figures.total) == counted(ledger, None, day)
        for queue, one in figures.queues.items():
            assert told(one) == counted(ledger, queue, day)


@given(told_ledgers())
def test_nothing_is_lost_between_the_counts(steps: list[Step]) -> None:
    for day in DAYS:
        figures = book_of(*(step.changes for step in steps)).figures(day)
        for one in (figures.total, *figures.queues.values()):
            assert one.not_served >= 0
            assert 0 <= one.answered_in_time <= one.answered <= one.offered <= one.inbound
            assert 0 <= one.answered_in_threshold <= one.answered
            assert one.waits + one.waiting == one.offered
            assert (one.waiting_since is not None) == (one.waiting > 0)
        assert figures.total.offered == sum(one.offered for one in figures.queues.values())


@given(told_ledgers(), st.integers(0, 40))
def test_turning_to_the_new_day_forgets_the_old_one_only(steps: list[Step], cut: int) -> None:
    """Whenever the clock strikes: figures of the new day and the calls in progress stay right."""
    cut %= len(steps) + 1
    book = book_of(*(step.changes for step in steps[:cut]))
    book.forget_before(DAY)
    for step in steps[cut:]:
        book.take(step.changes)
    whole = book_of(*(step.changes for step in steps))
    assert book.figures(DAY) == whole.figures(DAY)
    assert tuple(book.open_calls()) == tuple(whole.open_calls())
    assert book.figures(DAYS[0]).total == Figures()


@pytest.mark.parametrize("name", TRACED)
def test_recorded_stories_are_counted_once(name: str) -> None:
    ledger = ledger_of(journal(name))
    inbound = [call for call in ledger.calls if call.direction is Direction.INBOUND]
    day = ledger.calls[0].started_at.astimezone(ZONE).date()
    book = DayBook(ZONE, day)
    book.take(ledger)
    book.take(ledger)
    total = book.figures(day).total
    assert total.inbound == len(inbound)
    assert total.answered == sum(call.answered_at is not None for call in inbound)
    assert total.abandoned == sum(call.outcome is Outcome.ABANDONED for call in inbound)
    assert total.waiting == 0
    assert not tuple(book.open_calls())


def test_the_longest_wait_goes_when_its_call_turns_out_to_be_another() -> None:
    """A rebuild may tell another story of a call: nothing of the first one stays."""
    first = call_row(1, MIDNIGHT, queue="12345", answered_at=MIDNIGHT + timedelta(seconds=50))
    visit = newest_visit(first, 50)
    book = book_of(LedgerChanges(calls=(first,), queue_visits=(visit,)), first=1)
    assert book.figures(DAY).total.longest_wait == timedelta(seconds=50)
    other = replace(first, answered_at=MIDNIGHT + timedelta(seconds=5))
    book.take(LedgerChanges(calls=(other,), queue_visits=(newest_visit(other, 5),)))
    total = book.figures(DAY).total
    assert (total.longest_wait, total.answered_in_time) == (timedelta(seconds=5), 1)


def newest_visit(call: CallRow, seconds: int) -> QueueVisitRow:
    left = call.started_at + timedelta(seconds=seconds)
    return QueueVisitRow(
        f"{call.id}/q1", call.id, "c", call.queue, call.started_at, left, VisitEnd.CONNECTED
    )


def test_fifteen_seconds_are_in_time_and_a_microsecond_more_is_not() -> None:
    def answered_after(wait: timedelta) -> DayFigures:
        call = call_row(1, MIDNIGHT, queue="12345", answered_at=MIDNIGHT + wait)
        return book_of(
            LedgerChanges(calls=(call,), queue_visits=(newest_visit(call, 60),)),
            first=1,
        ).figures(DAY)

    assert answered_after(timedelta(seconds=15)).total.service_rate == 1
    assert answered_after(timedelta(seconds=15, microseconds=1)).total.service_rate == 0


@given(told_ledgers(), st.integers(0, 40))
def test_a_changed_threshold_holds_for_the_whole_day(steps: list[Step], moment: int) -> None:
    """Whenever it is changed: the same as if it had always been so."""
    moment %= len(steps) + 1
    always = book_of(*(step.changes for step in steps))
    changed = DayBook(ZONE, DAYS[0], {"business": timedelta(seconds=3)})
    for index, step in enumerate(steps):
        if index == moment:
            changed.set_thresholds(THRESHOLDS)
        changed.take(step.changes)
    changed.set_thresholds(THRESHOLDS)
    assert not changed.set_thresholds(THRESHOLDS)
    for day in DAYS:
        assert changed.figures(day) == always.figures(day)
    assert tuple(changed.open_calls()) == tuple(always.open_calls())


def test_each_queue_is_measured_by_its_own_threshold_and_by_fifteen_seconds() -> None:
    """30 s of wait: in time for the queue that gives itself 30 s, for none of the others."""
    calls, visits = [], []
    for serial, queue in enumerate(("12345", "slow", "strict"), 1):
        call = call_row(serial, MIDNIGHT, queue=queue, answered_at=MIDNIGHT + timedelta(seconds=30))
        calls.append(call)
        visits.append(newest_visit(call, 30))
    thresholds = {"slow": timedelta(seconds=30), "strict": timedelta(seconds=10)}
    book = DayBook(ZONE, DAY, thresholds)
    book.take(LedgerChanges(calls=tuple(calls), queue_visits=tuple(visits)))
    day = book.figures(DAY)
    own = {queue: figures.threshold_rate for queue, figures in day.queues.items()}
    assert own == {"12345": 0.0, "slow": 1.0, "strict": 0.0}
    assert (day.total.threshold_rate, day.total.service_rate) == (1 / 3, 0.0)
    assert [day.threshold(queue).seconds for queue in ("12345", "slow", "gone")] == [15, 30, 15]


def test_a_day_without_calls_has_no_rates() -> None:
    total = book_of().figures(DAY).total
    assert (total.connect_rate, total.service_rate, total.threshold_rate) == (None, None, None)
    assert (total.average_wait, total.average_talk) == (None, None)


def test_a_late_word_about_a_forgotten_call_is_not_kept() -> None:
    call = call_row(1, MIDNIGHT - timedelta(hours=1), ended_at=MIDNIGHT - timedelta(minutes=50))
    book = book_of(LedgerChanges(calls=(call,)), first=1)
    book.take(LedgerChanges(queue_visits=(newest_visit(call, 5),)))
    assert not tuple(book.open_calls())
    assert book.figures(DAY).total == Figures()


def test_every_threshold_that_is_set_counts_at_once() -> None:
    """From none to one, to another, and back: each queue by its own, the others by the usual."""
    second = timedelta(seconds=1)
    calls = [
        call_row(number, MIDNIGHT, queue=queue, answered_at=MIDNIGHT + 30 * second)
        for number, queue in ((1, "12345"), (2, "business"))
    ]
    told_first = LedgerChanges(
        calls=tuple(calls), queue_visits=tuple(newest_visit(call, 30) for call in calls)
    )
    book = DayBook(ZONE, DAY)
    book.take(told_first)
    for thresholds, in_time in (
        ({}, (0, 0)),
        ({"business": 40 * second}, (0, 1)),
        ({"12345": 40 * second}, (1, 0)),
        ({"12345": 30 * second, "business": 29 * second}, (1, 0)),
        ({"business": 30 * second}, (0, 1)),
        ({}, (0, 0)),
    ):
        book.set_thresholds(thresholds)
        queues = book.figures(DAY).queues
        assert (
            queues["12345"].answered_in_threshold,
            queues["business"].answered_in_threshold,
        ) == in_time
        assert not book.set_thresholds(thresholds)
    assert book.set_thresholds({"business": second})


def test_the_longest_wait_is_looked_for_in_its_own_queue_and_day() -> None:
    def at(number: int, day: int, queue: str, seconds: int) -> LedgerChanges:
        began = MIDNIGHT + timedelta(days=day)
        call = call_row(number, began, queue=queue, answered_at=began + timedelta(seconds=seconds))
        return LedgerChanges(calls=(call,), queue_visits=(newest_visit(call, seconds),))

    told_so = [at(1, 0, "12345", 50), at(2, 0, "business", 80), at(3, 1, "12345", 90)]
    shorter = at(1, 0, "12345", 5)
    book = book_of(*told_so, at(4, 0, "12345", 20), shorter, first=1)
    queues = book.figures(DAY).queues
    assert queues["12345"].longest_wait == timedelta(seconds=20)
    assert queues["business"].longest_wait == timedelta(seconds=80)


@settings(max_examples=20)
@given(told_ledgers())
def test_all_calls_together_are_the_sum_of_them(steps: list[Step]) -> None:
    book = book_of(newest(steps))
    facts = [entry.facts for entry in book._entries.values() if entry.facts is not None]
    total = figures_of(facts)
    assert total.inbound == len(facts)
    assert total.offered == sum(one.offered for one in facts)
    assert total.answered == sum(bool(one.offered and one.answered) for one in facts)
    assert figures_of([]) == Figures()


def test_what_is_forgotten_is_the_days_before_and_nothing_that_goes_on() -> None:
    def call_on(number: int, day: int, *, over: bool) -> LedgerChanges:
        began = MIDNIGHT + timedelta(days=day)
        ended = began + timedelta(minutes=1) if over else None
        call = call_row(number, began, queue="12345", ended_at=ended)
        return LedgerChanges(calls=(call,))

    book = book_of(call_on(1, -1, over=True), call_on(2, -1, over=False), call_on(3, 0, over=True))
    assert book.figures(DAYS[0]).total.inbound == 2
    book.forget_before(DAYS[0])
    assert book.figures(DAYS[0]).total.inbound == 2
    book.forget_before(DAY)
    assert book.figures(DAYS[0]).total.inbound == 0
    assert book.figures(DAY).total.inbound == 1
    assert len(book._entries) == 2
    book.take(call_on(3, 0, over=True))  # Told again, it is still known and counts once.
    assert book.figures(DAY).total.inbound == 1
    assert Figures(offered=9, answered=3, abandoned=2, waiting=1).not_served == 3


def test_calls_in_progress_are_in_the_order_of_their_beginning() -> None:
    calls = [
        call_row(number, MIDNIGHT + timedelta(seconds=second), ended_at=None)
        for number, second in ((3, 9), (1, 5), (2, 5), (4, 1))
    ]
    book = book_of(LedgerChanges(calls=tuple(calls)))
    told_first = [one.call.id for one in book.open_calls()]
    assert told_first == [calls[3].id, calls[1].id, calls[2].id, calls[0].id]
