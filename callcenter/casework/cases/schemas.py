"""JSON forms of cases."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)

from callcenter.casework.domain.cases import CaseKind, CaseSource, CaseStatus, CaseValidity
from callcenter.people.citizens import AboutCitizen
from callcenter.platform.http.versions import VersionIn
from callcenter.platform.texts import BLOCK, LINE
from callcenter.telephony.domain.ledger import EndedBy, Outcome

CONTENT_MAX = 20_000
"""Characters: ten pages; what is longer is an attachment."""


Title = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), LINE]
Content = Annotated[str, StringConstraints(max_length=CONTENT_MAX), BLOCK]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), LINE]
Contact = Annotated[str, StringConstraints(strip_whitespace=True, max_length=128), LINE]
Address = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300), BLOCK]


CASE_EXAMPLE: dict[str, JsonValue] = {
    "number": "20261124-00017",
    "source": "call",
    "status": "open",
    "kind": "complaint",
    "validity": "valid",
    "title": "小区夜间施工噪音",
    "content": "市民反映工地连续三晚施工至凌晨两点。",
    "citizen_name": "王女士",
    "contact_number": "13800138000",
    "address": "解放路 18 号",
    "confidential": False,
    "call_id": "pbx1:1795407499.12",
    "caller_number": "13800138000",
    "caller_name": "",
    "called_number": "12345",
    "queue": "12345",
    "seat": "8002",
    "first_seat": "8001",
    "agent_id": None,
    "call_started_at": "2026-11-24T03:57:04.054317Z",
    "answered_at": "2026-11-24T03:57:09.080027Z",
    "call_ended_at": "2026-11-24T04:01:13.068858Z",
    "opened_at": "2026-11-24T03:57:09.080027Z",
    "updated_at": "2026-11-24T04:02:40Z",
    "version": 2,
}
EVENT_EXAMPLE: dict[str, JsonValue] = {
    "id": 41,
    "at": "2026-11-24T03:57:09.080027Z",
    "kind": "opened",
    "actor": "system",
    "data": {"source": "call", "seat": "8001", "queue": "12345"},
}
_CALL_EXAMPLE: dict[str, JsonValue] = {
    "id": "pbx1:1795407499.12",
    "outcome": "answered",
    "started_at": "2026-11-24T03:57:04.054317Z",
    "answered_at": "2026-11-24T03:57:09.080027Z",
    "ended_at": "2026-11-24T04:01:13.068858Z",
    "ended_by": "caller",
    "queue": "12345",
    "first_seat": "8001",
    "seat": "8002",
}
_MEDIA_EXAMPLE: dict[str, JsonValue] = {
    "id": "pbx1:1795407499.12/rec1",
    "kind": "recording",
    "status": "ready",
    "started_at": "2026-11-24T03:57:09.080027Z",
    "duration_ms": 243_900,
    "format": "opus",
    "bytes": 730_112,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "error": None,
}
DETAIL_EXAMPLE: dict[str, JsonValue] = {
    **CASE_EXAMPLE,
    "call": _CALL_EXAMPLE,
    "recordings": [_MEDIA_EXAMPLE],
    "voice_message": None,
    "events": [EVENT_EXAMPLE],
}


class CaseOut(AboutCitizen):
    """A case as lists show it."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [CASE_EXAMPLE]})

    number: str = Field(description="The city's day, and the count within it.")
    source: CaseSource = Field(description="What opened it.")
    status: CaseStatus
    kind: CaseKind | None = Field(description="Null until somebody has said it.")
    validity: CaseValidity
    title: str
    content: str
    citizen_name: str
    contact_number: str = Field(description="The caller's number until somebody changes it.")
    address: str
    call_id: str
    caller_number: str = Field(description="Empty: withheld.")
    caller_name: str
    called_number: str
    queue: str
    seat: str = Field(description="The seat that the caller talks to, or talked to last.")
    first_seat: str
    agent_id: int | None
    call_started_at: AwareDatetime
    answered_at: AwareDatetime | None
    call_ended_at: AwareDatetime | None
    opened_at: AwareDatetime
    updated_at: AwareDatetime
    version: int = Field(description="Counts what people saved; send it back when you save.")


class CallOfCase(BaseModel):
    """The call behind a case."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_CALL_EXAMPLE]})

    id: str
    outcome: Outcome
    started_at: AwareDatetime
    answered_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    ended_by: EndedBy | None
    queue: str
    first_seat: str
    seat: str


class MediaOfCase(BaseModel):
    """An audio file of a case; fields are null until the file is finished."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [_MEDIA_EXAMPLE]}
    )

    id: str
    kind: str
    status: str
    started_at: AwareDatetime | None = None
    duration_ms: int | None = None
    format: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    error: str | None = None


class CaseEventOut(BaseModel):
    """One step of a case's history."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [EVENT_EXAMPLE]})

    id: int
    at: AwareDatetime
    kind: str
    actor: str = Field(description="The token's name, or system.")
    data: dict[str, Any]


class CaseDetailOut(CaseOut):
    """A case with its call, its audio and its history."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [DETAIL_EXAMPLE]}
    )

    call: CallOfCase | None = Field(description="Null while the ledger is rebuilt.")
    recordings: list[MediaOfCase]
    voice_message: MediaOfCase | None
    events: list[CaseEventOut] = Field(description="The first 500, oldest first.")


class CasePatch(VersionIn):
    """What changes; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"version": 1, "kind": "complaint", "title": "小区夜间施工噪音", "status": "open"}
            ]
        },
    )

    status: CaseStatus | None = None
    kind: CaseKind | None = Field(None, description="Null: not said yet.")
    validity: CaseValidity | None = None
    title: Title | None = None
    content: Content | None = None
    citizen_name: Name | None = None
    contact_number: Contact | None = None
    address: Address | None = None
    confidential: bool | None = None
