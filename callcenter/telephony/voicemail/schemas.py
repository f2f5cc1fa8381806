"""JSON forms of voice messages."""

from __future__ import annotations

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue

from callcenter.people.citizens import AboutCitizen
from callcenter.telephony.recordings.schemas import AudioFacts

VOICE_MESSAGE_EXAMPLE: dict[str, JsonValue] = {
    "id": "pbx1:1795407499.31/vm1",
    "call_id": "pbx1:1795407499.31",
    "reason": "closed",
    "caller_number": "02161234567",
    "confidential": False,
    "started_at": "2026-11-24T14:02:31.5Z",
    "ended_at": "2026-11-24T14:03:12.1Z",
    "status": "ready",
    "duration_ms": 40_380,
    "format": "opus",
    "channels": 1,
    "bytes": 96_412,
    "sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    "wav_kept": False,
    "attempts": 1,
    "error": None,
    "finished_at": "2026-11-24T14:03:14Z",
    "removed_at": None,
    "audio": "/api/voice-messages/pbx1:1795407499.31/vm1/audio",
}


class VoiceMessageOut(AudioFacts, AboutCitizen):
    """A voice message."""

    model_config = ConfigDict(json_schema_extra={"examples": [VOICE_MESSAGE_EXAMPLE]})

    id: str
    call_id: str
    reason: str | None = Field(
        description="Why the caller left it: closed, overflow, full, empty, wait_limit, exit_key,"
        " menu. Null while the ledger is rebuilt."
    )
    caller_number: str | None = Field(description="Empty: withheld.")
    started_at: AwareDatetime = Field(description="After the beep.")
    ended_at: AwareDatetime | None
    audio: str | None = Field(description="Where to listen; null if there is nothing to hear.")
