"""What agents did: their intervals, and the sums of a day.

A day is the city's. What goes on is counted up to now, so a day's sums are right at any moment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.telephony.domain.seat_talks import SeatTalk
from callcenter.workforce.agents import repository
from callcenter.workforce.domain.agent_sums import Interval, Sums, sums
from callcenter.workforce.domain.own_figures import OwnFigures, own_figures


class Talks(Protocol):
    """The ledger's talks by seats: see `telephony.calls.seat_rows`."""

    async def between(
        self, seats: Collection[str], start: datetime, end: datetime
    ) -> Sequence[SeatTalk]: ...


class AgentHistory:
    """Reads the intervals."""

    def __init__(self, database: Database, settings: Settings, clock: Clock = utc_now) -> None:
        self._database = database
        self._zone = ZoneInfo(settings.time_zone)
        self._clock = clock

    async def intervals(
        self, user_id: int, begin: datetime, end: datetime, *, limit: int
    ) -> Sequence[Interval]:
        """An agent's intervals that touch [begin, end), oldest first, up to `limit`."""
        async with self._database.reading() as session:
            return await repository.intervals(session, begin, end, user_id=user_id, limit=limit)

    async def day(self, day: date, *, user_id: int | None = None) -> Mapping[int, Sums]:
        """The sums of each agent who was logged in on that day, or of one."""
        begin = datetime.combine(day, time(), self._zone)
        end = datetime.combine(day + timedelta(days=1), time(), self._zone)
        async with self._database.reading() as session:
            found = await repository.intervals(session, begin, end, user_id=user_id, limit=None)
        return sums(found, begin, end, self._clock())

    async def own(self, day: date, user_id: int, talks: Talks) -> OwnFigures:
        """What the agent did on that day, by the ledger's talks at the seats where he sat."""
        begin = datetime.combine(day, time(), self._zone)
        end = datetime.combine(day + timedelta(days=1), time(), self._zone)
        async with self._database.reading() as session:
            sat = await repository.intervals(session, begin, end, user_id=user_id, limit=None)
        seats = {one.seat for one in sat if one.seat}
        return own_figures(await talks.between(seats, begin, end), sat, self._clock())

    def today(self) -> date:
        """The city's day."""
        return self._clock().astimezone(self._zone).date()
