"""``rating``: is the caller asked for a score."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from agi.protocol import Request
from callcenter.platform.clock import Clock
from callcenter.platform.config import Settings
from callcenter.platform.domain.numbers import normalise
from callcenter.telephony.calls.recent import RecentCalls
from callcenter.telephony.domain.routing import decide_rating


class RatingQuestion:
    """Answers ``rating``."""

    def __init__(self, settings: Settings, calls: RecentCalls, clock: Clock) -> None:
        self._enabled = settings.rating
        self._again_after = timedelta(hours=settings.rating_again_hours)
        self._calls = calls
        self._clock = clock

    async def __call__(self, request: Request) -> Mapping[str, str]:
        """``CC_RATING``: ask or skip."""
        now = self._clock()
        number = normalise(request.caller_number)
        last: datetime | None = None
        if self._enabled and number and self._again_after:
            last = await self._calls.last_score_at(number, since=now - self._again_after)
        ask = decide_rating(
            enabled=self._enabled, last_score_at=last, again_after=self._again_after, now=now
        )
        return {"CC_RATING": "ask" if ask else "skip"}
