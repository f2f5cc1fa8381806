"""``/api/seats``."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response, status
from starlette.datastructures import URL

from callcenter.people.access.rights import Who
from callcenter.people.domain.permissions import Permission
from callcenter.platform.config import Settings
from callcenter.platform.errors import BadInput, Forbidden
from callcenter.platform.http.api import Config, Page
from callcenter.platform.http.cursors import TEXT, Limit, cursor_of, encode_cursor
from callcenter.platform.http.versions import VERSIONED, VersionedRoute
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.seats import bulk_endpoints
from callcenter.telephony.seats.answers import (
    EXISTS,
    NOT_FOUND,
    OWN,
    READ,
    WRITE,
    Contesting,
    Now,
    SeatExtension,
    Service,
    WhoSits,
    error_example,
)
from callcenter.telephony.seats.phone_endpoints import PATH as PHONE_DOOR
from callcenter.telephony.seats.schemas import (
    BrowserLoginOut,
    SeatIn,
    SeatOut,
    SeatPatch,
    SeatSecretOut,
)
from callcenter.telephony.seats.service import NewSeat, SeatChanges

BROWSER_REGISTERS_SECONDS = 120
"""A laptop that was closed is no seat's phone for longer than that."""

router = APIRouter(prefix="/api/seats", tags=["seats"], route_class=VersionedRoute)
router.include_router(bulk_endpoints.router)  # before /{extension}


@router.get("", summary="List seats by extension", dependencies=READ)
async def list_seats(
    service: Service,
    now: Now,
    config: Config,
    after: Annotated[tuple[str] | None, Depends(cursor_of(TEXT))],
    limit: Limit = 50,
) -> Page[SeatOut]:
    """Each with its phone and what that does now."""
    limit = min(limit, config.page_size_max)
    found = await service.page(after=after and after[0], limit=limit + 1)
    items = [now.out(seat) for seat in found[:limit]]
    following = encode_cursor(items[-1].extension) if len(found) > limit else None
    return Page[SeatOut](items=items, next=following)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Make a seat",
    dependencies=WRITE,
    responses=EXISTS,
)
async def make_seat(body: SeatIn, service: Service, now: Now, who: Who) -> SeatSecretOut:
    """A phone can register within a second. The secret is shown in this answer and never again."""
    seat = NewSeat(body.extension, body.name, body.enabled, body.in_queue, body.phones)
    return now.secret(await service.create(seat, actor=who.name))


@router.get("/{extension}", summary="One seat", dependencies=READ, responses=NOT_FOUND)
async def read_seat(extension: SeatExtension, service: Service, now: Now) -> SeatOut:
    """With its phone and what that does now."""
    return now.out(await service.get(extension))


@router.patch(
    "/{extension}",
    summary="Change a seat",
    dependencies=[*WRITE, VERSIONED],
    responses=NOT_FOUND,
)
async def change_seat(
    extension: SeatExtension, body: SeatPatch, service: Service, now: Now, who: Who
) -> SeatOut:
    """What is left out stays. A seat that is disabled is signed off; a talk that it is in goes
    on."""
    values = {name: getattr(body, name) for name in body.model_fields_set - {"version"}}
    for name, value in values.items():
        if value is None:
            raise BadInput(f"{name}: leave it out, or say what it is", field=name)
    return now.out(await service.change(extension, SeatChanges(**values), actor=who.name))


@router.post(
    "/{extension}/secret",
    summary="Give a seat a new secret",
    dependencies=WRITE,
    responses=NOT_FOUND,
)
async def rotate_secret(
    extension: SeatExtension, service: Service, now: Now, who: Who
) -> SeatSecretOut:
    """The old one ends within a second, and the registration made with it. The new one is shown
    in this answer and never again."""
    return now.secret(await service.rotate_secret(extension, actor=who.name))


@router.delete(
    "/{extension}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a seat",
    dependencies=[*WRITE, VERSIONED],
    responses=NOT_FOUND,
)
async def remove_seat(extension: SeatExtension, service: Service, who: Who) -> None:
    """Its calls and cases stay."""
    await service.remove(extension, actor=who.name)


_LOGIN_ERRORS: dict[int | str, dict[str, Any]] = {
    **NOT_FOUND,
    403: {
        "description": "Codes `forbidden`, `browser_not_yours`.",
        **error_example("browser_not_yours", "log in to seat 8001 first"),
    },
    409: {
        "description": "Codes `seat_disabled`, `seat_no_browser`.",
        **error_example("seat_no_browser", "seat 8001 is for SIP phones"),
    },
}


@router.get(
    "/{extension}/webrtc",
    summary="What a browser needs to be the seat's phone",
    dependencies=OWN,
    responses=_LOGIN_ERRORS,
)
async def browser_login(
    extension: SeatExtension,
    request: Request,
    response: Response,
    service: Service,
    now: Now,
    config: Config,
    sitting: WhoSits,
    contests: Contesting,
    who: Who,
) -> BrowserLoginOut:
    """For the agent who is logged in at the seat, and for whoever may change seats."""
    response.headers["Cache-Control"] = "no-store"
    seat = Extension(extension)
    mine = who.user_id is not None and sitting.at(seat) == who.user_id
    if not (mine or who.may(Permission.SEAT_WRITE)):
        raise Forbidden(f"log in to seat {extension} first", code="browser_not_yours")
    host = request.url.hostname or "127.0.0.1"
    there = now.has_phone(seat)
    login = await service.browser_login(extension, phone_is_there=there, actor=who.name)
    if mine:
        contests.expects_browser(seat)
    return BrowserLoginOut(
        extension=extension,
        uri=f"sip:{extension}@{_bracketed(host)}",
        realm=login.realm,
        ha1=login.ha1,
        servers=web_sockets(config, request.url),
        ice_servers=list(config.ice_servers),
        codecs=["PCMA", "PCMU"],
        register_seconds=BROWSER_REGISTERS_SECONDS,
    )


def web_sockets(settings: Settings, url: URL) -> list[str]:
    """Where a browser that reached us at `url` reaches the PBX, the best first.

    Our own door, behind the log-in, unless another address is set; then the PBX's own ports: on
    this machine the one on loopback, elsewhere the one that the settings open.
    """
    if settings.webrtc_url:
        return [settings.webrtc_url]
    here = urlsplit(settings.public_url or f"{url.scheme}://{url.netloc}")
    found = [f"{'wss' if here.scheme == 'https' else 'ws'}://{here.netloc}{PHONE_DOOR}"]
    host = url.hostname or "127.0.0.1"
    if _is_loopback(host):
        found.append(f"ws://127.0.0.1:{settings.ari_port}/ws")
    if settings.wss_port:
        found.append(f"wss://{_bracketed(host)}:{settings.wss_port}/ws")
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
