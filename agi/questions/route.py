"""``route``: what happens to this caller (blocked, closed, which queue) and with which priority."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from agi.protocol import Request
from callcenter.platform.clock import Clock
from callcenter.platform.config import Settings
from callcenter.platform.domain.numbers import normalise
from callcenter.telephony.blocklist.service import BlocklistService
from callcenter.telephony.calls.recent import RecentCalls
from callcenter.telephony.domain.ids import call_id
from callcenter.telephony.domain.routing import EarlierCall, RouteFacts, decide_route
from callcenter.telephony.queues.service import QueueService
from callcenter.workforce.opening.service import OpeningService


class RouteQuestion:
    """Answers ``route``."""

    def __init__(
        self,
        settings: Settings,
        blocklist: BlocklistService,
        opening: OpeningService,
        queues: QueueService,
        calls: RecentCalls,
        clock: Clock,
    ) -> None:
        self._node = settings.node
        self._queues = queues
        self._window = timedelta(minutes=settings.priority_minutes)
        self._blocklist = blocklist
        self._opening = opening
        self._calls = calls
        self._clock = clock

    async def __call__(self, request: Request) -> Mapping[str, str]:
        """``CC_ROUTE``, ``CC_QUEUE``, ``CC_PRIORITY``; the argument is the number dialled."""
        dialled = request.args[0] if request.args else ""
        queue = await self._queues.queue_of_number(dialled)
        number = normalise(request.caller_number)
        now = self._clock()
        blocked = await self._blocklist.is_blocked(number)
        is_open = not blocked and await self._opening.is_open()
        earlier: tuple[EarlierCall, ...] = ()
        if is_open and number and self._window:
            earlier = await self._calls.earlier_calls(
                number,
                since=now - self._window,
                but_not=call_id(self._node, request.uniqueid),
            )
        facts = RouteFacts(anonymous=not number, blocked=blocked, open=is_open, earlier=earlier)
        decision = decide_route(facts, queue=queue, priority_window=self._window, now=now)
        return {
            "CC_ROUTE": decision.route.value,
            "CC_QUEUE": decision.queue,
            "CC_PRIORITY": str(decision.priority),
        }
