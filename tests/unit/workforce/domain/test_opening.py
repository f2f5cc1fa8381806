"""When the line is open: held against a plain list of hours, and over every day of seven years."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.workforce.domain.opening import (
    ALL_DAY,
    ALWAYS,
    DAY_MINUTES,
    Calendar,
    HolidayOpening,
    HolidayRule,
    Period,
    Span,
    SpecialDays,
    Week,
    closing,
    is_open,
    next_opening,
    open_moments,
    overlap,
    overlay,
    spans_in,
    spans_of,
    words_of,
)
from callcenter.workforce.domain.workdays import DayKind, NamedDay, OfficialDays, Workdays

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


# -- what comes before what, and the moments of it -------------------------------------------------

WORKING_WEEK: Week = (*((Span(480, 1020),),) * 5, (), ())
LONG, SHORT = (Span(0, 720), Span(780, DAY_MINUTES)), (Span(600, 660),)
CLOSED: tuple[Span, ...] = ()


def day(text: str) -> date:
    return date.fromisoformat(f"2026-{text}")


def known_days() -> Workdays:
    """A holiday of the list, a moved Saturday, and a holiday of our own."""
    return Workdays(
        OfficialDays(
            2026,
            2026,
            {
                day("10-01"): NamedDay(DayKind.HOLIDAY, "国庆节"),
                day("10-10"): NamedDay(DayKind.MOVED_WORKDAY, "国庆节"),
            },
        ),
        {day("03-03"): NamedDay(DayKind.HOLIDAY, "庙会"), day("03-04"): NamedDay(DayKind.WEEKEND)},
    )


H = HolidayOpening


@pytest.mark.parametrize(
    ("rule", "week", "days"),
    [
        (HolidayRule(), WORKING_WEEK, {}),
        (HolidayRule(H.CLOSED), WORKING_WEEK, {"10-01": CLOSED, "03-03": CLOSED}),
        (HolidayRule(H.HOURS, SHORT), ALWAYS, {"10-01": SHORT, "03-03": SHORT}),
        (HolidayRule(moved_workday_as=0), WORKING_WEEK, {"10-10": (Span(480, 1020),)}),
        (HolidayRule(moved_workday_as=6), WORKING_WEEK, {"10-10": ()}),
        (HolidayRule(moved_workday_as=0), ALWAYS, {}),  # Always open is open then, too.
        (
            HolidayRule(H.CLOSED, moved_workday_as=4),
            WORKING_WEEK,
            {"10-01": CLOSED, "03-03": CLOSED, "10-10": (Span(480, 1020),)},
        ),
    ],
)
def test_what_is_done_on_holidays_and_moved_days(
    rule: HolidayRule, week: Week, days: dict[str, tuple[Span, ...]]
) -> None:
    found = overlay(Calendar(week), [], rule, known_days())
    assert found == {day(text): spans for text, spans in days.items()}


def test_a_special_day_goes_before_a_period_and_a_narrow_period_before_a_wide_one() -> None:
    periods = [
        Period(day("09-30"), day("10-08"), LONG),
        Period(day("10-02"), day("10-03"), CLOSED),
        Period(day("09-30"), day("10-01"), SHORT),
    ]
    for order in (periods, periods[::-1]):
        calendar = Calendar(WORKING_WEEK, {day("10-03"): SHORT})
        found = overlay(calendar, order, HolidayRule(H.CLOSED), known_days())
        assert found == {
            day("03-03"): CLOSED,
            day("09-30"): SHORT,
            day("10-01"): SHORT,
            day("10-02"): CLOSED,
            day("10-03"): SHORT,
            **{day(f"10-0{number}"): LONG for number in range(4, 9)},
        }


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: HolidayRule(H.HOURS), "hours belong to `hours`"),
        (lambda: HolidayRule(H.CLOSED, SHORT), "hours belong to `hours`"),
        (lambda: HolidayRule(moved_workday_as=-1), "0 Monday … 6 Sunday"),
        (lambda: HolidayRule(moved_workday_as=7), "0 Monday … 6 Sunday"),
        (lambda: Period(day("10-02"), day("10-01"), CLOSED), "last must not be before first"),
        (lambda: Span(60, 60), "opens < closes"),
        (lambda: Span(-1, 60), "opens < closes"),
        (lambda: Span(60, DAY_MINUTES + 1), "opens < closes"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make()
    assert Period(day("10-01"), day("10-01"), CLOSED).spans == CLOSED
    assert HolidayRule(moved_workday_as=0).moved_workday_as == 0


@given(WEEKS, SPECIALS, st.integers(-3, 12), st.integers(0, 12))
def test_the_moments_of_some_days_are_their_open_minutes(
    week: Week, special_days: SpecialDays, start: int, days: int
) -> None:
    first = FIRST + timedelta(days=start)
    last = first + timedelta(days=days)
    moments = list(open_moments(first, last, week, special_days, CITY))
    for (_, closes), (opens, _) in pairwise(moments):
        assert closes < opens
    assert all(opens.tzinfo is UTC and opens < closes for opens, closes in moments)
    begin, end = midnight(first), midnight(last + timedelta(days=1))
    assert all(begin <= opens and closes <= end for opens, closes in moments)
    hour = begin
    while hour < end:
        told = any(opens <= hour < closes for opens, closes in moments)
        assert told == is_open(hour, week, special_days)
        hour += timedelta(hours=1)


def test_touching_is_not_sharing() -> None:
    assert overlap([Span(60, 120), Span(0, 60)]) is None
    assert overlap([Span(60, 120), Span(0, 61)]) == (Span(0, 61), Span(60, 120))
    assert overlap([]) is None


def test_what_follows_a_span_over_midnight_is_open_too() -> None:
    days = {
        FIRST: (Span(1380, DAY_MINUTES),),
        FIRST + timedelta(days=1): (Span(0, 60), Span(120, 180)),
    }
    found = list(open_moments(FIRST, FIRST + timedelta(days=1), ALWAYS, days, CITY))
    start = midnight(FIRST)
    assert found == [
        (start + timedelta(hours=23), start + timedelta(hours=25)),
        (start + timedelta(hours=26), start + timedelta(hours=27)),
    ]


@given(st.lists(hour_spans(), max_size=4))
def test_spans_as_words_are_the_same_spans_in_order(spans: list[Span]) -> None:
    words = words_of(spans)
    assert spans_in(words) == tuple(sorted(spans))
    assert words.split() == [f"{span.opens}-{span.closes}" for span in sorted(spans)]
