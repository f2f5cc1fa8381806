"""JSON forms of seats."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StringConstraints,
)

from callcenter.domain.floor import DeviceState


def _no_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("a NUL character cannot be stored")
    return value


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_no_nul),
]

SEAT_EXAMPLE: dict[str, JsonValue] = {
    "extension": "8001",
    "name": "王芳",
    "enabled": True,
    "in_queue": True,
    "created_at": "2026-11-24T01:00:00Z",
    "updated_at": "2026-11-24T01:00:00Z",
    "live": {
        "device": "talking",
        "reachable": True,
        "ringing": False,
        "talking": True,
        "paused": False,
    },
}
SECRET_EXAMPLE: dict[str, JsonValue] = {
    **SEAT_EXAMPLE,
    "live": None,
    "secret": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
}


class SeatQuery(BaseModel):
    """Which page; a parameter that does not exist is refused."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = Field(None, max_length=200, description="The `next` of the previous page.")
    limit: int = Field(50, ge=1, description="The setting page_size_max is the most.")


class SeatLive(BaseModel):
    """A seat on the live floor."""

    model_config = ConfigDict(from_attributes=True)

    device: DeviceState = Field(description="`unknown`: the PBX does not have the seat (yet).")
    reachable: bool = Field(description="Its phone is registered and answers.")
    ringing: bool
    talking: bool = Field(description="It hears somebody.")
    paused: bool = Field(description="No queue offers it calls.")


class SeatOut(BaseModel):
    """A seat."""

    model_config = ConfigDict(json_schema_extra={"examples": [SEAT_EXAMPLE]})

    extension: str
    name: str
    enabled: bool = Field(description="False: nobody can register as it.")
    in_queue: bool = Field(description="Callers of the main queue are offered to it.")
    created_at: AwareDatetime
    updated_at: AwareDatetime
    live: SeatLive | None = Field(description="Null: there is no link to the PBX now.")


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

    extension: str = Field(
        min_length=1, max_length=16, description="As many digits as the first seat, same first."
    )
    name: Name = Field(description="Shown to whoever it calls; the PBX keeps 79 bytes of it.")
    enabled: StrictBool = True
    in_queue: StrictBool = True


class SeatPatch(BaseModel):
    """Change a seat; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "李强", "in_queue": False}]}
    )

    name: Name | None = None
    enabled: StrictBool | None = None
    in_queue: StrictBool | None = None
