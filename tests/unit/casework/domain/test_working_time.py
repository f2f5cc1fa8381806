"""Limits against a slow walk: half an hour after half an hour over all days of 2024 to 2027.

The walk knows nothing of days, spans or sums: it has a row of half hours, each of which counts or
does not, and it goes along the row until enough of them have counted.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.casework.domain.working_time import (
    ZERO,
    CalendarWithoutWork,
    Limit,
    Measure,
    Office,
    Pause,
    Reckoning,
    Start,
    earlier,
    reckon,
    used,
)
from callcenter.workforce.domain.workdays import DayKind, NamedDay, Workdays, days_between
from callcenter.workforce.opening.official import published

CITY = ZoneInfo("Asia/Shanghai")
KNOWN = Workdays(published())
OFFICE = Office(KNOWN, CITY)
FIRST, LAST = date(2024, 1, 1), date(2028, 6, 30)
TICK = timedelta(minutes=30)
ZERO_TICK = datetime(2024, 1, 1, tzinfo=CITY)
OPEN_TICKS = {*range(17, 24), *range(27, 35)}
"""Of a day: 8:30 to 12:00, 13:30 to 17:30."""


def at(tick: int) -> datetime:
    return (ZERO_TICK + tick * TICK).astimezone(UTC)


def city(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CITY)


@cache
def row(measure: Measure) -> tuple[bool, ...]:
    """For every half hour from 2024 on, whether it counts."""
    return tuple(
        measure is Measure.MINUTES
        or (KNOWN.works(day) and (measure is Measure.WORKING_DAYS or tick in OPEN_TICKS))
        for day in days_between(FIRST, LAST)
        for tick in range(48)
    )


def walk(limit: Limit, tick: int, pauses: Sequence[tuple[int, int]]) -> datetime:
    """The deadline of what started at `tick`."""
    if limit.start is Start.NEXT_WORKING_DAY:
        tick += 48 - tick % 48
        while not row(Measure.WORKING_DAYS)[tick]:
            tick += 48
    need = limit.length // TICK
    while need:
        paused = any(first <= tick < last for first, last in pauses)
        if row(limit.measure)[tick] and not paused:
            need -= 1
        tick += 1
    return at(tick)


LIMITS = [
    Limit(30, Measure.MINUTES),
    Limit(24 * 60, Measure.MINUTES),
    Limit(7 * 24 * 60, Measure.MINUTES, Start.NEXT_WORKING_DAY),
    Limit(2, Measure.WORKING_HOURS),
    Limit(24, Measure.WORKING_HOURS),
    Limit(8, Measure.WORKING_HOURS, Start.NEXT_WORKING_DAY),
    Limit(1, Measure.WORKING_DAYS),
    Limit(5, Measure.WORKING_DAYS),
    Limit(5, Measure.WORKING_DAYS, Start.NEXT_WORKING_DAY),
    Limit(10, Measure.WORKING_DAYS, Start.NEXT_WORKING_DAY),
]


def some_pauses(dice: random.Random, tick: int) -> list[tuple[int, int]]:
    pauses = []
    for _ in range(dice.randrange(4)):
        first = tick + dice.randrange(-48, 480)
        pauses.append((first, first + dice.choice((1, 7, 48, 144, 336))))
    return pauses


@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_every_day_of_four_years_is_reckoned_as_the_walk_does(limit: Limit) -> None:
    dice = random.Random(str(limit))
    for number, _ in enumerate(days_between(FIRST, date(2027, 12, 31))):
        tick = number * 48 + dice.randrange(48)
        paused = some_pauses(dice, tick) if number % 2 else []
        found = reckon(limit, at(tick), [Pause(at(a), at(b)) for a, b in paused], OFFICE)
        assert found.deadline == walk(limit, tick, paused), (tick, paused)


@given(
    st.sampled_from(LIMITS),
    st.integers(0, 48 * 1460),
    st.lists(st.tuples(st.integers(-96, 960), st.integers(0, 480)), max_size=4),
)
@settings(max_examples=200, deadline=None)
def test_what_is_explained_is_what_was_counted(
    limit: Limit, tick: int, spans: list[tuple[int, int]]
) -> None:
    pauses = [Pause(at(tick + a), at(tick + a + b)) for a, b in spans]
    found = reckon(limit, at(tick), pauses, OFFICE)
    assert found.deadline is not None
    assert found.counted == limit.length
    assert found.left == ZERO
    assert sum((d.paused for d in found.days), ZERO) == sum((p.took for p in found.pauses), ZERO)
    days = [d.day for d in found.days]
    assert days == list(days_between(OFFICE.day_of(at(tick)), days[-1]))
    # The last day is the one that the deadline ends.
    assert OFFICE.moment(found.last_day) < found.deadline or not limit.amount
    assert found.deadline <= OFFICE.moment(found.last_day + timedelta(days=1))
    for day in found.days:
        assert (day.works, day.known) == (KNOWN.works(day.day), KNOWN.knows(day.day.year))
        if limit.measure is not Measure.MINUTES and not day.works:
            assert day.counted == day.paused == ZERO
    # Each half hour is somebody's: without the pauses, what they took has counted.
    bare = used(limit.measure, found.begins, found.deadline, (), OFFICE)
    assert bare == limit.length + sum((p.took for p in found.pauses), ZERO)
    assert used(limit.measure, found.begins, found.deadline, pauses, OFFICE) == limit.length
    # The order in which pauses are told makes no difference.
    assert reckon(limit, at(tick), pauses[::-1], OFFICE).deadline == found.deadline
    assert used(limit.measure, found.begins, found.deadline, pauses[::-1], OFFICE) == limit.length


@given(
    st.sampled_from(Measure), st.integers(0, 48 * 1460), st.integers(0, 700), st.integers(0, 300)
)
@settings(max_examples=100, deadline=None)
def test_what_was_used_is_what_the_walk_passed(
    measure: Measure, tick: int, length: int, pause: int
) -> None:
    until, paused = tick + length, range(tick + 20, tick + 20 + pause)
    passed = sum(row(measure)[t] and t not in paused for t in range(tick, until))
    pauses = [Pause(at(paused.start), at(paused.stop))]
    assert used(measure, at(tick), at(until), pauses, OFFICE) == passed * TICK
    assert used(measure, at(until), at(tick), pauses, OFFICE) == ZERO


def test_a_weekend_of_pause_gives_nothing_to_whom_weekends_do_not_count() -> None:
    friday, monday = city("2026-11-20T17:30"), city("2026-11-23T08:30")
    limit = Limit(10, Measure.WORKING_HOURS)
    started = city("2026-11-20T10:00")
    bare = reckon(limit, started, (), OFFICE)
    paused = reckon(limit, started, [Pause(friday, monday)], OFFICE)
    assert paused.deadline == bare.deadline == city("2026-11-23T13:30") + timedelta(hours=0.5)
    assert paused.pauses[0].took == ZERO


def test_a_new_rule_forgets_no_pause_taken_before_it() -> None:
    started = city("2026-11-23T09:00")
    pause = Pause(city("2026-11-24T00:00"), city("2026-11-26T00:00"))
    for days in (5, 7):
        limit = Limit(days, Measure.WORKING_DAYS)
        bare, held = (reckon(limit, started, p, OFFICE).deadline for p in ((), [pause]))
        assert bare is not None
        assert held == reckon(Limit(days + 2, Measure.WORKING_DAYS), started, (), OFFICE).deadline


@pytest.mark.parametrize(
    ("limit", "started", "deadline", "last_day"),
    [
        # Spring Festival of 2026: off from 15 to 23 February; Saturdays 14 and 28 are worked.
        (Limit(1, Measure.WORKING_DAYS, Start.NEXT_WORKING_DAY), "2026-02-13T16:00",
         "2026-02-15T00:00", "2026-02-14"),
        (Limit(5, Measure.WORKING_DAYS, Start.NEXT_WORKING_DAY), "2026-02-14T16:00",
         "2026-03-01T00:00", "2026-02-28"),
        (Limit(1, Measure.WORKING_DAYS), "2026-02-16T03:00", "2026-02-25T00:00", "2026-02-24"),
        (Limit(30, Measure.MINUTES), "2026-02-16T23:45", "2026-02-17T00:15", "2026-02-17"),
        (Limit(2, Measure.WORKING_HOURS), "2026-02-14T16:30", "2026-02-24T09:30", "2026-02-24"),
        (Limit(2, Measure.WORKING_HOURS), "2026-11-24T11:30", "2026-11-24T15:00", "2026-11-24"),
        (Limit(2, Measure.WORKING_HOURS), "2026-11-24T20:00", "2026-11-25T10:30", "2026-11-25"),
    ],
)  # fmt: skip
def test_moved_days_lunch_and_nights(
    limit: Limit, started: str, deadline: str, last_day: str
) -> None:
    found = reckon(limit, city(started), (), OFFICE)
    assert found.deadline == city(deadline)
    assert found.last_day == date.fromisoformat(last_day)


def five_days_from(text: str, start: Start = Start.NEXT_WORKING_DAY) -> Reckoning:
    return reckon(Limit(5, Measure.WORKING_DAYS, start), city(text), (), OFFICE)


def test_only_what_reaches_into_an_unknown_year_is_provisional() -> None:
    # 31 December 2026 is a Thursday: its midnight belongs to it, not to the year after.
    assert not five_days_from("2026-12-24T10:00").provisional
    assert five_days_from("2026-12-24T10:00").last_day == date(2026, 12, 31)
    assert five_days_from("2026-12-25T10:00").provisional
    assert five_days_from("2027-03-01T10:00").provisional
    assert not reckon(Limit(900, Measure.MINUTES), city("2026-12-31T23:00"), (), OFFICE).provisional
    next_day = Limit(60, Measure.MINUTES, Start.NEXT_WORKING_DAY)
    assert reckon(next_day, city("2026-12-31T09:00"), (), OFFICE).provisional
    assert not reckon(next_day, city("2026-12-30T09:00"), (), OFFICE).provisional
    late = Limit(1440 + 60, Measure.MINUTES, Start.NEXT_WORKING_DAY)
    assert not reckon(late, city("2026-12-30T09:00"), (), OFFICE).provisional
    declared = Office(Workdays(published(), {}, {2027}), CITY)
    limit = Limit(5, Measure.WORKING_DAYS)
    assert not reckon(limit, city("2026-12-28T10:00"), (), declared).provisional


def test_a_holiday_that_is_entered_moves_what_is_reckoned_anew() -> None:
    closed = Workdays(published(), {date(2026, 11, 25): NamedDay(DayKind.HOLIDAY)})
    limit = Limit(2, Measure.WORKING_DAYS, Start.NEXT_WORKING_DAY)
    before = reckon(limit, city("2026-11-23T10:00"), (), OFFICE)
    after = reckon(limit, city("2026-11-23T10:00"), (), Office(closed, CITY))
    assert (before.last_day, after.last_day) == (date(2026, 11, 25), date(2026, 11, 26))


def test_a_pause_that_lasts_leaves_no_deadline_and_says_what_is_left() -> None:
    limit = Limit(8, Measure.WORKING_HOURS)
    started = city("2026-11-24T09:00")
    held = reckon(limit, started, [Pause(city("2026-11-24T11:00"))], OFFICE)
    assert (held.deadline, held.left) == (None, timedelta(hours=6))
    assert held.last_day == date(2026, 11, 24)
    # One that begins behind the deadline moves it no more.
    late = reckon(Limit(1, Measure.WORKING_HOURS), started, [Pause(city("2026-11-24T11:00"))],
                  OFFICE)  # fmt: skip
    assert (late.deadline, late.left) == (city("2026-11-24T10:00"), ZERO)
    # One that was there before the limit began holds all of it.
    next_day = Limit(1, Measure.WORKING_DAYS, Start.NEXT_WORKING_DAY)
    whole = reckon(next_day, started, [Pause(started)], OFFICE)
    assert (whole.deadline, whole.left, whole.last_day) == (
        None, timedelta(days=1), date(2026, 11, 25))  # fmt: skip


def test_what_two_pauses_share_is_taken_once() -> None:
    first = Pause(city("2026-11-24T09:00"), city("2026-11-24T11:00"))
    second = Pause(city("2026-11-24T10:00"), city("2026-11-24T12:00"))
    found = reckon(
        Limit(2, Measure.WORKING_HOURS), city("2026-11-24T08:30"), [second, first], OFFICE
    )
    assert [(p.pause, p.took) for p in found.pauses] == [
        (first, timedelta(hours=2)), (second, timedelta(hours=1))]  # fmt: skip
    assert found.deadline == city("2026-11-24T15:00")


def test_nothing_is_over_at_once_and_earlier_never_goes_below_it() -> None:
    five = Limit(5, Measure.WORKING_DAYS, Start.NEXT_WORKING_DAY)
    assert earlier(five, 1) == Limit(4, Measure.WORKING_DAYS, Start.NEXT_WORKING_DAY)
    assert earlier(five, 9).amount == 0
    found = reckon(earlier(five, 9), city("2026-11-20T10:00"), (), OFFICE)
    assert found.deadline == found.begins == city("2026-11-23T00:00")
    assert found.counted == ZERO
    with pytest.raises(ValueError, match="less than nothing"):
        Limit(-1, Measure.MINUTES)
    with pytest.raises(ValueError, match="before it starts"):
        Pause(city("2026-11-24T10:00"), city("2026-11-24T09:59"))


class NeverWorked:
    """A calendar of nothing but holidays."""

    def works(self, day: date) -> bool:
        return False

    def knows(self, year: int) -> bool:
        return True


@pytest.mark.parametrize("start", Start)
def test_a_calendar_without_work_is_a_fault_and_no_endless_walk(start: Start) -> None:
    with pytest.raises(CalendarWithoutWork):
        reckon(
            Limit(1, Measure.WORKING_DAYS, start),
            city("2026-11-24T09:00"),
            (),
            Office(NeverWorked(), CITY),
        )
