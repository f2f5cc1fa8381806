"""A voice that the PBX drops is missed while the talk goes on, and is in the recording again within
seconds, whatever made the PBX drop it (decision 20)."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from callcenter.simulator.speech import Speech
from tests.live.live_stories import Stories
from tests.live.live_system import System
from tests.live.live_told import read_sides
from tests.live.live_voices import HandedOn, Hold, Way, seconds_of
from tests.live.test_live_lost_voice import unhook

SPOKEN_SECONDS = 14
FOUND_SECONDS = 8
"""Two writings of the PBX and a look at its counts, on a busy machine."""
SETTINGS = {"seats": 2, "rating": False}
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]


async def test_the_second_seat_is_heard_again_though_nothing_told_of_it(
    system: System, speech: Speech
) -> None:
    # Not the books of `stories`: that seconds are lost is a difference on a machine out of breath.
    async with AsyncExitStack() as stack:
        stories = Stories(system, speech, stack)
        first, second = await stories.seat(0), await stories.seat(1)
        first.first_sequence = 40_000
        talk = await stories.talk_with(first, second)
        await unhook(system)
        call = HandedOn(stories, talk.out, talk.taken)
        await call.hand_on(second, Way.CONSULT_REFER, Hold.NOT)
        await call.hears_for(call.parts[-1], SPOKEN_SECONDS)
        await call.end()
        told = await stories.told(talk.number, timeout=40)
    part = call.parts[-1]
    _, right = read_sides(system.settings.recordings_dir / told.media[0].path)
    lost = part.ended - part.begun - seconds_of(right, part.hertz)
    assert lost < FOUND_SECONDS, f"lost {lost:.1f} s of {part.ended - part.begun:.1f}"
