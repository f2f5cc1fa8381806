"""Handle time and patience: whose wrap-up it is, which measure counts, and what waits tell."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.workforce.domain.handling import (
    AFTER,
    BEFORE,
    Measure,
    Source,
    Sum,
    Waits,
    best_mean,
    best_patience,
    wrap_ups_by_queue,
)

NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_wrap_up_is_the_last_talks_at_its_seat() -> None:
    talks = [
        ("8001", at(0), "main"),
        ("8001", at(100), "night"),
        ("8002", at(100), "main"),
    ]
    wrap_ups = [
        ("8001", at(0), at(30)),
        ("8001", at(99.5), at(110)),  # The floor saw it before the journal said it.
        ("8002", at(104), at(104)),  # We were away for a moment; ended at once.
        ("8003", at(100), at(130)),  # Of no talk.
    ]
    assert wrap_ups_by_queue(talks, wrap_ups) == {
        "main": Sum(30.0, 2),
        "night": Sum(10.5, 1),
    }


@pytest.mark.parametrize(
    ("begun", "counts"),
    [
        (-BEFORE.total_seconds(), True),
        (-BEFORE.total_seconds() - 0.001, False),
        (0.0, True),
        (AFTER.total_seconds(), True),
        (AFTER.total_seconds() + 0.001, False),
    ],
)
def test_a_wrap_up_far_from_any_talk_of_a_caller_is_another_calls(
    begun: float, counts: bool
) -> None:
    found = wrap_ups_by_queue([("8001", at(0), "main")], [("8001", at(begun), at(begun + 9))])
    assert bool(found) is counts


gaps = st.lists(st.tuples(st.integers(60, 900), st.integers(0, 29), st.sampled_from("ab")))


@given(st.dictionaries(st.sampled_from(["8001", "8002", "8003"]), gaps), st.randoms())
def test_whatever_order_they_are_told_in(
    days: dict[str, list[tuple[int, int, str]]], chance: random.Random
) -> None:
    """Talk, wrap-up, talk, wrap-up at each seat: every wrap-up finds its queue, none is lost."""
    talks, wrap_ups, expected = [], [], dict[str, Sum]()
    for seat, calls in days.items():
        now = 0
        for talk, wrap_up, queue in calls:
            now += talk
            talks.append((seat, at(now), queue))
            wrap_ups.append((seat, at(now), at(now + wrap_up)))
            expected[queue] = expected.get(queue, Sum()) + Sum(float(wrap_up), 1)
            now += wrap_up
    chance.shuffle(talks)
    chance.shuffle(wrap_ups)
    assert wrap_ups_by_queue(talks, wrap_ups) == expected


@pytest.mark.parametrize(
    ("own", "overall", "expected"),
    [
        (Sum(300.0, 30), Sum(900.0, 60), Measure(10.0, Source.MEASURED, 30)),
        (Sum(290.0, 29), Sum(900.0, 60), Measure(15.0, Source.MEASURED_OVERALL, 29)),
        (Sum(290.0, 29), Sum(290.0, 29), Measure(7.0, Source.SETTING, 29)),
        (Sum(0.0, 30), Sum(900.0, 60), Measure(0.0, Source.MEASURED, 30)),
    ],
)
def test_the_narrowest_measure_that_stands_on_enough(
    own: Sum, overall: Sum, expected: Measure
) -> None:
    assert best_mean(own, overall, 30, 7.0) == expected


@pytest.mark.parametrize(
    ("own", "overall", "expected"),
    [
        (Waits(3000.0, 500, 30), Waits(9000.0, 900, 60), Measure(100.0, Source.MEASURED, 30)),
        (
            Waits(2900.0, 500, 29),
            Waits(9000.0, 900, 60),
            Measure(150.0, Source.MEASURED_OVERALL, 29),
        ),
        (Waits(2900.0, 500, 0), Waits(2900.0, 500, 0), Measure(120.0, Source.SETTING, 0)),
        # Whoever gives up at once shows no patience that could be reckoned with.
        (Waits(3.0, 30, 30), Waits(3.0, 30, 30), Measure(1.0, Source.MEASURED, 30)),
    ],
)
def test_patience_of_the_queue_of_the_line_or_as_set(
    own: Waits, overall: Waits, expected: Measure
) -> None:
    assert best_patience(own, overall, 30, 120.0) == expected


@pytest.mark.parametrize("patience", [40.0, 120.0, 400.0])
def test_the_censored_estimate_finds_the_patience_that_callers_have(patience: float) -> None:
    """20,000 callers of exponential patience, answered after a time that has nothing to do with
    it: the estimate is right to 5 %, the mean wait of those who gave up far too short."""
    chance = random.Random(12345)
    waited, gave_up, given_up_waits = 0.0, 0, 0.0
    for _ in range(20_000):
        patient, answered = chance.expovariate(1 / patience), chance.expovariate(1 / 60)
        waited += min(patient, answered)
        if patient < answered:
            gave_up += 1
            given_up_waits += patient
    waits = Waits(waited, 20_000, gave_up)
    assert best_patience(waits, waits, 30, 1.0).seconds == pytest.approx(patience, rel=0.05)
    assert given_up_waits / gave_up < 0.65 * patience


def test_nothing_has_no_mean_and_sums_add_up() -> None:
    assert Sum().mean == 0.0
    assert Sum(9.0, 2).mean == 4.5
    assert Sum(1.0, 2) + Sum(30.0, 40) == Sum(31.0, 42)
    assert Waits(1.0, 2, 3) + Waits(40.0, 50, 60) == Waits(41.0, 52, 63)


def test_just_enough_is_enough() -> None:
    few, enough = Sum(90.0, 9), Sum(200.0, 10)
    assert best_mean(enough, few, 10, 7.0) == Measure(20.0, Source.MEASURED, 10)
    assert best_mean(few, enough, 10, 7.0) == Measure(20.0, Source.MEASURED_OVERALL, 9)
    assert best_mean(few, few, 10, 7.0) == Measure(7.0, Source.SETTING, 9)
    some, many = Waits(90.0, 30, 9), Waits(200.0, 40, 10)
    assert best_patience(many, some, 10, 7.0) == Measure(20.0, Source.MEASURED, 10)
    assert best_patience(some, many, 10, 7.0) == Measure(20.0, Source.MEASURED_OVERALL, 9)
    assert best_patience(some, some, 10, 7.0) == Measure(7.0, Source.SETTING, 9)
    assert best_patience(Waits(1.0, 50, 10), some, 10, 7.0) == Measure(1.0, Source.MEASURED, 10)


def test_what_follows_no_talk_hides_nothing_behind_it() -> None:
    talks = [("8001", at(100), "main")]
    wrap_ups = [
        ("8003", at(100), at(130)),
        ("8001", at(50), at(60)),
        ("8001", at(140), at(150)),
        ("8001", at(100), at(110)),
    ]
    assert wrap_ups_by_queue(talks, wrap_ups) == {"main": Sum(10.0, 1)}
