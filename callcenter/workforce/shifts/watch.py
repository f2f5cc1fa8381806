"""Notices when who is on shift changes, and says so.

Looks when a shift begins or ends, when the rota was changed here, and at its rounds: the rota may
be changed by another process, or the clock be set, and a look costs two queries. Whoever depends
on it asks `ShiftService.on_shift_now`; this only says when.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from callcenter.platform.broadcast import Change
from callcenter.platform.config import Settings
from callcenter.workforce.shifts.service import ShiftService

_log = logging.getLogger(__name__)

EDGE_SECONDS = 0.02
"""A look at least so long after the last: timers may wake a moment before the shift's edge."""


class ShiftWatch:
    """Tells of begun and ended shifts: topic ``shifts.changed``, and to listeners."""

    def __init__(
        self, settings: Settings, shifts: ShiftService, publish: Callable[[Change], None]
    ) -> None:
        self._seconds = settings.shift_watch_seconds
        self._shifts = shifts
        self._publish = publish
        self._listeners: list[Callable[[], None]] = []
        self._last: frozenset[int] | None = None
        self._wake = asyncio.Event()
        shifts.on_change(self._wake.set)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever somebody's shift has begun or ended."""
        self._listeners.append(listener)

    async def look(self) -> float:
        """Look once; the seconds until the next look, if the rota stays. The first look after the
        start is a change."""
        at_work = await self._shifts.at_work()
        present = at_work.people
        if present != self._last:
            before = self._last or frozenset()
            self._last = present
            self._publish(
                Change(
                    "shifts.changed",
                    {
                        "on_shift": sorted(present),
                        "began": sorted(present - before),
                        "ended": sorted(before - present),
                    },
                )
            )
            for listener in self._listeners:
                listener()
            _log.info("on shift now: %d", len(present))
        if at_work.holds is None:
            return self._seconds
        return min(self._seconds, max(at_work.holds.total_seconds(), EDGE_SECONDS))

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self._wake.clear()
            rest = await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._wake.wait()
