"""Today's figures and the calls in progress, in memory: read from the ledger once, then kept up.

Every committed batch of the journal reader is taken on top (`take`). What is committed while the
ledger is being read is taken once more after it: a row always is the newest form of its whole
thing, so twice does no harm.

``callcenter rebuild`` makes the ledger anew from another process, which tells nobody: it leaves a
new generation in the database, and whoever finds one (`rebuilt`) loads again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.telephony.calls.day_rows import (
    joined,
    ledger_generation,
    rows_between,
    rows_of_open_calls,
)
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.workforce.domain.figures import DayBook, DayFigures, OpenCall, Thresholds
from callcenter.workforce.figures.measure import day_span


class LiveBook:
    """One day of the ledger."""

    def __init__(self, database: Database, time_zone: str, clock: Clock = utc_now) -> None:
        self._database = database
        self._zone = ZoneInfo(time_zone)
        self._clock = clock
        self._book = DayBook(self._zone, self.today())
        self._meanwhile: list[LedgerChanges] | None = None
        """Committed since the ledger is being read; None when it is not."""
        self._thresholds: Thresholds = {}
        self._generation: int | None = None
        """Of the ledger that was read."""
        self.version = 0
        """Grows with every change."""

    def today(self) -> date:
        """The city's day."""
        return self._clock().astimezone(self._zone).date()

    def span(self, day: date) -> tuple[datetime, datetime]:
        """Beginning and end of `day`, in UTC."""
        return day_span(day, self._zone)

    async def rebuilt(self) -> bool:
        """Whether the ledger was derived anew since it was loaded."""
        async with self._database.reading() as session:
            return await ledger_generation(session) != self._generation

    async def load(self) -> LedgerChanges:
        """Read the ledger; what was in memory is forgotten. The rows that were read."""
        meanwhile: list[LedgerChanges] = []
        self._meanwhile = meanwhile
        try:
            today = self.today()
            start, _ = self.span(today)
            _, end = self.span(today + timedelta(days=1))  # The PBX's clock may be ahead of ours.
            async with self._database.reading() as session:
                generation = await ledger_generation(session)
                rows = joined(
                    [
                        await rows_between(session, start, end),
                        await rows_of_open_calls(session),
                    ]
                )
        finally:
            self._meanwhile = None
        book = DayBook(self._zone, today, self._thresholds)
        for changes in (rows, *meanwhile):
            book.take(changes)
        self._book, self._generation = book, generation
        self.version += 1
        return rows

    def set_thresholds(self, thresholds: Thresholds) -> None:
        """What each queue's own rate is measured by."""
        self._thresholds = thresholds
        if self._book.set_thresholds(thresholds):
            self.version += 1

    def take(self, changes: LedgerChanges) -> None:
        """Take what has been committed."""
        if self._meanwhile is not None:
            self._meanwhile.append(changes)
        if self._book.take(changes):
            self.version += 1

    def figures(self, day: date) -> DayFigures:
        """The figures of `day`, which must be today or later."""
        return self._book.figures(day)

    def open_calls(self) -> Sequence[OpenCall]:
        """Calls in progress, oldest first."""
        return tuple(self._book.open_calls())

    def turn_to(self, day: date) -> None:
        """A new day has begun: days before are not asked for any more."""
        self._book.forget_before(day)
