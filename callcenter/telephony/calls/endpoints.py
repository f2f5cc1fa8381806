"""``/api/calls``: the ledger, read only. Transfers are in `transfer_endpoints`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from callcenter.people.access.rights import requires
from callcenter.people.citizens import CitizensOf
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.api import Config, Page, error_body
from callcenter.platform.http.cursors import MOMENT, TEXT, Limit, cursor_of, encode_cursor
from callcenter.platform.http.given import Given
from callcenter.platform.http.queries import MomentSpan, moment_span
from callcenter.platform.texts import Line
from callcenter.telephony.calls.models import Call
from callcenter.telephony.calls.ports import CaseNumbers
from callcenter.telephony.calls.reading import CallFilter
from callcenter.telephony.calls.schemas import CALL_EXAMPLE, DETAIL_EXAMPLE, CallDetailOut, CallOut
from callcenter.telephony.calls.service import CallService
from callcenter.telephony.domain.ledger import Direction, Outcome

router = APIRouter(prefix="/api/calls", tags=["calls"])


Service = Given[CallService]
Cases = Given[CaseNumbers]
Span = Annotated[MomentSpan, Depends(moment_span("started"))]
Before = Annotated[tuple[datetime, str] | None, Depends(cursor_of(MOMENT, TEXT))]
READ = [requires(Permission.CALL_READ)]
CallIdPath = Annotated[Line, Path(min_length=1, max_length=64, examples=["pbx1:1795407499.12"])]

_PAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One page.",
        "content": {"application/json": {"example": {"items": [CALL_EXAMPLE], "next": None}}},
    }
}
_ONE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The call.",
        "content": {"application/json": {"example": DETAIL_EXAMPLE}},
    },
    404: {
        "description": "No such call.",
        "content": {
            "application/json": {
                "example": error_body(
                    "call_not_found", "there is no call pbx1:1795407499.99", {"id": "…"}
                )
            }
        },
    },
}


@router.get("", summary="List calls, newest first", responses=_PAGE, dependencies=READ)
async def list_calls(
    service: Service,
    config: Config,
    citizens: CitizensOf,
    span: Span,
    before: Before,
    direction: Annotated[Direction | None, Query()] = None,
    outcome: Annotated[Outcome | None, Query()] = None,
    caller: Annotated[
        Line | None,
        Query(min_length=1, max_length=128, description="Caller's number, in any usual form."),
    ] = None,
    seat: Annotated[
        Line | None, Query(min_length=1, max_length=128, description="Who talked last.")
    ] = None,
    queue: Annotated[Line | None, Query(min_length=1, max_length=64)] = None,
    case_number: Annotated[
        Line | None,
        Query(min_length=1, max_length=32, description="Calls that seats made about this case."),
    ] = None,
    open: Annotated[  # noqa: A002
        bool | None, Query(description="True: calls that go on; false: calls that are over.")
    ] = None,
    limit: Limit = 50,
) -> Page[CallOut]:
    """Filters narrow together. By `caller`, calls of confidential cases are left out for those who
    may not see them: a page may be short, and still have a `next`."""
    citizens.may_search(caller, seat)
    wanted = CallFilter(
        direction=direction.value if direction else None,
        outcome=outcome.value if outcome else None,
        caller_number=caller,
        seat=seat,
        queue=queue,
        case_number=case_number,
        open=open,
        started_from=span.first,
        started_to=span.last,
    )
    limit = min(limit, config.page_size_max)
    found = await service.page(wanted, before=before, limit=limit + 1)
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = encode_cursor(last.started_at, last.id)
    shown = found[:limit]
    secret = await citizens.confidential({call.id for call in shown})
    if caller is not None and citizens.hide_confidential:
        shown = [call for call in shown if call.id not in secret]
    items = [_call(call, call.id in secret) for call in shown]
    await citizens.was_searched("call.listed", number=caller, found=len(items))
    return Page[CallOut](items=items, next=following)


@router.get("/{call_id}", summary="One call", responses=_ONE, dependencies=READ)
async def read_call(
    call_id: CallIdPath, service: Service, cases: Cases, citizens: CitizensOf
) -> CallDetailOut:
    """With its queue visits, rings, talks, transfers, audio and scores, and its case's number. Who
    reads is noted."""
    detail = await service.get(call_id)
    confidential = bool(await citizens.confidential([call_id]))
    await citizens.was_shown("call.read", f"call:{call_id}", confidential=confidential)
    return CallDetailOut.model_validate(
        {
            **_call(detail.call, confidential).model_dump(),
            "case_number": await cases.number_of_call(call_id) or detail.call.case_number or None,
            "visits": detail.visits,
            "rings": detail.rings,
            "talks": detail.talks,
            "transfers": detail.transfers,
            "recordings": detail.recordings,
            "voice_messages": detail.voice_messages,
            "ratings": detail.ratings,
        },
        from_attributes=True,
    )


def _call(call: Call, confidential: bool) -> CallOut:
    facts = {name: getattr(call, name) for name in CallOut.model_fields if name != "confidential"}
    return CallOut.model_validate({**facts, "confidential": confidential})
