"""Makes those whose turn it is look for their seat the moment it is free (`domain.turns`).

A seat becomes free by an event of its phone or of its membership, in either order: the PBX's queue
counts it as free once it has said the latter, so both wake. The guard between two calls of a seat
and the widening of levels end with the turn of a second of the PBX's clock and say nothing:
therefore whoever is next in a queue with free seats is woken behind each turn of a second, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from callcenter.platform.clock import Clock, utc_now
from callcenter.telephony.domain.floor import (
    CallerLeft,
    ChannelBegan,
    ChannelChanged,
    ChannelEnded,
    ChannelState,
    DeviceChanged,
    DeviceState,
    MemberSet,
)
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.domain.turns import queues_of, whose_turn
from callcenter.telephony.pbx.ami.events import Event
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.queue_actions import LookAgain
from callcenter.telephony.pbx.live import LiveFloor

BEHIND_SECONDS = 0.02
"""Behind the turn of a second, so that the PBX's clock has turned as well."""
REST_SECONDS = 1.0
"""A phone that has rung in vain rests, as app_queue lets it (``retry`` of queues.conf)."""
TOGETHER_SECONDS = 0.005
"""Events of one moment are taken together."""


class Turns:
    """The turns in the queues of one PBX; `run` it as a task."""

    def __init__(self, link: AmiLink, live: LiveFloor, clock: Clock = utc_now) -> None:
        self._link = link
        self._live = live
        self._clock = clock
        self._queues: set[str] = set()
        """Where somebody's turn may have come."""
        self._ringing: dict[Uniqueid, str] = {}
        """Legs that ring, and on which phone."""
        self._resting: dict[str, float] = {}
        """Phones that have just rung in vain, and until when they rest (POSIX seconds)."""
        self._wake = asyncio.Event()
        link.subscribe(self._on_event)

    async def run(self) -> None:
        """Wake until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    async with asyncio.timeout(self._until_the_turn()):
                        await self._wake.wait()
                    await asyncio.sleep(TOGETHER_SECONDS)
                except TimeoutError:
                    floor = self._live.floor
                    self._queues |= floor.waiting.keys() if floor is not None else set()
                self._wake.clear()
                queues, self._queues = self._queues, set()
                self._look(group, queues)

    def _until_the_turn(self) -> float:
        return 1.0 - self._clock().timestamp() % 1.0 + BEHIND_SECONDS

    def _on_event(self, event: Event) -> None:
        self._note_rings(event)
        floor = self._live.floor
        if floor is None or not floor.waiting:
            return
        match event:
            case DeviceChanged(endpoint, DeviceState.IDLE) if endpoint not in self._resting:
                found = queues_of(floor, endpoint)
            case MemberSet(member):
                found = queues_of(floor, member.interface.removeprefix("PJSIP/"))
            case CallerLeft(queue, _):
                found = frozenset({queue})
            case _:
                return
        if found:
            self._queues |= found
            self._wake.set()

    def _note_rings(self, event: Event) -> None:
        # By its leg: the phone itself counts as busy from the first ring on.
        match event:
            case ChannelBegan(channel) | ChannelChanged(channel):
                if channel.state is ChannelState.RINGING and channel.endpoint:
                    self._ringing[channel.uniqueid] = channel.endpoint
                else:
                    self._ringing.pop(channel.uniqueid, None)
            case ChannelEnded(uniqueid) if uniqueid in self._ringing:
                endpoint = self._ringing.pop(uniqueid)
                self._resting[endpoint] = self._clock().timestamp() + REST_SECONDS
            case _:
                pass

    def _look(self, group: asyncio.TaskGroup, queues: Collection[str]) -> None:
        floor = self._live.floor
        if floor is None or not queues:
            return
        now = self._clock().timestamp()
        self._resting = {seat: until for seat, until in self._resting.items() if until > now}
        for caller in whose_turn(floor, queues, self._resting):
            # Written in this order; what comes of it is seen, if at all, by a seat that rings.
            group.create_task(self._link.send(LookAgain(caller.channel)))
