"""JSON forms of queues, numbers and menu keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StringConstraints,
)

from callcenter.platform.http.versions import VersionIn
from callcenter.platform.texts import LINE
from callcenter.platform.versions import version_of
from callcenter.telephony.domain.queues import MenuKey, Strategy

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), LINE]
NameEn = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), LINE]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), LINE]
Code = Annotated[str, StringConstraints(min_length=1, max_length=20), LINE]
TransferNumber = Annotated[str, StringConstraints(min_length=1, max_length=8), LINE]
Number = Annotated[str, StringConstraints(min_length=1, max_length=16), LINE]
Music = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,40}$")]
Language = Literal["zh", "en"]
RingSeconds = Annotated[int, Field(strict=True, ge=5, le=60)]
WrapupSeconds = Annotated[int, Field(strict=True, ge=0, le=300)]
MaxWaiting = Annotated[int, Field(strict=True, ge=1, le=1000)]
WaitLimit = Annotated[int, Field(strict=True, ge=10, le=7200)]
Often = Annotated[int, Field(strict=True, ge=0, le=600)]
ServiceLevel = Annotated[int, Field(strict=True, ge=1, le=600)]
Weight = Annotated[int, Field(strict=True, ge=0, le=100)]

QUEUE_EXAMPLE: dict[str, JsonValue] = {
    "code": "english",
    "name": "英语坐席",
    "name_en": "English line",
    "transfer_number": "6001",
    "strategy": "rrmemory",
    "ring_seconds": 15,
    "wrapup_seconds": 3,
    "max_waiting": 20,
    "wait_limit_seconds": 300,
    "announcements": True,
    "announce_position_seconds": 30,
    "announce_voice_message_seconds": 45,
    "music": "hotline",
    "overflow": "12345",
    "service_level_seconds": 15,
    "language": "en",
    "weight": 0,
    "enabled": True,
    "is_main": False,
    "version": 3,
    "created_at": "2026-11-24T01:00:00Z",
    "updated_at": "2026-11-24T01:00:00Z",
}
NUMBER_EXAMPLE: dict[str, JsonValue] = {
    "number": "02161234567",
    "queue": "english",
    "note": "外事服务专线",
    "from_settings": False,
    "version": 3,
}
MENU_EXAMPLE: dict[str, JsonValue] = {
    "key": "2",
    "queue": "english",
    "language": None,
    "version": 3,
}


class QueueOut(BaseModel):
    """A queue."""

    model_config = ConfigDict(json_schema_extra={"examples": [QUEUE_EXAMPLE]})

    code: str = Field(description="Its name everywhere; never changes.")
    name: str
    name_en: str
    transfer_number: str | None = Field(
        description="What a seat dials to reach it or send a citizen there; null: no seat can."
    )
    strategy: Strategy = Field(description="Which free seat is offered the next caller.")
    ring_seconds: int = Field(description="Then the next seat rings.")
    wrapup_seconds: int = Field(description="Guard between two calls of one seat.")
    max_waiting: int = Field(description="More callers go to overflow.")
    wait_limit_seconds: int = Field(description="Who waited so long goes to overflow.")
    announcements: bool = Field(description="False: who waits hears music alone.")
    announce_position_seconds: int = Field(description="How often; 0: never.")
    announce_voice_message_seconds: int = Field(description="How often; 0: never.")
    music: str = Field(description="Class of music on hold.")
    overflow: str | None = Field(description="Another queue; null: a voice message.")
    service_level_seconds: int = Field(description="Answered within it counts as in time.")
    language: Language
    weight: int = Field(description="Of queues with the same seats the heavier is served first.")
    enabled: bool = Field(
        description="False: it takes no new callers; those who wait there are served."
    )
    is_main: bool = Field(description="Whatever leads nowhere else leads here; always enabled.")
    version: int
    created_at: AwareDatetime
    updated_at: AwareDatetime


class QueueIn(BaseModel):
    """Make a queue."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "code": "english",
                    "name": "英语坐席",
                    "name_en": "English line",
                    "transfer_number": "6001",
                    "language": "en",
                    "overflow": "12345",
                }
            ]
        },
    )

    code: Code = Field(description="2 to 20 small letters and digits.")
    name: Name
    name_en: NameEn = ""
    transfer_number: TransferNumber | None = Field(None, description="2 to 8 digits.")
    strategy: Strategy = Strategy.RRMEMORY
    ring_seconds: RingSeconds = 15
    wrapup_seconds: WrapupSeconds = 3
    max_waiting: MaxWaiting = 50
    wait_limit_seconds: WaitLimit = 600
    announcements: StrictBool = True
    announce_position_seconds: Often = 30
    announce_voice_message_seconds: Often = 45
    music: Music = "hotline"
    overflow: Code | None = None
    service_level_seconds: ServiceLevel = 15
    language: Language = "zh"
    weight: Weight = 0
    enabled: StrictBool = True


class QueuePatch(VersionIn):
    """Change a queue; what is left out stays. Only `transfer_number` and `overflow` can be null."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"strategy": "fewestcalls", "ring_seconds": 20}]},
    )

    name: Name | None = None
    name_en: NameEn | None = None
    transfer_number: TransferNumber | None = None
    strategy: Strategy | None = None
    ring_seconds: RingSeconds | None = None
    wrapup_seconds: WrapupSeconds | None = None
    max_waiting: MaxWaiting | None = None
    wait_limit_seconds: WaitLimit | None = None
    announcements: StrictBool | None = None
    announce_position_seconds: Often | None = None
    announce_voice_message_seconds: Often | None = None
    music: Music | None = None
    overflow: Code | None = None
    service_level_seconds: ServiceLevel | None = None
    language: Language | None = None
    weight: Weight | None = None
    enabled: StrictBool | None = None


class NumberOut(BaseModel):
    """A number that is answered."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [NUMBER_EXAMPLE]}
    )

    number: str = Field(description="Digits; a + that the carrier sends before them is ignored.")
    queue: str
    note: str
    from_settings: bool = Field(
        description="Answered in any case; without an entry of its own it leads to the main queue."
    )
    version: int


class NumberIn(BaseModel):
    """Answer a number."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"number": "02161234567", "queue": "english", "note": "外事服务专线"}]
        },
    )

    number: Number = Field(description="3 to 15 digits; + may stand before them.")
    queue: Code
    note: Note = ""


class NumberPatch(VersionIn):
    """Lead a number elsewhere; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"queue": "business"}]}
    )

    queue: Code | None = None
    note: Note | None = None


class MenuKeyOut(BaseModel):
    """What a key of the menu leads to."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [MENU_EXAMPLE]})

    key: str
    queue: str | None = Field(description="Null: a voice message.")
    language: Language | None = Field(description="Spoken from then on; null: the queue's.")
    version: int

    @staticmethod
    def of(key: MenuKey) -> MenuKeyOut:
        """The form of `key`."""
        return MenuKeyOut.model_validate({**asdict(key), "version": version_of(key)})


class MenuKeyIn(VersionIn):
    """Lead a key somewhere. What the prompt ``callcenter/menu`` says should agree."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"queue": "english", "language": None}]}
    )

    queue: Code | None = Field(description="Null: a voice message.")
    language: Language | None = None
