"""Between the PBX and the agents: what the floor shows of their seats, and their pauses.

Upwards: after every change of the live floor, each seat that somebody is logged in to is looked
at, and what is new is told as a whole (`SeatSeen`). A change that was lost, or could not be
taken, is told by the next look.

Downwards: `pause` says what an agent's places in queues should be; it is sent at once, and as
often as the floor shows something else: after a restart of the PBX, an outage of the link, or a
command by another hand. app_queue's own wrapuptime is only the guard until the pause lands.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import is_not
from typing import Protocol

from callcenter.telephony.domain.floor import (
    CallerLeft,
    Channel,
    ChannelState,
    DeviceState,
    Floor,
)
from callcenter.telephony.domain.ids import Extension, Uniqueid
from callcenter.telephony.domain.seat_seen import Activity, SeatSeen, Talk
from callcenter.telephony.domain.steering import holder
from callcenter.telephony.pbx.ami.actions import Action, Answer
from callcenter.telephony.pbx.ami.events import Event
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import Done, LinkLost, Outcome, Refused
from callcenter.telephony.pbx.live import LiveFloor

_log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.5
"""The PBX answers a command some milliseconds before the floor shows what came of it."""
TOGETHER_SECONDS = 0.02
"""What the PBX says of one moment, of all seats, is looked at together."""
LOOK_SECONDS = 1.0
"""Longest time without a look, for what had to be left for later."""
QUEUES_REMEMBERED = 5000
"""Callers who left a queue and may be in a talk: as many as an hour of a large centre has."""


@dataclass(frozen=True, slots=True)
class QueuePause(Action[None]):
    """Whether `interface` is offered calls, in all of its queues; refused if it is in none."""

    name = "QueuePause"
    interface: str
    reason: str
    """'' : it is."""

    def headers(self) -> dict[str, str]:
        headers = {"Interface": self.interface, "Paused": "true" if self.reason else "false"}
        return {**headers, "Reason": self.reason} if self.reason else headers

    def result(self, answer: Answer) -> None:
        return None


def _device(floor: Floor, seat: Extension) -> DeviceState:
    """A phone that refuses every call is none, and neither is one that is not the agent's."""
    if seat in floor.refusing or seat in floor.usurped:
        return DeviceState.UNREACHABLE
    return floor.devices.get(seat, DeviceState.UNKNOWN)


class SeatWatcher(Protocol):
    """Who wants to know of seats."""

    def seated(self) -> Collection[Extension]:
        """Which ones."""
        ...

    async def seats_seen(self, seen: Mapping[Extension, SeatSeen]) -> bool:
        """What is new of them; False: it could not be taken, tell it again."""
        ...


class AgentLink:
    """For one PBX. `live` must have been made before: it hears events first."""

    def __init__(self, link: AmiLink, live: LiveFloor) -> None:
        self._link = link
        self._live = live
        self._kept: dict[Extension, str] = {}
        """Pauses as they should be."""
        self._asked: dict[Extension, str] = {}
        """What must still be sent; the newest counts."""
        self._busy: set[Extension] = set()
        """Seats whose command is under way: one at a time, so that the last one sent wins."""
        self._fresh: dict[Extension, float] = {}
        """When a command of a seat was carried out, by the loop's clock."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._queues = _LastQueues(QUEUES_REMEMBERED)
        link.subscribe(self._queues.on_event)

    # -- upwards ------------------------------------------------------------------------------

    async def run(self, watcher: SeatWatcher) -> None:
        """Tell `watcher` of its seats, and keep their pauses, until cancelled."""
        loop = asyncio.get_running_loop()
        last: Floor | None = None
        told: dict[Extension, SeatSeen] = {}
        kept: tuple[object, float] = (None, 0.0)
        """The members that pauses were last compared with, and when."""
        while True:
            await self._live.wait_until(partial(is_not, last), LOOK_SECONDS)
            await asyncio.sleep(TOGETHER_SECONDS)
            floor = self._live.floor
            if floor is None:
                # Afterwards everything is news, also to who came meanwhile.
                last, told, kept = None, {}, (None, 0.0)
                continue
            last = floor
            seats = watcher.seated()
            told = {seat: seen for seat, seen in told.items() if seat in seats}
            seen_now = self._look(floor, seats) if seats else {}
            new = {seat: seen for seat, seen in seen_now.items() if told.get(seat) != seen}
            if new and await watcher.seats_seen(new):
                told.update(new)
            members, at = kept
            if floor.members is not members or loop.time() - at >= LOOK_SECONDS:
                kept = floor.members, loop.time()
                self._keep(floor)

    def look(self, seat: Extension) -> SeatSeen | None:
        """The seat as the floor shows it now; None while there is no link."""
        floor = self._live.floor
        return None if floor is None else self._look(floor, [seat])[seat]

    def _look(self, floor: Floor, seats: Collection[Extension]) -> dict[Extension, SeatSeen]:
        legs: dict[str, list[Channel]] = {seat: [] for seat in seats}
        holding: set[str] = set()
        for channel in floor.channels.values():
            if (own := legs.get(channel.endpoint)) is not None:
                own.append(channel)
            elif (seat_name := holder(channel)) is not None:
                holding.add(seat_name)
        return {
            seat: seat_seen(floor, _device(floor, seat), legs[seat],
                            self._queues.of, holding=seat in holding)
            for seat in seats
        }  # fmt: skip

    # -- downwards ----------------------------------------------------------------------------

    def pause(self, seat: Extension, reason: str) -> None:
        """Keep `seat` paused for `reason`, or not paused if it is ''."""
        if self._kept.get(seat) == reason:
            return
        self._kept[seat] = reason
        self._bring(seat, reason)

    def release(self, seat: Extension, reason: str) -> None:
        """Send it once, and keep it no longer."""
        self._kept.pop(seat, None)
        self._bring(seat, reason)

    def _keep(self, floor: Floor) -> None:
        """Send what the floor does not show. Places in the PBX's own configuration are not ours."""
        if not self._kept:
            return
        now = asyncio.get_running_loop().time()
        for member in floor.members.values():
            seat = Extension(member.interface.removeprefix("PJSIP/"))
            reason = self._kept.get(seat)
            if reason is None or not member.dynamic or seat in self._busy:
                continue
            if now - self._fresh.get(seat, -SETTLE_SECONDS) < SETTLE_SECONDS:
                continue
            if member.paused != bool(reason) or (reason and member.paused_reason != reason):
                self._bring(seat, reason)

    def _bring(self, seat: Extension, reason: str) -> None:
        self._asked[seat] = reason
        if seat in self._busy:
            return
        self._busy.add(seat)
        task = asyncio.create_task(self._send(seat), name=f"pause-{seat}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, seat: Extension) -> None:
        try:
            while seat in self._asked:
                reason = self._asked.pop(seat)
                outcome = await self._link.send(QueuePause(f"PJSIP/{seat}", reason))
                if isinstance(outcome, Done):
                    self._fresh[seat] = asyncio.get_running_loop().time()
                elif not _settled(outcome):
                    _log.warning("pause of seat %s (%s): %s", seat, reason or "none", outcome)
        finally:
            self._busy.discard(seat)

    async def settled(self) -> None:
        """Wait until no command is under way; for tests."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))


def _settled(outcome: Outcome[None]) -> bool:
    """The seat is in no queue, or there is no PBX now: the next look tells."""
    match outcome:
        case LinkLost(sent=False):
            return True
        case Refused(message):
            return message == "Interface not found"
        case _:
            return False


class _LastQueues:
    """In which queue a caller waited last; forgotten oldest first."""

    def __init__(self, limit: int) -> None:
        self._queues: dict[Uniqueid, str] = {}
        self._order: deque[Uniqueid] = deque()
        self._limit = limit

    def on_event(self, event: Event) -> None:
        """The PBX says that a caller left the queue before it says that he talks."""
        if not isinstance(event, CallerLeft):
            return
        if event.uniqueid not in self._queues:
            self._order.append(event.uniqueid)
        self._queues[event.uniqueid] = event.queue
        if len(self._order) > self._limit:
            del self._queues[self._order.popleft()]

    def of(self, callers: Iterable[Channel]) -> str:
        """Of the first of `callers` who was in one; '' if none was."""
        return next(
            (self._queues[one.uniqueid] for one in callers if one.uniqueid in self._queues), ""
        )


class _QueueOf(Protocol):
    def __call__(self, callers: Iterable[Channel]) -> str: ...


def seat_seen(
    floor: Floor,
    device: DeviceState,
    legs: Collection[Channel],
    queue_of: _QueueOf,
    *,
    holding: bool = False,
) -> SeatSeen:
    """A seat with `legs`, in the machine's words; `holding`: its citizen hears our music.

    A leg that is up, or dials, is work, also between two bridges of a transfer. A talk is one with
    somebody who is at no seat: seats are the endpoints named by digits alone.
    """
    talks = []
    for leg in legs:
        outside = [
            other
            for other in floor.others_in_bridge(leg.uniqueid)
            if other.endpoint and not other.endpoint.isdecimal()
        ]
        if outside:
            talks.append(Talk(leg.uniqueid, queue_of(outside)))
    return SeatSeen(
        reachable=device.reachable,
        activity=_activity(device, legs, holding=holding),
        legs=frozenset(leg.uniqueid for leg in legs),
        talks=tuple(sorted(talks, key=lambda talk: talk.leg)),
    )


def _activity(device: DeviceState, legs: Collection[Channel], *, holding: bool) -> Activity:
    states = {leg.state for leg in legs}
    if states & {ChannelState.UP, ChannelState.DIALLING, ChannelState.OTHER}:
        # By the phone's own key, or by ours, of which the phone knows nothing.
        return Activity.HOLD if holding or device is DeviceState.ON_HOLD else Activity.TALKING
    return Activity.RINGING if ChannelState.RINGING in states else Activity.IDLE
