"""JSON forms of the audit trail."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

ENTRY_EXAMPLE: dict[str, JsonValue] = {
    "seq": 4711,
    "at": "2026-11-24T03:58:11.207713Z",
    "actor": "wang.fang",
    "actor_kind": "user",
    "user_id": 12,
    "address": "10.3.0.17",
    "action": "case.read",
    "subject": "case:20261124-00017",
    "data": {"confidential": False},
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}


class TrailOut(BaseModel):
    """One entry."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [ENTRY_EXAMPLE]})

    seq: int = Field(description="1, 2, 3 … without a gap.")
    at: AwareDatetime
    actor: str = Field(description="A user's login, a token's name, or system.")
    actor_kind: str = Field(
        description="user, token, system or command; empty in entries from before it was kept."
    )
    user_id: int | None = Field(description="Null: no person, or one who is not logged in.")
    address: str
    action: str = Field(description="Such as case.read, recording.listened, user.changed.")
    subject: str = Field(description="What it was done to.")
    data: dict[str, Any]
    sha256: str = Field(description="Covers this entry and the one before it.")
