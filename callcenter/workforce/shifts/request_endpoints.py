"""``/api/leave`` and ``/api/swaps``.

Both are requests that people make and supervisors decide, so both have the same lists and the same
decisions; `Desk` is what they share.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import APIRouter, Depends, Query, status
from pydantic import BaseModel

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.errors import BadInput
from callcenter.platform.http.api import Config, Page
from callcenter.platform.http.cursors import ID, Limit, cursor_of, encode_cursor
from callcenter.platform.http.given import Given
from callcenter.workforce.domain.requests import RequestState, RequestStep
from callcenter.workforce.shifts.common import Id, Me, problem
from callcenter.workforce.shifts.request_schemas import (
    DecisionBody,
    LeaveIn,
    LeaveOut,
    SwapIn,
    SwapOut,
)
from callcenter.workforce.shifts.requests import RequestService
from callcenter.workforce.shifts.service import ShiftService

leave_router = APIRouter(prefix="/api/leave", tags=["shifts"])
swap_router = APIRouter(prefix="/api/swaps", tags=["shifts"])

_READ = [requires(Permission.SHIFT_READ)]
_OWN = [requires(Permission.SHIFT_OWN)]
_WRITE = [requires(Permission.SHIFT_WRITE)]


class Row(Protocol):
    """A request as it is kept."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def people(self) -> tuple[int, ...]:
        """Whom it concerns."""
        ...


RowT = TypeVar("RowT", bound=Row)
OutT = TypeVar("OutT", bound=BaseModel)
Form = Callable[[RowT, Mapping[int, str]], OutT]
"""How a row is shown, with the names of its people."""


class Desk:
    """Shows requests, one by one and page by page."""

    def __init__(self, shifts: ShiftService) -> None:
        self._shifts = shifts

    async def one(self, form: Form[RowT, OutT], row: RowT) -> OutT:
        """A request."""
        return form(row, await self._shifts.names(row.people))

    async def page(
        self, form: Form[RowT, OutT], read: Callable[..., Awaitable[Sequence[RowT]]], place: Place
    ) -> Page[OutT]:
        """Those that `read` finds from `place` on."""
        rows = await read(before_id=place.before_id, limit=place.limit + 1)
        names = await self._shifts.names({person for row in rows for person in row.people})
        shown = rows[: place.limit]
        following = encode_cursor(shown[-1].id) if len(rows) > place.limit else None
        return Page[OutT](items=[form(row, names) for row in shown], next=following)


Before = Annotated[tuple[int] | None, Depends(cursor_of(ID))]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a list somebody is, and how much of it they want."""

    before_id: int | None
    limit: int


async def _desk(shifts: Given[ShiftService]) -> Desk:
    return Desk(shifts)


async def _place(config: Config, before: Before, limit: Limit = 50) -> Place:
    return Place(before and before[0], min(limit, config.page_size_max))


Requests = Given[RequestService]
AtDesk = Annotated[Desk, Depends(_desk)]
At = Annotated[Place, Depends(_place)]
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
    service: Requests, desk: AtDesk, place: At, state: State = None, user_id: UserFilter = None
) -> Page[LeaveOut]:
    """Everybody's; `state=asked` is what waits for a decision."""
    read = partial(service.leave_page, user_id=user_id, state=state)
    return await desk.page(LeaveOut.from_row, read, place)


@leave_router.get("/mine", summary="One's own leave", dependencies=_OWN)
async def my_leave(service: Requests, desk: AtDesk, place: At, me: Me) -> Page[LeaveOut]:
    """Newest first."""
    read = partial(service.leave_page, user_id=me, state=None)
    return await desk.page(LeaveOut.from_row, read, place)


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
async def ask_leave(body: LeaveIn, service: Requests, desk: AtDesk, who: Who) -> LeaveOut:
    """A supervisor decides."""
    user_id = who.user_id if body.user_id is None else body.user_id
    if user_id is None:
        raise BadInput("user_id: say whose leave it is", code="bad_input")
    row = await service.ask_leave(
        user_id, body.first_day, body.last_day, body.kind, body.reason, who=who
    )
    return await desk.one(LeaveOut.from_row, row)


@leave_router.post(
    "/{leave_id}/approve",
    summary="Approve leave",
    dependencies=_WRITE,
    responses={**_LEAVE, 403: _OWN_REQUEST},
)
async def approve_leave(
    leave_id: Id, body: DecisionBody, service: Requests, desk: AtDesk, who: Who
) -> LeaveOut:
    """The shifts on its days stand aside from now on; see the conflicts for what is not covered."""
    row = await service.decide_leave(leave_id, RequestStep.APPROVE, body.answer, who=who)
    return await desk.one(LeaveOut.from_row, row)


@leave_router.post(
    "/{leave_id}/refuse",
    summary="Refuse leave",
    dependencies=_WRITE,
    responses={**_LEAVE, 403: _OWN_REQUEST},
)
async def refuse_leave(
    leave_id: Id, body: DecisionBody, service: Requests, desk: AtDesk, who: Who
) -> LeaveOut:
    """With a word why."""
    row = await service.decide_leave(leave_id, RequestStep.REFUSE, body.answer, who=who)
    return await desk.one(LeaveOut.from_row, row)


@leave_router.post(
    "/{leave_id}/withdraw", summary="Take leave back", dependencies=_OWN, responses=_LEAVE
)
async def withdraw_leave(leave_id: Id, service: Requests, desk: AtDesk, who: Who) -> LeaveOut:
    """Also after approval: the shifts on its days stand again. One's own, or as a planner."""
    return await desk.one(LeaveOut.from_row, await service.withdraw_leave(leave_id, who=who))


# -- swaps ------------------------------------------------------------------------------------


@swap_router.get("", summary="Swaps, newest first", dependencies=_READ)
async def list_swaps(
    service: Requests, desk: AtDesk, place: At, state: State = None, user_id: UserFilter = None
) -> Page[SwapOut]:
    """Everybody's; `state=accepted` is what waits for a decision."""
    read = partial(service.swap_page, user_id=user_id, state=state)
    return await desk.page(SwapOut.from_row, read, place)


@swap_router.get("/mine", summary="Swaps that one asked for or is asked for", dependencies=_OWN)
async def my_swaps(service: Requests, desk: AtDesk, place: At, me: Me) -> Page[SwapOut]:
    """Newest first."""
    read = partial(service.swap_page, user_id=me, state=None)
    return await desk.page(SwapOut.from_row, read, place)


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
async def ask_swap(body: SwapIn, service: Requests, desk: AtDesk, me: Me, who: Who) -> SwapOut:
    """The colleague accepts or declines, then a supervisor decides."""
    return await desk.one(
        SwapOut.from_row, await service.ask_swap(body.to_domain(), user_id=me, who=who)
    )


@swap_router.post("/{swap_id}/accept", summary="Accept a swap", dependencies=_OWN, responses=_SWAP)
async def accept_swap(swap_id: Id, service: Requests, desk: AtDesk, me: Me, who: Who) -> SwapOut:
    """By the colleague who is asked."""
    row = await service.answer_swap(swap_id, RequestStep.ACCEPT, user_id=me, who=who)
    return await desk.one(SwapOut.from_row, row)


@swap_router.post(
    "/{swap_id}/decline", summary="Decline a swap", dependencies=_OWN, responses=_SWAP
)
async def decline_swap(swap_id: Id, service: Requests, desk: AtDesk, me: Me, who: Who) -> SwapOut:
    """By the colleague who is asked."""
    row = await service.answer_swap(swap_id, RequestStep.DECLINE, user_id=me, who=who)
    return await desk.one(SwapOut.from_row, row)


@swap_router.post(
    "/{swap_id}/withdraw", summary="Take a swap back", dependencies=_OWN, responses=_SWAP
)
async def withdraw_swap(swap_id: Id, service: Requests, desk: AtDesk, me: Me, who: Who) -> SwapOut:
    """By the one who asked, until it is decided."""
    return await desk.one(
        SwapOut.from_row, await service.withdraw_swap(swap_id, user_id=me, who=who)
    )


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
    swap_id: Id, body: DecisionBody, service: Requests, desk: AtDesk, who: Who
) -> SwapOut:
    """The rota is changed at once."""
    row = await service.decide_swap(swap_id, RequestStep.APPROVE, body.answer, who=who)
    return await desk.one(SwapOut.from_row, row)


@swap_router.post(
    "/{swap_id}/refuse",
    summary="Refuse a swap",
    dependencies=_WRITE,
    responses={**_SWAP, 403: _OWN_REQUEST},
)
async def refuse_swap(
    swap_id: Id, body: DecisionBody, service: Requests, desk: AtDesk, who: Who
) -> SwapOut:
    """With a word why."""
    row = await service.decide_swap(swap_id, RequestStep.REFUSE, body.answer, who=who)
    return await desk.one(SwapOut.from_row, row)
