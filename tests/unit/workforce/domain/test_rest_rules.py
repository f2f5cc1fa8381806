"""Conflicts of a rota: each is found, named once, and nothing else is called one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from callcenter.workforce.domain.rest_rules import (
    ConflictCode,
    RestRules,
    RotaConflict,
    cover_conflicts,
    people_conflicts,
    split_leave,
)
from callcenter.workforce.domain.shifts import Assignment, ShiftKind, ShiftPattern

CITY = ZoneInfo("Asia/Shanghai")
RULES = RestRules(timedelta(hours=11), 6)
EARLY, LATE = ShiftPattern(8 * 60, 480), ShiftPattern(16 * 60, 480)
NIGHT = ShiftPattern(0, 480)
DUTY = ShiftPattern(0, 1440, ShiftKind.DUTY)
MONDAY = date(2026, 11, 23)
Code = ConflictCode


def entry(number: int, pattern: ShiftPattern, day: int, user_id: int = 7) -> Assignment:
    on = MONDAY + timedelta(days=day)
    starts, ends = pattern.on(on, CITY)
    return Assignment(number, user_id, 1, on, starts, ends, pattern.kind)


def codes(*rota: Assignment) -> list[tuple[ConflictCode, tuple[int, ...]]]:
    return [(c.code, c.entries) for c in people_conflicts(rota, {}, RULES)]


def test_an_ordinary_week_has_no_conflict() -> None:
    assert codes(*(entry(day, EARLY, day) for day in range(5))) == []


def test_early_after_late_is_too_little_rest_and_says_how_much() -> None:
    (found,) = people_conflicts([entry(1, LATE, 0), entry(2, EARLY, 1)], {}, RULES)
    assert (found.code, found.entries, found.user_id) == (Code.TOO_LITTLE_REST, (1, 2), 7)
    assert found.facts == {"minutes": 480, "needed": 660}


def test_rest_of_exactly_the_rule_is_enough() -> None:
    late = ShiftPattern(13 * 60, 480)  # until 21:00
    assert codes(entry(1, late, 0), entry(2, EARLY, 1)) == []
    a_minute_more = ShiftPattern(13 * 60, 481)
    assert codes(entry(1, a_minute_more, 0), entry(2, EARLY, 1)) == [(Code.TOO_LITTLE_REST, (1, 2))]


def test_shifts_that_touch_are_one_long_one() -> None:
    four, eight_more = ShiftPattern(8 * 60, 240), ShiftPattern(12 * 60, 480)
    assert codes(entry(1, four, 0), entry(2, eight_more, 0)) == []
    (found,) = people_conflicts([entry(1, EARLY, 0), entry(2, LATE, 0)], {}, RULES)
    assert (found.code, found.entries) == (Code.TOO_LONG, (1, 2))
    assert found.facts == {"minutes": 960, "allowed": 720}


def test_one_shift_of_a_minute_more_than_may_be_is_too_long() -> None:
    assert codes(entry(1, ShiftPattern(20 * 60, 720), 0)) == []
    assert codes(entry(1, ShiftPattern(20 * 60, 721), 0)) == [(Code.TOO_LONG, (1,))]


def test_three_nights_that_touch_over_midnight_are_one_run() -> None:
    evening, night, early = ShiftPattern(16 * 60, 480), ShiftPattern(0, 480), EARLY
    found = codes(entry(1, evening, 0), entry(2, night, 1), entry(3, early, 1))
    assert found == [(Code.TOO_LONG, (1, 2, 3))]


def test_two_shifts_at_once_are_a_double_booking_over_midnight_too() -> None:
    night = ShiftPattern(22 * 60, 600)
    assert codes(entry(1, night, 0), entry(2, ShiftPattern(7 * 60, 60), 1)) == [
        (Code.DOUBLE_BOOKING, (1, 2))
    ]


def test_a_short_shift_inside_a_long_one_does_not_hide_the_next() -> None:
    long, inside, later = ShiftPattern(0, 1200), ShiftPattern(600, 60), ShiftPattern(1100, 300)
    found = codes(entry(1, long, 0), entry(2, inside, 0), entry(3, later, 0))
    assert found == [
        (Code.TOO_LONG, (1, 2, 3)),
        (Code.DOUBLE_BOOKING, (1, 2)),
        (Code.DOUBLE_BOOKING, (1, 3)),
    ]


def test_of_two_people_nobody_is_booked_twice() -> None:
    assert codes(entry(1, EARLY, 0, 7), entry(2, EARLY, 0, 8)) == []


def test_the_seventh_day_in_a_row_is_one_too_many() -> None:
    assert codes(*(entry(day, EARLY, day) for day in range(6))) == []
    assert codes(*(entry(day, EARLY, day) for day in range(7))) == [
        (Code.TOO_MANY_DAYS, tuple(range(7)))
    ]
    with_a_day_off = [entry(day, EARLY, day) for day in range(9) if day != 3]
    assert codes(*with_a_day_off) == []


def test_leave_stands_aside_and_is_named() -> None:
    rota = [entry(1, LATE, 0), entry(2, EARLY, 1)]
    leave = {7: {MONDAY + timedelta(days=1)}}
    found = people_conflicts(rota, leave, RULES)
    assert [(c.code, c.entries) for c in found] == [(Code.ON_LEAVE, (2,))]
    assert split_leave(rota, leave) == ([rota[0]], [rota[1]])


def test_a_duty_disturbs_nobodys_rest_and_covers_no_seat() -> None:
    rota = [entry(1, DUTY, 0), entry(2, EARLY, 0), entry(3, DUTY, 1)]
    assert codes(*rota) == []
    span = DUTY.on(MONDAY, CITY)
    (before, after) = cover_conflicts([rota[0], rota[1]], {}, [span], RULES)
    assert [before.code, after.code] == [Code.NOT_COVERED] * 2
    assert (before.ends, after.starts) == (rota[1].starts, rota[1].ends)


def test_a_gap_over_midnight_is_one() -> None:
    span = (EARLY.on(MONDAY, CITY)[0], EARLY.on(MONDAY + timedelta(days=1), CITY)[1])
    rota = [entry(1, EARLY, 0), entry(2, EARLY, 1)]
    (gap,) = cover_conflicts(rota, {}, [span], RULES)
    assert (gap.starts, gap.ends) == (rota[0].ends, rota[1].starts)
    assert gap.facts == {"people": 0, "needed": 1}


def test_a_closed_line_needs_nobody() -> None:
    assert cover_conflicts([], {}, [], RULES) == []


def test_somebody_on_leave_covers_nothing() -> None:
    span = EARLY.on(MONDAY, CITY)
    assert cover_conflicts([entry(1, EARLY, 0)], {}, [span], RULES) == []
    (gap,) = cover_conflicts([entry(1, EARLY, 0)], {7: {MONDAY}}, [span], RULES)
    assert (gap.starts, gap.ends) == span


@st.composite
def shifts(draw: st.DrawFn) -> list[Assignment]:
    return [
        entry(
            number,
            ShiftPattern(draw(st.integers(0, 23)) * 60, draw(st.integers(1, 16)) * 60),
            draw(st.integers(0, 9)),
            draw(st.integers(1, 3)),
        )
        for number in range(draw(st.integers(0, 9)))
    ]


@given(shifts())
def test_two_shifts_share_time_if_and_only_if_somebody_is_named_for_it(
    rota: list[Assignment],
) -> None:
    clash = {
        a.user_id
        for a in rota
        for b in rota
        if a.entry_id < b.entry_id and a.user_id == b.user_id and a.overlaps(b.starts, b.ends)
    }
    found = people_conflicts(rota, {}, RULES)
    assert {c.user_id for c in found if c.code is Code.DOUBLE_BOOKING} == clash


@given(shifts(), st.integers(1, 3))
def test_gaps_and_cover_together_are_the_open_time(rota: list[Assignment], covered: int) -> None:
    span = (
        datetime(2026, 11, 22, 16, tzinfo=UTC),
        datetime(2026, 12, 2, 16, tzinfo=UTC),
    )
    rules = RestRules(timedelta(0), 99, covered)
    gaps = cover_conflicts(rota, {}, [span], rules)
    for hour in range(240):
        moment = span[0] + timedelta(hours=hour, minutes=30)
        people = len({a.user_id for a in rota if a.covers(moment)})
        named = [g for g in gaps if g.starts <= moment < g.ends]
        assert len(named) == (people < covered), moment
        assert all(gap.facts == {"people": people, "needed": covered} for gap in named)


def test_each_conflict_says_when_whose_and_what() -> None:
    early, late, next_early = entry(1, EARLY, 0), entry(2, LATE, 0), entry(3, EARLY, 1)
    inside = entry(4, ShiftPattern(9 * 60, 60), 0)
    on_leave = entry(5, EARLY, 9)
    week = [entry(10 + day, EARLY, 20 + day, 8) for day in range(7)]
    found = people_conflicts(
        [*reversed(week), on_leave, inside, next_early, late, early],
        {7: {on_leave.day}},
        RULES,
    )
    assert found == [
        RotaConflict(
            Code.TOO_LONG, early.starts, late.ends, 7, (1, 4, 2), {"minutes": 960, "allowed": 720}
        ),
        RotaConflict(Code.DOUBLE_BOOKING, inside.starts, inside.ends, 7, (1, 4)),
        RotaConflict(
            Code.TOO_LITTLE_REST,
            late.ends,
            next_early.starts,
            7,
            (2, 3),
            {"minutes": 480, "needed": 660},
        ),
        RotaConflict(Code.ON_LEAVE, on_leave.starts, on_leave.ends, 7, (5,)),
        RotaConflict(
            Code.TOO_MANY_DAYS,
            week[0].starts,
            week[-1].ends,
            8,
            tuple(range(10, 17)),
            {"days": 7, "allowed": 6},
        ),
    ]


def test_of_two_that_end_together_the_first_is_followed_by_the_next() -> None:
    two = [entry(1, EARLY, 0), entry(2, ShiftPattern(12 * 60, 240), 0)]
    later = entry(3, ShiftPattern(20 * 60, 60), 0)
    assert codes(*two, later) == [
        (Code.DOUBLE_BOOKING, (1, 2)),
        (Code.TOO_LITTLE_REST, (1, 3)),
    ]


def test_conflicts_of_one_moment_are_in_the_order_of_people() -> None:
    rota = [entry(1, EARLY, 0, 9), entry(2, EARLY, 0, 9), entry(3, EARLY, 0, 2)]
    rota.append(entry(4, EARLY, 0, 2))
    assert [c.user_id for c in people_conflicts(rota, {}, RULES)] == [2, 9]


def test_gaps_of_spans_that_touch_are_one_and_others_stay_apart() -> None:
    def at(hours: int) -> datetime:
        return entry(1, EARLY, 0).starts + timedelta(hours=hours)

    spans = [
        (at(-9), at(-8)),
        (at(0), at(1)),
        (at(5), at(6)),
        (at(6), at(8)),
        (at(8), at(9)),
        (at(10), at(11)),
    ]
    gaps = cover_conflicts([], {}, spans, RULES)
    facts = {"people": 0, "needed": 1}
    assert gaps == [
        RotaConflict(Code.NOT_COVERED, starts, ends, facts=facts)
        for starts, ends in ((at(-9), at(-8)), (at(0), at(1)), (at(5), at(9)), (at(10), at(11)))
    ]
