"""What call-backs ask of other features, in their own words."""

from __future__ import annotations

from callcenter.platform.errors import NotFound
from callcenter.workforce.agents.service import AgentService


class SeatsOfAgents:
    """Which phone is an agent's; see `callbacks.service.SeatOfAgent`."""

    def __init__(self, agents: AgentService) -> None:
        self._agents = agents

    async def seat_of(self, user_id: int) -> str | None:
        """The seat that the user is logged in to, or None; also for who is no agent at all."""
        try:
            return (await self._agents.get(user_id)).agent.seat
        except NotFound:
            return None

    async def is_busy(self, user_id: int) -> bool:
        """Whether the user works on a call now; who is no agent never does."""
        try:
            return (await self._agents.get(user_id)).agent.state.busy
        except NotFound:
            return False
