"""How long a limit lasts: minutes round the clock, working hours, or working days.

One mechanism, three measures. A measure says which time counts: all of it, the office hours of the
days that are worked, or those days whole. A deadline is the first moment at which as much has
counted as the limit says. A pause takes away what would have counted within it, so a pause over a
weekend gives nothing to whom weekends do not count, and nobody can be given more by it than he
lost. What began outside of the time that counts begins when it counts again.

Which days are worked comes from outside (`Calendar`): weekends, holidays and moved days are no
business of this module. A reckoning that had to look at a day of a year whose holidays are not
known says that it is `provisional`.

Nothing is remembered here. Limit, begin and pauses are facts; a new rule or a new list of holidays
is reckoned anew from them, and no pause is forgotten by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Protocol

from callcenter.workforce.domain.opening import ALL_DAY, Span, Spans

ZERO = timedelta(0)
HORIZON_DAYS = 3660
"""Ten years: a calendar in which nobody works for so long is a fault, not an answer."""


class Calendar(Protocol):
    """Which days are worked."""

    def works(self, day: date) -> bool:
        """Whether offices work on `day`."""
        ...

    def knows(self, year: int) -> bool:
        """Whether the holidays and moved days of `year` are known."""
        ...


class Measure(StrEnum):
    """Which time counts."""

    MINUTES = "minutes"
    """All, day and night, holidays too."""
    WORKING_HOURS = "working_hours"
    """The office hours of days that are worked."""
    WORKING_DAYS = "working_days"
    """Days that are worked, from midnight to midnight."""

    @property
    def one(self) -> timedelta:
        """How much of the time that counts makes one."""
        return _ONE[self]


_ONE = {
    Measure.MINUTES: timedelta(minutes=1),
    Measure.WORKING_HOURS: timedelta(hours=1),
    Measure.WORKING_DAYS: timedelta(days=1),
}


class Start(StrEnum):
    """When a limit begins."""

    NOW = "now"
    NEXT_WORKING_DAY = "next_working_day"
    """At the midnight with which the next day begins that is worked."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many of a measure, from a start."""

    amount: int
    measure: Measure
    start: Start = Start.NOW

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise ValueError("a limit cannot be less than nothing")

    @property
    def length(self) -> timedelta:
        """Of the time that counts."""
        return self.amount * self.measure.one


@dataclass(frozen=True, slots=True)
class Pause:
    """Time that does not count, from `starts` until `ends`; None: it lasts."""

    starts: datetime
    ends: datetime | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.ends is not None and self.ends < self.starts:
            raise ValueError("a pause cannot end before it starts")


@dataclass(frozen=True, slots=True)
class Office:
    """Where time is reckoned: the days, the hours and the city's zone."""

    calendar: Calendar
    zone: tzinfo
    hours: Spans = (Span(8 * 60 + 30, 12 * 60), Span(13 * 60 + 30, 17 * 60 + 30))
    """Of a day that is worked, in order and without a shared minute."""

    def day_of(self, moment: datetime) -> date:
        """The day of `moment` on the city's clock."""
        return moment.astimezone(self.zone).date()

    def moment(self, day: date, minute: int = 0) -> datetime:
        """In UTC, `minute` minutes after the midnight with which `day` begins."""
        wall = datetime.combine(day, time()) + timedelta(minutes=minute)
        return wall.replace(tzinfo=self.zone).astimezone(UTC)

    def next_worked(self, after: date) -> date:
        """The first day after `after` that is worked."""
        for number in range(1, HORIZON_DAYS + 1):
            day = after + timedelta(days=number)
            if self.calendar.works(day):
                return day
        raise CalendarWithoutWork(after)


class CalendarWithoutWork(ValueError):
    """No day is worked for ten years after `args[0]`."""


@dataclass(frozen=True, slots=True)
class CountedDay:
    """What one day gave."""

    day: date
    works: bool
    known: bool
    """Whether the holidays of its year are."""
    counted: timedelta
    paused: timedelta
    """What would have counted, but for a pause."""


@dataclass(frozen=True, slots=True)
class CountedPause:
    """What one pause took of the time that counts; what two share is the earlier one's.

    Of a pause that lasts it is what its first day lost: the whole is known when it ends.
    """

    pause: Pause
    took: timedelta


@dataclass(frozen=True, slots=True)
class Reckoning:
    """A deadline, and everything that was counted on the way to it."""

    begins: datetime
    """The first moment that could count."""
    deadline: datetime | None
    """None while a pause lasts that it would fall into or behind."""
    left: timedelta
    """Not reached before the pause that lasts; nothing otherwise."""
    provisional: bool
    """A day was looked at whose year's holidays are not known."""
    days: tuple[CountedDay, ...]
    """Every day from that of the start on."""
    pauses: tuple[CountedPause, ...]

    @property
    def last_day(self) -> date:
        """The day that the deadline ends: Friday, where it is Friday's midnight."""
        return self.days[-1].day

    @property
    def counted(self) -> timedelta:
        """Of all days."""
        return sum((day.counted for day in self.days), ZERO)


def reckon(limit: Limit, started: datetime, pauses: Sequence[Pause], office: Office) -> Reckoning:
    """When `limit` is over that began at `started`, and how that was counted."""
    begins = _begin(limit, started, office)
    ordered = _in_order(pauses)
    took = [ZERO] * len(ordered)
    need = limit.length
    deadline = begins if need == ZERO else None
    days: list[CountedDay] = []
    for day in _days_from(office.day_of(started)):
        counted = paused = ZERO
        for piece in _pieces(day, limit.measure, begins, office):
            for part in _without(piece, ordered):
                length = part.ends - part.starts
                if deadline is not None:
                    break
                if part.pause is not None:
                    took[part.pause] += length
                    paused += length
                    continue
                used = min(length, need)
                counted += used
                need -= used
                if need == ZERO:
                    deadline = part.starts + used
        days.append(
            CountedDay(
                day, office.calendar.works(day), office.calendar.knows(day.year), counted, paused
            )
        )
        if _is_over(day, begins, deadline, ordered, office):
            break
    else:
        raise CalendarWithoutWork(office.day_of(started))
    asked = limit.measure is not Measure.MINUTES
    looked_at = [
        day
        for day in days
        if asked or (limit.start is Start.NEXT_WORKING_DAY and day.day <= office.day_of(begins))
    ]
    return Reckoning(
        begins,
        deadline,
        need,
        not all(day.known for day in looked_at),
        tuple(days),
        tuple(CountedPause(*pair) for pair in zip(ordered, took, strict=True)),
    )


def used(
    measure: Measure, begins: datetime, until: datetime, pauses: Sequence[Pause], office: Office
) -> timedelta:
    """How much of the time that counts passed from `begins` until `until`, pauses left out."""
    total = ZERO
    ordered = _in_order(pauses)
    for day in _days_from(office.day_of(begins)):
        if office.moment(day) >= until:
            break
        for piece in _pieces(day, measure, begins, office):
            for part in _without(piece, ordered):
                if part.pause is None:
                    total += max(ZERO, min(part.ends, until) - part.starts)
    return total


def earlier(limit: Limit, amount: int) -> Limit:
    """The limit that is over when `amount` of `limit` are left; at once if it has no more."""
    return replace(limit, amount=max(0, limit.amount - amount))


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of time that counts, or that the pause at `pause` takes away."""

    starts: datetime
    ends: datetime
    pause: int | None


def _begin(limit: Limit, started: datetime, office: Office) -> datetime:
    if limit.start is Start.NOW:
        return started.astimezone(UTC)
    return office.moment(office.next_worked(office.day_of(started)))


def _in_order(pauses: Sequence[Pause]) -> list[Pause]:
    return sorted(pauses, key=lambda pause: pause.starts)


def _days_from(first: date) -> Iterator[date]:
    for number in range(HORIZON_DAYS):
        yield first + timedelta(days=number)


def _pieces(
    day: date, measure: Measure, begins: datetime, office: Office
) -> Iterator[tuple[datetime, datetime]]:
    """The time of `day` that counts from `begins` on, in order."""
    spans: Spans = (ALL_DAY,)
    if measure is not Measure.MINUTES:
        if not office.calendar.works(day):
            return
        if measure is Measure.WORKING_HOURS:
            spans = office.hours
    for span in spans:
        starts, ends = office.moment(day, span.opens), office.moment(day, span.closes)
        if ends > begins:
            yield max(starts, begins), ends


def _without(piece: tuple[datetime, datetime], pauses: Sequence[Pause]) -> Iterator[_Part]:
    """`piece` in parts, in order: what counts, and what a pause takes; empty ones left out."""
    at, ends = piece
    for number, pause in enumerate(pauses):
        until = ends if pause.ends is None else min(ends, pause.ends)
        from_ = max(at, pause.starts)
        if from_ >= until:
            continue
        if at < from_:
            yield _Part(at, from_, None)
        yield _Part(from_, until, number)
        at = until
    if at < ends:
        yield _Part(at, ends, None)


def _is_over(
    day: date,
    begins: datetime,
    deadline: datetime | None,
    pauses: Sequence[Pause],
    office: Office,
) -> bool:
    """Whether no later day can tell more than `day` did."""
    midnight = office.moment(day + timedelta(days=1))
    if deadline is not None:
        return deadline <= midnight
    return begins < midnight and any(
        pause.ends is None and pause.starts < midnight for pause in pauses
    )
