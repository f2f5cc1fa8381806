"""``/api/own-call`` for whoever sits at a seat."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, status

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.given import Given
from callcenter.workforce.steering.endpoints import PBX, error
from callcenter.workforce.steering.operator_service import OperatorService
from callcenter.workforce.steering.schemas import (
    CommandedOut,
    DialIn,
    LinkIn,
    OwnCallOut,
    SeatIn,
    SeatName,
)

router = APIRouter(
    prefix="/api/own-call", tags=["own call"], dependencies=[requires(Permission.CALL_OWN)]
)


Service = Given[OperatorService]


def _responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    every = (*codes, "no_seat", "steering_running", "pbx_refused")
    return {
        **PBX,
        403: error(
            "Codes `not_your_seat`: another's phone; of a three-way call `citizen_hidden`: whoever"
            " is brought in may not hear the call of a confidential case.",
            "not_your_seat",
            "seat 8002 is not yours",
        ),
        409: error("Codes " + ", ".join(f"`{code}`" for code in every) + ".", codes[0], "…"),
    }


_TALK = ("not_talking", "consult_running")


@router.get("", summary="My call now", responses=_responses("no_seat"))
async def read_own_call(
    service: Service, who: Who, seat: Annotated[SeatName | None, Query()] = None
) -> OwnCallOut:
    """How far a call that was dialled has come, too."""
    return OwnCallOut.model_validate(await service.state(who=who, seat=seat))


@router.post(
    "/dial",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Call somebody outside",
    responses={
        **_responses("seat_busy", "seat_unreachable"),
        404: error("No such case.", "case_not_found", "there is no case 20261124-00017"),
        422: error(
            "Codes `bad_input`, `target_not_allowed`.",
            "target_not_allowed",
            "number: '0085212345678' may not be called",
        ),
    },
)
async def dial(body: DialIn, service: Service, who: Who) -> CommandedOut:
    """Your phone rings; once you pick up the number is called, and recorded from its answer on."""
    done = await service.dial(body.number, body.case_number, who=who, seat=body.seat)
    return CommandedOut.model_validate(done)


@router.post(
    "/case",
    summary="Say which case my call is about",
    responses={
        **_responses("no_outbound_call"),
        404: error("No such case.", "case_not_found", "there is no case 20261124-00017"),
    },
)
async def link(body: LinkIn, service: Service, who: Who) -> CommandedOut:
    """Of a call that you make, however it was dialled, while it goes on. A citizen's call has
    opened a case of its own."""
    done = await service.link(body.case_number, who=who, seat=body.seat)
    return CommandedOut.model_validate(done)


@router.post("/hold", summary="Hold", responses=_responses("held", "in_conference", *_TALK))
async def hold(body: SeatIn, service: Service, who: Who) -> CommandedOut:
    """The citizen hears music, and you do not hear each other."""
    return CommandedOut.model_validate(await service.hold(who=who, seat=body.seat))


@router.post("/unhold", summary="End the hold", responses=_responses("not_held", *_TALK))
async def unhold(body: SeatIn, service: Service, who: Who) -> CommandedOut:
    """Back to the citizen."""
    return CommandedOut.model_validate(await service.unhold(who=who, seat=body.seat))


@router.post("/mute", summary="Mute", responses=_responses("muted", "held", *_TALK))
async def mute(body: SeatIn, service: Service, who: Who) -> CommandedOut:
    """Nobody hears you."""
    return CommandedOut.model_validate(await service.mute(on=True, who=who, seat=body.seat))


@router.post("/unmute", summary="End the mute", responses=_responses("not_muted", "held", *_TALK))
async def unmute(body: SeatIn, service: Service, who: Who) -> CommandedOut:
    """You are heard again."""
    return CommandedOut.model_validate(await service.mute(on=False, who=who, seat=body.seat))


@router.post(
    "/recording/pause",
    summary="Pause the recording",
    responses=_responses("recording_paused", *_TALK),
)
async def pause_recording(body: SeatIn, service: Service, who: Who) -> CommandedOut:
    """For private data: the recording is silent until you resume it, and says so."""
    done = await service.pause_recording(on=True, who=who, seat=body.seat)
    return CommandedOut.model_validate(done)


@router.post(
    "/recording/resume",
    summary="Resume the recording",
    responses=_responses("recording_not_paused", *_TALK),
)
async def resume_recording(body: SeatIn, service: Service, who: Who) -> CommandedOut:
    """From now on it has sound again."""
    done = await service.pause_recording(on=False, who=who, seat=body.seat)
    return CommandedOut.model_validate(done)


@router.post(
    "/join",
    summary="Three-way call",
    responses=_responses("no_consult", "consult_not_answered"),
)
async def join(body: SeatIn, service: Service, who: Who) -> CommandedOut:
    """You, the citizen and whom you consult (an attended transfer begun before) hear each other.
    Whoever hangs up leaves the other two together."""
    return CommandedOut.model_validate(await service.join(who=who, seat=body.seat))


@router.post("/hang-up", summary="Hang up", responses=_responses("no_call"))
async def hang_up(body: SeatIn, service: Service, who: Who) -> CommandedOut:
    """Your side only: the citizen is asked for a score, as after any talk."""
    return CommandedOut.model_validate(await service.hang_up(who=who, seat=body.seat))
