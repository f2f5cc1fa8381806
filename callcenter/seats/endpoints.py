"""``/api/seats``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, status

from callcenter.access import Who, requires
from callcenter.api import Config, Page, decode_cursor, encode_cursor, error_body
from callcenter.asterisk.live import LiveFloor
from callcenter.domain.floor import DeviceState, Floor
from callcenter.domain.permissions import Permission
from callcenter.errors import BadInput
from callcenter.seats.schemas import (
    SeatIn,
    SeatLive,
    SeatOut,
    SeatPatch,
    SeatQuery,
    SeatSecretOut,
)
from callcenter.seats.service import NewSecret, SeatChanges, SeatInfo, SeatService

router = APIRouter(prefix="/api/seats", tags=["seats"])


def _service(request: Request) -> SeatService:
    service: SeatService = request.app.state.seats
    return service


def _floor(request: Request) -> Floor | None:
    live: LiveFloor = request.app.state.live
    return live.floor


Service = Annotated[SeatService, Depends(_service)]
LiveNow = Annotated[Floor | None, Depends(_floor)]
READ = [requires(Permission.SEAT_READ)]
WRITE = [requires(Permission.SEAT_WRITE)]
SeatExtension = Annotated[str, Path(pattern=r"^[0-9]{1,16}$", examples=["8001"])]


def _error(code: str, message: str) -> dict[str, Any]:
    return {"content": {"application/json": {"example": error_body(code, message)}}}


_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"description": "No such seat.", **_error("seat_not_found", "there is no seat 8099")}
}


@router.get("", summary="List seats by extension", dependencies=READ)
async def list_seats(
    service: Service, floor: LiveNow, config: Config, query: Annotated[SeatQuery, Query()]
) -> Page[SeatOut]:
    """Each with what its phone does now."""
    after = None
    if query.cursor is not None:
        (after,) = decode_cursor(query.cursor, 1)
        if not (isinstance(after, str) and after.isascii() and after.isdecimal()):
            raise BadInput("cursor: pass the `next` of a previous page", code="bad_cursor")
    limit = min(query.limit, config.page_size_max)
    found = await service.page(after=after, limit=limit + 1)
    live = _by_extension(floor)
    items = [_out(seat, live) for seat in found[:limit]]
    following = encode_cursor(items[-1].extension) if len(found) > limit else None
    return Page[SeatOut](items=items, next=following)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Make a seat",
    dependencies=WRITE,
    responses={
        409: {
            "description": "There is one.",
            **_error("seat_exists", "there is a seat 8001 already; change that one"),
        },
        422: {
            "description": "Codes `bad_input`, `bad_extension`.",
            **_error("bad_extension", "extension: must have 4 digits and begin with 8"),
        },
    },
)
async def make_seat(body: SeatIn, service: Service, floor: LiveNow, who: Who) -> SeatSecretOut:
    """A phone can register within a second. The secret is shown in this answer and never again."""
    made = await service.create(
        body.extension, name=body.name, enabled=body.enabled, in_queue=body.in_queue, actor=who.name
    )
    return _secret_out(made, floor)


@router.get("/{extension}", summary="One seat", responses=_NOT_FOUND, dependencies=READ)
async def read_seat(extension: SeatExtension, service: Service, floor: LiveNow) -> SeatOut:
    """With what its phone does now."""
    return _out(await service.get(extension), _by_extension(floor))


@router.patch("/{extension}", summary="Change a seat", responses=_NOT_FOUND, dependencies=WRITE)
async def change_seat(
    extension: SeatExtension, body: SeatPatch, service: Service, floor: LiveNow, who: Who
) -> SeatOut:
    """What is left out stays. A seat that is disabled is signed off; a talk that it is in goes
    on."""
    values = body.model_dump(exclude_unset=True)
    for name, value in values.items():
        if value is None:
            raise BadInput(f"{name}: leave it out, or say what it is", field=name)
    changed = await service.change(extension, SeatChanges(**values), actor=who.name)
    return _out(changed, _by_extension(floor))


@router.post(
    "/{extension}/secret",
    summary="Give a seat a new secret",
    responses=_NOT_FOUND,
    dependencies=WRITE,
)
async def rotate_secret(
    extension: SeatExtension, service: Service, floor: LiveNow, who: Who
) -> SeatSecretOut:
    """The old one ends within a second, and the registration made with it. The new one is shown
    in this answer and never again."""
    return _secret_out(await service.rotate_secret(extension, actor=who.name), floor)


@router.delete(
    "/{extension}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a seat",
    dependencies=WRITE,
    responses=_NOT_FOUND,
)
async def remove_seat(extension: SeatExtension, service: Service, who: Who) -> None:
    """Its calls and cases stay."""
    await service.remove(extension, actor=who.name)


_NOT_IN_PBX = SeatLive(
    device=DeviceState.UNKNOWN, reachable=False, ringing=False, talking=False, paused=False
)


def _by_extension(floor: Floor | None) -> dict[str, SeatLive] | None:
    if floor is None:
        return None
    return {str(seat.extension): SeatLive.model_validate(seat) for seat in floor.seats()}


def _out(seat: SeatInfo, live: dict[str, SeatLive] | None) -> SeatOut:
    return SeatOut(
        extension=seat.extension,
        name=seat.name,
        enabled=seat.enabled,
        in_queue=seat.in_queue,
        created_at=seat.created_at,
        updated_at=seat.updated_at,
        live=None if live is None else live.get(seat.extension, _NOT_IN_PBX),
    )


def _secret_out(made: NewSecret, floor: Floor | None) -> SeatSecretOut:
    return SeatSecretOut(**dict(_out(made.seat, _by_extension(floor))), secret=made.secret)
