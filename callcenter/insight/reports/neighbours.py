"""What figures ask of other features, in their own words."""

from __future__ import annotations

from datetime import timedelta

from callcenter.telephony.queues.service import QueueService
from callcenter.workforce.domain.figures import Thresholds


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
