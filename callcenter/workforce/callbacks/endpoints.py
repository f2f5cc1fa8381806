"""``/api/callbacks``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, status

from callcenter.people.access.rights import Who, requires
from callcenter.people.citizens import CitizensOf
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.api import Config, Page, error_body
from callcenter.platform.http.cursors import ID, MOMENT, Limit, cursor_of, encode_cursor
from callcenter.platform.http.given import Given
from callcenter.platform.http.queries import MomentSpan, moment_span
from callcenter.platform.texts import Line
from callcenter.workforce.callbacks.repository import TaskFilter
from callcenter.workforce.callbacks.schemas import (
    DETAIL_EXAMPLE,
    TASK_EXAMPLE,
    DialIn,
    DialledOut,
    OfferOut,
    ResultIn,
    TaskDetailOut,
    TaskOut,
)
from callcenter.workforce.callbacks.service import Agent, CallbackService
from callcenter.workforce.domain.callbacks import CallbackStatus, MissedReason

router = APIRouter(prefix="/api/callbacks", tags=["call-backs"])

OWN = requires(Permission.CALLBACK_OWN)
READ = requires(Permission.CALLBACK_READ)


async def _agent(who: Who) -> Agent:
    return Agent(who.name, who.user_id)


Service = Given[CallbackService]
Span = Annotated[MomentSpan, Depends(moment_span("missed"))]
Before = Annotated[tuple[datetime, int] | None, Depends(cursor_of(MOMENT, ID))]
Me = Annotated[Agent, Depends(_agent)]
TaskId = Annotated[int, Path(ge=1, le=2**31 - 1, examples=[17])]


def _error(description: str, code: str, message: str) -> dict[str, Any]:
    body = error_body(code, message)
    return {"description": description, "content": {"application/json": {"example": body}}}


_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: _error("No such call-back.", "callback_not_found", "there is no call-back 99")
}
_STEP: dict[int | str, dict[str, Any]] = {
    **_NOT_FOUND,
    409: _error(
        "Codes `callback_taken`, `callback_not_taken`, `callback_closed`.",
        "callback_taken",
        "wangfang has call-back 17; ask for the next one",
    ),
}
_BUSY: dict[int | str, dict[str, Any]] = {
    409: _error(
        "The agent works on a call.",
        "agent_busy",
        "finish the call first, then ask for a call-back",
    )
}
_ONE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The call-back.",
        "content": {"application/json": {"example": DETAIL_EXAMPLE}},
    }
}
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One page.",
        "content": {"application/json": {"example": {"items": [TASK_EXAMPLE], "next": None}}},
    }
}


@router.get("", dependencies=[READ], responses=_PAGE, summary="List call-backs, last missed first")
async def list_tasks(
    service: Service,
    config: Config,
    citizens: CitizensOf,
    span: Span,
    before: Before,
    limit: Limit = 50,
    status: Annotated[CallbackStatus | None, Query()] = None,
    open: Annotated[  # noqa: A002 - the API's word
        bool | None, Query(description="True: still to be called back.")
    ] = None,
    queue: Annotated[Line | None, Query(max_length=64)] = None,
    reason: Annotated[MissedReason | None, Query()] = None,
    number: Annotated[
        Line | None,
        Query(min_length=1, max_length=128, description="Needs the right to see whole numbers."),
    ] = None,
) -> Page[TaskOut]:
    """Pass `next` of a page as `cursor` to get the following one; `from` and `to` are of the moment
    at which they were first missed."""
    citizens.may_search(number)
    wanted = TaskFilter(status, open, queue, number, reason, span.first, span.last)
    limit = min(limit, config.page_size_max)
    found = await service.page(wanted, before=before, limit=limit + 1)
    after = None
    if len(found) > limit:
        last = found[limit - 1]
        after = encode_cursor(last.last_missed_at, last.id)
    await citizens.was_searched("callback.list", number=number, found=len(found[:limit]))
    return Page(items=[TaskOut.of(task) for task in found[:limit]], next=after)


@router.get("/mine", dependencies=[OWN], summary="What I have taken")
async def list_mine(service: Service, me: Me) -> list[TaskDetailOut]:
    """The oldest place first."""
    return [TaskDetailOut.with_parts(one) for one in await service.mine(me)]


@router.post("/next", dependencies=[OWN], responses=_BUSY, summary="Take the next one that is due")
async def take_next(service: Service, me: Me, citizens: CitizensOf) -> OfferOut:
    """For an agent who is free. Those who asked for it while waiting come first, as soon as all
    who joined the queue before them have been served; those who gave up come when nobody waits in
    their queue. What the agent holds already is given again."""
    offer = await service.next(me)
    if offer.task is not None:
        await citizens.was_shown("callback.take", f"callback:{offer.task.task.id}")
    return OfferOut.of(offer)


@router.get("/{task_id}", dependencies=[READ], responses={**_ONE, **_NOT_FOUND})
async def get_task(task_id: TaskId, service: Service, citizens: CitizensOf) -> TaskDetailOut:
    """One call-back with its attempts and missed calls."""
    found = await service.get(task_id)
    await citizens.was_shown("callback.read", f"callback:{task_id}")
    return TaskDetailOut.with_parts(found)


@router.post("/{task_id}/take", dependencies=[OWN], responses={**_ONE, **_STEP})
async def take_task(
    task_id: TaskId, service: Service, me: Me, citizens: CitizensOf
) -> TaskDetailOut:
    """Take this one, whether or not it is due. It is free again when it is not finished within the
    setting callback_taken_minutes."""
    taken = await service.take(task_id, me)
    await citizens.was_shown("callback.take", f"callback:{task_id}")
    return TaskDetailOut.with_parts(taken)


@router.post("/{task_id}/release", dependencies=[OWN], responses={**_ONE, **_STEP})
async def release_task(task_id: TaskId, service: Service, me: Me) -> TaskDetailOut:
    """Give it back untried; it keeps its place."""
    return TaskDetailOut.with_parts(await service.release(task_id, me))


@router.post(
    "/{task_id}/dial",
    dependencies=[OWN],
    status_code=status.HTTP_202_ACCEPTED,
    summary="Call the citizen back",
    responses={
        **_NOT_FOUND,
        409: _error(
            "Codes `callback_taken`, `callback_not_taken`, `callback_closed`,"
            " `callback_no_attempts`, `outbound_off`, `number_not_allowed`, `no_seat`,"
            " `not_your_seat`, `seat_unreachable`, `seat_busy`, `pbx_refused`.",
            "outbound_off",
            "no outside number may be called: set CALLCENTER_OUTBOUND_PATTERNS and"
            " CALLCENTER_TRUNK_HOST",
        ),
        503: _error(
            "No link to the PBX; nothing was done.",
            "pbx_unavailable",
            "there is no link to the PBX now; nothing was done",
        ),
        504: _error(
            "It may or may not have been done; look before trying again.",
            "pbx_timeout",
            "call-back to seat 8001: no answer in time",
        ),
    },
)
async def dial_task(task_id: TaskId, body: DialIn, service: Service, me: Me) -> DialledOut:
    """The agent's phone rings; once it is answered the citizen is dialled, recorded as every call.
    What came of it is in the call `call_id` of the ledger; say it with `result`."""
    return DialledOut.of(await service.dial(task_id, me, body.seat))


@router.post(
    "/{task_id}/result",
    dependencies=[OWN],
    summary="Say what came of it",
    responses={
        **_ONE,
        **_STEP,
        404: _error(
            "Codes `callback_not_found`, `case_not_found`.",
            "callback_not_found",
            "there is no call-back 99",
        ),
        422: _error(
            "Codes `bad_input`, `not_before_in_the_past`.",
            "not_before_in_the_past",
            "not_before: give a moment to come, or none for the usual time",
        ),
    },
)
async def finish_task(task_id: TaskId, body: ResultIn, service: Service, me: Me) -> TaskDetailOut:
    """`done` and `failed` close it. `later` puts it back with a time to try again; when no attempt
    is left it has failed, and when he has got through by himself meanwhile it is dropped."""
    return TaskDetailOut.with_parts(
        await service.finish(
            task_id,
            me,
            result=body.result,
            outcome=body.outcome,
            note=body.note,
            not_before=body.not_before,
            case_number=body.case_number,
        )
    )
