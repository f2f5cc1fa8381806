"""Every bridged second has both voices in the recording, whoever speaks to the citizen, however
often he is handed on, and however busy the machine is (decision 20)."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from callcenter.simulator.sound import CALLER_HZ, tone
from tests.live.live_steering import ok, own
from tests.live.live_stories import Stories
from tests.live.live_told import Told, read_sides
from tests.live.live_voices import HandedOn, Hold, Way, lost_of, plan, seconds_of

CALLS, EACH = 5, 10
SETTINGS = {"seats": 2 * CALLS, "rating": False, "transfer_ring_seconds": 20}
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


def _burn() -> None:
    while True:
        pass


@contextmanager
def busy_core() -> Iterator[None]:
    """One core has something else to do."""
    burner = multiprocessing.get_context("spawn").Process(target=_burn, daemon=True)
    burner.start()
    try:
        yield
    finally:
        burner.kill()
        burner.join()


async def test_fifty_transfers_of_every_kind_beside_a_busy_core(stories: Stories) -> None:
    calls = []
    for index in range(CALLS):
        # Nobody else is there yet who could be offered the call.
        seat = await stories.seat(index)
        seat.first_sequence = 40_000
        _, out = await stories.dial()
        taken = await seat.next_call(15)
        await taken.answer()
        await out.answered()
        out.say(tone(CALLER_HZ, 1.0), repeat=True)
        calls.append(HandedOn(stories, out, taken))
    phones = [(call.phone, await stories.seat(CALLS + at)) for at, call in enumerate(calls)]

    async def one(at: int, ways: list[tuple[Way, Hold]]) -> Told:
        call = calls[at]
        for step, (way, hold) in enumerate(ways):
            await call.hand_on(phones[at][(step + 1) % 2], way, hold)
        await call.end()
        told = await stories.told(call.number, timeout=60)
        assert len(told.talks) == len(ways) + 1
        return told

    with busy_core():
        told = await asyncio.gather(*itertools.starmap(one, enumerate(plan(CALLS, EACH))))
    folder = stories.system.settings.recordings_dir
    assert [one.media[0].status for one in told] == ["ready"] * CALLS
    lost = [
        str(loss)
        for call, said in zip(calls, told, strict=True)
        for loss in lost_of(folder, said, call.parts)
    ]
    assert not lost, f"{len(lost)} of {CALLS * (EACH + 1)} talks:\n" + "\n".join(lost)


async def test_a_pause_goes_on_through_a_transfer_and_ends_with_both_voices(
    stories: Stories,
) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    first.first_sequence = 40_000
    talk = await stories.talk_with(first, second)
    call = HandedOn(stories, talk.out, talk.taken)
    talk.out.say(tone(CALLER_HZ, 1.0), repeat=True)
    ok(await own(stories, "recording/pause", seat=first.user))
    await call.hand_on(second, Way.CONSULT_REFER, Hold.NOT)
    paused = call.parts.pop()
    await call.hears_for(paused, 1.5)
    ok(await own(stories, "recording/resume", seat=second.user))
    call.say_anew("after the pause")
    await call.end()
    told = await stories.told(call.number)
    file = told.media[0]
    assert (file.status, len(told.talks)) == ("ready", 2)
    folder = stories.system.settings.recordings_dir
    assert not lost_of(folder, told, call.parts[1:])
    _, right = read_sides(folder / file.path)
    assert seconds_of(right, paused.hertz) == 0
