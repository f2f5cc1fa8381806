"""``/api/leave`` and ``/api/swaps``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, status

from callcenter.access import Who, requires
from callcenter.api import Config, Page, encode_cursor
from callcenter.domain.permissions import Permission
from callcenter.domain.requests import RequestState, RequestStep
from callcenter.errors import BadInput
from callcenter.shifts.common import Cursor, Id, Limit, Me, before_id, problem
from callcenter.shifts.models import LeaveRequest, SwapRequest
from callcenter.shifts.request_schemas import DecisionBody, LeaveIn, LeaveOut, SwapIn, SwapOut
from callcenter.shifts.requests import RequestService
from callcenter.shifts.service import ShiftService

leave_router = APIRouter(prefix="/api/leave", tags=["shifts"])
swap_router = APIRouter(prefix="/api/swaps", tags=["shifts"])

_READ = [requires(Permission.SHIFT_READ)]
_OWN = [requires(Permission.SHIFT_OWN)]
_WRITE = [requires(Permission.SHIFT_WRITE)]


def _requests(request: Request) -> RequestService:
    service: RequestService = request.app.state.shift_requests
    return service


def _shifts(request: Request) -> ShiftService:
    service: ShiftService = request.app.state.shifts
    return service


Requests = Annotated[RequestService, Depends(_requests)]
Shifts = Annotated[ShiftService, Depends(_shifts)]
State = Annotated[RequestState | None, Query(description="Only those that stand so.")]
UserFilter = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only this person.")]

_DECIDED = problem(
    "It is decided already.", "request_decided", "it is approved already: refuse makes no sense now"
)
_OWN_REQUEST = problem(
    "Code `own_request`.", "own_request", "somebody else decides about your own requests"
)
_LEAVE: dict[int | str, dict[str, Any]] = {
    404: problem("No such leave.", "leave_not_found", "there is no leave 3"),
    409: _DECIDED,
}
_SWAP: dict[int | str, dict[str, Any]] = {
    404: problem("No such swap.", "swap_not_found", "there is no swap 3"),
    409: _DECIDED,
}


# -- leave ------------------------------------------------------------------------------------


@leave_router.get("", summary="Leave, newest first", dependencies=_READ)
async def list_leave(
    service: Requests,
    shifts: Shifts,
    config: Config,
    state: State = None,
    user_id: UserFilter = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[LeaveOut]:
    """Everybody's; `state=asked` is what waits for a decision."""
    limit = min(limit, config.page_size_max)
    rows = await service.leave_page(
        before_id=before_id(cursor), user_id=user_id, state=state, limit=limit + 1
    )
    return await _leave_page(shifts, rows, limit)


@leave_router.get("/mine", summary="One's own leave", dependencies=_OWN)
async def my_leave(
    service: Requests,
    shifts: Shifts,
    config: Config,
    me: Me,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[LeaveOut]:
    """Newest first."""
    limit = min(limit, config.page_size_max)
    rows = await service.leave_page(
        before_id=before_id(cursor), user_id=me, state=None, limit=limit + 1
    )
    return await _leave_page(shifts, rows, limit)


@leave_router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Ask for leave",
    dependencies=_OWN,
    responses={
        403: problem(
            "For somebody else only a planner may.", "forbidden", "leave of others needs…"
        ),
        409: problem("There is leave already.", "leave_overlaps", "there is leave from … already"),
        422: problem(
            "Codes `bad_input`, `bad_range`, `unknown_user`.",
            "bad_range",
            "from, to: `to` must not be before `from`",
        ),
    },
)
async def ask_leave(body: LeaveIn, service: Requests, shifts: Shifts, who: Who) -> LeaveOut:
    """A supervisor decides."""
    user_id = who.user_id if body.user_id is None else body.user_id
    if user_id is None:
        raise BadInput("user_id: say whose leave it is", code="bad_input")
    row = await service.ask_leave(
        user_id, body.first_day, body.last_day, body.kind, body.reason, who=who
    )
    return await _leave(shifts, row)


@leave_router.post(
    "/{leave_id}/approve",
    summary="Approve leave",
    dependencies=_WRITE,
    responses={**_LEAVE, 403: _OWN_REQUEST},
)
async def approve_leave(
    leave_id: Id, body: DecisionBody, service: Requests, shifts: Shifts, who: Who
) -> LeaveOut:
    """The shifts on its days stand aside from now on; see the conflicts for what is not covered."""
    row = await service.decide_leave(leave_id, RequestStep.APPROVE, body.answer, who=who)
    return await _leave(shifts, row)


@leave_router.post(
    "/{leave_id}/refuse",
    summary="Refuse leave",
    dependencies=_WRITE,
    responses={**_LEAVE, 403: _OWN_REQUEST},
)
async def refuse_leave(
    leave_id: Id, body: DecisionBody, service: Requests, shifts: Shifts, who: Who
) -> LeaveOut:
    """With a word why."""
    row = await service.decide_leave(leave_id, RequestStep.REFUSE, body.answer, who=who)
    return await _leave(shifts, row)


@leave_router.post(
    "/{leave_id}/withdraw", summary="Take leave back", dependencies=_OWN, responses=_LEAVE
)
async def withdraw_leave(leave_id: Id, service: Requests, shifts: Shifts, who: Who) -> LeaveOut:
    """Also after approval: the shifts on its days stand again. One's own, or as a planner."""
    return await _leave(shifts, await service.withdraw_leave(leave_id, who=who))


# -- swaps ------------------------------------------------------------------------------------


@swap_router.get("", summary="Swaps, newest first", dependencies=_READ)
async def list_swaps(
    service: Requests,
    shifts: Shifts,
    config: Config,
    state: State = None,
    user_id: UserFilter = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SwapOut]:
    """Everybody's; `state=accepted` is what waits for a decision."""
    limit = min(limit, config.page_size_max)
    rows = await service.swap_page(
        before_id=before_id(cursor), user_id=user_id, state=state, limit=limit + 1
    )
    return await _swap_page(shifts, rows, limit)


@swap_router.get("/mine", summary="Swaps that one asked for or is asked for", dependencies=_OWN)
async def my_swaps(
    service: Requests,
    shifts: Shifts,
    config: Config,
    me: Me,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SwapOut]:
    """Newest first."""
    limit = min(limit, config.page_size_max)
    rows = await service.swap_page(
        before_id=before_id(cursor), user_id=me, state=None, limit=limit + 1
    )
    return await _swap_page(shifts, rows, limit)


@swap_router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Ask a colleague to swap",
    dependencies=_OWN,
    responses={
        404: problem("Not one's own, or not theirs.", "rota_entry_not_found", "no rota entry 512"),
        409: problem("In another request.", "swap_open", "one of the shifts is in another request"),
        422: problem(
            "Codes `bad_input`, `bad_swap`, `unknown_user`.",
            "bad_swap",
            "the shift of 2026-12-01 has begun already",
        ),
    },
)
async def ask_swap(body: SwapIn, service: Requests, shifts: Shifts, me: Me, who: Who) -> SwapOut:
    """The colleague accepts or declines, then a supervisor decides."""
    return await _swap(shifts, await service.ask_swap(body.to_domain(), user_id=me, who=who))


@swap_router.post("/{swap_id}/accept", summary="Accept a swap", dependencies=_OWN, responses=_SWAP)
async def accept_swap(swap_id: Id, service: Requests, shifts: Shifts, me: Me, who: Who) -> SwapOut:
    """By the colleague who is asked."""
    row = await service.answer_swap(swap_id, RequestStep.ACCEPT, user_id=me, who=who)
    return await _swap(shifts, row)


@swap_router.post(
    "/{swap_id}/decline", summary="Decline a swap", dependencies=_OWN, responses=_SWAP
)
async def decline_swap(swap_id: Id, service: Requests, shifts: Shifts, me: Me, who: Who) -> SwapOut:
    """By the colleague who is asked."""
    row = await service.answer_swap(swap_id, RequestStep.DECLINE, user_id=me, who=who)
    return await _swap(shifts, row)


@swap_router.post(
    "/{swap_id}/withdraw", summary="Take a swap back", dependencies=_OWN, responses=_SWAP
)
async def withdraw_swap(
    swap_id: Id, service: Requests, shifts: Shifts, me: Me, who: Who
) -> SwapOut:
    """By the one who asked, until it is decided."""
    return await _swap(shifts, await service.withdraw_swap(swap_id, user_id=me, who=who))


@swap_router.post(
    "/{swap_id}/approve",
    summary="Approve a swap",
    dependencies=_WRITE,
    responses={
        **_SWAP,
        403: _OWN_REQUEST,
        409: problem(
            "Codes `request_decided`, `entry_changed`, `swap_conflict`.",
            "swap_conflict",
            "one of them works at that time already, or is on leave that day",
        ),
    },
)
async def approve_swap(
    swap_id: Id, body: DecisionBody, service: Requests, shifts: Shifts, who: Who
) -> SwapOut:
    """The rota is changed at once."""
    row = await service.decide_swap(swap_id, RequestStep.APPROVE, body.answer, who=who)
    return await _swap(shifts, row)


@swap_router.post(
    "/{swap_id}/refuse",
    summary="Refuse a swap",
    dependencies=_WRITE,
    responses={**_SWAP, 403: _OWN_REQUEST},
)
async def refuse_swap(
    swap_id: Id, body: DecisionBody, service: Requests, shifts: Shifts, who: Who
) -> SwapOut:
    """With a word why."""
    row = await service.decide_swap(swap_id, RequestStep.REFUSE, body.answer, who=who)
    return await _swap(shifts, row)


async def _leave(shifts: ShiftService, row: LeaveRequest) -> LeaveOut:
    return LeaveOut.from_row(row, await shifts.names((row.user_id,)))


async def _swap(shifts: ShiftService, row: SwapRequest) -> SwapOut:
    return SwapOut.from_row(row, await shifts.names((row.user_id, row.partner_id)))


async def _leave_page(
    shifts: ShiftService, rows: Sequence[LeaveRequest], limit: int
) -> Page[LeaveOut]:
    names = await shifts.names({row.user_id for row in rows})
    items = [LeaveOut.from_row(row, names) for row in rows[:limit]]
    following = encode_cursor(items[-1].id) if len(rows) > limit else None
    return Page[LeaveOut](items=items, next=following)


async def _swap_page(
    shifts: ShiftService, rows: Sequence[SwapRequest], limit: int
) -> Page[SwapOut]:
    names = await shifts.names({person for row in rows for person in (row.user_id, row.partner_id)})
    items = [SwapOut.from_row(row, names) for row in rows[:limit]]
    following = encode_cursor(items[-1].id) if len(rows) > limit else None
    return Page[SwapOut](items=items, next=following)
