"""Who was there when they should have been: a shift held against the times of being logged in.

Late and early are told after a grace, in whole seconds of what is missing at the edge. A break in
the middle is neither: what people do while logged in is the agents' record. A shift that has not
ended is told as it stands: somebody who is not here yet is `MISSING`, and late or absent only in
the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from callcenter.workforce.domain.shifts import Assignment

PresentSpan = tuple[datetime, datetime | None]
"""Logged in from … to …; None: still. Aware."""


class Attendance(StrEnum):
    """How somebody kept a shift; stable, screens translate it."""

    UPCOMING = "upcoming"
    """It has not begun, or began within the grace."""
    MISSING = "missing"
    """It runs, and nobody has come."""
    PRESENT = "present"
    """It runs, and they came in time."""
    GONE = "gone"
    """It runs, they came and went."""
    KEPT = "kept"
    LATE = "late"
    LEFT_EARLY = "left_early"
    LATE_AND_LEFT_EARLY = "late_and_left_early"
    ABSENT = "absent"
    """It is over, and nobody came."""
    ON_LEAVE = "on_leave"

    @property
    def needs_attention(self) -> bool:
        """Whether a supervisor should look now or later."""
        return self not in (
            Attendance.UPCOMING,
            Attendance.PRESENT,
            Attendance.KEPT,
            Attendance.ON_LEAVE,
        )


@dataclass(frozen=True, slots=True)
class Attended:
    """One shift as it was kept, or stands."""

    assignment: Assignment
    attendance: Attendance
    came_at: datetime | None = None
    """First logged in during the shift, or its begin if they were there before."""
    left_at: datetime | None = None
    """Last logged out during the shift; None while there, or at its end."""
    late_seconds: int = 0
    """Above the grace only; counts on while they are missing."""
    early_seconds: int = 0
    present_seconds: int = 0


def judge(
    assignment: Assignment,
    presence: Iterable[PresentSpan],
    now: datetime,
    grace: timedelta,
) -> Attended:
    """How `assignment` was kept, or stands at `now`."""
    until = min(now, assignment.ends)
    spans = _within(presence, assignment.starts, until, now)
    over = now >= assignment.ends
    if not spans:
        late = max(until - assignment.starts, timedelta(0))
        if not over and late <= grace:
            return Attended(assignment, Attendance.UPCOMING)
        attendance = Attendance.ABSENT if over else Attendance.MISSING
        return Attended(assignment, attendance, late_seconds=_seconds(late))
    came, left = spans[0][0], max(ends for _, ends in spans)
    late = came - assignment.starts
    early = until - left
    is_late, is_early = late > grace, early > grace
    return Attended(
        assignment,
        _word(over=over, late=is_late, early=is_early),
        came_at=came,
        left_at=left if left < until else None,
        late_seconds=_seconds(late) if is_late else 0,
        early_seconds=_seconds(early) if is_early else 0,
        present_seconds=_seconds(_total(spans)),
    )


def _word(*, over: bool, late: bool, early: bool) -> Attendance:
    if not over and early:
        return Attendance.GONE
    if late and early:
        return Attendance.LATE_AND_LEFT_EARLY
    if late:
        return Attendance.LATE
    if early:
        return Attendance.LEFT_EARLY
    return Attendance.KEPT if over else Attendance.PRESENT


def _within(
    presence: Iterable[PresentSpan], starts: datetime, until: datetime, now: datetime
) -> list[tuple[datetime, datetime]]:
    """The spans cut to the shift, in order; those outside are gone."""
    cut = [(max(begun, starts), min(ended or now, until)) for begun, ended in presence]
    return sorted(span for span in cut if span[0] < span[1])


def _total(spans: Sequence[tuple[datetime, datetime]]) -> timedelta:
    """Time in any of the spans; a time in two counts once."""
    total, reached = timedelta(0), spans[0][0]
    for begun, ended in spans:
        total += max(ended - max(begun, reached), timedelta(0))
        reached = max(reached, ended)
    return total


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
