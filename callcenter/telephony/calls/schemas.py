"""JSON forms of calls."""

from __future__ import annotations

from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

from callcenter.people.citizens import AboutCitizen, shown_number, shown_party
from callcenter.telephony.domain.ledger import (
    Direction,
    EndedBy,
    Outcome,
    RingEnd,
    TransferEnd,
    TransferKind,
    Via,
    VisitEnd,
)

_CALL = "pbx1:1795407499.12"
CALL_EXAMPLE: dict[str, JsonValue] = {
    "id": _CALL,
    "node": "pbx1",
    "direction": "inbound",
    "caller_number": "13800138000",
    "caller_name": "",
    "confidential": False,
    "called_number": "12345",
    "started_at": "2026-11-24T03:57:04.054317Z",
    "answered_at": "2026-11-24T03:57:09.080027Z",
    "ended_at": "2026-11-24T04:01:13.068858Z",
    "ended_by": "caller",
    "outcome": "answered",
    "route": "queue",
    "queue": "12345",
    "seat": "8002",
    "first_seat": "8001",
}
_VISIT: dict[str, JsonValue] = {
    "id": f"{_CALL}/q1",
    "queue": "12345",
    "joined_at": "2026-11-24T03:57:04.059771Z",
    "left_at": "2026-11-24T03:57:09.080027Z",
    "how": "connected",
}
_RING: dict[str, JsonValue] = {
    "id": f"{_CALL}/r1",
    "visit_id": f"{_CALL}/q1",
    "seat": "8001",
    "rang_at": "2026-11-24T03:57:04.072183Z",
    "ended_at": "2026-11-24T03:57:09.077164Z",
    "how": "answered",
}
_TALK: dict[str, JsonValue] = {
    "id": f"{_CALL}/t1",
    "seat": "8001",
    "via": "queue",
    "started_at": "2026-11-24T03:57:09.080027Z",
    "ended_at": "2026-11-24T03:59:00.426723Z",
    "ended_by": "transfer",
}
_TRANSFER: dict[str, JsonValue] = {
    "id": f"{_CALL}/x1",
    "kind": "blind",
    "from_seat": "8001",
    "target": "8002",
    "at": "2026-11-24T03:59:00.426555Z",
    "how": "completed",
}
_RECORDING: dict[str, JsonValue] = {
    "id": f"{_CALL}/rec1",
    "started_at": "2026-11-24T03:57:09.080027Z",
    "ended_at": "2026-11-24T04:01:13.068858Z",
    "bridged_ms": 243_900,
    "gaps": "61200-74800",
}
_MESSAGE: dict[str, JsonValue] = {
    "id": f"{_CALL}/vm1",
    "reason": "closed",
    "started_at": "2026-11-24T03:57:20.080027Z",
    "ended_at": "2026-11-24T03:57:50.080027Z",
}
_RATING: dict[str, JsonValue] = {
    "id": f"{_CALL}/s1",
    "seat": "8002",
    "score": 5,
    "at": "2026-11-24T04:01:20.068858Z",
}
DETAIL_EXAMPLE: dict[str, JsonValue] = {
    **CALL_EXAMPLE,
    "case_number": "20261124-00017",
    "visits": [_VISIT],
    "rings": [_RING],
    "talks": [_TALK],
    "transfers": [_TRANSFER],
    "recordings": [_RECORDING],
    "voice_messages": [],
    "ratings": [_RATING],
}


def _shown(example: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(from_attributes=True, json_schema_extra={"examples": [example]})


class CallOut(AboutCitizen):
    """A call as lists show it."""

    model_config = _shown(CALL_EXAMPLE)

    id: str = Field(description="node:uniqueid of the call's first channel.")
    node: str
    direction: Direction
    caller_number: str = Field(description="In one form; empty: withheld.")
    caller_name: str
    called_number: str
    started_at: AwareDatetime
    answered_at: AwareDatetime | None = Field(description="First moment with a person.")
    ended_at: AwareDatetime | None = Field(description="Null: it goes on.")
    ended_by: EndedBy | None
    outcome: Outcome
    route: str
    queue: str = Field(description="The first queue asked for.")
    seat: str = Field(description="Who talked last, or talks now.")
    first_seat: str

    @model_validator(mode="after")
    def _called_as_allowed(self) -> Self:
        # Of a call that we made, or tried to, the citizen is the one who was called.
        if self.direction is Direction.OUTBOUND:
            self.called_number = shown_number(self.called_number, confidential=self.confidential)
        elif self.direction is Direction.INTERNAL:
            self.called_number = shown_party(self.called_number, confidential=self.confidential)
        return self


class VisitOut(BaseModel):
    """One stay in a queue."""

    model_config = _shown(_VISIT)

    id: str
    queue: str
    joined_at: AwareDatetime
    left_at: AwareDatetime | None
    how: VisitEnd | None


class RingOut(BaseModel):
    """One offer to a seat."""

    model_config = _shown(_RING)

    id: str
    visit_id: str | None
    seat: str
    rang_at: AwareDatetime
    ended_at: AwareDatetime | None
    how: RingEnd | None


class TalkOut(BaseModel):
    """One conversation of the caller with a seat or an outside number."""

    model_config = _shown(_TALK)

    id: str
    seat: str
    via: Via
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    ended_by: EndedBy | None


class TransferOut(BaseModel):
    """One transfer, however it was asked for."""

    model_config = _shown(_TRANSFER)

    id: str
    kind: TransferKind
    from_seat: str
    target: str
    at: AwareDatetime
    how: TransferEnd


class RecordingOfCall(BaseModel):
    """What was recorded; `/api/recordings` says what became of the file."""

    model_config = _shown(_RECORDING)

    id: str
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    bridged_ms: int = Field(description="How long caller and seat were together.")
    gaps: str = Field(
        description="Where it was paused for private data, milliseconds from its beginning:"
        " `1200-3400 9000-`; one without an end goes on."
    )


class MessageOfCall(BaseModel):
    """A voice message; `/api/voice-messages` has its audio."""

    model_config = _shown(_MESSAGE)

    id: str
    reason: str
    started_at: AwareDatetime
    ended_at: AwareDatetime | None


class RatingOut(BaseModel):
    """The caller's score."""

    model_config = _shown(_RATING)

    id: str
    seat: str
    score: int
    at: AwareDatetime


class CallDetailOut(CallOut):
    """A call with all that belongs to it, each in the order in which it happened."""

    model_config = _shown(DETAIL_EXAMPLE)

    case_number: str | None = Field(
        description="The case that it opened or, of an outbound call, is about."
    )
    visits: list[VisitOut]
    rings: list[RingOut]
    talks: list[TalkOut]
    transfers: list[TransferOut]
    recordings: list[RecordingOfCall]
    voice_messages: list[MessageOfCall]
    ratings: list[RatingOut]
