"""What the PBX is told so that those who wait are spoken to, and whoever is next looks at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from callcenter.telephony.domain.announcements import TELL_CHANNEL, told_leg
from callcenter.telephony.domain.floor import (
    CallerLeft,
    ChannelBegan,
    DeviceChanged,
    DeviceState,
    Fact,
    Floor,
    MemberSet,
    apply,
)
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.domain.queues import PbxQueues
from callcenter.telephony.pbx.ami.actions import Action
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import Done, LinkLost, Outcome
from callcenter.telephony.pbx.announcer import Announcer, rhythms
from callcenter.telephony.pbx.live import LiveFloor
from callcenter.telephony.pbx.turns import Turns
from tests.unit.telephony.domain.test_announcements import QUEUE, T0, leg, waiting
from tests.unit.telephony.domain.test_turns import house, member
from tests.unit.telephony.queues.test_queue_files import MAIN, plan

SOON = 5.0
"""Whatever is awaited comes within milliseconds; this long on a machine that stands still."""


@dataclass
class Pbx:
    """A link and a floor; each action is answered, and `sent` says what was asked."""

    floor: Floor | None
    lost: bool = False
    hold_times: dict[str, int] = field(default_factory=dict)
    sent: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    listeners: list[Callable[[Any], None]] = field(default_factory=list)
    now: float = T0
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    def subscribe(self, listener: Callable[[Any], None]) -> None:
        self.listeners.append(listener)

    async def send(self, action: Action[Any]) -> Outcome[Any]:
        self.sent.append((action.name, action.headers()))
        self._asked.set()
        if self.lost:
            return LinkLost(sent=False, reason="cut")
        return Done(self.hold_times if action.name == "QueueStatus" else None)

    def happens(self, fact: Fact) -> None:
        assert self.floor is not None
        self.floor = apply(self.floor, fact)
        for listener in self.listeners:
            listener(fact)

    async def asked(self, name: str, count: int = 1) -> list[dict[str, str]]:
        """The first `count` actions of that name, once they are there."""
        async with asyncio.timeout(SOON):
            while len(found := [headers for of, headers in self.sent if of == name]) < count:
                self._asked.clear()
                await self._asked.wait()
        return found

    def clock(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)


@asynccontextmanager
async def running(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@asynccontextmanager
async def announcing(pbx: Pbx, queues: PbxQueues | None = None) -> AsyncIterator[Announcer]:
    """The announcer of a PBX whose clock stands at the first announcement's moment."""

    async def wanted() -> PbxQueues:
        return queues or plan(MAIN)

    announcer = Announcer(
        cast(AmiLink, pbx), cast(LiveFloor, pbx), wanted,
        at_once=30, clock=pbx.clock, tick_seconds=0.0,
    )  # fmt: skip
    async with running(announcer.run):
        await asyncio.sleep(0)
        yield announcer


async def test_a_caller_is_told_his_place_and_the_waiting_time() -> None:
    pbx = Pbx(waiting("1.1", "1.2"), hold_times={QUEUE: 180})
    async with announcing(pbx):
        pbx.now = T0 + 1
        pbx.happens(ChannelBegan(leg("9.9")))
        first, second = await pbx.asked("Originate", 2)
    assert first["Channel"] == f"{TELL_CHANNEL}/n"
    assert (first["Context"], first["Exten"]) == ("tell", "place")
    assert first["Variable"] == "__TELL_LEG=PJSIP/trunk-1.1,TELL_PLACE=1,TELL_MINUTES="
    assert second["Variable"] == "__TELL_LEG=PJSIP/trunk-1.2,TELL_PLACE=2,TELL_MINUTES=3"
    assert told_leg(leg(second["ChannelId"], f"{TELL_CHANNEL}-1;1")) == "1.2"


async def test_it_is_ended_when_he_waits_no_more() -> None:
    speaks = leg("tell-1.1.7", f"{TELL_CHANNEL}-1;1")
    pbx = Pbx(apply(waiting("1.1"), ChannelBegan(speaks)))
    async with announcing(pbx):
        pbx.happens(CallerLeft(QUEUE, Uniqueid("1.1")))
        (ended,) = await pbx.asked("Hangup")
    assert ended["Channel"] == "tell-1.1.7"


async def test_without_a_link_nothing_is_said() -> None:
    pbx = Pbx(None)
    async with announcing(pbx):
        assert pbx.sent == []
        pbx.floor = waiting("1.1")
        pbx.happens(ChannelBegan(leg("9.7")))
        await asyncio.sleep(0.01)  # What is known from now on.
        pbx.lost = True
        pbx.now = T0 + 1
        pbx.happens(ChannelBegan(leg("9.9")))
        await pbx.asked("Originate")
        pbx.happens(ChannelBegan(leg("9.8")))
        await asyncio.sleep(0)
    assert len([name for name, _ in pbx.sent if name == "Originate"]) == 1, "not sent again"


def test_a_queues_rhythm_is_what_the_admin_set() -> None:
    told = rhythms(plan(MAIN))[MAIN.code]
    assert told.place_seconds == MAIN.announce_position_seconds
    assert told.hint_seconds == MAIN.announce_voice_message_seconds


@pytest.mark.parametrize("how", ["its phone", "its membership"])
async def test_who_is_next_looks_the_moment_a_seat_is_free(how: str) -> None:
    seat = member("8001")
    pbx = Pbx(house(seat, member("8002")), now=T0 + 0.5)
    turns = Turns(cast(AmiLink, pbx), cast(LiveFloor, pbx), pbx.clock)
    async with running(turns.run):
        if how == "its membership":
            assert pbx.floor is not None
            pbx.floor = apply(pbx.floor, DeviceChanged("8001", DeviceState.IDLE))
            pbx.happens(MemberSet(seat))
        else:
            pbx.happens(DeviceChanged("8001", DeviceState.IDLE))
        (asked,) = await pbx.asked("ControlPlayback")
    assert asked == {"Channel": "PJSIP/trunk-1.1", "Control": "reverse"}


async def test_a_seat_that_is_not_free_wakes_nobody() -> None:
    pbx = Pbx(house(member("8001"), member("8002", paused=True)), now=T0 + 0.01)
    turns = Turns(cast(AmiLink, pbx), cast(LiveFloor, pbx), pbx.clock)
    async with running(turns.run):
        pbx.happens(DeviceChanged("8001", DeviceState.RINGING))
        pbx.happens(DeviceChanged("8002", DeviceState.IDLE))
        pbx.happens(MemberSet(member("8001")))
        await asyncio.sleep(0.05)
    assert pbx.sent == []


async def test_what_says_nothing_is_seen_behind_the_turn_of_a_second() -> None:
    """The guard between two calls of a seat ends without an event."""
    pbx = Pbx(house(member("8001"), free=("8001",)), now=T0 + 0.999)
    turns = Turns(cast(AmiLink, pbx), cast(LiveFloor, pbx), pbx.clock)
    async with running(turns.run):
        (asked,) = await pbx.asked("ControlPlayback")
    assert asked["Channel"] == "PJSIP/trunk-1.1"
