"""What is expected of a day: made from days like it, and always said from which."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from callcenter.workforce.domain.forecast import (
    ANSWERED_ENOUGH,
    DAYS_ENOUGH,
    Basis,
    Expected,
    Forecast,
    HalfHourSums,
    fewest_people,
)
from callcenter.workforce.domain.shifts import Assignment, ShiftKind, cover
from callcenter.workforce.domain.workdays import DayKind, Workdays, days_between
from callcenter.workforce.opening.official import published

WORKDAYS = Workdays(published())
SEPTEMBER = list(days_between(date(2026, 8, 31), date(2026, 10, 11)))
"""Six weeks with Mid-autumn, National Day and two moved working days."""
TEN = 20
"""The half-hour that begins at 10:00."""


def forecast(calls: dict[date, int], days: list[date] = SEPTEMBER) -> Forecast:
    history = {(day, TEN): HalfHourSums(n, n, n * 180.0) for day, n in calls.items()}
    return Forecast(history, days, WORKDAYS)


def test_a_tuesday_is_like_tuesdays() -> None:
    tuesdays = [day for day in SEPTEMBER if day.weekday() == 1 and WORKDAYS.works(day)]
    made = forecast({day: 10 + n for n, day in enumerate(tuesdays)})
    found = made.day(date(2026, 11, 24))[TEN]
    assert (found.basis, found.days) == (Basis.SAME_WEEKDAY, 5)
    assert found.calls == 12.0
    assert made.day(date(2026, 11, 25))[TEN].calls == 0.0


def test_a_holiday_is_like_holidays_and_not_like_its_weekday() -> None:
    holidays = [d for d in SEPTEMBER if WORKDAYS.facts(d).kind is DayKind.HOLIDAY]
    made = forecast(dict.fromkeys(SEPTEMBER, 50) | dict.fromkeys(holidays, 5))
    found = made.day(date(2026, 5, 1))[TEN]
    assert (found.basis, found.days, found.calls) == (Basis.SAME_KIND, len(holidays), 5.0)


def test_a_kind_without_days_takes_a_wider_one() -> None:
    week = list(days_between(date(2026, 11, 16), date(2026, 11, 20)))
    made = forecast(dict.fromkeys(week, 8), week)
    assert made.day(date(2026, 11, 24))[TEN].basis is Basis.SAME_KIND
    assert made.day(date(2026, 10, 10))[TEN].basis is Basis.SAME_WORK
    found = made.day(date(2026, 11, 28))[TEN]
    assert (found.basis, found.days, found.calls) == (Basis.ALL_DAYS, 5, 8.0)


def test_without_history_nothing_is_said() -> None:
    found = Forecast({}, [], WORKDAYS).day(date(2026, 11, 24))[TEN]
    assert (found.basis, found.days, found.talk_seconds) == (Basis.NONE, 0, None)


def test_one_day_is_better_than_none_and_says_so() -> None:
    made = forecast({date(2026, 11, 24): 4}, [date(2026, 11, 24)])
    found = made.day(date(2026, 12, 1))[TEN]
    assert (found.days, found.calls) == (1, 4.0)


def test_days_without_calls_count() -> None:
    made = forecast({date(2026, 9, 1): 10})
    assert made.day(date(2026, 11, 24))[TEN].calls == 2.0


def test_few_talks_take_the_mean_of_all() -> None:
    day = date(2026, 11, 24)
    many, few = ANSWERED_ENOUGH, ANSWERED_ENOUGH - 1
    history = {
        (day, TEN): HalfHourSums(many, many, many * 300.0),
        (day, TEN + 1): HalfHourSums(few, few, few * 100.0),
    }
    made = Forecast(history, [day], WORKDAYS).day(day)
    mean = (many * 300.0 + few * 100.0) / (many + few)
    assert (made[TEN].talk_seconds, made[TEN + 1].talk_seconds) == (300.0, mean)
    assert made[0].talk_seconds == mean


days = st.sampled_from(SEPTEMBER)


@given(st.dictionaries(days, st.integers(0, 500)), st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_a_forecast_lies_between_what_there_was(calls: dict[date, int], day: date) -> None:
    made = forecast(calls).day(day)
    assert len(made) == 48
    most = max(calls.values(), default=0)
    assert all(0 <= one.calls <= most for one in made)
    assert sum(one.calls for one in made) == made[TEN].calls


# -- who is there -----------------------------------------------------------------------------

HOUR = timedelta(hours=1)
MORNING = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
spans = st.tuples(
    st.integers(0, 10), st.integers(1, 12), st.integers(1, 4), st.sampled_from(ShiftKind)
)


@given(
    st.lists(spans, max_size=12), st.dictionaries(st.integers(1, 3), st.sets(st.sampled_from("ab")))
)
def test_the_fewest_people_of_each_group_in_each_slot(
    drawn: list[tuple[int, int, int, ShiftKind]], groups: dict[int, set[str]]
) -> None:
    """As `cover` has it of each group alone, which is reckoned in another way."""
    shifts = [
        Assignment(
            number, user_id, 1, MORNING.date(),
            MORNING + first * HOUR / 2, MORNING + (first + length) * HOUR / 2, kind,
        )
        for number, (first, length, user_id, kind) in enumerate(drawn)
    ]  # fmt: skip
    slots = [(MORNING + n * HOUR, MORNING + (n + 1) * HOUR) for n in range(8)]
    found = fewest_people(shifts, slots, groups, ["b"])
    assert set(found) == {"b", *(group for of in groups.values() for group in of)}
    for group, fewest in found.items():
        members = {n for n in range(1, 5) if group in groups.get(n, {"b"})}
        of_group = [one for one in shifts if one.user_id in members]
        assert fewest == [
            min(piece.people for piece in cover(of_group, begins, ends)) for begins, ends in slots
        ]


def test_of_a_day_like_none_only_the_length_of_talks_is_known() -> None:
    made = Forecast({(SEPTEMBER[0], TEN): HalfHourSums(2, 2, 360.0)}, [], WORKDAYS)
    assert made.day(date(2026, 11, 24))[TEN] == Expected(Basis.NONE, 0, 0.0, 180.0)


def test_just_enough_days_of_its_own_kind_are_enough() -> None:
    tuesdays = [date(2026, 9, 1) + timedelta(weeks=n) for n in range(DAYS_ENOUGH)]
    others = [day + timedelta(days=1) for day in tuesdays]
    made = forecast(dict.fromkeys(tuesdays, 3) | dict.fromkeys(others, 9), tuesdays + others)
    found = made.day(date(2026, 11, 24))[TEN]
    assert (found.basis, found.calls) == (Basis.SAME_WEEKDAY, 3.0)
    fewer = [*tuesdays[1:], *others]
    assert forecast({}, fewer).day(date(2026, 11, 24))[TEN].basis is Basis.SAME_KIND
    # Of two that are as few, the narrower one.
    alone = forecast({}, tuesdays[:1]).day(date(2026, 11, 24))[TEN]
    assert (alone.basis, alone.days) == (Basis.SAME_WEEKDAY, 1)
