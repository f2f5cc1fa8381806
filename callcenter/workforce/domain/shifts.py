"""Shifts: the pattern of a day's work, the rotation of people through patterns, and who is on.

A pattern is written on the city's wall clock: "22:00 for ten hours" is what people read on the
wall, over midnight too, and belongs to the day that it begins on. It becomes two moments only
together with a day and a zone, so that a clock that is put forward or back (as the city's was
until 1991) changes how long a night lasts, and never when it begins or ends.

A rotation is a circle of patterns and days off. Every `every_days` days each member goes one place
on; members stand at different places, so that the line is staffed while everybody takes turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise

from callcenter.workforce.domain.opening import DAY_MINUTES

LONGEST_SHIFT_MINUTES = DAY_MINUTES
"""A duty of 24 hours; more is two shifts."""


class ShiftKind(StrEnum):
    """What somebody does in a shift."""

    SEAT = "seat"
    """Takes calls: counts as cover, is expected at a seat, follows into the queue."""
    DUTY = "duty"
    """Answers for the line that day (值班), wherever they are: covers no seat."""

    @property
    def covers(self) -> bool:
        """Whether somebody in such a shift answers callers."""
        return self is ShiftKind.SEAT


class EntrySource(StrEnum):
    """How an entry came into the rota."""

    ROTATION = "rotation"
    """Planned by a rotation, and replaced when that is planned anew."""
    MANUAL = "manual"
    IMPORT = "import"
    SWAP = "swap"


@dataclass(frozen=True, slots=True)
class ShiftPattern:
    """A day's work: `starts` minutes after midnight, for `minutes`."""

    starts: int
    minutes: int
    kind: ShiftKind = ShiftKind.SEAT

    def __post_init__(self) -> None:
        if not 0 <= self.starts < DAY_MINUTES:
            raise ValueError(f"starts {self.starts}: needs 0 ≤ starts < 1440")
        if not 0 < self.minutes <= LONGEST_SHIFT_MINUTES:
            raise ValueError(f"minutes {self.minutes}: needs 0 < minutes ≤ 1440")

    @property
    def over_midnight(self) -> bool:
        """Whether it ends on the next day."""
        return self.starts + self.minutes > DAY_MINUTES

    def on(self, day: date, zone: tzinfo) -> tuple[datetime, datetime]:
        """When the shift of `day` begins and ends, in UTC."""
        begins = datetime.combine(day, time(self.starts // 60, self.starts % 60))
        # Naive arithmetic is the wall clock's.
        ends = begins + timedelta(minutes=self.minutes)
        return _utc(begins, zone), _utc(ends, zone)


def _utc(wall: datetime, zone: tzinfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Rotation:
    """A circle of shifts (their ids; None is a day off) that begins at `anchor`."""

    circle: Sequence[int | None]
    every_days: int
    anchor: date
    workdays_only: bool = False
    """No shift on weekends and holidays, as offices have it; a moved working day has one."""

    def __post_init__(self) -> None:
        if not self.circle:
            raise ValueError("circle: a rotation needs at least one place")
        if self.every_days < 1:
            raise ValueError(f"every_days {self.every_days}: needs at least 1")

    @property
    def days(self) -> int:
        """After so many days everybody is where they were."""
        return len(self.circle) * self.every_days

    def place(self, day: date, offset: int) -> int:
        """The place in the circle, on `day`, of who began at place `offset`."""
        turns = (day - self.anchor).days // self.every_days
        return (turns + offset) % len(self.circle)

    def shift(self, day: date, offset: int) -> int | None:
        """Whose shift it is; None on a day off. `workdays_only` is the caller's to apply."""
        return self.circle[self.place(day, offset)]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One person's shift on one day, as moments (UTC)."""

    entry_id: int
    user_id: int
    shift_id: int
    day: date
    """The city's day that it begins on."""
    starts: datetime
    ends: datetime
    kind: ShiftKind = ShiftKind.SEAT

    def covers(self, moment: datetime) -> bool:
        """Whether the shift runs at `moment`; it has ended at `ends`."""
        return self.starts <= moment < self.ends

    def overlaps(self, starts: datetime, ends: datetime) -> bool:
        """Whether it shares any time with the span."""
        return self.starts < ends and starts < self.ends


def on_shift(assignments: Iterable[Assignment], moment: datetime) -> frozenset[int]:
    """Users whose shift at a seat runs at `moment`."""
    return frozenset(a.user_id for a in assignments if a.kind.covers and a.covers(moment))


@dataclass(frozen=True, slots=True)
class Cover:
    """How many seats are covered from `starts` to `ends`."""

    starts: datetime
    ends: datetime
    people: int


def cover(assignments: Iterable[Assignment], starts: datetime, ends: datetime) -> Iterator[Cover]:
    """The span in pieces, in order and without holes: within each the number is the same.

    Somebody with two shifts at once is one person.
    """
    relevant = [a for a in assignments if a.kind.covers and a.overlaps(starts, ends)]
    moments = sorted(
        {starts, ends}
        | {a.starts for a in relevant if a.starts > starts}
        | {a.ends for a in relevant if a.ends < ends}
    )
    begins = moments[0]
    people: int | None = None
    for moment, following in pairwise(moments):
        now = len(on_shift(relevant, moment))
        if people is not None and now != people:
            yield Cover(begins, moment, people)
            begins = moment
        people = now
        if following == ends:
            yield Cover(begins, ends, people)


def next_change(assignments: Iterable[Assignment], moment: datetime) -> datetime | None:
    """The first moment after `moment` at which a shift at a seat begins or ends."""
    later = [
        edge for a in assignments if a.kind.covers for edge in (a.starts, a.ends) if edge > moment
    ]
    return min(later, default=None)
