"""When the line is open.

A week of spans in the city's own time, and days that differ from it. Without any weekly span the
line is open around the clock, as a 12345 hotline should be; special days still apply. A span over
midnight is written as two: until 1440 and from 0. A minute belongs to the span that it begins in:
open at `opens`, closed at `closes`.

What a day has of its own comes first from its special day, then from a special period (24 hours
at Spring Festival), then from what is done on public holidays and moved working days, and last
from its weekday (`overlay`).

Everything here reckons on the city's wall clock; the caller converts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise

from callcenter.workforce.domain.workdays import DayKind, Workdays, days_between

DAY_MINUTES = 1440
WEEK_DAYS = 7


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Open from `opens` to `closes`, minutes after midnight, ``0 ≤ opens < closes ≤ 1440``."""

    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not 0 <= self.opens < self.closes <= DAY_MINUTES:
            raise ValueError(f"span {self.opens}–{self.closes}: needs 0 ≤ opens < closes ≤ 1440")


Week = Sequence[Sequence[Span]]
"""Spans of Monday … Sunday; all empty means open around the clock."""

Spans = tuple[Span, ...]
"""Of one day, such as before and after lunch; none: closed."""

SpecialDays = Mapping[date, Spans]
"""Days that differ, and when they are open."""

ALL_DAY = Span(0, DAY_MINUTES)
ALWAYS: Week = ((),) * WEEK_DAYS


@dataclass(frozen=True, slots=True)
class Calendar:
    """The whole opening calendar."""

    week: Week = ALWAYS
    special_days: SpecialDays = field(default_factory=dict)


class HolidayOpening(StrEnum):
    """What is done on public holidays."""

    AS_WEEK = "as_week"
    """As on any such weekday; a line that is always open stays so."""
    CLOSED = "closed"
    HOURS = "hours"
    """Open in spans of their own."""


@dataclass(frozen=True, slots=True)
class HolidayRule:
    """What is done on public holidays and on weekends that are worked."""

    holidays: HolidayOpening = HolidayOpening.AS_WEEK
    hours: Spans = ()
    """Of `HolidayOpening.HOURS`."""
    moved_workday_as: int | None = None
    """The weekday (0 Monday) whose spans a moved working day has; None: its own."""

    def __post_init__(self) -> None:
        if (self.holidays is HolidayOpening.HOURS) != bool(self.hours):
            raise ValueError("hours belong to `hours`, and to nothing else")
        if self.moved_workday_as is not None and not 0 <= self.moved_workday_as < WEEK_DAYS:
            raise ValueError("moved_workday_as: 0 Monday … 6 Sunday")


@dataclass(frozen=True, slots=True)
class Period:
    """Days in a row that differ, `first` and `last` included, and when each of them is open."""

    first: date
    last: date
    spans: Spans

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("last must not be before first")


def overlay(
    calendar: Calendar, periods: Iterable[Period], rule: HolidayRule, workdays: Workdays
) -> SpecialDays:
    """All days that differ from the week, whatever the reason.

    Of periods that share a day the one that begins later holds, as it is the narrower one. Days
    of years without a list of holidays are ordinary ones here; `Workdays.warnings` tells.
    """
    days: dict[date, Spans] = {}
    as_weekday = rule.moved_workday_as if any(calendar.week) else None
    moved = None if as_weekday is None else tuple(calendar.week[as_weekday])
    for day in (*workdays.official.days, *workdays.admin):
        kind = workdays.facts(day).kind
        if kind is DayKind.HOLIDAY and rule.holidays is not HolidayOpening.AS_WEEK:
            days[day] = rule.hours
        elif kind is DayKind.MOVED_WORKDAY and moved is not None:
            days[day] = moved
    for period in sorted(periods, key=lambda p: (p.first, -p.last.toordinal())):
        for day in days_between(period.first, period.last):
            days[day] = period.spans
    return {**days, **calendar.special_days}


def open_moments(
    first: date, last: date, week: Week, special_days: SpecialDays, zone: tzinfo
) -> Iterator[tuple[datetime, datetime]]:
    """When the line is open from `first` to `last`, both included, in UTC; touching ones joined."""
    pending: tuple[datetime, datetime] | None = None
    for day in days_between(first, last):
        midnight = datetime.combine(day, time())
        for span in spans_of(day, week, special_days):
            opens, closes = (
                (midnight + timedelta(minutes=minute)).replace(tzinfo=zone).astimezone(UTC)
                for minute in (span.opens, span.closes)
            )
            if pending is not None and pending[1] >= opens:
                pending = (pending[0], closes)
                continue
            if pending is not None:
                yield pending
            pending = (opens, closes)
    if pending is not None:
        yield pending


def overlap(spans: Iterable[Span]) -> tuple[Span, Span] | None:
    """The first two spans of one day that share a minute, or None. Touching is not sharing."""
    for first, second in pairwise(sorted(spans)):
        if second.opens < first.closes:
            return first, second
    return None


def spans_of(day: date, week: Week, special_days: SpecialDays) -> Spans:
    """The open spans of `day`, in order; touching ones are joined."""
    if day in special_days:
        return _joined(special_days[day])
    if not any(week):
        return (ALL_DAY,)
    return _joined(week[day.weekday()])


def _joined(spans: Iterable[Span]) -> Spans:
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.opens <= joined[-1].closes:
            joined[-1] = Span(joined[-1].opens, max(joined[-1].closes, span.closes))
        else:
            joined.append(span)
    return tuple(joined)


def words_of(spans: Iterable[Span]) -> str:
    """`spans` as one text: ``540-720 780-1020``, in order; empty for a closed day."""
    return " ".join(f"{span.opens}-{span.closes}" for span in sorted(spans))


def spans_in(words: str) -> Spans:
    """The spans in `words` of `words_of`."""
    halves = (word.split("-") for word in words.split())
    return tuple(Span(int(opens), int(closes)) for opens, closes in halves)


def is_open(now_local: datetime, week: Week, special_days: SpecialDays) -> bool:
    """Whether the line is open at `now_local`, a moment on the city's wall clock."""
    minute = now_local.hour * 60 + now_local.minute
    return any(
        span.opens <= minute < span.closes
        for span in spans_of(now_local.date(), week, special_days)
    )


def next_opening(now_local: datetime, week: Week, special_days: SpecialDays) -> datetime | None:
    """The first moment from `now_local` on at which the line is open; `now_local` if it is.

    None if it never opens again (nothing but closed special days would do that, and they end,
    so this is only for a calendar at the end of time).
    """
    if is_open(now_local, week, special_days):
        return now_local
    for day in _days_that_tell(now_local.date(), special_days):
        for span in spans_of(day, week, special_days):
            opening = _moment(day, span.opens, now_local)
            if opening >= now_local:
                return opening
    return None


def closing(now_local: datetime, week: Week, special_days: SpecialDays) -> datetime | None:
    """The moment at which the line, open at `now_local`, closes; over midnights if it must.

    None if it is closed now, or never closes.
    """
    if not is_open(now_local, week, special_days):
        return None
    until = now_local.hour * 60 + now_local.minute
    for day in _days_that_tell(now_local.date(), special_days):
        holding = [s for s in spans_of(day, week, special_days) if s.opens <= until < s.closes]
        if not holding:
            return _moment(day, 0, now_local)
        if holding[0].closes < DAY_MINUTES:
            return _moment(day, holding[0].closes, now_local)
        until = 0
    return None


def _days_that_tell(first: date, special_days: SpecialDays) -> Iterator[date]:
    """The days from `first` on, in order, until nothing new can come.

    Among one week more than there are special days, one week has none and shows the pattern as it
    is. After it, only special days can still differ.
    """
    coming = sorted(day for day in special_days if day >= first)
    last = min(first.toordinal() + WEEK_DAYS * (len(coming) + 1), date.max.toordinal())
    yield from map(date.fromordinal, range(first.toordinal(), last + 1))
    yield from (day for day in coming if day.toordinal() > last)


def _moment(day: date, minute: int, like: datetime) -> datetime:
    return datetime.combine(day, time(minute // 60, minute % 60), tzinfo=like.tzinfo)
