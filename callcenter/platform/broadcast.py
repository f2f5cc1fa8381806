"""The one port through which changes reach whoever watches, in this process or another.

In-process now. A slow subscriber loses its subscription (its queue is bounded), never slows the
publisher; it starts again from a fresh snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

SUBSCRIBER_QUEUE = 1000
"""About a minute of events at 10 calls a second: who lags more must take a snapshot anyway."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened: `topic` such as ``case.opened``, and the facts."""

    topic: str
    data: dict[str, Any] = field(default_factory=dict)


class Lagged(Exception):
    """The subscriber was too slow; take a snapshot and subscribe again."""


class Broadcast:
    """In-process publish and subscribe."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[Change | None]] = set()

    def publish(self, change: Change) -> None:
        """Hand `change` to every subscriber; never blocks."""
        for queue in tuple(self._queues):
            try:
                queue.put_nowait(change)
            except asyncio.QueueFull:
                self._queues.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Change]]:
        """Changes from now on; raises `Lagged` when they were not taken fast enough."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(SUBSCRIBER_QUEUE)
        self._queues.add(queue)

        async def changes() -> AsyncIterator[Change]:
            while True:
                change = await queue.get()
                if change is None:
                    raise Lagged
                yield change

        try:
            yield changes()
        finally:
            self._queues.discard(queue)
