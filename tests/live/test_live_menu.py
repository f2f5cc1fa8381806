"""The menu before the main queue, where it is switched on: each key leads where an admin says."""

from __future__ import annotations

import pytest

from callcenter.simulator.call import Call
from callcenter.simulator.phone import Phone
from tests.live.live_stories import HOTLINE, Stories

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]

SETTINGS = {"menu": True, "announce_position_seconds": 0, "announce_voice_message_seconds": 0}


async def pressed(stories: Stories, key: str) -> tuple[Phone, Call]:
    """A citizen who has dialled the hotline and pressed `key` into the menu."""
    citizen, out = await stories.dial()
    await out.answered()
    if key:
        await out.dtmf(key)
    return citizen, out


@pytest.mark.parametrize("key", ["", "4", "*"], ids=["no key", "a key of nothing", "no digit"])
async def test_whoever_chooses_nothing_comes_into_the_main_queue(
    stories: Stories, key: str
) -> None:
    seat = await stories.seat()
    citizen, out = await pressed(stories, key)
    await stories.answer(seat, out, timeout=30)
    await out.hang_up()
    told = await stories.answered_story(citizen.user, seat.user)
    assert [visit.queue for visit in told.visits] == [HOTLINE]


async def test_a_key_leads_to_its_queue(stories: Stories) -> None:
    system, seat = stories.system, await stories.seat()
    await system.post("/api/queues", code="police", name="警务专席", overflow=HOTLINE)
    await stories.put("/api/menu-keys/3", {"queue": "police"})

    async def loaded() -> bool:
        parts = (await system.get("/healthz"))["parts"]
        text = system.settings.asterisk_dir / "etc" / "extensions_deployed.conf"
        return "exten => 03,1," in text.read_text("utf-8") and parts["seats"]["status"] == "ok"

    await system.until(loaded, 15)
    citizen, out = await pressed(stories, "3")
    await stories.answer(seat, out)
    await out.hang_up()
    told = await stories.answered_story(citizen.user, seat.user)
    # Nobody is a member there, so the next queue served the caller.
    assert [visit.queue for visit in told.visits] == ["police", HOTLINE]


async def test_a_key_leads_to_a_voice_message(stories: Stories) -> None:
    await stories.seat()
    citizen, out = await pressed(stories, "9")
    await stories.message_begun(out)
    await out.hang_up()
    told = await stories.told(citizen.user)
    assert [message.reason for message in told.messages] == ["menu"]
    assert told.visits == []
