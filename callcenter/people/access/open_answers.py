"""Answers that go on end with what allowed them: event streams, long downloads, WebSockets.

The gate asks once, as a request comes. An answer that lasts would outlive a log-out, a disabled
user, a role that was taken away. So whoever is still being answered is asked for again: at once
when somebody in this process ends a session or a token, and every `POLL_SECONDS` for what is over
by itself or was ended by another process (the command line). One query answers for all open
answers together.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from callcenter.people.access.actor import Actor

_log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""As long as a look-up of the gate is believed: an answer that is open lives no longer than a new
one could still begin."""


class Standing(Protocol):
    """Who keeps sessions, or tokens."""

    async def standing(self, proofs: Collection[str]) -> Mapping[str, Actor]:
        """By proof (a session's cookie, a token): who it stands for now. One that is over is left
        out; asking keeps nothing alive, and nothing remembered is believed."""
        ...


@dataclass(eq=False, slots=True)
class _Answer:
    """One answer that goes on."""

    keeper: Standing
    proof: str = field(repr=False)
    who: Actor
    limit: asyncio.Timeout


class OpenAnswers:
    """The answers of one process that go on; `run` it as a task."""

    def __init__(self, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._poll = poll_seconds
        self._open: set[_Answer] = set()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._open)

    def changed(self, *_what: object) -> None:
        """A session or a token may have ended, or be worth less; costs little to say too often."""
        self._wake.set()

    @contextmanager
    def going_on(
        self, keeper: Standing, proof: str, who: Actor, limit: asyncio.Timeout
    ) -> Iterator[None]:
        """Within the block an answer goes on that `proof` allowed to `who`. When it does no more,
        `limit` is let expire."""
        answer = _Answer(keeper, proof, replace(who, address=""), limit)
        self._open.add(answer)
        self._wake.set()  # It may have ended since the gate asked.
        try:
            yield
        finally:
            self._open.discard(answer)

    async def run(self) -> None:
        """End what must end, until cancelled."""
        while True:
            with suppress(TimeoutError):
                # Nothing is open: nothing need be asked until something is.
                async with asyncio.timeout(self._poll if self._open else None):
                    await self._wake.wait()
            self._wake.clear()
            await self._look()

    async def _look(self) -> None:
        by_keeper: defaultdict[Standing, list[_Answer]] = defaultdict(list)
        for answer in self._open:
            by_keeper[answer.keeper].append(answer)
        for keeper, answers in by_keeper.items():
            standing = await keeper.standing({answer.proof for answer in answers})
            for answer in answers:
                now = standing.get(answer.proof)
                if now != answer.who and answer in self._open:
                    self._open.discard(answer)
                    _log.info("an open answer to %s is ended: %s", answer.who.name, _why(now))
                    answer.limit.reschedule(0)


def _why(now: Actor | None) -> str:
    return "the session or token is over" if now is None else "what he may do has changed"
