"""JSON forms of steering."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)

from callcenter.people.citizens import shown_number
from callcenter.telephony.domain.steering import LineState, SpyMode
from callcenter.workforce.steering.operator_service import OwnCallState

SeatName = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,8}$")]
_SEAT = "The phone to use; left out: the seat that one is logged in to."


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SeatIn(_In):
    """For whoever commands a phone."""

    seat: SeatName | None = Field(None, description=_SEAT, examples=["8001"])


class SpyIn(SeatIn):
    """Come into a talk."""

    mode: SpyMode = Field(
        SpyMode.LISTEN,
        description="`listen`: hear both. `whisper`: the seat hears you too. `barge`: both do.",
    )


class MoveIn(_In):
    """Wait elsewhere."""

    queue: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = Field(
        examples=["english"]
    )


CaseNumber = Annotated[str, StringConstraints(pattern=r"^[0-9-]{1,32}$")]


class LinkIn(SeatIn):
    """What a call is about."""

    case_number: CaseNumber = Field(examples=["20261124-00017"])


class DialIn(SeatIn):
    """Call somebody."""

    number: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")] = Field(
        description="An outside number that the settings allow.", examples=["02161234567"]
    )
    case_number: CaseNumber | None = Field(
        None, description="The case that the call is about.", examples=["20261124-00017"]
    )


class LineIn(_In):
    """The line in an emergency."""

    state: LineState = Field(
        description="`closed`: callers hear why and are hung up. `message`: they may leave a"
        " voice message. `open`: as the opening calendar says."
    )


class AnnouncementIn(_In):
    """What callers hear before they wait."""

    on: StrictBool


class SteeredOut(BaseModel):
    """What the PBX has taken."""

    model_config = ConfigDict(from_attributes=True)

    call_id: str = Field(examples=["pbx1:1795407499.12"])
    seat: str = Field(description="The phone that is used; empty for a caller who waits.")
    done: bool = Field(description="False: a phone is being called, or it is done in a moment.")


class CommandedOut(BaseModel):
    """What the PBX has taken."""

    model_config = ConfigDict(from_attributes=True)

    seat: str
    call_id: str | None


class OwnCallOut(BaseModel):
    """A seat's call now."""

    model_config = ConfigDict(from_attributes=True)

    seat: str
    state: OwnCallState
    call_id: str | None = Field(description="Null: no call.")
    number: str = Field(description="The other end's, as far as you may see it.")
    parties: int = Field(description="Who hear each other; more than two in a conference.")
    muted: bool
    recording_paused: bool

    @model_validator(mode="after")
    def _as_allowed(self) -> Self:
        self.number = shown_number(self.number)
        return self


class LineOut(BaseModel):
    """The switches of the line."""

    model_config = ConfigDict(from_attributes=True)

    state: LineState
    announcement: bool
    changed_by: str | None = Field(description="Who opened or closed it last.")
    changed_at: AwareDatetime | None
    applied: bool = Field(
        description="False: the PBX cannot be reached; it gets this as soon as it can."
    )
