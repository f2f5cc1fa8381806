"""Notices when who is on shift changes, and says so.

Looks at its rounds instead of sleeping until the next shift: the rota may be changed, leave
approved or the clock set meanwhile, and a look costs two queries. Whoever depends on it asks
`ShiftService.on_shift_now`; this only says when.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from callcenter.broadcast import Change
from callcenter.config import Settings
from callcenter.shifts.service import ShiftService

_log = logging.getLogger(__name__)


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

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever somebody's shift has begun or ended."""
        self._listeners.append(listener)

    async def look(self) -> bool:
        """Look once; whether anything has changed. The first look after the start is a change."""
        present = await self._shifts.on_shift_now()
        if present == self._last:
            return False
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
        return True

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            if await self.look():
                _log.info("on shift now: %d", len(self._last or ()))
            await asyncio.sleep(self._seconds)
