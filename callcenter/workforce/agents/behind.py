"""A seat is ready only while somebody is behind it: an agent whose session is over is taken off it.

A session ends by a log-out (here or everywhere), a new password, a user who is disabled, its
length, or because nobody used it for too long. None of that asks the seat. So it is asked here: at
once when this process ends a session, else every few seconds, for time and other processes (the
command line) end sessions too. A call goes on to its end; the next one is offered to others.

Whom somebody else has seated (a supervisor, a machine with a token) and who has had no session
since, works with his phone alone: nothing of his can end. From the first session on the rule is his
too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
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

    async def used_since(self, moments: Mapping[int, datetime]) -> frozenset[int]:
        """Those of `moments` who used a session at theirs or later, valid or not."""
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
        self._had: set[int] | None = None
        """Who has had a session while he sat; None before the first look of this process."""

    def changed(self, *_what: object) -> None:
        """An agent took a seat or ended a call, or a session may have ended."""
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
        """Take off their seats those whose session is over; errors as of the database."""
        if self._rule is AgentSessionEnd.KEEP:
            return
        await self._agents.load()
        seated = self._agents.seated_since()
        if self._had is None:
            self._had = set(await self._sessions.used_since(seated))
        alive = await self._sessions.behind(seated.keys())
        self._had = (self._had | alive) & seated.keys()
        for user_id in self._had - alive:
            stay = self._rule is AgentSessionEnd.BREAK
            await self._agents.leave_after_call(user_id, SESSION_ENDED, stay=stay)
