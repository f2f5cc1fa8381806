"""How many calls come and how long they last, by half-hour: the ledger's answers for planning.

Offered are inbound calls that reached a queue: blocked and closed ones asked for no seat. A call
counts in the half-hour that it began in and for the queue that it asked for first, as in the day's
figures, with all of its talks at seats; talks of an outside number that it was sent to bind none.
Counted by the database: a large line has millions of calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    cast,
    extract,
    func,
    select,
)

from callcenter.platform.db.engine import Database
from callcenter.telephony.calls.models import Call, QueueVisit, Talk
from callcenter.telephony.domain.ledger import Direction, VisitEnd

HALF_HOUR = 1800


@dataclass(frozen=True, slots=True)
class HalfHour:
    """What came in one half-hour for one queue."""

    starts: datetime
    """UTC, on a half-hour of the clock."""
    queue: str
    """That was asked for first."""
    offered: int
    answered: int
    talk_seconds: float
    """Of all ended talks of those calls at seats."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long callers waited in one queue, together, and how many of them gave up."""

    queue: str
    waited_seconds: float
    waits: int
    gave_up: int


@dataclass(frozen=True, slots=True)
class TalkEnd:
    """A seat was done with a caller."""

    seat: str
    at: datetime
    queue: str
    """That the call asked for first."""


class Arrivals:
    """Reads the ledger. `first_seat` tells a seat from an outside number: as many digits, and the
    same first one."""

    def __init__(self, database: Database, first_seat: int) -> None:
        self._database = database
        digits = str(first_seat)
        self._seats = digits[0] + "_" * (len(digits) - 1)

    async def half_hours(self, start: datetime, end: datetime) -> Sequence[HalfHour]:
        """Half-hours from `start` to before `end` in which calls came, by time, then by queue."""
        bucket = _bucket(Call.started_at)
        wanted = _offered(start, end)
        calls = (
            select(bucket, Call.queue, func.count(), func.count(Call.answered_at))
            .where(wanted)
            .group_by(bucket, Call.queue)
        )
        talks = (
            select(bucket, Call.queue, func.sum(_seconds(Talk.started_at, Talk.ended_at)))
            .join(Talk, Talk.call_id == Call.id)
            .where(wanted, Talk.ended_at.is_not(None), Talk.seat.like(self._seats))
            .group_by(bucket, Call.queue)
        )

        def work(connection: Connection) -> Sequence[HalfHour]:
            talked = {(row[0], row[1]): float(row[2] or 0) for row in connection.execute(talks)}
            return sorted(
                (
                    HalfHour(
                        datetime.fromtimestamp(number * HALF_HOUR, UTC),
                        queue,
                        offered,
                        answered,
                        talked.get((number, queue), 0.0),
                    )
                    for number, queue, offered, answered in connection.execute(calls)
                ),
                key=lambda one: (one.starts, one.queue),
            )

        return await self._database.read(work)

    async def waiting(self, start: datetime, end: datetime) -> Sequence[Waiting]:
        """Of the stays in each queue that began from `start` to before `end` and are over."""
        query = (
            select(
                QueueVisit.queue,
                func.sum(_seconds(QueueVisit.joined_at, QueueVisit.left_at)),
                func.count(),
                func.count().filter(QueueVisit.how == VisitEnd.ABANDONED.value),
            )
            .where(
                QueueVisit.joined_at >= start,
                QueueVisit.joined_at < end,
                QueueVisit.left_at.is_not(None),
            )
            .group_by(QueueVisit.queue)
            .order_by(QueueVisit.queue)
        )

        def work(connection: Connection) -> Sequence[Waiting]:
            return [
                Waiting(queue, float(waited or 0), waits, gave_up)
                for queue, waited, waits, gave_up in connection.execute(query)
            ]

        return await self._database.read(work)

    async def talk_ends(self, start: datetime, end: datetime) -> Sequence[TalkEnd]:
        """When seats were done with callers, of calls that began from `start` to before `end`; in
        no order. Talks that a transfer ended too: wrap-up follows them."""
        query = (
            select(Talk.seat, Talk.ended_at, Call.queue)
            .join(Call, Talk.call_id == Call.id)
            .where(_offered(start, end), Talk.ended_at.is_not(None), Talk.seat.like(self._seats))
        )

        def work(connection: Connection) -> Sequence[TalkEnd]:
            found = connection.execute(query)
            return [TalkEnd(seat, at, queue) for seat, at, queue in found if at is not None]

        return await self._database.read(work)


def _offered(start: datetime, end: datetime) -> ColumnElement[bool]:
    return and_(
        Call.started_at >= start,
        Call.started_at < end,
        Call.direction == Direction.INBOUND.value,
        Call.queue != "",
    )


def _bucket(column: Any) -> ColumnElement[int]:
    """The number of the half-hour since 1970, rounded down; SQLite knows milliseconds only."""
    return cast(func.floor(extract("epoch", column) / HALF_HOUR), Integer)


def _seconds(start: Any, end: Any) -> ColumnElement[int]:
    """Whole seconds on SQLite: off by less than one either way, and right in the mean."""
    return extract("epoch", end) - extract("epoch", start)
