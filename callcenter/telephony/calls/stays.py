"""Stays in queues with their offers, of a stretch of time, for whoever asks about their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select

from callcenter.platform.db.engine import Database
from callcenter.telephony.calls.models import Call, QueueVisit, Ring


@dataclass(frozen=True, slots=True)
class RingOfStay:
    """A seat that rang for a caller in a queue."""

    seat: str
    rang_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class StayOfCall:
    """A caller's own stay in a queue; a seat's consult is none."""

    call_id: str
    queue: str
    priority: int
    came_at: datetime
    joined_at: datetime
    left_at: datetime | None
    rings: Sequence[RingOfStay]


async def stays(database: Database, start: datetime, end: datetime) -> list[StayOfCall]:
    """Those that began in [`start`, `end`), in that order: two reads along an index."""
    within = (QueueVisit.joined_at >= start, QueueVisit.joined_at < end)
    async with database.reading() as session:
        visits = await session.execute(
            select(QueueVisit, Call.started_at, Call.node)
            .join(Call, Call.id == QueueVisit.call_id)
            .where(*within)
            .order_by(QueueVisit.joined_at, QueueVisit.id)
        )
        found = [
            (visit, started_at)
            for visit, started_at, node in visits
            if visit.call_id == f"{node}:{visit.channel}"
        ]
        # By the call, which the rings' index knows.
        rows = await session.execute(
            select(Ring.visit_id, Ring.seat, Ring.rang_at, Ring.ended_at)
            .join(
                QueueVisit,
                and_(QueueVisit.call_id == Ring.call_id, QueueVisit.id == Ring.visit_id),
            )
            .where(*within)
        )
        rings: dict[str, list[RingOfStay]] = {}
        for visit_id, seat, rang_at, ended_at in rows:
            rings.setdefault(str(visit_id), []).append(RingOfStay(seat, rang_at, ended_at))
    return [
        StayOfCall(
            visit.call_id,
            visit.queue,
            visit.priority,
            started_at,
            visit.joined_at,
            visit.left_at,
            rings.get(visit.id, ()),
        )
        for visit, started_at in found
    ]
