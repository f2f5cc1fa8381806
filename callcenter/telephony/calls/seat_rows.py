"""What was talked at some seats in a stretch of time, for the figures of whoever sat there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.db.engine import Database
from callcenter.telephony.calls.models import Call, QueueVisit, Rating, Talk
from callcenter.telephony.domain.seat_talks import SeatTalk


class SeatTalks:
    """Reads the ledger by seats."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def between(
        self, seats: Collection[str], start: datetime, end: datetime
    ) -> Sequence[SeatTalk]:
        """The talks of `seats` in calls that began in [`start`, `end`), in order."""
        if not seats:
            return []
        async with self._database.reading() as session:
            return await _talks(session, seats, start, end)


async def _talks(
    session: AsyncSession, seats: Collection[str], start: datetime, end: datetime
) -> list[SeatTalk]:
    # By the calls' beginning, which has an index: a seat's history is as long as the line's.
    calls = (Call.started_at >= start) & (Call.started_at < end)
    joined = (
        select(QueueVisit.call_id, func.min(QueueVisit.joined_at).label("at"))
        .join(Call, Call.id == QueueVisit.call_id)
        .where(calls)
        .group_by(QueueVisit.call_id)
        .subquery()
    )
    talks = (
        select(Talk.call_id, Talk.seat, Talk.via, Talk.started_at, Talk.ended_at, joined.c.at)
        .join(Call, Call.id == Talk.call_id)
        .outerjoin(joined, joined.c.call_id == Talk.call_id)
        .where(calls, Talk.seat.in_(seats))
        .order_by(Talk.started_at, Talk.id)
    )
    scores = (
        select(Rating.call_id, Rating.seat, Rating.score)
        .join(Call, Call.id == Rating.call_id)
        .where(calls, Rating.seat.in_(seats))
    )
    given = {(row.call_id, row.seat): row.score for row in await session.execute(scores)}
    return [
        SeatTalk(
            row.call_id, row.seat, row.via, row.started_at, row.ended_at, row.at,
            given.get((row.call_id, row.seat)),
        )
        for row in await session.execute(talks)
    ]  # fmt: skip
