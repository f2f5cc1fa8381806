"""Both sides of a talk send nothing for a while: the recording keeps the time, and what was said
after it stands where it was said."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from callcenter.simulator.sound import RATE, tone
from tests.live.live_stories import LENGTH_TOLERANCE_MS, Stories
from tests.live.live_told import read_sides
from tests.live.live_voices import TONES, seconds_of

QUIET_SECONDS = 8
SETTINGS = {"seats": 1, "rating": False}
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(150),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest.mark.parametrize("after", [True, False], ids=["then-spoken", "to-the-end"])
async def test_a_recording_keeps_the_time_in_which_nobody_sends_anything(
    stories: Stories, *, after: bool
) -> None:
    seat = await stories.seat()
    talk = await stories.talk(seat)
    talk.out.say(tone(TONES[1], 1.0), repeat=True)
    talk.taken.say(tone(TONES[2], 1.0), repeat=True)
    await talk.out.hears(TONES[2])
    await asyncio.sleep(4)
    streams = [talk.out.stream, talk.taken.stream]
    for stream in streams:
        stream.mute = True
    await asyncio.sleep(QUIET_SECONDS)
    if after:
        for stream in streams:
            stream.mute = False
        talk.taken.say(tone(TONES[5], 1.0), repeat=True)
        await talk.out.hears(TONES[5])
        await asyncio.sleep(4)
    await talk.out.hang_up()
    told = await stories.told(talk.number, timeout=40)
    recording, file = told.recordings[0], told.media[0]
    assert file.status == "ready", (file.status, file.error, file.duration_ms, recording.bridged_ms)
    assert abs(file.duration_ms - recording.bridged_ms) < LENGTH_TOLERANCE_MS
    _, right = read_sides(stories.system.settings.recordings_dir / file.path)
    assert seconds_of(right, TONES[2]) >= 3
    if after:
        # All of it stands behind the silence, in its own place counted from the end.
        tail = right[-round(3.0 * RATE) :]
        assert seconds_of(tail, TONES[5]) >= 2
        heard = np.flatnonzero(right)
        gaps = np.diff(heard)
        assert gaps.max() >= (QUIET_SECONDS - 1.5) * RATE
        begin = heard[gaps.argmax()]
        assert seconds_of(right[:begin], TONES[5]) <= 1
