"""``/api/cases``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from callcenter.api import Config, Page, decode_cursor, encode_cursor, error_body
from callcenter.broadcast import Broadcast
from callcenter.cases.repository import CaseFilter
from callcenter.cases.schemas import (
    CASE_EXAMPLE,
    DETAIL_EXAMPLE,
    EVENT_EXAMPLE,
    CallOfCase,
    CaseDetailOut,
    CaseEventOut,
    CaseOut,
    CasePatch,
    MediaOfCase,
    Moment,
)
from callcenter.cases.service import CaseChanges, CaseDetail, CaseService
from callcenter.domain.cases import NUMBER, CaseSource, CaseStatus
from callcenter.domain.media import MediaKind
from callcenter.errors import BadInput

router = APIRouter(prefix="/api/cases", tags=["cases"])


def _service(request: Request) -> CaseService:
    service: CaseService = request.app.state.cases
    return service


def _actor(request: Request) -> str:
    return str(getattr(request.state, "actor", "system"))


def _broadcast(request: Request) -> Broadcast:
    broadcast: Broadcast = request.app.state.broadcast
    return broadcast


Service = Annotated[CaseService, Depends(_service)]
Actor = Annotated[str, Depends(_actor)]
Publisher = Annotated[Broadcast, Depends(_broadcast)]
Number = Annotated[
    str, Path(pattern=f"^{NUMBER.pattern}$", max_length=20, examples=["20261124-00017"])
]
Cursor = Annotated[
    str | None, Query(max_length=200, description="The `next` of the previous page.")
]
Limit = Annotated[int, Query(ge=1, description="The setting page_size_max is the most.")]


def _answer(description: str, example: Any) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"example": example}},
    }


def _page_of(example: Any) -> dict[int | str, dict[str, Any]]:
    return {200: _answer("One page.", {"items": [example], "next": None})}


_ONE: dict[int | str, dict[str, Any]] = {200: _answer("The case.", DETAIL_EXAMPLE)}
_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: _answer(
        "No such case.",
        error_body("case_not_found", "there is no case 20261124-00099", {"number": "…"}),
    )
}
_VERSION_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: _answer(
        "Somebody else saved first; `details.version` is the present version.",
        error_body(
            "version_conflict",
            "case 20261124-00017 was changed meanwhile (version 3): read it again, then save",
            {"number": "20261124-00017", "version": 3},
        ),
    )
}


@router.get("", summary="List cases, newest first", responses=_page_of(CASE_EXAMPLE))
async def list_cases(
    service: Service,
    config: Config,
    number: Annotated[
        str | None,
        Query(
            pattern=r"^[0-9]{1,8}(-[0-9]{0,11})?$",
            description="A case number or its beginning: 20261124 is a day.",
        ),
    ] = None,
    call_id: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
    caller: Annotated[
        str | None,
        Query(min_length=1, max_length=128, description="Caller's number, in any usual form."),
    ] = None,
    seat: Annotated[
        str | None,
        Query(min_length=1, max_length=128, description="Extension of the seat that holds it."),
    ] = None,
    status: Annotated[CaseStatus | None, Query()] = None,
    source: Annotated[CaseSource | None, Query()] = None,
    opened_from: Annotated[Moment | None, Query(description="Not before.")] = None,
    opened_to: Annotated[Moment | None, Query(description="Before.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[CaseOut]:
    """Filters narrow together. The list by `call_id` has one case at most."""
    wanted = CaseFilter(
        number=number,
        call_id=call_id,
        caller_number=caller,
        seat=seat,
        status=status.value if status else None,
        source=source.value if source else None,
        opened_from=opened_from,
        opened_to=opened_to,
    )
    limit = min(limit, config.page_size_max)
    before = None if cursor is None else _case_key(cursor)
    found = await service.page(wanted, before=before, limit=limit + 1)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = encode_cursor(last.opened_at.isoformat(), last.id)
    items = [CaseOut.model_validate(case) for case in found[:limit]]
    return Page[CaseOut](items=items, next=following)


@router.get("/{number}", summary="One case", responses={**_ONE, **_NOT_FOUND})
async def read_case(number: Number, service: Service) -> CaseDetailOut:
    """With its call, its audio and the first 500 steps of its history."""
    return _detail(await service.get(number))


@router.patch(
    "/{number}", summary="Edit a case", responses={**_ONE, **_NOT_FOUND, **_VERSION_CONFLICT}
)
async def edit_case(
    number: Number, body: CasePatch, service: Service, actor: Actor, broadcast: Publisher
) -> CaseDetailOut:
    """What is left out stays. `version` is the one that was read: if somebody saved since, nothing
    is written."""
    values = body.model_dump(exclude_unset=True, exclude={"version"}, mode="json")
    for name, value in values.items():
        if value is None and name != "kind":
            raise BadInput(f"{name}: leave it out, or say what it is", field=name)
    changes = CaseChanges(version=body.version, values=values)
    detail, published = await service.edit(number, changes, actor=actor)
    for change in published:
        broadcast.publish(change)
    return _detail(detail)


@router.get(
    "/{number}/events",
    summary="History of a case, oldest first",
    responses={**_page_of(EVENT_EXAMPLE), **_NOT_FOUND},
)
async def list_events(
    number: Number, service: Service, config: Config, cursor: Cursor = None, limit: Limit = 50
) -> Page[CaseEventOut]:
    """What happened, who did it, and when."""
    after = 0 if cursor is None else _id(decode_cursor(cursor, 1)[0])
    limit = min(limit, config.page_size_max)
    found = await service.events(number, after_id=after, limit=limit + 1)
    items = [CaseEventOut.model_validate(step) for step in found[:limit]]
    following = encode_cursor(items[-1].id) if len(found) > limit else None
    return Page[CaseEventOut](items=items, next=following)


def _case_key(cursor: str) -> tuple[datetime, int]:
    moment, case_id = decode_cursor(cursor, 2)
    try:
        opened_at = datetime.fromisoformat(moment)
        if opened_at.tzinfo is None:
            raise _bad_cursor()
        return opened_at.astimezone(UTC), _id(case_id)
    except (TypeError, ValueError, OverflowError) as error:
        raise _bad_cursor() from error


def _id(value: Any) -> int:
    if isinstance(value, int) and 0 <= value < 2**63:
        return value
    raise _bad_cursor()


def _bad_cursor() -> BadInput:
    return BadInput("cursor: pass the `next` of a previous page", code="bad_cursor")


def _detail(detail: CaseDetail) -> CaseDetailOut:
    media = [MediaOfCase.model_validate(one, from_attributes=True) for one in detail.media]
    messages = [one for one in media if one.kind == MediaKind.VOICE_MESSAGE.value]
    wanted = detail.case.voice_message_id
    return CaseDetailOut(
        **CaseOut.model_validate(detail.case).model_dump(),
        call=None if detail.call is None else CallOfCase.model_validate(detail.call),
        recordings=[one for one in media if one.kind == MediaKind.RECORDING.value],
        voice_message=next((one for one in messages if one.id == wanted), None),
        events=[CaseEventOut.model_validate(step) for step in detail.events],
    )
