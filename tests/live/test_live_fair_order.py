"""Fair order, and no free seat while somebody waits: on a real PBX, with everything that is told.

The story is the one that was measured (docs/performance.md), at twice its pace: six seats, 26
callers, the first six talk, the others hang up after a while. Judged at the phones.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import psutil
import pytest

from callcenter.simulator.call import Call
from callcenter.simulator.phone import Phone
from callcenter.simulator.sound import RATE, Samples, is_marked
from callcenter.telephony.domain.ledger import VisitEnd
from tests.live.live_crowd import FOR_EVER, Caller, Crowd, at_intervals
from tests.live.live_stories import Stories
from tests.live.live_system import SHORT_HZ, TOLD_HZ, TOLD_SECONDS, System
from tests.live.live_told import sound_of

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

SEATS, CALLERS = 6, 26
SETTINGS = {
    "seats": SEATS,
    "announce_position_seconds": 10,
    "announce_voice_message_seconds": 13,
    "rating": False,
}
INTERVAL, TALK_SECONDS, PATIENCE_SECONDS = 0.5, 7.0, 15.0
LONGEST_IDLE = 1.5
"""The law: while somebody waits whom it could serve, no seat is free for longer."""
HELD_SECONDS = 0.2
"""Of the last one: who comes in the very moment in which all go on is not held up."""
LOOK_SECONDS = 1.0
"""Each caller looks for himself once a second at least; on a busy machine the service may be late
with waking whoever is next."""


async def people(system: System, stack: AsyncExitStack, seats: int, talk: float) -> Crowd:
    """So many seats that take every call; the first callers, one a seat, talk for `talk`."""
    phones = [await stack.enter_async_context(system.seat(index)) for index in range(seats)]
    for phone in phones:
        await phone.register()

    def length(caller: Caller) -> float:
        return talk if crowd.place(caller) < seats else FOR_EVER

    crowd = Crowd(system, stack, length)
    await crowd.sit_down(phones)
    return crowd


def patience(index: int) -> float:
    """The first ones are hung up on by their seat."""
    return FOR_EVER if index < SEATS else PATIENCE_SECONDS


async def test_nobody_is_overtaken_and_no_seat_stands_free(stories: Stories) -> None:
    async with AsyncExitStack() as stack:
        crowd = await people(stories.system, stack, SEATS, TALK_SECONDS)
        told: set[str] = set()

        async def listen(out: Call, caller: Caller) -> None:
            await out.hears(TOLD_HZ, timeout=PATIENCE_SECONDS)
            told.add(caller.number)

        await at_intervals(crowd, INTERVAL, CALLERS, patience, listen)
        await crowd.over(60)
        assert not crowd.overtakings(LOOK_SECONDS), "\n".join(crowd.table())
        assert not crowd.gave_up(), "\n".join(crowd.table())
        _, longest = crowd.idle()
        assert longest <= LONGEST_IDLE, "\n".join(crowd.table())
        waited = [one for one in crowd.callers.values() if one.waited > 4]
        assert waited
        assert told >= {one.number for one in waited}, "everybody who waits is told something"


async def test_nor_at_a_change_of_shifts_and_with_the_service_dead_in_the_middle(
    stories: Stories,
) -> None:
    """Seats go and others come; then nothing is said, and each caller looks for himself."""
    system = stories.system
    async with AsyncExitStack() as stack:
        crowd = await people(system, stack, 3, 3.0)
        coming = asyncio.create_task(at_intervals(crowd, 0.3, 12, lambda _: 9.0))
        await asyncio.sleep(1.5)
        for phone in crowd.phones[:2]:
            await crowd.go_home(phone)
        fresh = [await stack.enter_async_context(system.seat(index)) for index in (3, 4)]
        for phone in fresh:
            await phone.register()
        await crowd.sit_down(fresh)
        await asyncio.sleep(0.5)
        system.kill("callcenter")
        await coming
        await crowd.over(60)
        system.begin("callcenter")
        await system.ready()
        assert not crowd.overtakings(LOOK_SECONDS), "\n".join(crowd.table())
        assert not crowd.gave_up(LOOK_SECONDS), "\n".join(crowd.table())
        _, longest = crowd.idle()
        assert longest <= LONGEST_IDLE, "\n".join(crowd.table())


@pytest.mark.parametrize("how", ["goes on", "is killed"])
async def test_a_held_up_burst_is_served_in_the_order_of_coming(stories: Stories, how: str) -> None:
    """The AGI server stands still while callers come; all their ways go on in the same moment.
    The second time in a PBX that was just started anew, and counts from the beginning."""
    system = stories.system
    if how == "is killed":
        system.kill("asterisk")
        system.begin("asterisk")
        await system.ready()
    async with AsyncExitStack() as stack:
        crowd = await people(system, stack, 4, 0.5)
        crowd.talk = lambda _caller: 0.5
        server = psutil.Process(system.process("agi"))
        family = [server, *server.children(recursive=True)]
        for process in family:
            process.suspend()
        await at_intervals(crowd, 0.15, 12, lambda _: FOR_EVER)
        await asyncio.sleep(HELD_SECONDS)
        if how == "is killed":
            system.kill("agi")
        else:
            for process in reversed(family):
                process.resume()
        await crowd.over(40)
        if how == "is killed":
            system.begin("agi")
            await system.ready()
        assert not crowd.out_of_order(0.25), "\n".join(crowd.table())


async def test_the_keys_work_at_every_moment(stories: Stories) -> None:
    """Before, while and after something is told, and while a seat rings."""
    silent = await stories.seat(0)  # Rings, and nobody picks up.
    rung_phone, rung = await stories.dial()
    ringing = await silent.next_call()
    pressed: list[tuple[Phone, Call]] = [(rung_phone, rung)]

    async def presses(key: str, *tones: bool) -> None:
        phone, out = await stories.dial()
        pressed.append((phone, out))
        await out.answered()
        for there in tones:
            await (out.hears(TOLD_HZ) if there else out.stops_hearing(TOLD_HZ))
        await out.dtmf(key)
        if key == "2":  # To be called back: he is told so, and we hang up.
            await out.ended(10)
            return
        await out.hears(SHORT_HZ, timeout=5)
        await out.stops_hearing(TOLD_HZ, timeout=1)  # Else it would go on for seconds.

    async def while_it_rings() -> None:
        await rung.answered()
        assert not ringing.over
        await rung.dtmf("1")
        await rung.hears(SHORT_HZ, timeout=5)

    await asyncio.gather(
        while_it_rings(),
        presses("2"),
        presses("1", True),
        presses("2", True, False),
        presses("1", True, False, True),
    )
    for phone, out in pressed:
        await out.hang_up()
        told = await stories.told(phone.user)
        assert [visit.how for visit in told.visits] == [VisitEnd.EXIT_KEY]


def is_told(samples: Samples) -> bool:
    """Whether anything is told there, if only for a tenth of a second."""
    piece = RATE // 2
    starts = range(0, max(1, samples.size - piece // 2), piece // 2)
    return any(is_marked(samples[start : start + piece], TOLD_HZ, 0.02) for start in starts)


@pytest.mark.parametrize("service", ["alive", "dead"])
async def test_what_is_told_ends_when_a_seat_answers(stories: Stories, service: str) -> None:
    """At once; with the service dead with the part that is being said. The seat hears nothing of
    it, and nothing of it is in the recording."""
    system = stories.system
    seat = await stories.seat(0)
    first = await stories.talk(seat)
    citizen, out = await stories.dial()
    await out.answered()
    await out.hears(TOLD_HZ)
    if service == "dead":
        system.kill("callcenter")
    await first.out.hang_up()
    taken = await seat.next_call()
    await taken.answer()
    heard_to = len(out.heard())
    await stories.speak(out, taken)
    await asyncio.sleep(TOLD_SECONDS + 2)
    late = heard_to + int(RATE * (0.5 if service == "alive" else TOLD_SECONDS + 0.5))
    after = out.heard()[late:]
    assert after.size > RATE
    assert is_told(out.heard()[:heard_to])
    assert not is_told(after)
    assert not is_told(taken.heard())
    await out.hang_up()
    if service == "dead":
        system.begin("callcenter")
        await system.ready()
    told = await stories.answered_story(citizen.user, seat.user)
    left, right = sound_of(system.settings, told.media[0])
    assert not is_told(left)
    assert not is_told(right)
