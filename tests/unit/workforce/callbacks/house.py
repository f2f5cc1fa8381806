"""A database with the ledger's writer and call-backs on top of it; the PBX is played."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from callcenter.people.trail.service import Entry
from callcenter.platform.broadcast import Change
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.telephony.calls import repository as ledger
from callcenter.telephony.domain.floor import (
    Channel,
    ChannelState,
    DeviceChanged,
    DeviceState,
    Floor,
    WaitingCaller,
    snapshot,
)
from callcenter.telephony.domain.ids import CallId, Linkedid, Uniqueid
from callcenter.telephony.domain.ledger import (
    CallRow,
    Direction,
    EndedBy,
    LedgerChanges,
    LedgerRow,
    Outcome,
    QueueVisitRow,
    VisitEnd,
)
from callcenter.workforce.callbacks.models import CallbackTask
from callcenter.workforce.callbacks.repository import TaskFilter
from callcenter.workforce.callbacks.service import Agent, CallbackService

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
WANG, LI = Agent("wang"), Agent("li")
NUMBER = "13800138000"


@dataclass
class FakeDialler:
    """Notes what is dialled, or raises `fault`."""

    dialled: list[tuple[str, str, str]] = field(default_factory=list)
    fault: Exception | None = None
    serials: Any = field(default_factory=lambda: itertools.count(1))

    def new_call(self) -> CallId:
        return CallId(f"pbx1:callback-1795408400.{next(self.serials)}")

    async def dial(self, call: CallId, seat: str, number: str, case: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.dialled.append((call, seat, number))


@dataclass
class FakeTrail:
    """Notes who read what."""

    read: list[Entry] = field(default_factory=list)

    async def note_read(self, entry: Entry) -> None:
        self.read.append(entry)


@dataclass
class FakeFloor:
    """A floor that a test sets."""

    floor: Floor | None = None

    def show(self, *items: Any) -> None:
        """The floor holds `items`, and the idle phone of 8001."""
        self.floor = snapshot([DeviceChanged("8001", DeviceState.IDLE), *items])


def waits(since: datetime, queue: str = "12345") -> WaitingCaller:
    """Somebody waits in the queue."""
    return WaitingCaller(
        queue, Uniqueid("17.1"), "PJSIP/trunk-1", "13900139000", "", since.timestamp(), 1
    )


def leg(seat: str) -> Channel:
    """The seat is in a call."""
    return Channel(
        Uniqueid("17.9"), f"PJSIP/{seat}-0000001a", Linkedid("17.9"), ChannelState.UP, seat, "",
        "", "",
    )  # fmt: skip


class House:
    """One instance."""

    def __init__(self, tmp_path: Path, **settings: Any) -> None:
        values = {
            "trunk_host": "127.9.9.9:5060",
            "outbound_patterns": "_1XXXXXXXXXX",
            **settings,
        }
        self.settings = Settings(_env_file=None, home=tmp_path, **values)
        self.database = Database(self.settings.db_url)
        self.dialler = FakeDialler()
        self.live = FakeFloor()
        self.live.show()
        self.published: list[Change] = []
        self.trail = FakeTrail()
        self.now = NOW
        self.callbacks = CallbackService(
            self.database,
            self.settings,
            self.dialler,
            self.live,
            publish=self.published.append,
            clock=lambda: self.now,
        )
        self._serials = itertools.count(1)

    async def make(self) -> None:
        """Make the tables."""
        await upgrade_async(self.settings.db_url)

    async def tell(self, *rows: LedgerRow) -> Sequence[Change]:
        """One batch of the ledger, as the journal reader commits it."""
        changes = LedgerChanges.of(rows)
        async with self.database.writing() as session:
            await ledger.write_changes(session, changes)
            return await self.callbacks.on_ledger(session, changes)

    def call(self, outcome: Outcome, at: datetime, number: str = NUMBER, **more: Any) -> CallRow:
        """An inbound call that began at `at` and ended half a minute later."""
        serial = next(self._serials)
        values: dict[str, Any] = {
            "id": CallId(f"pbx1:17.{serial}"),
            "node": "pbx1",
            "linkedid": f"17.{serial}",
            "direction": Direction.INBOUND,
            "caller_number": number,
            "caller_name": "",
            "called_number": "12345",
            "started_at": at,
            "answered_at": at + timedelta(seconds=5) if outcome is Outcome.ANSWERED else None,
            "ended_at": at + timedelta(seconds=30),
            "ended_by": EndedBy.CALLER,
            "outcome": outcome,
            "route": "closed" if outcome is Outcome.CLOSED else "queue",
            "queue": "" if outcome is Outcome.CLOSED else "12345",
            "seat": "",
            "first_seat": "",
        }
        return CallRow(**{**values, **more})

    def visit(self, call: CallRow, joined_after: float = 2.0) -> QueueVisitRow:
        """The call's stay in its queue."""
        joined = call.started_at + timedelta(seconds=joined_after)
        left = call.answered_at or call.ended_at
        how = VisitEnd.CONNECTED if call.answered_at else VisitEnd.ABANDONED
        return QueueVisitRow(f"{call.id}/q1", call.id, "17.1", call.queue, joined, left, how)

    async def missed(
        self, outcome: Outcome = Outcome.ABANDONED, *, ago: float = 10.0, number: str = NUMBER
    ) -> CallbackTask:
        """A missed call of `ago` minutes ago, and its task."""
        call = self.call(outcome, self.now - timedelta(minutes=ago), number)
        rows: list[LedgerRow] = [call]
        if call.queue:
            rows.append(self.visit(call))
        await self.tell(*rows)
        return (await self.tasks(number=number))[0]

    async def tasks(self, **wanted: Any) -> Sequence[CallbackTask]:
        """Tasks, last missed first."""
        return await self.callbacks.page(TaskFilter(**wanted), before=None, limit=100)
