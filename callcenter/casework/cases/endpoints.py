"""``/api/cases``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from callcenter.casework.cases.repository import CaseFilter
from callcenter.casework.cases.schemas import (
    CASE_EXAMPLE,
    DETAIL_EXAMPLE,
    EVENT_EXAMPLE,
    CallOfCase,
    CaseDetailOut,
    CaseEventOut,
    CaseOut,
    CasePatch,
    MediaOfCase,
)
from callcenter.casework.cases.service import CaseChanges, CaseDetail, CaseService, CaseStep
from callcenter.casework.domain.cases import CaseSource, CaseStatus
from callcenter.people.access.rights import Who, requires
from callcenter.people.citizens import Citizens, CitizensOf, citizen_hidden, may, shown_data
from callcenter.people.domain.masking import NAME_FIELDS, NUMBER_FIELDS
from callcenter.people.domain.permissions import Permission
from callcenter.platform.broadcast import Broadcast
from callcenter.platform.domain.numbers_in_text import restore_numbers
from callcenter.platform.errors import BadInput
from callcenter.platform.http.api import Config, Page, error_body
from callcenter.platform.http.cursors import ID, MOMENT, Limit, cursor_of, encode_cursor
from callcenter.platform.http.given import Given
from callcenter.platform.http.queries import MomentSpan, moment_span
from callcenter.platform.http.versions import WHOLE, VersionedRoute
from callcenter.platform.texts import Line
from callcenter.telephony.domain.ids import CASE_NUMBER
from callcenter.telephony.domain.media import MediaKind

router = APIRouter(prefix="/api/cases", tags=["cases"], route_class=VersionedRoute)


Service = Given[CaseService]
Publisher = Given[Broadcast]
READ = [requires(Permission.CASE_READ)]
WRITE = [requires(Permission.CASE_WRITE)]
Number = Annotated[
    str, Path(pattern=f"^{CASE_NUMBER.pattern}$", max_length=20, examples=["20261124-00017"])
]
Span = Annotated[MomentSpan, Depends(moment_span("opened"))]
Before = Annotated[tuple[datetime, int] | None, Depends(cursor_of(MOMENT, ID))]
After = Annotated[tuple[int] | None, Depends(cursor_of(ID))]


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
_HIDDEN: dict[int | str, dict[str, Any]] = {
    403: _answer(
        "Codes `forbidden`, `citizen_hidden`.",
        error_body(
            "citizen_hidden",
            "you may not change a citizen's number: who the citizen is, is hidden from you",
        ),
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


@router.get(
    "",
    summary="List cases, newest first",
    responses=_page_of(CASE_EXAMPLE),
    dependencies=READ,
)
async def list_cases(
    service: Service,
    config: Config,
    citizens: CitizensOf,
    span: Span,
    before: Before,
    number: Annotated[
        Line | None,
        Query(
            pattern=r"^[0-9]{1,8}(-[0-9]{0,11})?$",
            description="A case number or its beginning: 20261124 is a day.",
        ),
    ] = None,
    call_id: Annotated[Line | None, Query(min_length=1, max_length=64)] = None,
    caller: Annotated[
        Line | None,
        Query(min_length=1, max_length=128, description="Caller's number, in any usual form."),
    ] = None,
    contact: Annotated[
        Line | None,
        Query(min_length=1, max_length=128, description="Number to call back, in any usual form."),
    ] = None,
    seat: Annotated[
        Line | None,
        Query(min_length=1, max_length=128, description="Extension of the seat that holds it."),
    ] = None,
    status: Annotated[CaseStatus | None, Query()] = None,
    source: Annotated[CaseSource | None, Query()] = None,
    limit: Limit = 50,
) -> Page[CaseOut]:
    """Filters narrow together. The list by `call_id` has one case at most. By `caller` and
    by `contact`, cases that are confidential are found by those alone who may see them."""
    asked = caller if caller is not None else contact
    citizens.may_search(asked, seat)
    wanted = CaseFilter(
        confidential=False if asked is not None and citizens.hide_confidential else None,
        number=number,
        call_id=call_id,
        caller_number=caller,
        contact_number=contact,
        seat=seat,
        status=status.value if status else None,
        source=source.value if source else None,
        opened_from=span.first,
        opened_to=span.last,
    )
    limit = min(limit, config.page_size_max)
    found = await service.page(wanted, before=before, limit=limit + 1)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = encode_cursor(last.opened_at, last.id)
    items = [CaseOut.model_validate(case) for case in found[:limit]]
    await citizens.was_searched("case.listed", number=asked, found=len(items))
    return Page[CaseOut](items=items, next=following)


@router.get("/{number}", summary="One case", responses={**_ONE, **_NOT_FOUND}, dependencies=READ)
async def read_case(number: Number, service: Service, citizens: CitizensOf) -> CaseDetailOut:
    """With its call, its audio and the first 500 steps of its history. Who reads is noted."""
    detail = await service.get(number)
    await _note(citizens, detail)
    return _detail(detail)


@router.patch(
    "/{number}",
    summary="Edit a case",
    responses={**_ONE, **_HIDDEN, **_NOT_FOUND, **_VERSION_CONFLICT},
    dependencies=[*WRITE, WHOLE],
)
async def edit_case(
    number: Number,
    body: CasePatch,
    service: Service,
    who: Who,
    broadcast: Publisher,
    citizens: CitizensOf,
) -> CaseDetailOut:
    """What is left out stays. `version` is the one that was read: if somebody saved since, nothing
    is written. Who may not see the citizen cannot write him, nor end the confidence."""
    values = body.model_dump(exclude_unset=True, exclude={"version"}, mode="json")
    for name, value in values.items():
        if value is None and name != "kind":
            raise BadInput(f"{name}: leave it out, or say what it is", field=name)
    changes = CaseChanges(version=body.version, values=values)
    detail, published = await service.edit(
        number, changes, actor=who.name, allowed=_may_write, meant=_meant
    )
    for change in published:
        broadcast.publish(change)
    await _note(citizens, detail)
    return _detail(detail)


@router.get(
    "/{number}/events",
    summary="History of a case, oldest first",
    responses={**_page_of(EVENT_EXAMPLE), **_NOT_FOUND},
    dependencies=READ,
)
async def list_events(
    number: Number,
    service: Service,
    config: Config,
    citizens: CitizensOf,
    after: After,
    limit: Limit = 50,
) -> Page[CaseEventOut]:
    """What happened, who did it, and when."""
    limit = min(limit, config.page_size_max)
    found = await service.events(number, after_id=after[0] if after else 0, limit=limit + 1)
    confidential = await service.is_confidential(number)
    items = [_event(step, confidential) for step in found[:limit]]
    await citizens.was_shown("case.history_read", f"case:{number}", confidential=confidential)
    following = encode_cursor(items[-1].id) if len(found) > limit else None
    return Page[CaseEventOut](items=items, next=following)


def _may_write(confidential: bool, names: Collection[str]) -> None:
    """`Forbidden` ``citizen_hidden``: a screen would send back what it was shown, stars and all;
    and a guess that changes nothing would tell that it was right."""
    told = NUMBER_FIELDS | NAME_FIELDS | {"confidential"} if confidential else frozenset()
    if told & set(names) and not may(Permission.CASE_CONFIDENTIAL):
        raise citizen_hidden("change the citizen or the confidence of a confidential case")
    if NUMBER_FIELDS & set(names) and not may(Permission.NUMBER_SEE):
        raise citizen_hidden("change a citizen's number")


def _meant(confidential: bool, before: str, text: str) -> str:
    """Stars that a screen sends back stand for the digits that it was not shown."""
    hidden = confidential and not may(Permission.CASE_CONFIDENTIAL)
    return restore_numbers(before, text) if hidden or not may(Permission.NUMBER_SEE) else text


async def _note(citizens: Citizens, detail: CaseDetail) -> None:
    case = detail.case
    await citizens.was_shown("case.read", f"case:{case.number}", confidential=case.confidential)


def _event(step: CaseStep, confidential: bool) -> CaseEventOut:
    return CaseEventOut(
        id=step.id,
        at=step.at,
        kind=step.kind,
        actor=step.actor,
        data=shown_data(step.data, confidential=confidential),
    )


def _detail(detail: CaseDetail) -> CaseDetailOut:
    media = [MediaOfCase.model_validate(one, from_attributes=True) for one in detail.media]
    messages = [one for one in media if one.kind == MediaKind.VOICE_MESSAGE.value]
    wanted = detail.case.voice_message_id
    return CaseDetailOut(
        **CaseOut.model_validate(detail.case).model_dump(),
        call=None if detail.call is None else CallOfCase.model_validate(detail.call),
        recordings=[one for one in media if one.kind == MediaKind.RECORDING.value],
        voice_message=next((one for one in messages if one.id == wanted), None),
        events=[_event(step, detail.case.confidential) for step in detail.events],
    )
