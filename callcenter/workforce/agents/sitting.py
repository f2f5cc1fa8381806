"""Who sits where: what other features ask of the agents."""

from __future__ import annotations

from callcenter.platform.errors import NotFound
from callcenter.telephony.domain.ids import Extension
from callcenter.workforce.agents.service import AgentService


class Sitting:
    """The agents at their seats; also fills `seats.ports.Sitting`."""

    def __init__(self, agents: AgentService) -> None:
        self._agents = agents

    def at(self, seat: Extension) -> int | None:
        """The user who is logged in at `seat`; None: nobody is."""
        return self._agents.at(seat)

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
