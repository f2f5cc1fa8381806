"""A phone dies in the middle of a talk: the citizen is not left with a dead line."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.live.live_stories import Stories
from tests.live.test_live_agents import UNPLUGGED_SECONDS, Floor

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(150),
    pytest.mark.asyncio(loop_scope="module"),
]

DEAD_SECONDS = 5
SETTINGS = {
    "agents_required": True,
    "wrap_up_seconds": 2,
    "queue_wrapup_seconds": 1,
    "announce_position_seconds": 0,
    "announce_voice_message_seconds": 0,
    "seat_rtp_timeout_seconds": DEAD_SECONDS,
}


@pytest_asyncio.fixture(loop_scope="module")
async def floor(stories: Stories) -> AsyncIterator[Floor]:
    made = Floor(stories)
    yield made
    await made.close()


async def test_the_citizen_of_a_dead_phone_is_put_through_to_the_next_seat(floor: Floor) -> None:
    stories = floor.stories
    first, dead = await floor.ready(0)
    talk = await stories.talk(dead)
    second, phone = await floor.ready(1)
    dead.vanish()
    taken = await phone.next_call(DEAD_SECONDS + 20)
    await taken.answer()
    await stories.speak(talk.out, taken)
    await second.becomes("talking")
    assert (await first.becomes("unreachable", UNPLUGGED_SECONDS))["seat"] == dead.user
    await talk.out.hang_up()
    # One call, one case, one recording over both talks.
    told = await stories.answered_story(talk.number, dead.user, phone.user)
    assert [visit.how for visit in told.visits] == ["connected", "connected"]
    assert [one.ended_by for one in told.talks] == ["system", "caller"]
    assert not told.ratings
    states = [one for one in await first.states() if one != "ready"]
    assert states[-3:] == ["talking", "wrap_up", "unreachable"]


async def test_who_gives_up_after_a_dead_phone_was_cut_off_by_us(floor: Floor) -> None:
    stories = floor.stories
    agent, dead = await floor.ready(0)
    talk = await stories.talk(dead)
    other, phone = await floor.ready(1)
    await other.set("break", reason="meal")
    await floor.paused(phone.user, paused=True)
    dead.vanish()
    await agent.becomes("wrap_up", DEAD_SECONDS + 20)

    async def waits_again() -> bool:
        live = await stories.system.get("/api/live")
        return bool(live["items"]["waiting"])

    await stories.system.until(waits_again, 20)
    await talk.out.hang_up()
    told = await stories.told(talk.number)
    assert [visit.how for visit in told.visits] == ["connected", "abandoned"]
    # So he goes first when he calls again.
    assert (told.call.outcome, told.call.ended_by) == ("answered", "system")
    await stories.whole_recording(told)
    assert len(told.cases) == 1
    await other.set("ready")
    again, out = await stories.dial(talk.number)
    await stories.answer(phone, out)
    await out.hang_up()
    assert again.user == talk.number
