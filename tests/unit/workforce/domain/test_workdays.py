"""What days are: every day of 23 years against the published lists, and the years without one."""

from __future__ import annotations

from datetime import date, timedelta

import chinese_calendar  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.workforce.domain.workdays import (
    DayFacts,
    DayKind,
    DaySource,
    NamedDay,
    OfficialDays,
    WarningCode,
    Workdays,
    days_between,
    plain_kind,
)
from callcenter.workforce.opening.official import published

KNOWN = Workdays(published())
FIRST, LAST = date(2004, 1, 1), date(2026, 12, 31)


def test_every_day_of_23_years_is_what_the_published_lists_say() -> None:
    for day in days_between(FIRST, LAST):
        facts = KNOWN.facts(day)
        assert facts.kind.works == chinese_calendar.is_workday(day), day
        assert facts.source is DaySource.OFFICIAL
        # A day that differs from its weekday is the one that is called so, and no other.
        assert facts.kind.differs == (facts.kind is not plain_kind(day)), day


@pytest.mark.parametrize(
    ("day", "kind", "name"),
    [
        # 国务院办公厅关于2026年部分节假日安排的通知 (2025-11-04).
        ("2026-01-01", DayKind.HOLIDAY, "元旦"),
        ("2026-01-04", DayKind.MOVED_WORKDAY, "元旦"),
        ("2026-02-14", DayKind.MOVED_WORKDAY, "春节"),
        ("2026-02-15", DayKind.HOLIDAY, "春节"),
        ("2026-02-23", DayKind.HOLIDAY, "春节"),
        ("2026-02-24", DayKind.WORKDAY, ""),
        ("2026-02-28", DayKind.MOVED_WORKDAY, "春节"),
        ("2026-10-01", DayKind.HOLIDAY, "国庆节"),
        ("2026-10-07", DayKind.HOLIDAY, "国庆节"),
        ("2026-10-10", DayKind.MOVED_WORKDAY, "国庆节"),
        ("2026-10-11", DayKind.WEEKEND, ""),
        ("2026-11-24", DayKind.WORKDAY, ""),
    ],
)
def test_days_of_2026_are_as_the_state_council_published_them(
    day: str, kind: DayKind, name: str
) -> None:
    facts = KNOWN.facts(date.fromisoformat(day))
    assert (facts.kind, facts.name) == (kind, name)


def test_a_year_without_a_list_goes_by_weekdays_and_says_so() -> None:
    for day in days_between(date(2027, 1, 1), date(2028, 12, 31)):
        facts = KNOWN.facts(day)
        assert facts.source is DaySource.ASSUMED
        assert facts.kind is plain_kind(day)
        assert facts.kind.works == (day.weekday() < 5)


def test_a_declared_year_is_known_and_no_longer_assumed() -> None:
    new_year = date(2027, 1, 1)
    declared = Workdays(published(), {new_year: NamedDay(DayKind.HOLIDAY, "元旦")}, {2027})
    assert declared.facts(new_year).kind is DayKind.HOLIDAY
    assert declared.facts(date(2027, 3, 1)).source is DaySource.ADMIN
    assert declared.facts(date(2028, 3, 1)).source is DaySource.ASSUMED
    assert declared.warnings(date(2027, 6, 1)) == ()


def test_one_entered_day_does_not_make_a_year_known() -> None:
    entered = Workdays(published(), {date(2027, 1, 1): NamedDay(DayKind.HOLIDAY)})
    assert entered.facts(date(2027, 1, 1)).source is DaySource.ADMIN
    assert entered.facts(date(2027, 1, 4)).source is DaySource.ASSUMED
    assert [w.code for w in entered.warnings(date(2026, 11, 1))] == [WarningCode.NEXT_YEAR_MISSING]


def test_warnings_on_every_day_of_four_years() -> None:
    for today in days_between(date(2025, 1, 1), date(2028, 12, 31)):
        codes = {(w.code, w.year) for w in KNOWN.warnings(today)}
        expected = set()
        if today.year > 2026:
            expected.add((WarningCode.YEAR_MISSING, today.year))
        if today >= date(2026, 11, 1) and today.month >= 11:
            expected.add((WarningCode.NEXT_YEAR_MISSING, today.year + 1))
        assert codes == expected, today


def test_a_warning_says_which_year_and_what_to_do() -> None:
    (warning,) = KNOWN.warnings(date(2026, 11, 24))
    assert warning.year == 2027
    assert "/api/holidays/years/2027" in warning.message


days = st.dates(date(2004, 1, 1), date(2035, 12, 31))


@given(st.dictionaries(days, st.builds(NamedDay, st.sampled_from(DayKind))), days)
def test_what_an_admin_says_stands_above_every_list(admin: dict[date, NamedDay], day: date) -> None:
    known = Workdays(published(), admin)
    facts = known.facts(day)
    if day in admin:
        assert (facts.kind, facts.source) == (admin[day].kind, DaySource.ADMIN)
    else:
        assert facts == KNOWN.facts(day)


@given(days, st.integers(0, 800))
def test_days_between_are_all_days_once(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    found = list(days_between(first, last))
    assert found[0] == first
    assert found[-1] == last
    assert len(set(found)) == len(found) == length + 1


def test_no_list_at_all_assumes_everything() -> None:
    nothing = Workdays(OfficialDays(1, 1))
    assert nothing.facts(date(2026, 10, 1)).source is DaySource.ASSUMED
    assert not nothing.knows(2026)


def test_a_warning_says_what_to_enter_and_where() -> None:
    nothing = Workdays(OfficialDays(2004, 2004))
    for one in nothing.warnings(date(2026, 11, 1)):
        assert f"of {one.year} are not known" in one.message
        assert f"PUT /api/holidays/years/{one.year}" in one.message
    assert len(nothing.warnings(date(2026, 11, 1))) == 2


def test_every_fact_of_a_day_by_where_it_is_known_from() -> None:
    new_year, fair = date(2026, 1, 1), date(2026, 3, 3)
    lists = OfficialDays(2026, 2026, {new_year: NamedDay(DayKind.HOLIDAY, "元旦")})
    known = Workdays(lists, {fair: NamedDay(DayKind.HOLIDAY, "庙会")}, frozenset({2027}))
    monday = date(2027, 1, 4)
    for day, kind, name, source in (
        (new_year, DayKind.HOLIDAY, "元旦", DaySource.OFFICIAL),
        (date(2026, 1, 2), DayKind.WORKDAY, "", DaySource.OFFICIAL),
        (fair, DayKind.HOLIDAY, "庙会", DaySource.ADMIN),
        (monday, DayKind.WORKDAY, "", DaySource.ADMIN),
        (date(2028, 1, 1), DayKind.WEEKEND, "", DaySource.ASSUMED),
    ):
        assert known.facts(day) == DayFacts(day, kind, name, source)
