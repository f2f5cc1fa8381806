"""Which days people work: weekends, public holidays, and the working days that are moved for them.

The State Council moves days (调休): a Saturday or Sunday can be a working day, a weekday a holiday.
It publishes the list of a year in the November before, so a list can be missing. A day of such a
year is reckoned by its weekday alone and says so (`DaySource.ASSUMED`): nothing is guessed
silently, and from November on the missing list of the next year is a warning.

What an admin enters stands above the published list, day by day. An admin who has entered a whole
year declares it, and then it counts as known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

SATURDAY = 5
WARN_FROM_MONTH = 11
"""The list of the next year is published in November."""


class DayKind(StrEnum):
    """What a day is to those who work."""

    WORKDAY = "workday"
    """Monday to Friday, and no holiday."""
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    """A public holiday, or a day off that was moved to it."""
    MOVED_WORKDAY = "moved_workday"
    """A Saturday or Sunday that is worked (调休上班)."""

    @property
    def works(self) -> bool:
        """Whether offices work."""
        return self in (DayKind.WORKDAY, DayKind.MOVED_WORKDAY)

    @property
    def differs(self) -> bool:
        """Whether the day is other than its weekday says."""
        return self in (DayKind.HOLIDAY, DayKind.MOVED_WORKDAY)


class DaySource(StrEnum):
    """Where the kind of a day is known from."""

    OFFICIAL = "official"
    """The published list."""
    ADMIN = "admin"
    ASSUMED = "assumed"
    """By the weekday alone: no list of that year is known."""


@dataclass(frozen=True, slots=True)
class NamedDay:
    """What a list says of one day."""

    kind: DayKind
    name: str = ""
    """Of the holiday, for people; '' if it has none."""


@dataclass(frozen=True, slots=True)
class OfficialDays:
    """The published lists: of `first_year` … `last_year`, the days that differ."""

    first_year: int
    last_year: int
    days: Mapping[date, NamedDay] = field(default_factory=dict)

    def knows(self, year: int) -> bool:
        """Whether the list of `year` is there."""
        return self.first_year <= year <= self.last_year


@dataclass(frozen=True, slots=True)
class DayFacts:
    """One day, and how that is known."""

    day: date
    kind: DayKind
    name: str
    source: DaySource


class WarningCode(StrEnum):
    """What is missing."""

    YEAR_MISSING = "year_missing"
    """The present year's list: holidays pass for ordinary days now."""
    NEXT_YEAR_MISSING = "next_year_missing"


@dataclass(frozen=True, slots=True)
class CalendarWarning:
    """Something that an admin should mend before it matters."""

    code: WarningCode
    year: int
    message: str


@dataclass(frozen=True, slots=True)
class Workdays:
    """The lists, and what an admin put above them."""

    official: OfficialDays
    admin: Mapping[date, NamedDay] = field(default_factory=dict)
    declared: Collection[int] = frozenset()
    """Years that an admin has entered whole."""

    def knows(self, year: int) -> bool:
        """Whether the days of `year` are known."""
        return self.official.knows(year) or year in self.declared

    def facts(self, day: date) -> DayFacts:
        """What `day` is; with source `ASSUMED` if nobody has said."""
        if (entered := self.admin.get(day)) is not None:
            return DayFacts(day, entered.kind, entered.name, DaySource.ADMIN)
        if self.official.knows(day.year):
            listed = self.official.days.get(day) or NamedDay(plain_kind(day))
            return DayFacts(day, listed.kind, listed.name, DaySource.OFFICIAL)
        source = DaySource.ADMIN if day.year in self.declared else DaySource.ASSUMED
        return DayFacts(day, plain_kind(day), "", source)

    def works(self, day: date) -> bool:
        """Whether offices work on `day`."""
        return self.facts(day).kind.works

    def warnings(self, today: date) -> tuple[CalendarWarning, ...]:
        """Lists that are missing on `today`; the present year's first."""
        found = []
        if not self.knows(today.year):
            found.append(
                CalendarWarning(
                    WarningCode.YEAR_MISSING,
                    today.year,
                    f"the public holidays of {today.year} are not known, and its days pass for"
                    f" ordinary ones: enter them (PUT /api/holidays/years/{today.year})",
                )
            )
        following = today.year + 1
        if today.month >= WARN_FROM_MONTH and not self.knows(following):
            found.append(
                CalendarWarning(
                    WarningCode.NEXT_YEAR_MISSING,
                    following,
                    f"the public holidays of {following} are not known yet: enter them"
                    f" (PUT /api/holidays/years/{following}) or update chinesecalendar",
                )
            )
        return tuple(found)


def plain_kind(day: date) -> DayKind:
    """What the weekday alone says."""
    return DayKind.WEEKEND if day.weekday() >= SATURDAY else DayKind.WORKDAY


def days_between(first: date, last: date) -> Iterator[date]:
    """The days from `first` to `last`, both included."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
