"""What a day's figures are measured by: the city's day, each queue's threshold, open call-backs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Protocol

from callcenter.telephony.queues.service import QueueService
from callcenter.workforce.domain.figures import Thresholds


class QueueCount(Protocol):
    """How many of one queue, and since when."""

    @property
    def queue(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def oldest(self) -> datetime: ...


class OpenCallbacks(Protocol):
    """The call-backs' service, which itself looks at figures' neighbours."""

    async def counts(
        self, *, missed_from: datetime | None = None, missed_to: datetime | None = None
    ) -> Sequence[QueueCount]:
        """Missed calls still to be called back, by queue; those first missed within the span."""
        ...


ThresholdsNow = Callable[[], Awaitable[Thresholds]]
"""What each queue's own rate is measured by, as the queues are now."""


async def no_thresholds() -> Thresholds:
    """Every queue is measured by 15 s."""
    return {}


class QueueThresholds:
    """Each queue's own service level, of disabled ones too; call it."""

    def __init__(self, queues: QueueService) -> None:
        self._queues = queues

    async def __call__(self) -> Thresholds:
        """As the queues are now."""
        return {
            plan.code: timedelta(seconds=plan.service_level_seconds)
            for plan in await self._queues.plans()
        }


def day_span(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """The first moment of `day` on the clock of `zone`, and that of the day after, in UTC."""
    start, end = (
        datetime.combine(at, time(), tzinfo=zone).astimezone(UTC)
        for at in (day, day + timedelta(days=1))
    )
    return start, end
