"""JSON forms of shift patterns and rotations."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StringConstraints,
    model_validator,
)

from callcenter.platform.http.versions import VersionIn
from callcenter.platform.moments import CityDay
from callcenter.platform.texts import BLOCK, LINE
from callcenter.workforce.domain.opening import DAY_MINUTES
from callcenter.workforce.domain.shifts import (
    LONGEST_SHIFT_MINUTES,
    Rotation,
    ShiftKind,
    ShiftPattern,
)
from callcenter.workforce.shifts.patterns import NewRotation, NewShift, RotationInfo, ShiftInfo

PLACES_MAX = 366
MEMBERS_MAX = 2000


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), LINE]
Note = Annotated[str, Field(max_length=200), BLOCK]
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


class ShiftBody(VersionIn):
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
                _SHIFT
                | {
                    "id": 3,
                    "version": 3,
                    "updated_by": "admin",
                    "updated_at": "2026-11-24T03:57:04Z",
                }
            ]
        },
    )

    id: int
    version: int
    updated_by: str
    updated_at: AwareDatetime

    @staticmethod
    def from_info(info: ShiftInfo) -> ShiftOut:
        """As the service gives it."""
        return ShiftOut(
            id=info.id,
            version=info.version,
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
        strict=True,
        ge=0,
        lt=PLACES_MAX,
        description="Where in the circle they are on the anchor's day.",
    )


_ROTATION: dict[str, JsonValue] = {
    "name": "三班倒",
    "circle": [1, 1, 2, 2, 3, 3, None, None],
    "every_days": 1,
    "anchor": "2026-12-01",
    "workdays_only": False,
    "members": [{"user_id": 7, "place": 0}, {"user_id": 8, "place": 2}],
}


class RotationBody(VersionIn):
    """A circle of shifts that members go round in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ROTATION]})

    name: Name
    circle: list[ShiftId | None] = Field(
        min_length=1, max_length=PLACES_MAX, description="Shifts in turn; null is a day off."
    )
    every_days: int = Field(1, strict=True, ge=1, le=366, description="Days at each place.")
    anchor: CityDay = Field(description="Members are at their own `place` on this day.")
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
    version: int
    updated_by: str
    updated_at: AwareDatetime

    @staticmethod
    def from_info(info: RotationInfo) -> RotationOut:
        """As the service gives it."""
        return RotationOut(
            id=info.id,
            version=info.version,
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
