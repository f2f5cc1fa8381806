"""JSON forms of recordings and of the log of removals."""

from __future__ import annotations

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
)

from callcenter.people.citizens import AboutCitizen
from callcenter.telephony.domain.media import MediaKind, MediaStatus

_AUDIO_EXAMPLE: dict[str, JsonValue] = {
    "status": "ready",
    "duration_ms": 243_900,
    "format": "opus",
    "channels": 2,
    "bytes": 730_112,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "wav_kept": False,
    "attempts": 1,
    "error": None,
    "finished_at": "2026-11-24T04:01:15.2Z",
    "removed_at": None,
}
RECORDING_EXAMPLE: dict[str, JsonValue] = {
    "id": "pbx1:1795407499.12/rec1",
    "call_id": "pbx1:1795407499.12",
    "started_at": "2026-11-24T03:57:09.080027Z",
    **_AUDIO_EXAMPLE,
    "expected_ms": 243_988,
    "expected_left_ms": 243_100,
    "expected_right_ms": 242_800,
    "left_ms": 243_820,
    "right_ms": 243_460,
    "caller_number": "13800138000",
    "confidential": False,
    "queue": "12345",
    "seat": "8002",
    "audio": "/api/recordings/pbx1:1795407499.12/rec1/audio",
}
REMOVAL_EXAMPLE: dict[str, JsonValue] = {
    "id": 3,
    "media_id": "pbx1:1795407499.12/rec1",
    "kind": "recording",
    "path": "2026/11/24/11/pbx1-1795407499.12.opus",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "bytes": 730_112,
    "reason": "age",
    "at": "2029-11-24T04:02:00Z",
}


class AudioFacts(BaseModel):
    """What became of an audio file; fields are null until it is finished."""

    status: MediaStatus
    duration_ms: int | None
    format: str | None = Field(description="opus or flac.")
    channels: int | None
    bytes: int | None
    sha256: str | None = Field(description="Of the finished file; also its ETag.")
    wav_kept: bool = Field(description="Whether the audio can be had with `wav=true` too.")
    attempts: int = Field(description="How often the media worker looked at it.")
    error: str | None = Field(description="Why it is not ready, in words.")
    finished_at: AwareDatetime | None
    removed_at: AwareDatetime | None


class RecordingOut(AudioFacts, AboutCitizen):
    """A recording: the caller left, whoever he talked to right."""

    model_config = ConfigDict(json_schema_extra={"examples": [RECORDING_EXAMPLE]})

    id: str
    call_id: str
    started_at: AwareDatetime = Field(description="When the caller was first put through.")
    expected_ms: int | None = Field(
        description="How long the caller was bridged, less a quarter of a second for each time that"
        " somebody else came to speak to him."
    )
    expected_left_ms: int | None = Field(
        description="At least so much voice came from the caller meanwhile, as the PBX counted it;"
        " null if that is not known (a leg that does not speak A-law)."
    )
    expected_right_ms: int | None = Field(description="At least so much went to him.")
    left_ms: int | None = Field(description="How much of the left is no digital silence.")
    right_ms: int | None = Field(description="How much of the right.")
    caller_number: str | None = Field(
        description="The citizen's, whoever called. Null while the ledger is rebuilt."
    )
    queue: str | None
    seat: str | None = Field(description="Who talked last; of a call that a seat made, that seat.")
    audio: str | None = Field(description="Where to listen; null if there is nothing to hear.")


class RemovalOut(BaseModel):
    """A file that retention removed."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [REMOVAL_EXAMPLE]}
    )

    id: int
    media_id: str
    kind: MediaKind
    path: str = Field(description="Below the folder of its kind.")
    sha256: str | None
    bytes: int = Field(description="Of all its files together.")
    reason: str = Field(description="age or free_space.")
    at: AwareDatetime
