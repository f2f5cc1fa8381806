"""What planning asks of agents: who serves which queue, and how long wrap-up really is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.workforce.agents import repository
from callcenter.workforce.domain.agent_sums import Interval
from callcenter.workforce.domain.agents import AgentState


class AgentPlanning:
    """Reads skills, wrap-up times and wrap-up intervals."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._main = settings.hotline_number
        self._wrap_up_seconds = settings.wrap_up_seconds

    async def queues_of(self) -> Mapping[int, Collection[str]]:
        """The queues that each agent serves, by user id; whoever is not named serves `main`."""
        async with self._database.reading() as session:
            return await repository.all_skills(session)

    @property
    def main(self) -> str:
        """The queue of whoever has no skill at all, as the PBX's members have it."""
        return self._main

    async def wrap_up_seconds(self) -> tuple[int, Mapping[str, int]]:
        """The wrap-up that is set: of queues without a time of their own, and by queue."""
        async with self._database.reading() as session:
            return self._wrap_up_seconds, await repository.wrap_up_times(session)

    async def wrap_ups(self, begin: datetime, end: datetime) -> Sequence[Interval]:
        """Wrap-ups that began within [begin, end) and have ended, in no order."""
        async with self._database.reading() as session:
            return await repository.ended_of_state(session, AgentState.WRAP_UP, begin, end)
