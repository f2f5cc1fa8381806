"""The PBX begins anew while its seats' phones stay where they are: who dials in the very first
moment waits for them, and is not sent to a voice message, whoever else is alive."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time

import pytest

from callcenter.simulator.call import Call, CallRefused
from callcenter.simulator.phone import Phone
from callcenter.simulator.transactions import Timers
from tests.live.live_stories import HOTLINE, Stories

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

SETTINGS = {"seats": 2, "rating": False, "members_return_seconds": 30}
SERVICE = ("agi", "callcenter")
EAGER = Timers(t1=0.02, t2=0.05, rounds=3000)
"""Asks again twenty times a second: the first moment of a PBX is the one that it answers in. For a
minute: an INVITE that was given up may lie there, and be taken, once the PBX reads."""


def _is_answer_to_a_question(data: bytes) -> bool:
    return data.startswith(b"SIP/2.0") and b" OPTIONS\r\n" in data


def _nothing(_data: bytes) -> bool:
    return False


async def kept(stories: Stories, seat: Phone) -> None:
    """Until the PBX has put the seat's phone on its disk, as it has long ago for those who sit
    there: it does so once a second."""
    path = stories.system.settings.astdb_file

    async def probe() -> bool:
        with contextlib.closing(sqlite3.connect(path)) as astdb:
            rows = astdb.execute("SELECT key FROM astdb WHERE key LIKE '/registrar/contact/%'")
            return any(f"/{seat.user};" in str(key) for (key,) in rows)

    await stories.system.until(probe, 10)


async def first_moment(stories: Stories) -> Call:
    """The call of a citizen who is there before the PBX is."""
    stories.system.begin("asterisk")
    async with asyncio.timeout(60):
        while True:
            citizen = await stories.citizen(timers=EAGER)
            out = await citizen.dial(HOTLINE)
            try:
                await out.answered(60)
            except CallRefused:
                continue  # Not begun yet: carriers ask again, and so do citizens.
            return out


@pytest.mark.parametrize("dead", [(), SERVICE], ids=["all-alive", "service-dead"])
async def test_who_dials_in_the_first_moment_is_put_through(
    stories: Stories, dead: tuple[str, ...]
) -> None:
    system = stories.system
    seats = [await stories.seat(index) for index in (0, 1)]
    for seat in seats:
        await kept(stories, seat)
        # It is slow to answer the first question: as long as that takes, it counts as away.
        seat.drop = _is_answer_to_a_question
    system.kill("asterisk", *dead)
    out = await first_moment(stories)
    await out.hears_sound(timeout=20)
    for seat in seats:
        seat.drop = _nothing
        await seat.register()
    incoming = [asyncio.create_task(seat.next_call(60)) for seat in seats]
    done, waiting = await asyncio.wait(incoming, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    taken = done.pop().result()
    await taken.answer()
    await stories.speak(out, taken)
    await out.hang_up()
    for part in dead:
        system.begin(part)
    await system.ready()
    told = await stories.told(out.phone.user, timeout=60)
    assert (told.call.outcome, told.messages) == ("answered", [])
    assert [visit.how for visit in told.visits] == ["connected"]


async def test_nobody_comes_back_and_the_wait_ends(stories: Stories) -> None:
    system = stories.system
    seat = await stories.seat()
    await kept(stories, seat)
    system.kill("asterisk")
    seat.vanish()
    begun = time.time()
    out = await first_moment(stories)
    await stories.message_begun(out, timeout=90)
    assert time.time() - begun >= SETTINGS["members_return_seconds"] - 1
    await out.hang_up()
    told = await stories.told(out.phone.user, timeout=60)
    assert told.call.outcome in ("voice_message", "overflow")
    await system.ready()
