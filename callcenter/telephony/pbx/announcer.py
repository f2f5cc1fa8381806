"""Speaks to those who wait, as `domain.announcements` decides.

Each announcement is a Local channel of its own: one half whispers into the caller's leg, the other
plays (dialplan, context ``tell``). The PBX's queue never speaks itself. Without a link to the PBX
nothing is said; what is being said then ends by itself.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping

from callcenter.platform.clock import Clock, utc_now
from callcenter.telephony.domain.announcements import (
    SERIALS,
    TELL_CHANNEL,
    Announcements,
    Rhythm,
    Say,
    Words,
    decide,
    failed,
    minutes_left,
    tell_id,
)
from callcenter.telephony.domain.floor import BridgeEntered, CallerLeft
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.domain.queues import PbxQueues
from callcenter.telephony.pbx.ami.actions import Hangup
from callcenter.telephony.pbx.ami.actions_steering import CallOut
from callcenter.telephony.pbx.ami.events import Event
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import Done
from callcenter.telephony.pbx.ami.queue_actions import HoldTimes
from callcenter.telephony.pbx.live import LiveFloor

_log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
"""Between two looks at the floor, unless somebody has left his queue: an announcement may begin so
much late, and must end at once."""
QUEUES_SECONDS = 60.0
"""The queues' settings are read again so often even if nobody said that they changed."""
HOLD_TIME_SECONDS = 10.0
"""An average of waiting times is good for so long."""


class Announcer:
    """The announcements of one PBX; `run` it as a task."""

    def __init__(
        self,
        link: AmiLink,
        live: LiveFloor,
        queues: Callable[[], Awaitable[PbxQueues]],
        *,
        at_once: int,
        clock: Clock = utc_now,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self._link = link
        self._live = live
        self._queues = queues
        self._at_once = at_once
        self._clock = clock
        self._tick = tick_seconds
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        self._state = Announcements()
        self._rhythms: Mapping[str, Rhythm] = {}
        self._read_at = float("-inf")
        self._hold_times: Mapping[str, int] = {}
        self._hold_times_at = float("-inf")
        # Begun anywhere: a leg of the process before may still be speaking to the same caller.
        self._serials = itertools.count(secrets.randbelow(SERIALS))
        link.subscribe(self._on_event)

    def queues_changed(self) -> None:
        """A queue's settings may be others."""
        self._read_at = float("-inf")
        self._wake.set()

    async def run(self) -> None:
        """Speak until cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                self._urgent.clear()
                decided_at = loop.time()
                again = await self._step(group)
                if not await _within(self._wake, again):
                    continue
                await _within(self._urgent, decided_at + self._tick - loop.time())

    # -- what wakes it --------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if isinstance(event, CallerLeft | BridgeEntered):
            self._urgent.set()
        self._wake.set()

    # -- what is said ---------------------------------------------------------------------------

    async def _step(self, group: asyncio.TaskGroup) -> float | None:
        """Do what is due; seconds until something is due again, None if nothing is foreseen."""
        if time.monotonic() - self._read_at > QUEUES_SECONDS:
            # First, so that a change that comes while they are read is not overlooked.
            self._read_at = time.monotonic()
            self._rhythms = rhythms(await self._queues())
        floor = self._live.floor
        if floor is None:
            return None
        now = self._now()
        decision = decide(self._state, floor, self._rhythms, now, at_once=self._at_once)
        self._state = decision.then
        for leg in decision.stop:
            group.create_task(self._stop(leg))
        for say in decision.say:
            group.create_task(self._say(say))
        return None if decision.again_at is None else max(0.0, decision.again_at - now)

    async def _stop(self, leg: Uniqueid) -> None:
        await self._link.send(Hangup(leg))  # Whatever comes of it: its end ends with the caller's.

    async def _say(self, say: Say) -> None:
        variables = {"__TELL_LEG": say.caller.channel}
        if say.words is Words.PLACE:
            variables["TELL_PLACE"] = str(say.caller.position)
            minutes = await self._minutes(say) if say.first else 0
            variables["TELL_MINUTES"] = str(minutes or "")
        leg = tell_id(say.caller.uniqueid, next(self._serials))
        order = CallOut(f"{TELL_CHANNEL}/n", "tell", say.words.value, leg, variables)
        outcome = await self._link.send(order)
        if not isinstance(outcome, Done):
            _log.warning("announcement to %s: %s", say.caller.channel, outcome)
            self._state = failed(self._state, say.caller.uniqueid)

    async def _minutes(self, say: Say) -> int:
        """The waiting time to be said; 0 for whoever is first, and where it is not known."""
        if say.caller.position <= 1:
            return 0
        if time.monotonic() - self._hold_times_at > HOLD_TIME_SECONDS:
            self._hold_times_at = time.monotonic()
            outcome = await self._link.send(HoldTimes())
            if isinstance(outcome, Done):
                self._hold_times = outcome.result
        average = self._hold_times.get(say.caller.queue, 0)
        return minutes_left(average, self._now() - say.caller.since)

    def _now(self) -> float:
        return self._clock().timestamp()


def rhythms(queues: PbxQueues) -> dict[str, Rhythm]:
    """How often each queue tells its callers, from its settings."""
    return {
        queue.code: Rhythm(queue.announce_position_seconds, queue.announce_voice_message_seconds)
        for queue in queues.queues
        if queue.announcements
    }


async def _within(event: asyncio.Event, seconds: float | None) -> bool:
    """Whether `event` was set within `seconds`, None: for ever."""
    if seconds is not None and seconds <= 0:
        return event.is_set()
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
