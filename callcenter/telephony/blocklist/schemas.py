"""JSON forms of the blocklist."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    field_validator,
)

from callcenter.people.citizens import shown_number
from callcenter.platform.http.sheets import SheetProblemOut
from callcenter.platform.http.versions import VersionIn
from callcenter.platform.moments import Moment
from callcenter.platform.texts import BLOCK, Line

Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), BLOCK
]

_EXAMPLE: dict[str, JsonValue] = {
    "id": 17,
    "version": 3,
    "number": "13800138000",
    "reason": "恶意骚扰,班长批准",
    "until": "2026-12-31T16:00:00Z",
    "created_by": "admin",
    "created_at": "2026-11-24T03:57:04Z",
    "active": True,
}


class BlockedOut(BaseModel):
    """A blocked number."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: int
    version: int
    number: str = Field(description="Normalised: 13800138000, 02161234567, +85221234567.")
    reason: str
    until: AwareDatetime | None = Field(description="Null: for good.")
    created_by: str
    created_at: AwareDatetime
    active: bool = Field(description="False once `until` has passed.")

    @field_validator("number")
    @classmethod
    def _as_allowed(cls, number: str) -> str:
        return shown_number(number)


class BlockIn(BaseModel):
    """Block a number."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "number": "+86 138 0013 8000",
                    "reason": "恶意骚扰,班长批准",
                    "until": "2026-12-31T16:00:00Z",
                }
            ]
        },
    )

    number: Line = Field(min_length=1, max_length=128, description="In any usual way of writing.")
    reason: Reason
    until: Moment | None = Field(None, description="Null: for good.")


class BlockPatch(VersionIn):
    """Change an entry; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "已核实,长期", "until": None}]}
    )

    reason: Reason | None = None
    until: Moment | None = Field(None, description="Null: for good.")


class BlockSheetOut(BaseModel):
    """What a sheet did, or in a dry run would do."""

    dry_run: bool
    created: int = Field(description="Numbers that were not in the list.")
    changed: int
    unchanged: int
    problems: list[SheetProblemOut] = Field(description="In a dry run only; else it is an error.")
