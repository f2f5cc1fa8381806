"""The report of one day, from the ledger: the same counting as the live floor's
(`domain.figures`), so that both say the same at any moment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput
from callcenter.telephony.calls.day_rows import rows_between
from callcenter.workforce.domain.figures import DayBook, DayFigures
from callcenter.workforce.figures.measure import (
    OpenCallbacks,
    ThresholdsNow,
    day_span,
    no_thresholds,
)

Unrecorded = Callable[[datetime, datetime], Awaitable[tuple[int, int]]]
"""Of the recordings begun between the two moments: how many were left out, and how many cut, for
want of room."""


async def all_recorded(_start: datetime, _end: datetime) -> tuple[int, int]:
    """Nothing was."""
    return 0, 0


@dataclass(frozen=True, slots=True)
class DayReport:
    """One day."""

    figures: DayFigures
    to_call_back: Mapping[str, int]
    """Citizens missed on that day who are still to be called back, by queue ('': in none)."""
    recordings_left_out: int = 0
    """Talks that were not recorded, for want of room on the disk."""
    recordings_cut: int = 0
    """Talks of which only the beginning was."""


class ReportService:
    """Reports of days. `time_zone` is the city's (an IANA name)."""

    def __init__(
        self,
        database: Database,
        time_zone: str,
        callbacks: OpenCallbacks,
        clock: Clock = utc_now,
        *,
        thresholds: ThresholdsNow = no_thresholds,
        unrecorded: Unrecorded = all_recorded,
    ) -> None:
        self._database = database
        self._zone = ZoneInfo(time_zone)
        self._callbacks = callbacks
        self._thresholds = thresholds
        self._unrecorded = unrecorded
        self._clock = clock

    def today(self) -> date:
        """The city's day."""
        return self._clock().astimezone(self._zone).date()

    async def day(self, day: date | None = None) -> DayReport:
        """The report of `day`, of today if None.

        `BadInput` ``day_out_of_range`` for a day to come, or before any hotline.
        """
        today = self.today()
        day = day or today
        if not date(2000, 1, 1) <= day <= today:
            raise BadInput(
                f"day: from 2000-01-01 to today, {today.isoformat()}",
                code="day_out_of_range",
                today=today.isoformat(),
            )
        start, end = day_span(day, self._zone)
        async with self._database.reading() as session:
            rows = await rows_between(session, start, end)
        book = DayBook(self._zone, day, await self._thresholds())
        book.take(rows)
        counts = await self._callbacks.counts(missed_from=start, missed_to=end)
        left_out, cut = await self._unrecorded(start, end)
        figures = book.figures(day)
        return DayReport(figures, {one.queue: one.count for one in counts}, left_out, cut)
