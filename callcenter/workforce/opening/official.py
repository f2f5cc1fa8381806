"""The published lists of public holidays and moved working days, from the package chinesecalendar.

The package raises for a year that it does not know; here such a year is simply not in the table,
and `domain.workdays` says what that means.
"""

from __future__ import annotations

from functools import cache

from chinese_calendar.constants import (  # type: ignore[import-untyped]
    Holiday,
    holidays,
    workdays,
)

from callcenter.workforce.domain.workdays import DayKind, NamedDay, OfficialDays


@cache
def published() -> OfficialDays:
    """The lists that the installed package knows."""
    days = {
        **{day: NamedDay(DayKind.HOLIDAY, _name(name)) for day, name in holidays.items()},
        **{day: NamedDay(DayKind.MOVED_WORKDAY, _name(name)) for day, name in workdays.items()},
    }
    return OfficialDays(min(holidays).year, max(holidays).year, days)


_CHINESE: dict[str, str] = {holiday.value: holiday.chinese for holiday in Holiday}


def _name(english: str) -> str:
    return _CHINESE.get(english, english)
