"""Callers who do not get a person: blocked, closed, no place, and the messages they leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from callcenter.simulator.call import Call
from callcenter.simulator.sound import CALLER_HZ, RATE, power_at
from tests.live.live_stories import Stories, assert_not_silent
from tests.live.live_system import SHORT_HZ, new_number
from tests.live.live_told import HEARD, Told, sound_of

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]

SETTINGS = {
    "queue_max_waiting": 1,
    "queue_wait_limit_seconds": 10,
    "voice_message_silence_seconds": 2,
}
CLOSED_ALWAYS = {"week": [{"weekday": 0, "opens": 0, "closes": 1}], "special_days": []}
OPEN_ALWAYS: dict[str, list[object]] = {"week": [], "special_days": []}


@asynccontextmanager
async def closed(stories: Stories) -> AsyncIterator[None]:
    """The line is closed meanwhile (but for one minute on Mondays)."""
    await stories.put("/api/opening", CLOSED_ALWAYS)
    try:
        yield
    finally:
        await stories.put("/api/opening", OPEN_ALWAYS)


async def leave_message(stories: Stories, out: Call, seconds: float = 5) -> None:
    """Wait for the beep (the recording file is there), speak, hang up."""
    await stories.message_begun(out)
    out.say(stories.caller_voice, repeat=True)
    await asyncio.sleep(seconds)
    await out.hang_up()


def assert_message(stories: Stories, told: Told, reason: str) -> None:
    """One message with the caller's voice, and a case of its own."""
    assert [message.reason for message in told.messages] == [reason]
    assert told.call.outcome == "voice_message"
    files = [file for file in told.media if file.kind == "voice_message"]
    assert [file.status for file in files] == ["ready"]
    assert 3000 <= files[0].duration_ms <= 12000
    left, _ = sound_of(stories.system.settings, files[0])
    assert power_at(left, CALLER_HZ) > HEARD
    assert [case.source for case in told.cases] == ["voice_message"]
    assert told.cases[0].voice_message_id == told.messages[0].id


async def test_a_blocked_caller_is_told_so_and_reaches_nobody(stories: Stories) -> None:
    seat = await stories.seat()
    number = new_number()
    await stories.system.post("/api/blocklist", number=number, reason="骚扰")
    _, out = await stories.dial(number)
    await out.ended(20)
    assert out.ended_by == "them"
    assert_not_silent(out)
    assert not [line for line in seat.log if line.startswith("< INVITE")]
    told = await stories.told(number)
    assert (told.call.outcome, told.cases, told.talks) == ("blocked", [], [])


async def test_closed_the_caller_leaves_a_message_and_hangs_up(stories: Stories) -> None:
    await stories.seat()
    async with closed(stories):
        citizen, out = await stories.dial()
        await leave_message(stories, out)
    assert_message(stories, await stories.told(citizen.user), "closed")


async def test_closed_and_the_caller_leaves_nothing(stories: Stories) -> None:
    async with closed(stories):
        citizen, out = await stories.dial()
        await out.hears_sound()
        await out.hang_up()
    told = await stories.told(citizen.user)
    assert (told.call.outcome, told.cases) == ("closed", [])


async def test_a_message_ends_by_silence(stories: Stories) -> None:
    async with closed(stories):
        citizen, out = await stories.dial()
        await stories.message_begun(out)
        said = out.say(stories.caller_voice)
        await said.wait()
        await out.ended(20)
    assert out.ended_by == "them"
    assert_message(stories, await stories.told(citizen.user), "closed")


@pytest.mark.parametrize("spoken", [True, False], ids=["after-words", "from-the-beginning"])
async def test_a_message_ends_with_thanks_when_no_sound_comes_at_all(
    stories: Stories, spoken: bool
) -> None:
    async with closed(stories):
        citizen, out = await stories.dial()
        out.stream.mute = not spoken
        await stories.message_begun(out)
        if spoken:
            await out.say(stories.caller_voice[: 5 * RATE]).wait()
            out.stream.mute = True
        thanked = asyncio.create_task(out.hears(SHORT_HZ, timeout=30))
        await out.ended(30)
        await thanked
    assert out.ended_by == "them"
    told = await stories.told(citizen.user)
    assert told.call.outcome == "voice_message"
    if spoken:
        assert_message(stories, told, "closed")


async def test_who_speaks_is_not_taken_for_silent(stories: Stories) -> None:
    async with closed(stories):
        citizen, out = await stories.dial()
        await leave_message(stories, out, seconds=9)
    assert out.ended_by == "us"
    assert_message(stories, await stories.told(citizen.user), "closed")


async def test_a_key_while_waiting_leads_to_a_message(stories: Stories) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    citizen, out = await stories.dial()
    await out.answered()
    await asyncio.sleep(1)
    await out.dtmf("1")
    await leave_message(stories, out)
    told = await stories.told(citizen.user)
    assert_message(stories, told, "exit_key")
    assert [visit.how for visit in told.visits] == ["exit_key"]


async def test_nobody_logged_in_leads_to_a_message(stories: Stories) -> None:
    citizen, out = await stories.dial()
    await leave_message(stories, out)
    assert_message(stories, await stories.told(citizen.user), "empty")


async def test_a_full_queue_and_a_long_wait_lead_to_messages(stories: Stories) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    first, waiting = await stories.dial()
    await waiting.answered()
    await asyncio.sleep(1)
    second, overflown = await stories.dial()
    async with asyncio.TaskGroup() as group:
        group.create_task(leave_message(stories, overflown))
        group.create_task(leave_message(stories, waiting))
    assert_message(stories, await stories.told(second.user), "full")
    told = await stories.told(first.user)
    assert_message(stories, told, "wait_limit")
    assert [visit.how for visit in told.visits] == ["timeout"]
