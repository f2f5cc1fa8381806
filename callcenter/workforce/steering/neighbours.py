"""What steering asks of the agents, in its own words."""

from __future__ import annotations

from callcenter.platform.errors import NotFound
from callcenter.telephony.domain.ids import Extension
from callcenter.workforce.agents.service import AgentService


class SeatsOfAgents:
    """See `ports.SeatOfAgent`."""

    def __init__(self, agents: AgentService) -> None:
        self._agents = agents

    async def seat_of(self, user_id: int) -> str | None:
        """The seat that the user is logged in to, or None; also for who is no agent at all."""
        try:
            return (await self._agents.get(user_id)).agent.seat
        except NotFound:
            return None

    def at(self, seat: Extension) -> int | None:
        """Who is logged in at `seat`."""
        return self._agents.at(seat)
