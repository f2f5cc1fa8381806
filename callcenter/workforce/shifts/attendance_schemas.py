"""JSON forms of who should be here, who is, and who was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pydantic import (
    AwareDatetime,
    BaseModel,
    Field,
)

from callcenter.workforce.domain.attendance import Attendance, Attended
from callcenter.workforce.domain.shifts import (
    Assignment,
)
from callcenter.workforce.opening.holiday_schemas import WarningOut
from callcenter.workforce.opening.schemas import OpeningNowOut
from callcenter.workforce.shifts.attendance import ShiftsNow


class AttendedOut(BaseModel):
    """One shift as it was kept, or stands."""

    entry_id: int
    user_id: int
    name: str
    day: date
    shift_id: int
    starts: AwareDatetime
    ends: AwareDatetime
    attendance: Attendance
    needs_attention: bool
    came_at: AwareDatetime | None
    left_at: AwareDatetime | None
    late_seconds: int = Field(description="Above the grace only.")
    early_seconds: int
    present_seconds: int

    @staticmethod
    def from_attended(attended: Attended, names: Mapping[int, str]) -> AttendedOut:
        """As the service gives it."""
        assignment = attended.assignment
        return AttendedOut(
            entry_id=assignment.entry_id,
            user_id=assignment.user_id,
            name=names.get(assignment.user_id, ""),
            day=assignment.day,
            shift_id=assignment.shift_id,
            starts=assignment.starts,
            ends=assignment.ends,
            attendance=attended.attendance,
            needs_attention=attended.attendance.needs_attention,
            came_at=attended.came_at,
            left_at=attended.left_at,
            late_seconds=attended.late_seconds,
            early_seconds=attended.early_seconds,
            present_seconds=attended.present_seconds,
        )


class DutyOut(BaseModel):
    """Who answers for the line today."""

    entry_id: int
    user_id: int
    name: str
    starts: AwareDatetime
    ends: AwareDatetime

    @staticmethod
    def from_assignment(assignment: Assignment, names: Mapping[int, str]) -> DutyOut:
        """As the service gives it."""
        return DutyOut(
            entry_id=assignment.entry_id,
            user_id=assignment.user_id,
            name=names.get(assignment.user_id, ""),
            starts=assignment.starts,
            ends=assignment.ends,
        )


class UnplannedOut(BaseModel):
    """Somebody who is logged in though no shift of theirs runs: early, or still here."""

    user_id: int
    name: str
    next_starts: AwareDatetime | None = Field(
        description="Of their own shifts; null: none begins until the end of tomorrow."
    )


class ShiftsNowOut(BaseModel):
    """The line and its people at this moment."""

    now: AwareDatetime
    opening: OpeningNowOut
    expected: list[AttendedOut] = Field(description="Whose shift runs, and who is on leave.")
    unplanned: list[UnplannedOut] = Field(
        description="Logged in without a shift; with the setting members_by_shift they are offered"
        " no calls."
    )
    on_duty: list[DutyOut]
    covered: int = Field(description="People on shift, without leave.")
    needed: int = Field(description="0 while the line is closed.")
    next_change: AwareDatetime | None
    warnings: list[WarningOut] = Field(description="Of the calendar of holidays.")

    @staticmethod
    def from_now(now: ShiftsNow) -> ShiftsNowOut:
        """As the service gives it."""
        return ShiftsNowOut(
            now=now.now,
            opening=OpeningNowOut.model_validate(now.opening),
            expected=[AttendedOut.from_attended(a, now.names) for a in now.expected],
            unplanned=[
                UnplannedOut(
                    user_id=one.user_id,
                    name=now.names.get(one.user_id, ""),
                    next_starts=one.next_starts,
                )
                for one in now.unplanned
            ],
            on_duty=[DutyOut.from_assignment(a, now.names) for a in now.on_duty],
            covered=now.covered,
            needed=now.needed,
            next_change=now.next_change,
            warnings=[WarningOut.model_validate(warning) for warning in now.warnings],
        )
