"""JSON forms of shift patterns, rotations and the rota."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StringConstraints,
    model_validator,
)

from callcenter.domain.attendance import Attendance, Attended
from callcenter.domain.opening import DAY_MINUTES
from callcenter.domain.rest_rules import ConflictCode, RotaConflict
from callcenter.domain.shifts import (
    LONGEST_SHIFT_MINUTES,
    Assignment,
    EntrySource,
    Rotation,
    ShiftKind,
    ShiftPattern,
)
from callcenter.opening.holiday_schemas import WarningOut
from callcenter.opening.schemas import OpeningNowOut
from callcenter.shifts.attendance import ShiftsNow
from callcenter.shifts.patterns import NewRotation, NewShift, RotationInfo, ShiftInfo
from callcenter.shifts.service import EntryInfo

PLACES_MAX = 366
MEMBERS_MAX = 2000


def _no_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("a NUL character cannot be stored")
    return value


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_no_nul),
]
Note = Annotated[str, Field(max_length=200), AfterValidator(_no_nul)]
UserId = Annotated[int, Field(strict=True, ge=1, lt=2**31)]
ShiftId = Annotated[int, Field(strict=True, ge=1, lt=2**31)]

_SHIFT: dict[str, JsonValue] = {
    "code": "night",
    "name": "夜班",
    "starts": 1320,
    "minutes": 600,
    "kind": "seat",
    "enabled": True,
}


class ShiftBody(BaseModel):
    """A pattern of a day's work."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_SHIFT]})

    code: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$", description="For files and programs.")
    name: Name
    starts: int = Field(strict=True, ge=0, lt=DAY_MINUTES, description="Minutes after midnight.")
    minutes: int = Field(
        strict=True,
        ge=1,
        le=LONGEST_SHIFT_MINUTES,
        description="How long; over midnight if it must.",
    )
    kind: ShiftKind = Field(
        ShiftKind.SEAT,
        description="seat: takes calls, covers the line; duty: answers for it, covers no seat.",
    )
    enabled: StrictBool = True

    def to_domain(self) -> NewShift:
        """As the service takes it."""
        return NewShift(
            self.code, self.name, ShiftPattern(self.starts, self.minutes, self.kind), self.enabled
        )


class ShiftOut(ShiftBody):
    """A pattern as it is kept."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _SHIFT | {"id": 3, "updated_by": "admin", "updated_at": "2026-11-24T03:57:04Z"}
            ]
        },
    )

    id: int
    updated_by: str
    updated_at: AwareDatetime

    @staticmethod
    def from_info(info: ShiftInfo) -> ShiftOut:
        """As the service gives it."""
        return ShiftOut(
            id=info.id,
            code=info.code,
            name=info.name,
            starts=info.pattern.starts,
            minutes=info.pattern.minutes,
            kind=info.pattern.kind,
            enabled=info.enabled,
            updated_by=info.updated_by,
            updated_at=info.updated_at,
        )


class MemberBody(BaseModel):
    """Somebody in a rotation."""

    model_config = ConfigDict(extra="forbid")

    user_id: UserId
    place: int = Field(
        strict=True, ge=0, description="Where in the circle they are on the anchor's day."
    )


_ROTATION: dict[str, JsonValue] = {
    "name": "三班倒",
    "circle": [1, 1, 2, 2, 3, 3, None, None],
    "every_days": 1,
    "anchor": "2026-12-01",
    "workdays_only": False,
    "members": [{"user_id": 7, "place": 0}, {"user_id": 8, "place": 2}],
}


class RotationBody(BaseModel):
    """A circle of shifts that members go round in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ROTATION]})

    name: Name
    circle: list[ShiftId | None] = Field(
        min_length=1, max_length=PLACES_MAX, description="Shifts in turn; null is a day off."
    )
    every_days: int = Field(1, strict=True, ge=1, le=366, description="Days at each place.")
    anchor: date = Field(description="Members are at their own `place` on this day.")
    workdays_only: StrictBool = Field(
        False, description="No shift on weekends and holidays; on a moved working day there is."
    )
    members: list[MemberBody] = Field(max_length=MEMBERS_MAX)

    @model_validator(mode="after")
    def _members_once(self) -> Self:
        if len({member.user_id for member in self.members}) < len(self.members):
            raise ValueError("members: somebody is there twice")
        return self

    def to_domain(self) -> NewRotation:
        """As the service takes it."""
        return NewRotation(
            self.name,
            Rotation(tuple(self.circle), self.every_days, self.anchor, self.workdays_only),
            {member.user_id: member.place for member in self.members},
        )


class RotationOut(RotationBody):
    """A rotation as it is kept."""

    id: int
    updated_by: str
    updated_at: AwareDatetime

    @staticmethod
    def from_info(info: RotationInfo) -> RotationOut:
        """As the service gives it."""
        return RotationOut(
            id=info.id,
            name=info.name,
            circle=list(info.rotation.circle),
            every_days=info.rotation.every_days,
            anchor=info.rotation.anchor,
            workdays_only=info.rotation.workdays_only,
            members=[
                MemberBody(user_id=user_id, place=place) for user_id, place in info.members.items()
            ],
            updated_by=info.updated_by,
            updated_at=info.updated_at,
        )


class GenerateBody(BaseModel):
    """Plan a rotation for some days."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"from": "2026-12-01", "to": "2026-12-31", "dry_run": True}]
        },
    )

    first: date = Field(alias="from")
    last: date = Field(alias="to", description="Included; 92 days at most.")
    dry_run: StrictBool = Field(False, description="Only say what would change.")


class GeneratedOut(BaseModel):
    """What planning did, or would do."""

    model_config = ConfigDict(from_attributes=True)

    added: int
    changed: int
    removed: int
    unchanged: int
    kept: int = Field(description="Days on which somebody else had planned; they stay.")
    assumed_years: list[int] = Field(
        description="Holidays of these years are not known, though the rotation goes by them."
    )


_ENTRY: dict[str, JsonValue] = {
    "id": 512,
    "user_id": 7,
    "name": "王芳",
    "day": "2026-12-01",
    "shift_id": 3,
    "shift_code": "night",
    "shift_name": "夜班",
    "kind": "seat",
    "starts": "2026-12-01T14:00:00Z",
    "ends": "2026-12-02T00:00:00Z",
    "on_leave": False,
    "source": "rotation",
    "rotation_id": 1,
    "note": "",
    "version": 1,
    "updated_by": "banzhang",
    "updated_at": "2026-11-24T03:57:04Z",
}


class EntryOut(BaseModel):
    """One person's shift on one day."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ENTRY]})

    id: int
    user_id: int
    name: str = Field(description="Empty: nobody with this id is a user.")
    day: date = Field(description="The city's day that it begins on.")
    shift_id: int
    shift_code: str
    shift_name: str
    kind: ShiftKind
    starts: AwareDatetime
    ends: AwareDatetime
    on_leave: bool = Field(description="Approved leave on that day: it does not count.")
    source: EntrySource
    rotation_id: int | None
    note: str
    version: int
    updated_by: str
    updated_at: AwareDatetime

    @staticmethod
    def from_info(info: EntryInfo) -> EntryOut:
        """As the service gives it."""
        return EntryOut(
            id=info.id,
            user_id=info.user_id,
            name=info.name,
            day=info.day,
            shift_id=info.shift_id,
            shift_code=info.shift_code,
            shift_name=info.shift_name,
            kind=info.assignment.kind,
            starts=info.assignment.starts,
            ends=info.assignment.ends,
            on_leave=info.on_leave,
            source=info.source,
            rotation_id=info.rotation_id,
            note=info.note,
            version=info.version,
            updated_by=info.updated_by,
            updated_at=info.updated_at,
        )


class EntryIn(BaseModel):
    """Put a shift into the rota."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"user_id": 7, "day": "2026-12-01", "shift_id": 3}]},
    )

    user_id: UserId
    day: date
    shift_id: ShiftId
    note: Note = ""


class EntryPatch(BaseModel):
    """Change an entry; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"version": 1, "user_id": 8}]}
    )

    version: int = Field(strict=True, description="Of the entry as you read it.")
    user_id: UserId | None = None
    shift_id: ShiftId | None = None
    note: Note | None = None


class ConflictOut(BaseModel):
    """Something wrong with the rota; it is named, not forbidden."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "too_little_rest",
                    "starts": "2026-12-01T14:00:00Z",
                    "ends": "2026-12-01T22:00:00Z",
                    "user_id": 7,
                    "name": "王芳",
                    "entries": [512, 519],
                    "facts": {"minutes": 480, "needed": 660},
                }
            ]
        }
    )

    code: ConflictCode
    starts: AwareDatetime
    ends: AwareDatetime
    user_id: int | None = Field(description="Null for the line's own: not_covered.")
    name: str
    entries: list[int]
    facts: dict[str, int] = Field(description="minutes, days, people; needed, allowed.")

    @staticmethod
    def from_conflict(conflict: RotaConflict, names: Mapping[int, str]) -> ConflictOut:
        """As the service gives it."""
        return ConflictOut(
            code=conflict.code,
            starts=conflict.starts,
            ends=conflict.ends,
            user_id=conflict.user_id,
            name=names.get(conflict.user_id, "") if conflict.user_id is not None else "",
            entries=list(conflict.entries),
            facts=dict(conflict.facts),
        )


class SavedEntryOut(BaseModel):
    """An entry that was saved, and what is wrong with that person's shifts around it."""

    entry: EntryOut
    conflicts: list[ConflictOut]


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


class ImportedOut(BaseModel):
    """What a file changed."""

    model_config = ConfigDict(from_attributes=True)

    added: int
    changed: int
    removed: int
    unchanged: int


class FeedOut(BaseModel):
    """The secret address of a feed; shown this once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"path": "/calendar/VfJ0m1fXq1xF4dWm3m0b3s2yGQmFb1c2o0m7R8t9uEw.ics"}]
        }
    )

    path: str = Field(description="Behind the service's own address; a key, so keep it secret.")
