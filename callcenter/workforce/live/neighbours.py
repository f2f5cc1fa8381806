"""What the live floor asks of other features, in its own words."""

from __future__ import annotations

from callcenter.workforce.agents.service import AgentService
from callcenter.workforce.domain.agents import AgentState
from callcenter.workforce.live.view import Items, moment


class AgentsOnTheFloor:
    """Agents as items of the view; call it."""

    def __init__(self, agents: AgentService) -> None:
        self._agents = agents

    async def __call__(self) -> Items:
        """Everybody who may be an agent, by user id. Who is offline has no clock: it would begin
        anew with every look."""
        found = await self._agents.all()
        return {
            str(one.person.user_id): {
                "name": one.person.name,
                "seat": one.agent.seat,
                "state": one.agent.shown.state.value,
                "reason": one.agent.shown.reason,
                "since": None
                if one.agent.shown.state is AgentState.OFFLINE
                else moment(one.agent.shown.since),
            }
            for one in found
        }
