"""Notices that the opening calendar was changed, in whichever process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from callcenter.workforce.opening.service import OpeningService

WATCH_SECONDS = 1.0
"""Between two looks, each of which reads one number."""


class OpeningWatch:
    """Says that something `changed`; `run` it as a task."""

    def __init__(self, opening: OpeningService, changed: Callable[[], None]) -> None:
        self._opening = opening
        self._changed = changed

    async def run(self) -> None:
        """Look until cancelled; an error ends it, and its supervisor starts it again."""
        known: int | None = None
        while True:
            version = (await self._opening.days()).version
            if known is not None and version != known:
                self._changed()
            known = version
            await asyncio.sleep(WATCH_SECONDS)
