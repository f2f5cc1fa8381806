"""How shifts were kept: late, early, absent, and what stands while they run."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.workforce.domain.attendance import Attendance, PresentSpan, judge
from callcenter.workforce.domain.shifts import Assignment

EIGHT = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
SHIFT = Assignment(1, 7, 1, date(2026, 11, 24), EIGHT, EIGHT + timedelta(hours=8))
GRACE = timedelta(minutes=5)
A = Attendance


def at(minutes: float) -> datetime:
    return EIGHT + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("spans", "now", "expected", "late", "early"),
    [
        # before and at the beginning
        ([], -10, A.UPCOMING, 0, 0),
        ([], 5, A.UPCOMING, 0, 0),
        ([], 6, A.MISSING, 360, 0),
        # while it runs
        ([(-20, None)], 60, A.PRESENT, 0, 0),
        ([(5, None)], 60, A.PRESENT, 0, 0),
        ([(12, None)], 60, A.LATE, 720, 0),
        ([(0, 30)], 60, A.GONE, 0, 1800),
        ([(0, 57)], 60, A.PRESENT, 0, 0),
        # when it is over
        ([], 480, A.ABSENT, 28800, 0),
        ([(-20, 500)], 600, A.KEPT, 0, 0),
        ([(4, 476)], 600, A.KEPT, 0, 0),
        ([(10, 480)], 600, A.LATE, 600, 0),
        ([(0, 400)], 600, A.LEFT_EARLY, 0, 4800),
        ([(10, 400)], 600, A.LATE_AND_LEFT_EARLY, 600, 4800),
        ([(5, 475)], 480, A.KEPT, 0, 0),
        ([(5.1, 474.9)], 480, A.LATE_AND_LEFT_EARLY, 306, 306),
        # a pause in the middle is none of its business
        ([(0, 200), (260, 480)], 600, A.KEPT, 0, 0),
        # who came only before or after did not come
        ([(-100, -10), (490, 600)], 700, A.ABSENT, 28800, 0),
        ([(-100, 0), (480, 600)], 700, A.ABSENT, 28800, 0),
    ],
)
def test_a_shift_is_called_what_it_was(
    spans: list[tuple[float, float | None]], now: float, expected: Attendance, late: int, early: int
) -> None:
    presence: list[PresentSpan] = [(at(a), None if b is None else at(b)) for a, b in spans]
    found = judge(SHIFT, presence, at(now), GRACE)
    assert (found.attendance, found.late_seconds, found.early_seconds) == (expected, late, early)
    assert found.assignment is SHIFT


def test_when_they_came_and_went() -> None:
    found = judge(SHIFT, [(at(10), at(100)), (at(120), at(300))], at(600), GRACE)
    assert (found.came_at, found.left_at) == (at(10), at(300))
    assert found.present_seconds == (90 + 180) * 60
    assert judge(SHIFT, [(at(-10), None)], at(60), GRACE).left_at is None


minutes = st.integers(-200, 700)
spans = st.lists(st.tuples(minutes, minutes).map(sorted), max_size=6)


@given(spans, st.integers(-60, 900))
def test_presence_counts_each_minute_once_and_only_inside_the_shift(
    present: list[list[int]], now: int
) -> None:
    presence: list[PresentSpan] = [(at(begun), at(ended)) for begun, ended in present]
    found = judge(SHIFT, presence, at(now), GRACE)
    counted = sum(
        any(begun <= minute < ended for begun, ended in present) for minute in range(min(now, 480))
    )
    assert found.present_seconds == counted * 60


@given(spans, st.integers(480, 900))
def test_a_shift_that_is_over_is_told_the_same_ever_after(
    present: list[list[int]], now: int
) -> None:
    presence: list[PresentSpan] = [(at(begun), at(ended)) for begun, ended in present]
    told = judge(SHIFT, presence, at(480), GRACE)
    assert judge(SHIFT, presence, at(now), GRACE) == told
    assert told.attendance not in (A.UPCOMING, A.MISSING, A.PRESENT, A.GONE)


def test_those_who_need_a_look_are_those_who_were_not_there() -> None:
    assert {a for a in A if not a.needs_attention} == {A.UPCOMING, A.PRESENT, A.KEPT, A.ON_LEAVE}
