"""JSON forms of API tokens."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from callcenter.people.domain.permissions import Role
from callcenter.platform.texts import LINE

_EXAMPLE: dict[str, JsonValue] = {
    "name": "wall-board",
    "roles": ["analyst"],
    "created_at": "2026-11-24T03:57:04Z",
    "expires_at": "2027-11-24T03:57:04Z",
    "revoked_at": None,
}

TokenName = Annotated[str, StringConstraints(min_length=1, max_length=64), LINE]
Roles = Annotated[list[Role], Field(min_length=1, max_length=len(Role))]


class TokenOut(BaseModel):
    """A token without its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: str
    roles: list[Role]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = Field(
        description="From then on it is worth nothing. Null: an old one, without an end."
    )
    revoked_at: AwareDatetime | None = Field(description="Null: it is valid.")


class TokenIn(BaseModel):
    """Make a token."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "wall-board", "roles": ["analyst"]}]},
    )

    name: TokenName
    roles: Roles
    days: int | None = Field(
        None, ge=1, le=3650, description="How long it is valid; else the setting token_days."
    )


class TokenMadeOut(BaseModel):
    """A fresh token."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "wall-board", "token": "cc_…"}]}
    )

    name: str
    token: str = Field(description="Shown in this answer and never again.")
