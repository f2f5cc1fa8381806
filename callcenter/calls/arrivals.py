"""How many calls come and how long they last, by half-hour: the ledger's answers for planning.

Offered are inbound calls that reached a queue: blocked and closed ones asked for no seat. A call
counts in the half-hour that it began in, with all of its talks at seats; talks of an outside number
that it was sent to bind no seat. Counted by the database: a large line has millions of calls.
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

from callcenter.calls.models import Call, QueueVisit, Talk
from callcenter.db.engine import Database
from callcenter.domain.ledger import Direction, VisitEnd

HALF_HOUR = 1800


@dataclass(frozen=True, slots=True)
class HalfHour:
    """What came in one half-hour."""

    starts: datetime
    """UTC, on a half-hour of the clock."""
    offered: int
    answered: int
    talk_seconds: float
    """Of all ended talks of those calls at seats."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long callers waited, together, and how many gave up."""

    waited_seconds: float
    gave_up: int


class Arrivals:
    """Reads the ledger. `first_seat` tells a seat from an outside number: as many digits, and the
    same first one."""

    def __init__(self, database: Database, first_seat: int) -> None:
        self._database = database
        digits = str(first_seat)
        self._seats = digits[0] + "_" * (len(digits) - 1)

    async def half_hours(self, start: datetime, end: datetime) -> Sequence[HalfHour]:
        """Half-hours from `start` to before `end` in which calls came, in order."""
        bucket = _bucket(Call.started_at)
        wanted = _offered(start, end)
        calls = (
            select(bucket, func.count(), func.count(Call.answered_at))
            .where(wanted)
            .group_by(bucket)
        )
        talks = (
            select(bucket, func.sum(_seconds(Talk.started_at, Talk.ended_at)))
            .join(Talk, Talk.call_id == Call.id)
            .where(wanted, Talk.ended_at.is_not(None), Talk.seat.like(self._seats))
            .group_by(bucket)
        )

        def work(connection: Connection) -> Sequence[HalfHour]:
            talked = {row[0]: float(row[1] or 0) for row in connection.execute(talks)}
            return sorted(
                (
                    HalfHour(
                        datetime.fromtimestamp(number * HALF_HOUR, UTC),
                        offered,
                        answered,
                        talked.get(number, 0.0),
                    )
                    for number, offered, answered in connection.execute(calls)
                ),
                key=lambda one: one.starts,
            )

        return await self._database.read(work)

    async def waiting(self, start: datetime, end: datetime) -> Waiting:
        """Of the stays in queues that began from `start` to before `end` and are over."""
        query = select(
            func.sum(_seconds(QueueVisit.joined_at, QueueVisit.left_at)),
            func.count().filter(QueueVisit.how == VisitEnd.ABANDONED.value),
        ).where(
            QueueVisit.joined_at >= start,
            QueueVisit.joined_at < end,
            QueueVisit.left_at.is_not(None),
        )

        def work(connection: Connection) -> Waiting:
            waited, gave_up = connection.execute(query).one()
            return Waiting(float(waited or 0), gave_up)

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
