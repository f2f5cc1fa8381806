"""When the line is open: held against a plain list of hours, and over every day of seven years."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.workforce.domain.opening import (
    ALL_DAY,
    ALWAYS,
    DAY_MINUTES,
    Span,
    SpecialDays,
    Week,
    closing,
    is_open,
    next_opening,
    overlap,
    spans_of,
)

CITY = ZoneInfo("Asia/Shanghai")
FIRST = date(2026, 11, 24)
SPECIAL_REACH = 40
"""Special days lie this many days around the first one; most later than the next week."""

OFFICE: Week = (
    *((Span(480, 720), Span(810, 1080)),) * 5,  # 08:00–12:00, 13:30–18:00
    (Span(540, 1020),),
    (),
)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=CITY)


@st.composite
def hour_spans(draw: st.DrawFn) -> Span:
    first, last = sorted(
        draw(st.lists(st.integers(0, 24), min_size=2, max_size=2, unique=True)),
    )
    return Span(first * 60, last * 60)


DAYS = st.one_of(
    st.just(()),
    st.just((ALL_DAY,)),
    st.just((Span(0, 720), Span(720, DAY_MINUTES))),
    st.lists(hour_spans(), max_size=3).map(tuple),
)
WEEKS = st.one_of(
    st.just(ALWAYS),
    st.just(((ALL_DAY,),) * 7),
    st.lists(DAYS, min_size=7, max_size=7).map(tuple),
    st.integers(0, 6).map(lambda only: tuple((ALL_DAY,) if d == only else () for d in range(7))),
)
SPECIALS = st.dictionaries(
    st.one_of(
        st.integers(-5, SPECIAL_REACH),
        st.integers(0, 5).map(lambda week: 7 * week),  # the same weekday again and again
    ).map(lambda offset: FIRST + timedelta(days=offset)),
    st.one_of(st.just(()), st.just((ALL_DAY,)), st.lists(hour_spans(), max_size=3).map(tuple)),
    max_size=10,
)


def open_hours(week: Week, special_days: SpecialDays) -> list[bool]:
    """Whether each hour from the first day's midnight on is open, for longer than can matter."""
    hours: list[bool] = []
    for offset in range(SPECIAL_REACH + 7 * 12):
        day = FIRST + timedelta(days=offset)
        if day in special_days:
            spans = list(special_days[day])
        elif not any(week):
            spans = [ALL_DAY]
        else:
            spans = list(week[day.weekday()])
        hours += [any(s.opens <= 60 * hour < s.closes for s in spans) for hour in range(24)]
    return hours


@given(WEEKS, SPECIALS, st.integers(0, 7 * 24 * 60 - 1))
def test_open_next_opening_and_closing_are_those_of_the_hours(
    week: Week, special_days: SpecialDays, minute: int
) -> None:
    now = midnight(FIRST) + timedelta(minutes=minute)
    hours = open_hours(week, special_days)
    present = minute // 60

    assert is_open(now, week, special_days) == hours[present]
    if hours[present]:
        assert next_opening(now, week, special_days) == now
        closes = closing(now, week, special_days)
        if False in hours[present:]:
            shut = hours.index(False, present)
            assert closes == midnight(FIRST) + timedelta(hours=shut)
        else:
            assert closes is None
    else:
        assert closing(now, week, special_days) is None
        opens = hours.index(True, present)
        assert next_opening(now, week, special_days) == midnight(FIRST) + timedelta(hours=opens)


def test_every_day_of_seven_years() -> None:
    """Each day of the office's week, with a closed first of May and an open last Sunday of a
    month: open in its spans to the minute, and each closed moment tells when the next span is."""
    first, last = date(2024, 1, 1), date(2030, 12, 31)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    special: dict[date, tuple[Span, ...]] = {}
    for day in days:
        if (day.month, day.day) == (5, 1):
            special[day] = ()
        elif day.weekday() == 6 and (day + timedelta(days=7)).month != day.month:
            special[day] = (Span(540, 720), Span(780, 900))
    assert len(special) > 7 * 12

    def expected(day: date) -> tuple[Span, ...]:
        if day not in special:
            return tuple(OFFICE[day.weekday()])
        return special[day]

    openings = [midnight(day) + timedelta(minutes=s.opens) for day in days for s in expected(day)]
    for day in days[:-8]:
        assert spans_of(day, OFFICE, special) == expected(day)
        edges = {0, DAY_MINUTES - 1}
        for span in expected(day):
            edges |= {span.opens - 1, span.opens, span.closes - 1, span.closes}
        for minute in sorted(edges):
            now = midnight(day) + timedelta(minutes=minute)
            holding = [s for s in expected(day) if s.opens <= minute < s.closes]
            assert is_open(now, OFFICE, special) == bool(holding)
            if holding:
                until = midnight(day) + timedelta(minutes=holding[0].closes)
                assert closing(now, OFFICE, special) == until
            else:
                following = openings[bisect_left(openings, now)]
                assert next_opening(now, OFFICE, special) == following


def test_a_line_without_spans_is_always_open() -> None:
    for offset in range(366 * 3):
        now = midnight(FIRST) + timedelta(days=offset, minutes=offset % DAY_MINUTES)
        assert is_open(now, ALWAYS, {})
        assert closing(now, ALWAYS, {}) is None


def test_a_holiday_far_away_is_when_an_always_open_line_closes() -> None:
    holiday = date(2027, 10, 1)
    now = midnight(FIRST)
    assert closing(now, ALWAYS, {holiday: ()}) == midnight(holiday)
    assert closing(now, ALWAYS, {holiday: (Span(0, 720),)}) == midnight(holiday) + timedelta(
        hours=12
    )
    assert closing(now, ALWAYS, {holiday: (ALL_DAY,)}) is None


def test_the_only_day_of_the_week_cancelled_five_times_opens_the_sixth_week() -> None:
    tuesdays: Week = tuple((Span(480, 1080),) if day == 1 else () for day in range(7))
    special = {FIRST + timedelta(weeks=week): () for week in range(5)}
    opening = next_opening(midnight(FIRST), tuesdays, special)
    assert opening == midnight(FIRST + timedelta(weeks=5)) + timedelta(hours=8)


def test_at_the_end_of_time_there_is_no_next_opening() -> None:
    now = datetime(9999, 12, 31, 23, 0, tzinfo=UTC)
    assert next_opening(now, ALWAYS, {now.date(): ()}) is None
    assert closing(now, ALWAYS, {}) is None


def test_a_span_over_midnight_is_two_and_closes_once() -> None:
    nights: Week = ((Span(0, 360), Span(1200, DAY_MINUTES)),) * 7
    evening = midnight(FIRST) + timedelta(hours=21)
    assert closing(evening, nights, {}) == midnight(FIRST) + timedelta(hours=30)


@pytest.mark.parametrize("opens_closes", [(-1, 10), (10, 10), (11, 10), (0, 1441), (1440, 1440)])
def test_a_span_runs_forward_within_its_day(opens_closes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="opens < closes"):
        Span(*opens_closes)


@given(st.lists(hour_spans(), max_size=5))
def test_spans_overlap_when_they_share_a_minute(spans: list[Span]) -> None:
    taken = [minute for span in spans for minute in range(span.opens, span.closes)]
    shared = overlap(spans)
    assert (shared is not None) == (len(taken) != len(set(taken)))
    if shared is not None:
        assert set(shared) <= set(spans)
        assert max(s.opens for s in shared) < min(s.closes for s in shared)
