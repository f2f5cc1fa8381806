"""``/api/calls/{call_id}/transfer``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, status

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.masking import mask_text
from callcenter.people.domain.permissions import Permission
from callcenter.people.trail.service import Entry, Trail
from callcenter.platform.http.api import error_body
from callcenter.platform.http.given import Given
from callcenter.telephony.transfers.schemas import TransferIn, TransferOut
from callcenter.telephony.transfers.service import TransferAsked, TransferService

router = APIRouter(
    prefix="/api/calls",
    tags=["transfers"],
    dependencies=[requires(Permission.CALL_TRANSFER)],
)


async def _told(trail: Trail, action: str, asked: TransferAsked) -> TransferOut:
    """The answer, once the audit trail has what was done for whom."""
    data = {"from_seat": asked.from_seat, "target": mask_text(asked.target)}
    await trail.note(Entry(action, f"call:{asked.call_id}", data))
    return TransferOut.model_validate(asked)


Service = Given[TransferService]
TheTrail = Given[Trail]
CallIdPath = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_.:-]{1,64}$", examples=["pbx1:1795407499.12"])
]


def _error(description: str, code: str, message: str) -> dict[str, Any]:
    body = error_body(code, message)
    return {"description": description, "content": {"application/json": {"example": body}}}


_PBX: dict[int | str, dict[str, Any]] = {
    403: _error(
        "The caller of another's seat: `not_your_seat`.", "not_your_seat", "seat 8002 is not yours"
    ),
    404: _error("No such call.", "call_not_found", "there is no call pbx1:1795407499.12"),
    503: _error(
        "No link to the PBX; nothing was done.",
        "pbx_unavailable",
        "there is no link to the PBX now; nothing was done",
    ),
    504: _error(
        "It may or may not have been done; look before trying again.",
        "pbx_timeout",
        "consult of 8002: not begun in time; look before trying again",
    ),
}
_STEP: dict[int | str, dict[str, Any]] = {
    **_PBX,
    409: _error(
        "Codes `not_talking`, `no_consult`, `transfer_running`, `pbx_refused`.",
        "no_consult",
        "seat 8001 consults nobody",
    ),
}


@router.post(
    "/{call_id}/transfer",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Send the caller on",
    responses={
        **_PBX,
        409: _error(
            "Codes `not_talking`, `target_is_sender`, `target_unreachable`, `consult_running`,"
            " `transfer_running`, `pbx_refused`.",
            "target_unreachable",
            "8002 cannot be reached: its phone is not registered; name another target",
        ),
        422: _error(
            "Codes `bad_input`, `target_not_allowed`.",
            "target_not_allowed",
            "target: '0085212345678' is no seat, no queue and no number that may be called",
        ),
    },
)
async def begin_transfer(
    call_id: CallIdPath, body: TransferIn, service: Service, who: Who, trail: TheTrail
) -> TransferOut:
    """`blind`: the caller goes to the target at once, and comes back to the seat if nobody there
    takes the call. `attended`: the answer comes once the target is being called; the caller hears
    music until it is completed or cancelled. If the target does not answer, seat and caller are
    together again by themselves."""
    asked = await service.begin(call_id, body.kind, body.target, who=who)
    return await _told(trail, f"call.transfer_{body.kind}", asked)


@router.post(
    "/{call_id}/transfer/complete",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Complete an attended transfer",
    responses=_STEP,
)
async def complete_transfer(
    call_id: CallIdPath, service: Service, who: Who, trail: TheTrail
) -> TransferOut:
    """The seat is free. If the target still rings, this is a blind transfer to it: if it does not
    answer, the caller comes back."""
    asked = await service.complete(call_id, who=who)
    return await _told(trail, "call.transfer_complete", asked)


@router.post(
    "/{call_id}/transfer/cancel",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Cancel an attended transfer",
    responses=_STEP,
)
async def cancel_transfer(
    call_id: CallIdPath, service: Service, who: Who, trail: TheTrail
) -> TransferOut:
    """The answer comes once seat and caller are together again."""
    asked = await service.cancel(call_id, who=who)
    return await _told(trail, "call.transfer_cancel", asked)
