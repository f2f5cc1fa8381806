"""``/api/agents``: who does what now, and what oneself or a supervisor sets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, status
from pydantic import AwareDatetime

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.errors import BadInput, Forbidden
from callcenter.platform.http.api import Page, error_body
from callcenter.platform.http.given import Given
from callcenter.platform.http.versions import WHOLE, VersionedRoute
from callcenter.platform.moments import CityDay, Moment
from callcenter.platform.versions import version_of
from callcenter.telephony.calls.seat_rows import SeatTalks
from callcenter.workforce.agents.break_reasons import BreakReasons
from callcenter.workforce.agents.history import AgentHistory
from callcenter.workforce.agents.schemas import (
    AgentOut,
    BreakBody,
    IntervalOut,
    LogInBody,
    OwnFiguresOut,
    SkillsBody,
    StateBody,
    SumsOut,
    WrapUpTimesBody,
)
from callcenter.workforce.agents.service import AgentService
from callcenter.workforce.domain.agents import BeReady, EndWrapUp, TakeBreak

router = APIRouter(prefix="/api/agents", tags=["agents"], route_class=VersionedRoute)

LONGEST_SPAN = timedelta(days=31)
INTERVALS_MAX = 5000
"""Of one answer: about a month of one agent's."""


async def _me(who: Who) -> int:
    if who.user_id is None:
        raise Forbidden(
            "a token is a machine's and sits at no seat: log in as a user", code="not_a_person"
        )
    return who.user_id


Service = Given[AgentService]
Reasons = Given[BreakReasons]
History = Given[AgentHistory]
Me = Annotated[int, Depends(_me)]
UserId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Day = Annotated[CityDay | None, Query(description="The city's day; today if left out.")]
From = Annotated[Moment, Query(alias="from", description="Inclusive.")]
To = Annotated[Moment, Query(alias="to", description="Exclusive; at most 31 days later.")]

_OWN = [requires(Permission.AGENT_OWN)]
_READ = [requires(Permission.AGENT_READ)]
_WRITE = [requires(Permission.AGENT_WRITE)]


def _error(code: str, message: str) -> dict[str, Any]:
    return {"content": {"application/json": {"example": error_body(code, message)}}}


_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"description": "No such agent.", **_error("agent_unknown", "there is no agent 99")}
}
_STATE: dict[int | str, dict[str, Any]] = {
    403: {"description": "Codes `forbidden`, `not_a_person`."},
    409: {
        "description": "It makes no sense now: `not_logged_in`, `not_in_wrap_up`, `agent_talking`.",
        **_error("not_logged_in", "not logged in to a seat"),
    },
}


@router.get("", summary="Every agent with state and clock", dependencies=_READ)
async def list_agents(service: Service) -> Page[AgentOut]:
    """Everybody who may be an agent, by name; follow the changes on the stream `agent.state`."""
    return Page[AgentOut](items=[AgentOut.of(info) for info in await service.all()])


@router.get("/totals", summary="Sums of a day, by agent", dependencies=_READ)
async def read_totals(service: Service, history: History, day: Day = None) -> Page[SumsOut]:
    """Of everybody who was logged in; a day that is not over counts up to now."""
    which = day or history.today()
    names = {info.person.user_id: info.person.name for info in await service.all()}
    found = await history.day(which)
    return Page[SumsOut](
        items=[
            SumsOut.of(user_id, names.get(user_id, str(user_id)), which, one)
            for user_id, one in sorted(found.items())
        ]
    )


@router.get("/wrap-up-times", summary="Wrap-up by queue", dependencies=_READ)
async def read_wrap_up_times(service: Service) -> WrapUpTimesBody:
    """Queues that are not there have the setting's time."""
    return _times(await service.wrap_up_times())


@router.put(
    "/wrap-up-times",
    summary="Set wrap-up by queue",
    dependencies=[*_WRITE, WHOLE],
    responses={422: {"description": "Codes `bad_input`, `queue_unknown`."}},
)
async def set_wrap_up_times(body: WrapUpTimesBody, service: Service, who: Who) -> WrapUpTimesBody:
    """In place of what there was; for talks that end from now on."""
    await service.set_wrap_up_times(body.seconds, actor=who.name)
    return _times(body.seconds)


def _times(seconds: Mapping[str, int]) -> WrapUpTimesBody:
    return WrapUpTimesBody(seconds=dict(seconds), version=version_of(seconds))


# -- oneself -----------------------------------------------------------------------------------


@router.get("/me", summary="My state", dependencies=_OWN, responses=_NOT_FOUND)
async def read_me(service: Service, me: Me) -> AgentOut:
    """With its clock."""
    return AgentOut.of(await service.get(me))


@router.post(
    "/me/login",
    summary="Log in to a seat",
    dependencies=_OWN,
    responses={
        404: {"description": "Codes `seat_unknown`, `agent_unknown`."},
        409: {
            "description": "Codes `seat_taken`, `agent_elsewhere`.",
            **_error("seat_taken", "王芳 is logged in at seat 8001"),
        },
    },
)
async def log_in(body: LogInBody, service: Service, me: Me, who: Who) -> AgentOut:
    """Any free seat; ready for calls from then on."""
    return AgentOut.of(await service.log_in(me, body.seat, actor=who.name))


@router.post("/me/ready", summary="Want calls", dependencies=_OWN, responses=_STATE)
async def be_ready(service: Service, me: Me, who: Who) -> AgentOut:
    """Ends a break or a wrap-up."""
    return AgentOut.of(await service.command(me, BeReady(), actor=who.name))


@router.post(
    "/me/break",
    summary="Take a break",
    dependencies=_OWN,
    responses={
        **_STATE,
        422: {
            "description": "Codes `bad_input`, `break_reason_unknown`.",
            **_error("break_reason_unknown", "reason: 'nap' is no break that may be taken"),
        },
    },
)
async def take_break(
    body: BreakBody, service: Service, reasons: Reasons, me: Me, who: Who
) -> AgentOut:
    """At once; during a call after it and its wrap-up."""
    reason = await reasons.takeable(body.reason)
    command = TakeBreak(reason.code, reason.limit_seconds)
    return AgentOut.of(await service.command(me, command, actor=who.name))


@router.post("/me/wrap-up/end", summary="End the wrap-up", dependencies=_OWN, responses=_STATE)
async def end_wrap_up(service: Service, me: Me, who: Who) -> AgentOut:
    """Before its time is over."""
    return AgentOut.of(await service.command(me, EndWrapUp(), actor=who.name))


@router.post(
    "/me/logout",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Leave the seat",
    dependencies=_OWN,
    responses=_STATE,
)
async def log_out(service: Service, me: Me, who: Who) -> None:
    """Not during a call."""
    await service.log_out(me, forced=False, actor=who.name)


@router.get("/me/intervals", summary="My intervals", dependencies=_OWN)
async def read_my_intervals(history: History, me: Me, begin: From, end: To) -> Page[IntervalOut]:
    """Those that touch the span, oldest first, 5,000 at most."""
    return await _intervals(history, me, begin, end)


@router.get("/me/figures", summary="My figures of a day", dependencies=_OWN)
async def read_my_figures(
    history: History, talks: Given[SeatTalks], me: Me, day: Day = None
) -> OwnFiguresOut:
    """Calls, talk, how long my callers waited and what they gave; of nobody else."""
    which = day or history.today()
    return OwnFiguresOut.of(which, await history.own(which, me, talks))


# -- supervisors -------------------------------------------------------------------------------


@router.get("/{user_id}", summary="One agent", dependencies=_READ, responses=_NOT_FOUND)
async def read_agent(user_id: UserId, service: Service) -> AgentOut:
    """With state and clock."""
    return AgentOut.of(await service.get(user_id))


@router.post(
    "/{user_id}/state",
    summary="Set an agent's state",
    dependencies=_WRITE,
    responses={**_NOT_FOUND, **_STATE},
)
async def set_state(
    user_id: UserId, body: StateBody, service: Service, reasons: Reasons, who: Who
) -> AgentOut:
    """Ready, on a break, or logged out; with `seat` he is logged in first."""
    command = await _wanted(body, reasons)
    if command is None:
        await service.get(user_id)
        await service.log_out(user_id, forced=True, actor=who.name)
        return AgentOut.of(await service.get(user_id))
    if body.seat is not None:
        await service.log_in(user_id, body.seat, actor=who.name)
    return AgentOut.of(await service.command(user_id, command, actor=who.name))


async def _wanted(body: StateBody, reasons: BreakReasons) -> BeReady | TakeBreak | None:
    if body.state == "break":
        if body.reason is None:
            raise BadInput("reason: a break needs one", field="reason")
        reason = await reasons.takeable(body.reason)
        return TakeBreak(reason.code, reason.limit_seconds)
    if body.reason is not None:
        raise BadInput("reason: only a break has one", field="reason")
    return BeReady() if body.state == "ready" else None


@router.get("/{user_id}/skills", summary="Skills", dependencies=_READ, responses=_NOT_FOUND)
async def read_skills(user_id: UserId, service: Service) -> SkillsBody:
    """Levels by queue; none: the main queue at level 1."""
    return _skills(await service.skills(user_id))


@router.put(
    "/{user_id}/skills",
    summary="Set skills",
    dependencies=[*_WRITE, WHOLE],
    responses={**_NOT_FOUND, 422: {"description": "Codes `bad_input`, `queue_unknown`."}},
)
async def set_skills(user_id: UserId, body: SkillsBody, service: Service, who: Who) -> SkillsBody:
    """In place of what there was; at once if he is logged in."""
    await service.set_skills(user_id, body.levels, actor=who.name)
    return _skills(body.levels)


def _skills(levels: Mapping[str, int]) -> SkillsBody:
    return SkillsBody(levels=dict(levels), version=version_of(levels))


@router.get("/{user_id}/intervals", summary="An agent's intervals", dependencies=_READ)
async def read_intervals(
    user_id: UserId, history: History, begin: From, end: To
) -> Page[IntervalOut]:
    """Those that touch the span, oldest first, 5,000 at most. They tile the time logged in."""
    return await _intervals(history, user_id, begin, end)


async def _intervals(
    history: AgentHistory, user_id: int, begin: AwareDatetime, end: AwareDatetime
) -> Page[IntervalOut]:
    if not timedelta() < end - begin <= LONGEST_SPAN:
        raise BadInput("to: must be after `from`, by 31 days at most", field="to")
    found = await history.intervals(user_id, begin, end, limit=INTERVALS_MAX)
    return Page[IntervalOut](items=[IntervalOut.of(one) for one in found])
