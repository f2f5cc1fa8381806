"""What the live floor asks of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

from callcenter.telephony.domain.floor import Floor
from callcenter.workforce.live.view import Items


class FloorView(Protocol):
    """What is asked of `asterisk.live.LiveFloor`."""

    @property
    def floor(self) -> Floor | None:
        """The floor now; None while there is no link."""


class QueueCount(Protocol):
    """How many of one queue, and since when."""

    @property
    def queue(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def oldest(self) -> datetime: ...


class OpenCallbacks(Protocol):
    """The call-backs' service."""

    async def counts(
        self, *, missed_from: datetime | None = None, missed_to: datetime | None = None
    ) -> Sequence[QueueCount]:
        """Missed calls still to be called back, by queue."""
        ...


AgentItems = Callable[[], Awaitable[Items]]
"""The agents by their ids: JSON values, among them ``name``, ``seat``, ``state`` and ``since``."""

ConfidentialCalls = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Those of some calls whose case hides its citizen."""


async def no_agents() -> Items:
    """While nobody logs in."""
    return {}


async def none_confidential(_call_ids: Collection[str]) -> Collection[str]:
    """While no case can be confidential."""
    return ()
