"""``/api/desk``: one's own state and call, now and as they change."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sse_starlette.sse import EventSourceResponse

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.broadcast import Broadcast
from callcenter.platform.errors import CallcenterError, Forbidden
from callcenter.platform.http.given import Given
from callcenter.workforce.agents.schemas import AgentOut
from callcenter.workforce.agents.service import AgentService
from callcenter.workforce.desk.watch import Form, watch
from callcenter.workforce.steering.operator_service import OperatorService
from callcenter.workforce.steering.schemas import OwnCallOut

router = APIRouter(
    prefix="/api/desk", tags=["agents"], dependencies=[requires(Permission.AGENT_OWN)]
)

HEARTBEAT_SECONDS = 15
SEND_SECONDS = 10
WATCH_SECONDS = 1800
"""As of the floor's stream."""


class DeskOut(BaseModel):
    """Oneself at work."""

    agent: AgentOut
    call: OwnCallOut | None = Field(description="Null: at no seat, or the PBX cannot be asked now.")


Agents = Given[AgentService]
Operators = Given[OperatorService]


async def _look(agents: AgentService, operators: OperatorService, who: Who) -> DeskOut:
    if who.user_id is None:
        raise Forbidden(
            "a token is a machine's and sits at no seat: log in as a user", code="not_a_person"
        )
    agent = AgentOut.of(await agents.get(who.user_id))
    call: OwnCallOut | None = None
    if agent.seat is not None:
        try:
            call = OwnCallOut.model_validate(await operators.state(who=who, seat=None))
        except CallcenterError:
            call = None
    return DeskOut(agent=agent, call=call)


@router.get("", summary="My state and my call")
async def read_desk(agents: Agents, operators: Operators, who: Who) -> DeskOut:
    """`GET /api/desk/stream` sends the same as an event `desk`, at once and whenever it changes;
    each event is the whole."""
    return await _look(agents, operators, who)


# Not in the description: it never ends, so nothing that tries out every address could.
@router.get("/stream", include_in_schema=False)
async def stream(
    agents: Agents, operators: Operators, broadcast: Given[Broadcast], who: Who
) -> EventSourceResponse:
    """Server-sent events; see `read_desk`."""
    first = await _look(agents, operators, who)  # a refusal is an answer, not a broken stream

    async def look() -> tuple[Form, str | None]:
        now = await _look(agents, operators, who)
        return now.model_dump_json().encode(), now.agent.seat

    return EventSourceResponse(
        watch(broadcast, look, first.agent.user_id, WATCH_SECONDS),
        ping=HEARTBEAT_SECONDS,
        send_timeout=SEND_SECONDS,
        sep="\n",
    )
