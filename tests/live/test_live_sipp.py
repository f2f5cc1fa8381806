"""SIPp against the running system: another implementation of SIP than our own phones, in number."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from callcenter.simulator.sipp import Sipp
from callcenter.simulator.sound import CALLER_HZ, power_at
from tests.live.live_stories import Stories
from tests.live.live_system import new_number, port_block
from tests.live.live_told import HEARD, Told, sound_of

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]

SEATS = 6
CALLS, RATE = 20, 5
TALK_MS = 800
"""So four of the six seats are taken at a time."""
RING_MS = 100


def sipp_of(stories: Stories, folder: Path) -> Sipp:
    """SIPp towards this instance."""
    return Sipp(stories.system.prepared.toolbox.sipp_command, folder, stories.system.sip)


@asynccontextmanager
async def seats_of_sipp(stories: Stories, sipp: Sipp, base: int) -> AsyncIterator[set[str]]:
    """`SEATS` seats, registered and answering; signed off afterwards."""
    seats = stories.system.prepared.seats[:SEATS]
    await sipp.register(seats, port=base)
    farm = await sipp.seats(port=base, echo_port=base + 2, ring_ms=RING_MS)
    wanted = {str(seat.extension) for seat in seats}

    async def reachable() -> bool:
        page = await stories.system.get("/api/seats", limit=100)
        there = {
            seat["extension"] for seat in page["items"] if (seat["live"] or {}).get("reachable")
        }
        return wanted <= there

    try:
        await stories.system.until(reachable, 40)
        yield wanted
        assert farm.running, farm.said()
    finally:
        await farm.stop()
        await sipp.register(seats, port=base, expires=0, name="sign-off")


async def test_a_caller_of_sipp_speaks_with_a_phone(stories: Stories, tmp_path: Path) -> None:
    seat = await stories.seat()
    number = new_number()
    with port_block() as base:
        callers = await sipp_of(stories, tmp_path).call(
            [number],
            stories.caller_voice,
            rate=1,
            talk_ms=4000,
            port=base,
            rtp_ports=(base + 2, base + 9),
        )
        taken = await seat.next_call(15)
        await taken.answer()
        taken.say(stories.seat_voice, repeat=True)
        await taken.hears(CALLER_HZ)
        counts = await callers.wait(20)
        await taken.ended()
    assert taken.caller == number
    assert (counts.succeeded, counts.failed) == (1, 0)
    told = await stories.answered_story(number, seat.user)
    assert told.call.ended_by == "caller"


async def test_six_seats_of_sipp_take_twenty_calls(stories: Stories, tmp_path: Path) -> None:
    sipp = sipp_of(stories, tmp_path)
    numbers = [new_number() for _ in range(CALLS)]
    with port_block() as base:
        async with seats_of_sipp(stories, sipp, base) as seats:
            callers = await sipp.call(
                numbers,
                stories.caller_voice,
                rate=RATE,
                talk_ms=TALK_MS,
                port=base + 10,
                rtp_ports=(base + 20, base + 99),
            )
            counts = await callers.wait(60)
    assert (counts.created, counts.succeeded, counts.failed) == (CALLS, CALLS, 0), callers.said()
    told: list[Told] = [await stories.told(number) for number in numbers]
    assert [one.call.outcome for one in told] == ["answered"] * CALLS
    assert [len(one.cases) for one in told] == [1] * CALLS
    assert len({one.cases[0].number for one in told}) == CALLS
    # The queue is fair: with twenty calls nobody stays without.
    taken = Counter(one.cases[0].seat for one in told)
    assert set(taken) == seats
    for one in told:
        assert [file.status for file in one.media] == ["ready"]
        sides = await asyncio.to_thread(sound_of, stories.system.settings, one.media[0])
        # The seats send the caller's own voice back.
        assert all(power_at(side, CALLER_HZ) > HEARD for side in sides)
