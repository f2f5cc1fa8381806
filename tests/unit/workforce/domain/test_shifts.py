"""Shifts and rotations: laws over every day of several years, and against plain counting."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.workforce.domain.shifts import (
    Assignment,
    Rotation,
    ShiftKind,
    ShiftPattern,
    cover,
    next_change,
    on_shift,
)
from callcenter.workforce.domain.workdays import days_between

CITY = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = ShiftPattern(22 * 60, 10 * 60)
MONDAY = date(2026, 11, 23)
START = datetime(2026, 11, 23, tzinfo=UTC)

patterns = st.builds(ShiftPattern, st.integers(0, 1439), st.integers(1, 1440))
rotations = st.builds(
    Rotation,
    st.lists(st.sampled_from([1, 2, 3, None]), min_size=1, max_size=12).map(tuple),
    st.integers(1, 14),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
)
days = st.dates(date(2015, 1, 1), date(2035, 1, 1))


# -- patterns ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("starts", "minutes"), [(-1, 60), (1440, 60), (0, 0), (0, 1441)])
def test_what_is_no_pattern_is_refused(starts: int, minutes: int) -> None:
    with pytest.raises(ValueError, match="needs"):
        ShiftPattern(starts, minutes)


def test_a_night_begins_and_ends_by_the_wall_on_every_day_of_ten_years() -> None:
    """Also from 1986 to 1991, when the city's clocks were put forward and back."""
    for day in days_between(date(1985, 1, 1), date(1994, 12, 31)):
        starts, ends = NIGHT.on(day, CITY)
        assert starts.astimezone(CITY).strftime("%F %H:%M") == f"{day} 22:00"
        assert ends.astimezone(CITY).strftime("%F %H:%M") == f"{day + timedelta(days=1)} 08:00"


def test_only_the_nights_of_a_changed_clock_are_shorter_or_longer() -> None:
    hours = Counter(
        (ends - starts) / timedelta(hours=1)
        for day in days_between(date(2020, 1, 1), date(2025, 12, 31))
        for starts, ends in [NIGHT.on(day, BERLIN)]
    )
    assert hours == {10: 2192 - 12, 9: 6, 11: 6}
    in_the_city = {
        ends - starts
        for day in days_between(date(1992, 1, 1), date(2030, 12, 31))
        for starts, ends in [NIGHT.on(day, CITY)]
    }
    assert in_the_city == {timedelta(hours=10)}


@given(patterns, days)
def test_a_shift_begins_on_its_day_and_lasts_as_long_as_it_says(
    pattern: ShiftPattern, day: date
) -> None:
    starts, ends = pattern.on(day, CITY)
    local = starts.astimezone(CITY)
    assert local.date() == day
    assert local.hour * 60 + local.minute == pattern.starts
    assert ends - starts == timedelta(minutes=pattern.minutes)
    last = ends.astimezone(CITY)
    at_midnight = last.hour == last.minute == 0
    assert pattern.over_midnight == (last.date() > day and not at_midnight) or (
        at_midnight and (last.date() - day).days == 2
    )


@given(patterns, days)
def test_the_same_shift_on_following_days_never_overlaps(pattern: ShiftPattern, day: date) -> None:
    _, ends = pattern.on(day, CITY)
    starts, _ = pattern.on(day + timedelta(days=1), CITY)
    assert ends <= starts


# -- rotations --------------------------------------------------------------------------------


@given(rotations, days, st.integers(0, 11))
def test_after_the_whole_circle_everybody_is_where_they_were(
    rotation: Rotation, day: date, offset: int
) -> None:
    later = day + timedelta(days=rotation.days)
    assert rotation.place(day, offset) == rotation.place(later, offset)


@given(rotations, days, st.integers(0, 11))
def test_everybody_goes_one_place_on_every_n_days_and_not_before(
    rotation: Rotation, day: date, offset: int
) -> None:
    size = len(rotation.circle)
    since = (day - rotation.anchor).days % rotation.every_days
    first = day - timedelta(days=since)
    here = rotation.place(day, offset)
    assert {rotation.place(first + timedelta(days=n), offset) for n in range(rotation.every_days)}
    assert all(
        rotation.place(first + timedelta(days=n), offset) == here
        for n in range(rotation.every_days)
    )
    assert rotation.place(first + timedelta(days=rotation.every_days), offset) == (here + 1) % size


@given(rotations)
def test_at_the_anchor_members_stand_at_their_own_places(rotation: Rotation) -> None:
    for offset in range(len(rotation.circle)):
        assert rotation.place(rotation.anchor, offset) == offset


@given(rotations, days)
def test_with_somebody_at_each_place_each_day_has_every_shift_of_the_circle(
    rotation: Rotation, day: date
) -> None:
    """Nobody is missed and nobody works two places, on any day."""
    worked = Counter(rotation.shift(day, offset) for offset in range(len(rotation.circle)))
    assert worked == Counter(rotation.circle)


@given(rotations, days, st.integers(0, 11))
def test_over_a_whole_circle_everybody_works_the_same(
    rotation: Rotation, day: date, offset: int
) -> None:
    own = Counter(rotation.shift(day + timedelta(days=n), offset) for n in range(rotation.days))
    assert own == Counter(
        {shift: count * rotation.every_days for shift, count in Counter(rotation.circle).items()}
    )


def test_leaders_take_turns_of_ten_days() -> None:
    """As the leaders of the city have it: ten days each, all year round."""
    turns = Rotation((1, None, None), 10, date(2026, 1, 1))
    on_duty = [
        next(member for member in range(3) if turns.shift(day, member) is not None)
        for day in days_between(date(2026, 1, 1), date(2026, 12, 31))
    ]
    changes = [n + 1 for n, (a, b) in enumerate(pairwise(on_duty)) if a != b]
    assert changes == list(range(10, 365, 10))
    assert on_duty[:31:10] == [0, 2, 1, 0]


@pytest.mark.parametrize(("circle", "every"), [((), 1), ((1,), 0)])
def test_what_is_no_rotation_is_refused(circle: tuple[int, ...], every: int) -> None:
    with pytest.raises(ValueError, match="needs at least"):
        Rotation(circle, every, MONDAY)


# -- cover ------------------------------------------------------------------------------------


@st.composite
def assignments(draw: st.DrawFn) -> Assignment:
    begins = START + timedelta(hours=draw(st.integers(-20, 60)))
    return Assignment(
        draw(st.integers(1, 99)),
        draw(st.integers(1, 4)),
        1,
        begins.date(),
        begins,
        begins + timedelta(hours=draw(st.integers(1, 24))),
        draw(st.sampled_from(ShiftKind)),
    )


many = st.lists(assignments(), max_size=12)


@given(many, st.integers(-10, 40), st.integers(1, 50))
def test_cover_is_what_counting_each_hour_gives(
    rota: list[Assignment], begins: int, hours: int
) -> None:
    starts = START + timedelta(hours=begins)
    ends = starts + timedelta(hours=hours)
    pieces = list(cover(rota, starts, ends))
    assert (pieces[0].starts, pieces[-1].ends) == (starts, ends)
    for first, second in pairwise(pieces):
        assert first.ends == second.starts
        assert first.people != second.people
    for hour in range(hours):
        moment = starts + timedelta(hours=hour, minutes=30)
        counted = len(
            {a.user_id for a in rota if a.kind is ShiftKind.SEAT and a.starts <= moment < a.ends}
        )
        (piece,) = [p for p in pieces if p.starts <= moment < p.ends]
        assert piece.people == counted == len(on_shift(rota, moment))


@given(many, st.integers(-30, 90))
def test_nothing_changes_before_the_next_change(rota: list[Assignment], hour: int) -> None:
    moment = START + timedelta(hours=hour, minutes=30)
    change = next_change(rota, moment)
    until = START + timedelta(hours=200) if change is None else change
    while moment < until:
        assert on_shift(rota, moment) == on_shift(rota, START + timedelta(hours=hour, minutes=30))
        moment += timedelta(hours=1)
    if change is not None:
        assert any(change in (a.starts, a.ends) for a in rota)


def test_a_shift_is_over_at_its_end() -> None:
    starts, ends = NIGHT.on(MONDAY, CITY)
    night = Assignment(1, 7, 3, MONDAY, starts, ends)
    assert on_shift([night], starts) == {7}
    assert on_shift([night], ends - timedelta(microseconds=1)) == {7}
    assert on_shift([night], ends) == frozenset()
    assert on_shift([night], starts - timedelta(microseconds=1)) == frozenset()


def test_a_shift_until_midnight_is_not_over_it() -> None:
    assert not ShiftPattern(16 * 60, 480).over_midnight
    assert ShiftPattern(16 * 60, 481).over_midnight


def test_the_next_change_is_never_the_present_moment() -> None:
    ends = START + timedelta(hours=8)
    one = Assignment(1, 7, 1, MONDAY, START, ends)
    assert next_change([one], START - timedelta(hours=1)) == START
    assert next_change([one], START) == ends
    assert next_change([one], ends) is None


def test_touching_is_no_overlap_and_moments_are_universal() -> None:
    starts, ends = NIGHT.on(MONDAY, CITY)
    assert starts.tzinfo is ends.tzinfo is UTC
    one = Assignment(1, 7, 1, MONDAY, starts, ends)
    hour = timedelta(hours=1)
    assert not one.overlaps(starts - hour, starts)
    assert not one.overlaps(ends, ends + hour)
    assert one.overlaps(starts - hour, starts + timedelta(seconds=1))
    assert one.overlaps(ends - timedelta(seconds=1), ends + hour)
