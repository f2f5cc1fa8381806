"""JSON forms of seats."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StringConstraints,
)

from callcenter.platform.http.sheets import SheetProblemOut
from callcenter.platform.http.versions import VersionIn
from callcenter.platform.texts import LINE, Line
from callcenter.telephony.domain.floor import DeviceState
from callcenter.telephony.domain.registrations import PhoneKinds, Reachability, Transport
from callcenter.telephony.seats.sheet import NAME_CHARACTERS

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=NAME_CHARACTERS), LINE
]

SEAT_EXAMPLE: dict[str, JsonValue] = {
    "extension": "8001",
    "version": 3,
    "name": "王芳",
    "enabled": True,
    "in_queue": True,
    "phones": "both",
    "browser": False,
    "created_at": "2026-11-24T01:00:00Z",
    "updated_at": "2026-11-24T01:00:00Z",
    "live": {
        "device": "talking",
        "reachable": True,
        "ringing": False,
        "talking": True,
        "paused": False,
    },
    "phone": {
        "transport": "tls",
        "address": "192.0.2.17:5061",
        "user_agent": "Yealink SIP-T31P",
        "reachability": "reachable",
        "round_trip_ms": 3.2,
        "expires_at": "2026-11-24T02:00:00Z",
    },
}
SECRET_EXAMPLE: dict[str, JsonValue] = {
    **SEAT_EXAMPLE,
    "live": None,
    "phone": None,
    "secret": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
}


class SeatLive(BaseModel):
    """A seat on the live floor."""

    model_config = ConfigDict(from_attributes=True)

    device: DeviceState = Field(description="`unknown`: the PBX does not have the seat (yet).")
    reachable: bool = Field(description="Its phone is registered and answers, and can be called.")
    refuses_sound: bool = Field(
        False,
        description="Its phone is registered and refuses every kind of sound (SRTP, codecs):"
        " no call rings there until that is mended and it registers again.",
    )
    usurped: bool = Field(
        False,
        description="Another phone than the one its agent logged in with has taken the seat's"
        " account (`contest`): no call is offered until that one is back.",
    )
    ringing: bool
    talking: bool = Field(description="It hears somebody.")
    paused: bool = Field(description="No queue offers it calls.")


class PhoneOut(BaseModel):
    """The phone that is registered for a seat."""

    transport: Transport = Field(description="`ws`: a browser.")
    address: str = Field(description="Where it comes from; empty if it said nothing readable.")
    user_agent: str = Field(description="What it calls itself.")
    reachability: Reachability = Field(description="Whether it answered when it was last asked.")
    round_trip_ms: float | None = Field(description="From question to answer, milliseconds.")
    expires_at: AwareDatetime | None = Field(description="It must register again before.")


class ContestOut(BaseModel):
    """Two phones that take a seat's account from each other: give one of them another."""

    keeps: str = Field(description="Address of the phone that the seat is kept for.")
    other: str = Field(description="Address of the other one.")
    since: AwareDatetime


class SeatOut(BaseModel):
    """A seat."""

    model_config = ConfigDict(json_schema_extra={"examples": [SEAT_EXAMPLE]})

    extension: str
    version: int
    name: str
    enabled: bool = Field(description="False: nobody can register as it.")
    in_queue: bool = Field(description="Callers of the main queue are offered to it.")
    phones: PhoneKinds = Field(description="Which phones it may have.")
    browser: bool = Field(description="The PBX speaks to it as to a browser now.")
    created_at: AwareDatetime
    updated_at: AwareDatetime
    live: SeatLive | None = Field(description="Null: there is no link to the PBX now.")
    phone: PhoneOut | None = Field(description="Null: none is registered, or `live` is null.")
    contest: ContestOut | None = Field(None, description="Null: it has one phone, or none.")


class SeatSecretOut(SeatOut):
    """A seat with the secret that was just made for it."""

    model_config = ConfigDict(json_schema_extra={"examples": [SECRET_EXAMPLE]})

    secret: str = Field(description="SIP password. Shown this once.")


class SeatIn(BaseModel):
    """Make a seat."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"extension": "8001", "name": "王芳", "in_queue": True}]},
    )

    extension: Line = Field(
        min_length=1, max_length=16, description="As many digits as the first seat, same first."
    )
    name: Name = Field(description="Shown to whoever it calls; the PBX keeps 79 bytes of it.")
    enabled: StrictBool = True
    in_queue: StrictBool = True
    phones: PhoneKinds = PhoneKinds.BOTH


class SeatRangeIn(BaseModel):
    """Make many seats."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"first": "8101", "count": 50}]},
    )

    first: Line = Field(min_length=1, max_length=16, description="The first extension.")
    count: int = Field(ge=1, le=2000)
    name: Name = Field("座席 {extension}", description="`{extension}` is each seat's own.")
    enabled: StrictBool = True
    in_queue: StrictBool = True
    phones: PhoneKinds = PhoneKinds.BOTH


class SeatsMade(BaseModel):
    """Seats that were made together."""

    items: list[SeatSecretOut]


class SheetOut(BaseModel):
    """What a sheet did, or in a dry run would do."""

    dry_run: bool
    created: list[str] = Field(description="Extensions.")
    changed: list[str] = Field(description="Extensions.")
    unchanged: int
    problems: list[SheetProblemOut] = Field(description="In a dry run only; else it is an error.")
    items: list[SeatSecretOut] = Field(description="The new seats with their secrets.")


class BrowserLoginOut(BaseModel):
    """What a browser phone (JsSIP, SIP.js) is set up with."""

    extension: str
    uri: str = Field(examples=["sip:8001@hotline.example.gov.cn"])
    realm: str
    ha1: str = Field(description="Takes the password's place in digest authentication.")
    servers: list[str] = Field(description="WebSockets, the best first.")
    ice_servers: list[str] = Field(description="STUN servers; empty inside one network.")
    codecs: list[str] = Field(description="What the PBX speaks, the best first.")
    register_seconds: int = Field(description="For how long to register at a time.")


class SeatPatch(VersionIn):
    """Change a seat; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "李强", "in_queue": False}]}
    )

    name: Name | None = None
    enabled: StrictBool | None = None
    in_queue: StrictBool | None = None
    phones: PhoneKinds | None = None
