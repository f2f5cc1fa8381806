"""An office: a database, seats, people, a clock that is set by hand, and a PBX that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from callcenter.platform.broadcast import Change
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.telephony.calls import repository as ledger
from callcenter.telephony.domain.ids import Extension, Uniqueid
from callcenter.telephony.domain.ledger import (
    CallRow,
    Direction,
    LedgerChanges,
    Outcome,
    RingEnd,
    RingRow,
    TalkRow,
    Via,
)
from callcenter.telephony.domain.seat_seen import Activity, SeatSeen, Talk
from callcenter.telephony.seats.service import SeatService
from callcenter.workforce.agents.break_reasons import BreakReasons
from callcenter.workforce.agents.history import AgentHistory
from callcenter.workforce.agents.ports import Person
from callcenter.workforce.agents.service import AgentService

T0 = datetime(2026, 11, 24, 1, tzinfo=UTC)
FIRST, SECOND, THIRD = Extension("8001"), Extension("8002"), Extension("8003")
FREE = SeatSeen(reachable=True, activity=Activity.IDLE)
WANG, LI = 1, 2


def talking(leg: str, queue: str = "12345") -> SeatSeen:
    return SeatSeen(
        reachable=True,
        activity=Activity.TALKING,
        legs=frozenset({Uniqueid(leg)}),
        talks=(Talk(Uniqueid(leg), queue),),
    )


class People:
    """Two operators."""

    def __init__(self) -> None:
        self.known = {
            WANG: Person(WANG, "wangfang", "王芳"),
            LI: Person(LI, "liqiang", "李强"),
        }

    async def agents(self) -> Sequence[Person]:
        return sorted(self.known.values(), key=lambda person: person.name)

    async def agent(self, user_id: int) -> Person | None:
        return self.known.get(user_id)


class Queues:
    async def codes(self) -> tuple[str, ...]:
        return ("12345", "english")


class Pbx:
    """The pauses as they were told last, and what is seen of each seat."""

    def __init__(self) -> None:
        self.pauses: dict[Extension, str] = {}
        self.seen: SeatSeen | None = FREE
        self.told = asyncio.Event()

    def look(self, seat: Extension) -> SeatSeen | None:
        return self.seen

    def pause(self, seat: Extension, reason: str) -> None:
        self.pauses[seat] = reason
        self.told.set()

    def release(self, seat: Extension, reason: str) -> None:
        self.pauses[seat] = reason


@dataclass
class Office:
    """One process's view; `again` is the next process's."""

    database: Database
    settings: Settings
    now: datetime = T0
    people: People = field(default_factory=People)
    pbx: Pbx = field(default_factory=Pbx)
    published: list[Change] = field(default_factory=list)
    told: list[None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seats = SeatService(self.database, self.settings, self.clock)
        self.reasons = BreakReasons(self.database, self.clock)
        self.history = AgentHistory(self.database, self.settings, self.clock)
        self.begin()

    def clock(self) -> datetime:
        return self.now

    def begin(self) -> None:
        """A new process."""
        self.agents = AgentService(
            self.database,
            self.settings,
            people=self.people,
            seats=self.seats,
            pbx=self.pbx,
            queues=Queues(),
            publish=self.published.append,
            clock=self.clock,
        )
        self.seats.on_change(self.agents.seats_changed)
        self.agents.on_change(lambda: self.told.append(None))

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def sees(self, seat: Extension, seen: SeatSeen) -> bool:
        return await self.agents.seats_seen({seat: seen})

    async def state(self, user_id: int) -> str:
        return (await self.agents.get(user_id)).agent.state.value

    async def intervals(self, user_id: int) -> list[tuple[str, str, str, float, float | None]]:
        """Seat, state, reason, begin and end in seconds since T0."""
        end = T0 + timedelta(days=1)
        return [
            (
                one.seat,
                one.state.value,
                one.reason,
                (one.begun_at - T0).total_seconds(),
                None if one.ended_at is None else (one.ended_at - T0).total_seconds(),
            )
            for one in await self.history.intervals(user_id, T0, end, limit=1000)
        ]

    async def members(self) -> list[tuple[str, str, int, str]]:
        """Queue, seat, level, pause."""
        return [
            (one.queue, str(one.extension), one.level, one.reason)
            for one in await self.agents.memberships()
        ]

    async def told_by_ledger(self, changes: LedgerChanges) -> None:
        """A commit of the journal reader."""
        async with self.database.writing() as session:
            await ledger.write_changes(session, changes)
            await self.agents.on_ledger(session, changes)

    def talk_ended(self, leg: str, seat: str = "8001", **call: Any) -> LedgerChanges:
        """A talk that is over at this moment."""
        values: dict[str, Any] = {
            "id": f"pbx1:{leg}",
            "node": "pbx1",
            "linkedid": leg,
            "direction": Direction.INBOUND,
            "caller_number": "13800138000",
            "caller_name": "",
            "called_number": "12345",
            "started_at": T0,
            "answered_at": T0,
            "ended_at": self.now,
            "ended_by": None,
            "outcome": Outcome.ANSWERED,
            "route": "queue",
            "queue": "12345",
            "seat": seat,
            "first_seat": seat,
        }
        names = set(CallRow.__slots__)
        row = CallRow(**{key: value for key, value in {**values, **call}.items() if key in names})
        talk = TalkRow(
            id=f"{row.id}/t1",
            call_id=row.id,
            seat=seat,
            channel=leg,
            channel_name=f"PJSIP/{seat}-0000000b",
            via=Via.QUEUE,
            started_at=T0,
            ended_at=self.now,
            ended_by=None,
        )
        return LedgerChanges(calls=(row,), talks=(talk,))

    def ring(
        self, number: int, how: RingEnd, seat: str = "8001", *, direct: bool = False
    ) -> LedgerChanges:
        """An offer that is over at this moment: by a queue, or (`direct`) by a colleague."""
        call = self.talk_ended(f"17.{number}", seat).calls
        row = RingRow(
            id=f"pbx1:17.{number}/r1",
            call_id=call[0].id,
            visit_id=None if direct else f"pbx1:17.{number}/q1",
            seat=seat,
            channel=f"17.{number}1",
            rang_at=T0,
            ended_at=self.now,
            how=how,
        )
        return LedgerChanges(calls=call, rings=(row,))
