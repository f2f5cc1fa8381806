"""``/api/steering`` for supervisors."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, status

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.api import error_body
from callcenter.platform.http.given import Given
from callcenter.workforce.steering.line_service import LineService
from callcenter.workforce.steering.schemas import (
    AnnouncementIn,
    LineIn,
    LineOut,
    MoveIn,
    SeatIn,
    SeatName,
    SpyIn,
    SteeredOut,
)
from callcenter.workforce.steering.supervisor_service import SupervisorService

router = APIRouter(
    prefix="/api/steering",
    tags=["steering"],
    dependencies=[requires(Permission.FLOOR_STEER)],
)


Service = Given[SupervisorService]
Line = Given[LineService]
CallIdPath = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_.:-]{1,64}$", examples=["pbx1:1795407499.12"])
]


def error(description: str, code: str, message: str) -> dict[str, Any]:
    """One answer of the API's description."""
    body = error_body(code, message)
    return {"description": description, "content": {"application/json": {"example": body}}}


PBX: dict[int | str, dict[str, Any]] = {
    503: error(
        "No link to the PBX; nothing was done.",
        "pbx_unavailable",
        "there is no link to the PBX now; nothing was done",
    ),
    504: error(
        "It may or may not have been done; look before trying again.",
        "pbx_timeout",
        "three-way call: not seen in time; look before trying again",
    ),
}
_CALL: dict[int | str, dict[str, Any]] = {
    **PBX,
    404: error("No such call.", "call_not_found", "there is no call pbx1:1795407499.12"),
}
_TALK: dict[int | str, dict[str, Any]] = {
    **_CALL,
    403: error(
        "Codes `forbidden`; `not_your_seat`: another's phone; `citizen_hidden`: the call's case is"
        " confidential, and who hears it may not see its citizen.",
        "citizen_hidden",
        "the call is about a confidential case: its voice is for those who may see who the citizen"
        " is",
    ),
    409: error(
        "Codes `call_over`, `not_talking`, `own_call`, `seat_busy`, `seat_unreachable`, `no_seat`,"
        " `steering_running`, `pbx_refused`; of a take-over also `not_inbound`, `in_conference`,"
        " `held`, `taken_over`.",
        "seat_busy",
        "seat 8002 is in a call; end it first",
    ),
}
_WAITING: dict[int | str, dict[str, Any]] = {
    **_CALL,
    409: error(
        "Codes `not_waiting`, `already_first`, `same_queue`, `caller_rings`, `call_over`,"
        " `steering_running`, `pbx_refused`.",
        "not_waiting",
        "this caller does not wait in a queue now; look again",
    ),
}


@router.post(
    "/calls/{call_id}/spy",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Listen, whisper or barge in",
    responses=_TALK,
)
async def spy(call_id: CallIdPath, body: SpyIn, service: Service, who: Who) -> SteeredOut:
    """Your phone rings; once you pick up you are in the talk, and you leave with the seat or by
    hanging up. If you are in this talk already, only the mode changes."""
    done = await service.spy(call_id, body.mode, who=who, seat=body.seat)
    return SteeredOut.model_validate(done)


@router.delete("/spy", summary="Leave the talk one listens to", responses=_TALK)
async def stop_spying(
    service: Service, who: Who, seat: Annotated[SeatName | None, Query()] = None
) -> SteeredOut:
    """The talk goes on. Code `not_spying` if you are in none."""
    return SteeredOut.model_validate(await service.stop_spying(who=who, seat=seat))


@router.post(
    "/calls/{call_id}/take-over",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Take the citizen over",
    responses=_TALK,
)
async def take_over(call_id: CallIdPath, body: SeatIn, service: Service, who: Who) -> SteeredOut:
    """The seat is free once you talk. Who listens already has the citizen at once; otherwise your
    phone rings first, and until you pick up nothing changes."""
    return SteeredOut.model_validate(await service.take_over(call_id, who=who, seat=body.seat))


@router.post(
    "/calls/{call_id}/end",
    status_code=status.HTTP_202_ACCEPTED,
    summary="End a call",
    responses={**_TALK, 409: _WAITING[409]},
)
async def end_call(call_id: CallIdPath, service: Service) -> SteeredOut:
    """For everybody in it, or for the caller who waits."""
    return SteeredOut.model_validate(await service.end(call_id))


@router.post(
    "/calls/{call_id}/front",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Make a waiting caller the next one",
    responses=_WAITING,
)
async def to_front(call_id: CallIdPath, service: Service) -> SteeredOut:
    """The first of his queue; a seat that is being offered another caller just now is not."""
    return SteeredOut.model_validate(await service.to_front(call_id))


@router.post(
    "/calls/{call_id}/queue",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Move a waiting caller to another queue",
    responses={
        **_WAITING,
        404: error(
            "Codes `call_not_found`, `queue_not_found`.",
            "queue_not_found",
            "there is no queue english",
        ),
    },
)
async def to_queue(call_id: CallIdPath, body: MoveIn, service: Service) -> SteeredOut:
    """He leaves within a second, or when the announcement he hears has ended; the same call, one
    more queue visit."""
    return SteeredOut.model_validate(await service.to_queue(call_id, body.queue))


@router.get("/line", summary="Whether the line is closed in an emergency")
async def read_line(line: Line) -> LineOut:
    """And whether the announcement is on."""
    return LineOut.model_validate(await line.read())


@router.put("/line", summary="Close or open the line in an emergency")
async def set_line(body: LineIn, line: Line, who: Who) -> LineOut:
    """For every call from now on, and for those who wait; talks go on. It holds with this service
    down and after a restart of the PBX, until somebody opens the line again."""
    return LineOut.model_validate(await line.set_line(body.state, actor=who.name))


@router.put("/line/announcement", summary="Announcement before the queue")
async def set_announcement(body: AnnouncementIn, line: Line, who: Who) -> LineOut:
    """Callers hear it before they wait; its sound is the prompt `announcement`."""
    return LineOut.model_validate(await line.set_announcement(on=body.on, actor=who.name))
