"""Parts are killed (SIGKILL) at random moments of a call; nothing is lost and nothing doubled.

The seed is printed; ``LIVE_SEED`` repeats a run.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from callcenter.platform.db.outbox import untaken
from callcenter.simulator.call import Call
from callcenter.simulator.phone import Phone
from callcenter.simulator.sound import CALLER_HZ, SEAT_HZ
from tests.live.live_stories import HOTLINE, Stories
from tests.live.live_system import seed

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

STORY_SECONDS = 7.0
"""From INVITE to the last hang-up of the story below."""


async def story(stories: Stories, citizen: Phone, first: Phone, second: Phone) -> Call:
    """Ring, talk, blind transfer, talk, hang up; about `STORY_SECONDS` long."""
    second.refuse_with = 486
    out = await citizen.dial(HOTLINE)
    taken = await first.next_call(20)
    await asyncio.sleep(0.5)
    await taken.answer()
    second.refuse_with = 0
    taken.say(stories.seat_voice, repeat=True)
    await out.answered()
    out.say(stories.caller_voice, repeat=True)
    await asyncio.gather(out.hears(SEAT_HZ), taken.hears(CALLER_HZ))
    await asyncio.sleep(1.5)
    await taken.dtmf("##" + second.user)
    onward = await second.next_call(20)
    await onward.answer()
    onward.say(stories.seat_voice, repeat=True)
    await onward.hears(CALLER_HZ)
    await asyncio.sleep(1.5)
    await out.hang_up()
    await onward.ended()
    return out


KILLED = [("callcenter",), ("agi",), ("agi", "callcenter")] * 3


@pytest.mark.parametrize("parts", KILLED, ids=["-and-".join(parts) for parts in KILLED])
async def test_the_call_goes_on_and_has_one_case_and_its_recording(
    stories: Stories, parts: tuple[str, ...]
) -> None:
    run = seed()
    moments = random.Random(f"{run} {parts} {stories.system.next_round()}")
    moment, absent = moments.uniform(0, STORY_SECONDS), moments.uniform(0.1, 3)
    print(f"LIVE_SEED={run}: {parts} killed after {moment:.3f} s, away for {absent:.3f} s")
    first, second, citizen = await stories.seat(0), await stories.seat(1), await stories.citizen()
    telling = asyncio.create_task(story(stories, citizen, first, second))
    await asyncio.sleep(moment)
    stories.system.kill(*parts)
    await asyncio.sleep(absent)
    for part in parts:
        stories.system.begin(part)
    await telling
    await stories.system.ready()
    told = await stories.answered_story(citizen.user, first.user, second.user)
    assert [transfer.how for transfer in told.transfers] == ["completed"]
    assert await untaken(stories.system.database) == []


async def test_a_dead_pbx_leaves_the_call_interrupted_and_its_case(stories: Stories) -> None:
    seat = await stories.seat()
    talk = await stories.talk(seat)
    waiting, _ = await stories.dial()
    await asyncio.sleep(3)
    stories.system.kill("asterisk")
    # Nobody can tell the phones; they notice by themselves.
    for phone in (seat, talk.citizen, waiting):
        phone.vanish()
    stories.system.begin("asterisk")
    await stories.system.ready()
    told = await stories.told(talk.number, timeout=30)
    assert told.call.outcome == "interrupted"
    assert told.seats == [seat.user]
    assert len(told.cases) == 1
    assert told.media[0].status in ("ready", "short")
    assert told.media[0].duration_ms > 1000
    lost = await stories.told(waiting.user)
    assert (lost.call.outcome, lost.cases) == ("interrupted", [])
    # And the next call is a call as any other.
    talk = await stories.talk(await stories.seat())
    await talk.out.hang_up()
    await stories.answered_story(talk.number, seat.user)
