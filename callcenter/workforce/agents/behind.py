"""A seat is ready only while somebody is behind it: an agent without a session is taken off it.

A session ends by a log-out (here or everywhere), a new password, a user who is disabled, its
length, or because nobody used it for too long. None of that asks the seat. So it is asked here: at
once when this process ends a session, else every few seconds, for time and other processes (the
command line) end sessions too. A call goes on to its end; the next one is offered to others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from callcenter.platform.config import AgentSessionEnd
from callcenter.platform.errors import CallcenterError
from callcenter.workforce.agents.service import AgentService
from callcenter.workforce.domain.agents import SESSION_ENDED

_log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""As long as a caller can be offered to a seat whose session another process has ended."""


class Sessions(Protocol):
    """Who has one."""

    async def behind(self, user_ids: Collection[int]) -> frozenset[int]:
        """Those of `user_ids` who have a session that is valid now."""
        ...


class SomebodyBehind:
    """Looks after the agents' sessions; `run` it as a task."""

    def __init__(
        self,
        agents: AgentService,
        sessions: Sessions,
        rule: AgentSessionEnd,
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._agents = agents
        self._sessions = sessions
        self._rule = rule
        self._look_seconds = look_seconds
        self._wake = asyncio.Event()

    def changed(self, *_what: object) -> None:
        """A session may have ended, or an agent's call."""
        self._wake.set()

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self.look()
            except (CallcenterError, SQLAlchemyError) as error:
                _log.warning("agents' sessions could not be asked for: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_seconds):
                    await self._wake.wait()

    async def look(self) -> None:
        """Take off their seats those who have no session; errors as of the database."""
        if self._rule is AgentSessionEnd.KEEP:
            return
        await self._agents.load()
        seated = self._agents.seated_users()
        for user_id in set(seated) - await self._sessions.behind(seated):
            stay = self._rule is AgentSessionEnd.BREAK
            await self._agents.leave_after_call(user_id, SESSION_ENDED, stay=stay)
