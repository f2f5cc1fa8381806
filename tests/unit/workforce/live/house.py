"""A live floor whose PBX, agents and call-backs a test sets; and a screen that watches it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from callcenter.platform.broadcast import Broadcast
from callcenter.platform.db.engine import Database
from callcenter.telephony.domain.floor import Floor
from callcenter.workforce.domain.figures import Thresholds
from callcenter.workforce.live.book import LiveBook
from callcenter.workforce.live.frames import read_difference
from callcenter.workforce.live.service import LiveService
from callcenter.workforce.live.view import Items, Sight, apply, empty_view
from tests.unit.insight.reports.ledgers import MIDNIGHT

ALL = Sight(numbers=True, confidential=True)
MASKED = Sight(numbers=False, confidential=False)
FOREVER = 3600.0


@dataclass
class Counted:
    """Call-backs of one queue."""

    queue: str
    count: int
    oldest: datetime = MIDNIGHT


@dataclass
class Neighbours:
    """What other features would say."""

    floor: Floor | None = field(default_factory=Floor)
    agents: Items = field(default_factory=dict)
    missed: list[Counted] = field(default_factory=list)
    hidden: frozenset[str] = frozenset()
    thresholds: Thresholds = field(default_factory=dict)
    now: datetime = MIDNIGHT + timedelta(hours=12)
    asked: int = 0
    """How often the call-backs were counted."""

    async def counts(
        self, *, missed_from: datetime | None = None, missed_to: datetime | None = None
    ) -> Sequence[Counted]:
        self.asked += 1
        return [one for one in self.missed if missed_from is None or one.oldest >= missed_from]

    async def agent_items(self) -> Items:
        return self.agents

    async def thresholds_now(self) -> Thresholds:
        return self.thresholds

    async def confidential(self, call_ids: Collection[str]) -> Collection[str]:
        return self.hidden & frozenset(call_ids)


def live_service(
    neighbours: Neighbours, database: Database, broadcast: Broadcast | None = None
) -> LiveService:
    """A service that knows what `neighbours` say; its day is not read from the database."""
    clock = lambda: neighbours.now  # noqa: E731
    return LiveService(
        neighbours,
        LiveBook(database, "Asia/Shanghai", clock),
        broadcast or Broadcast(),
        database,
        node="pbx1",
        callbacks=neighbours,
        agents=neighbours.agent_items,
        confidential=neighbours.confidential,
        thresholds=neighbours.thresholds_now,
        tick_seconds=0.0,
        clock=clock,
    )


class Screen:
    """A browser: holds what it was told, by the rule that the API describes."""

    def __init__(
        self, service: LiveService, sight: Sight, last_event_id: str | None = None
    ) -> None:
        self.events = service.watch(sight, last_event_id, FOREVER)
        self.items: Any = empty_view()
        self.last_id = last_event_id
        self.kinds: list[str] = []
        """Of the events that came."""

    async def take(self) -> str:
        """Take the next event; its kind."""
        kind, self.last_id, data = read_event(await anext(self.events))
        if kind == "snapshot":
            self.items = data["items"]
        else:
            self.items = apply(self.items, read_difference(data))
        self.kinds.append(kind)
        return kind

    async def take_to_the_end(self) -> None:
        """Take what there is until the stream ends."""
        with contextlib.suppress(StopAsyncIteration):
            while True:
                await self.take()

    async def close(self) -> None:
        """The browser is gone."""
        await self.events.aclose()

    async def take_until(self, number: int) -> None:
        """Take events up to that of `number`."""
        while self.last_id is None or int(self.last_id.rpartition("-")[2]) < number:
            await self.take()


def read_event(text: bytes) -> tuple[str, str, Any]:
    """Kind, id and data of one SSE event."""
    lines = text.decode().removesuffix("\n\n").split("\n")
    fields = dict(line.split(": ", 1) for line in lines)
    return fields["event"], fields["id"], json.loads(fields["data"])


def body(service: LiveService, sight: Sight) -> Any:
    """What ``GET /api/live`` says now."""
    return json.loads(service.snapshot().body(sight))
