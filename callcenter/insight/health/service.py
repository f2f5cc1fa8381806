"""Asks every part at once how it does; the answer is shared for a second.

A part that does not answer in time is down: a health page that hangs says nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from callcenter.platform.errors import CallcenterError
from callcenter.platform.health import Check, HealthStatus, PartHealth, down

_log = logging.getLogger(__name__)

CHECK_SECONDS = 3.0
"""Above the AGI probe's own limit; a monitor gives up after 5 to 10 s."""
SHARED_SECONDS = 1.0
"""So that many who ask do not write many probe files."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All parts."""

    parts: Sequence[PartHealth]

    @property
    def status(self) -> HealthStatus:
        """The worst of the parts'."""
        return max((part.status for part in self.parts), key=lambda status: status.severity)

    @property
    def ready(self) -> bool:
        """Whether no part is down."""
        return self.status is not HealthStatus.DOWN


class HealthService:
    """The parts of one process and their checks, in the order in which they are shown."""

    def __init__(
        self, checks: Mapping[str, Check], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._checks = dict(checks)
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._report: HealthReport | None = None
        self._taken_at = 0.0
        self._asked: dict[str, asyncio.Future[PartHealth]] = {}

    async def report(self) -> HealthReport:
        """All parts, at most `SHARED_SECONDS` old."""
        async with self._lock:
            if self._report is None or self._monotonic() - self._taken_at >= SHARED_SECONDS:
                checks = (self._ask(name, check) for name, check in self._checks.items())
                self._report = HealthReport(await asyncio.gather(*checks))
                self._taken_at = self._monotonic()
            return self._report

    async def _ask(self, name: str, check: Check) -> PartHealth:
        # What hangs (a disk, a lock) does not end by being cancelled: it is left to itself, and
        # asked no second time before it has come back.
        asked = self._asked.get(name)
        if asked is None:
            asked = self._asked[name] = asyncio.ensure_future(self._checked(name, check))
        await asyncio.wait({asked}, timeout=CHECK_SECONDS)
        if not asked.done():
            asked.cancel()
            return down(name, f"did not answer within {CHECK_SECONDS:g} s")
        del self._asked[name]
        if asked.cancelled():
            return await self._ask(name, check)  # That of before has come to its end meanwhile.
        return asked.result()

    async def _checked(self, name: str, check: Check) -> PartHealth:
        try:
            return await check()
        except CallcenterError as error:  # the database is away, say
            return down(name, error.message)
        except Exception as error:
            _log.exception("health check of %s failed", name)
            return down(name, f"could not be checked ({type(error).__name__}: {error})")
