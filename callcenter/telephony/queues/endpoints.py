"""``/api/queues``, ``/api/numbers``, ``/api/menu-keys``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, status

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.errors import BadInput
from callcenter.platform.http.api import Page, error_body
from callcenter.platform.http.given import Given
from callcenter.platform.http.versions import VERSIONED, WHOLE, VersionedRoute
from callcenter.telephony.domain.queues import MenuKey, QueuePlan
from callcenter.telephony.queues.schemas import (
    MenuKeyIn,
    MenuKeyOut,
    NumberIn,
    NumberOut,
    NumberPatch,
    QueueIn,
    QueueOut,
    QueuePatch,
)
from callcenter.telephony.queues.service import QueueInfo, QueueService

router = APIRouter(prefix="/api", tags=["queues"], route_class=VersionedRoute)

_READ = [requires(Permission.QUEUE_READ)]
_WRITE = [requires(Permission.QUEUE_WRITE)]
_NULLABLE = frozenset({"transfer_number", "overflow"})


Service = Given[QueueService]
QueueCode = Annotated[str, Path(pattern=r"^[a-z0-9]{1,20}$", examples=["english"])]
Digits = Annotated[str, Path(pattern=r"^[0-9]{1,15}$", examples=["02161234567"])]
Key = Annotated[str, Path(pattern=r"^[0-9]$", examples=["2"])]


def _error(description: str, code: str, message: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"example": error_body(code, message)}},
    }


Responses = dict[int | str, dict[str, Any]]

_NO_QUEUE: Responses = {404: _error("No such queue.", "queue_not_found", "there is no queue night")}
_NO_NUMBER: Responses = {
    404: _error(
        "No such number (`number_not_found`), or no such queue (`queue_not_found`).",
        "number_not_found",
        "12346 is no number of its own; the list says what is answered",
    )
}
_NO_KEY: Responses = {
    404: _error("The key leads nowhere.", "menu_key_not_found", "menu key 3 leads nowhere")
}
_CANNOT_BE: Responses = {
    409: _error(
        "Codes `queue_exists`, `transfer_number_taken`, `overflow_loop`, `main_queue`.",
        "transfer_number_taken",
        "transfer_number: 6001 is that of queue english already",
    ),
    422: _error(
        "Codes `bad_input`, `bad_queue_code`, `bad_transfer_number`.",
        "bad_queue_code",
        "code: 2 to 20 small letters and digits",
    ),
}


# -- queues ------------------------------------------------------------------------------------


@router.get("/queues", summary="List queues by code", dependencies=_READ)
async def list_queues(service: Service) -> Page[QueueOut]:
    """All on one page."""
    return Page[QueueOut](items=[_out(queue) for queue in await service.page()])


@router.post(
    "/queues",
    status_code=status.HTTP_201_CREATED,
    summary="Make a queue",
    dependencies=_WRITE,
    responses={**_NO_QUEUE, **_CANNOT_BE},
)
async def make_queue(body: QueueIn, service: Service, who: Who) -> QueueOut:
    """The PBX has it within a second, without a restart; calls in progress are not touched."""
    return _out(await service.create(QueuePlan(**body.model_dump()), actor=who.name))


@router.get("/queues/{code}", summary="One queue", dependencies=_READ, responses=_NO_QUEUE)
async def read_queue(code: QueueCode, service: Service) -> QueueOut:
    """One queue."""
    return _out(await service.get(code))


@router.patch(
    "/queues/{code}",
    summary="Change a queue",
    dependencies=[*_WRITE, VERSIONED],
    responses={**_NO_QUEUE, **_CANNOT_BE},
)
async def change_queue(code: QueueCode, body: QueuePatch, service: Service, who: Who) -> QueueOut:
    """What is left out stays. Calls in progress go on; who waits keeps the place."""
    changes = body.model_dump(exclude_unset=True, exclude={"version"})
    for name, value in changes.items():
        if value is None and name not in _NULLABLE:
            raise BadInput(f"{name}: cannot be null; leave it out to keep it")
    return _out(await service.change(code, changes, actor=who.name))


@router.delete(
    "/queues/{code}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a queue",
    dependencies=[*_WRITE, VERSIONED],
    responses={
        **_NO_QUEUE,
        409: _error(
            "Codes `main_queue`, `queue_in_use` (`details.used_by` says by what).",
            "queue_in_use",
            "queue english is still used by menu key 2; lead those elsewhere first",
        ),
    },
)
async def remove_queue(code: QueueCode, service: Service, who: Who) -> None:
    """Who waits there is still served; its calls stay."""
    await service.remove(code, actor=who.name)


# -- numbers -----------------------------------------------------------------------------------


@router.get("/numbers", summary="List the numbers that are answered", dependencies=_READ)
async def list_numbers(service: Service) -> Page[NumberOut]:
    """All on one page, those of the settings included."""
    items = [NumberOut.model_validate(number) for number in await service.numbers()]
    return Page[NumberOut](items=items)


@router.post(
    "/numbers",
    status_code=status.HTTP_201_CREATED,
    summary="Answer a number",
    dependencies=_WRITE,
    responses={
        **_NO_QUEUE,
        409: _error(
            "It leads somewhere already.",
            "number_exists",
            "02161234567 leads somewhere already; change that entry",
        ),
        422: _error(
            "Codes `bad_input`, `bad_number`.",
            "bad_number",
            "number: 3 to 15 digits, + may stand before them",
        ),
    },
)
async def add_number(body: NumberIn, service: Service, who: Who) -> NumberOut:
    """From within a second on, its callers come into the queue."""
    made = await service.add_number(body.number, queue=body.queue, note=body.note, actor=who.name)
    return NumberOut.model_validate(made)


@router.patch(
    "/numbers/{number}",
    summary="Change a number",
    dependencies=[*_WRITE, VERSIONED],
    responses=_NO_NUMBER,
)
async def change_number(number: Digits, body: NumberPatch, service: Service, who: Who) -> NumberOut:
    """What is left out stays."""
    changed = await service.change_number(number, queue=body.queue, note=body.note, actor=who.name)
    return NumberOut.model_validate(changed)


@router.delete(
    "/numbers/{number}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Answer the number no more",
    dependencies=[*_WRITE, VERSIONED],
    responses=_NO_NUMBER,
)
async def remove_number(number: Digits, service: Service, who: Who) -> None:
    """A number of the settings is still answered, and leads to the main queue again."""
    await service.remove_number(number, actor=who.name)


# -- menu keys ---------------------------------------------------------------------------------


@router.get("/menu-keys", summary="What the menu's keys lead to", dependencies=_READ)
async def list_menu_keys(service: Service) -> Page[MenuKeyOut]:
    """All on one page. Whether there is a menu at all is the setting `menu`."""
    items = [MenuKeyOut.of(key) for key in await service.menu()]
    return Page[MenuKeyOut](items=items)


@router.put(
    "/menu-keys/{key}",
    summary="Lead a key somewhere",
    dependencies=[*_WRITE, WHOLE],
    responses=_NO_QUEUE,
)
async def set_menu_key(key: Key, body: MenuKeyIn, service: Service, who: Who) -> MenuKeyOut:
    """From within a second on."""
    made = await service.set_menu_key(MenuKey(key, body.queue, body.language), actor=who.name)
    return MenuKeyOut.of(made)


@router.delete(
    "/menu-keys/{key}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Let the key do nothing",
    dependencies=[*_WRITE, VERSIONED],
    responses=_NO_KEY,
)
async def remove_menu_key(key: Key, service: Service, who: Who) -> None:
    """Whoever presses it comes into the main queue, as without a key."""
    await service.remove_menu_key(key, actor=who.name)


def _out(queue: QueueInfo) -> QueueOut:
    return QueueOut(
        **asdict(queue.plan),
        version=queue.version,
        is_main=queue.is_main,
        created_at=queue.created_at,
        updated_at=queue.updated_at,
    )
