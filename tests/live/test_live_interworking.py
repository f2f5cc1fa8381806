"""What a carrier may send: numbers in every form and place, keys in every form.

Walks the tables of docs/interworking.md.
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from callcenter.simulator.call import Call, CallRefused
from tests.live.live_stories import HOTLINE, Stories
from tests.live.live_system import TOLD_HZ
from tests.live.live_told import told_about
from tests.unit.platform.domain.test_interworking import rows

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]

OWN = "02161234567"
CALLER = "13800138000"
SETTINGS = {
    "extra_numbers": OWN,
    "announce_position_seconds": 5,
    "announce_voice_message_seconds": 5,
    "queue_wrapup_seconds": 0,
}


async def answered(out: Call) -> bool:
    """Whether `out` is taken by the hotline."""
    try:
        await out.answered()
    except CallRefused:
        return False
    return True


@pytest.mark.parametrize(("uri", "reaches", "why"), rows("The number that is called"))
async def test_a_number_that_is_called(stories: Stories, uri: str, reaches: str, why: str) -> None:
    host = f"127.0.0.1:{stories.system.settings.sip_port}"
    caller = await stories.citizen()
    out = await caller.dial(uri.replace("HOST", host))
    assert await answered(out) == bool(reaches), (why, out.status)
    await out.hang_up()
    if reaches:
        told = await stories.told(caller.user)
        assert told.call.called_number == reaches
    else:
        await stories.system.settle()
        assert not await told_about(stories.system.database, caller.user)


@pytest.mark.parametrize(("header", "number"), rows("Whose number we take"))
async def test_whose_number_is_taken(stories: Stories, header: str, number: str) -> None:
    host = f"127.0.0.1:{stories.system.settings.sip_port}"
    name, _, value = header.replace("HOST", host).partition(": ")
    identity = value if name == "From" else f"<sip:{CALLER}@{host}>"
    caller = await stories.citizen()
    headers = ((name, value),) if name not in ("From", "To") else ()
    out = await caller.dial(
        HOTLINE, caller=identity, headers=headers, to=value if name == "To" else None
    )
    assert await answered(out)
    await out.hang_up()
    await stories.system.settle()
    told = await stories.newest()
    assert told.call.caller_number == number


# -- keys ---------------------------------------------------------------------------------------

WAYS = ("events", "tones", "info", "info without relay")


async def press(call: Call, keys: str, way: str) -> None:
    """Press `keys` in that `way`."""
    if way.startswith("info"):
        await call.dtmf_info(keys, relay=way == "info")
    else:
        await call.dtmf(keys)


@pytest.mark.parametrize("way", WAYS)
async def test_a_score_is_heard(stories: Stories, way: str) -> None:
    seat = await stories.seat()
    citizen = await stories.citizen(events=way == "events")
    out = await citizen.dial(HOTLINE)
    taken = await stories.answer(seat, out)
    await taken.hang_up()
    await asyncio.sleep(1)  # The question is asked; a key may be pressed into it.
    await press(out, "4", way)
    await out.ended(15)
    told = await stories.told(citizen.user)
    assert [rating.score for rating in told.ratings] == [4]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("key", "reason"), [("1", "voice_message"), ("2", "callback")])
async def test_a_key_is_heard_while_one_is_spoken_to(
    stories: Stories, way: str, key: str, reason: str
) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    citizen = await stories.citizen(events=way == "events")
    out = await citizen.dial(HOTLINE)
    await out.answered()
    await out.hears(TOLD_HZ, timeout=30)
    await press(out, key, way)
    if reason == "voice_message":
        await stories.message_begun(out)
        await out.hang_up()
    else:
        await out.ended(20)
    told = await stories.told(citizen.user)
    assert [visit.how for visit in told.visits] == ["exit_key"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_seats_keys_are_heard_in_a_talk(stories: Stories, way: str) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    first.events = way == "events"
    talk = await stories.talk_with(first, second)
    await press(talk.taken, f"##{second.user}", way)
    taken = await stories.answer(second, talk.out)
    await talk.out.hang_up()
    await taken.ended()
    await stories.answered_story(talk.number, first.user, second.user)


@pytest.mark.parametrize("speaker", ["citizen", "seat"])
async def test_a_voice_is_not_taken_for_keys(stories: Stories, speaker: str) -> None:
    """Both sides without events speak for some seconds: nobody is transferred by it."""
    seat = await stories.seat()
    seat.events = speaker != "seat"
    citizen = await stories.citizen(events=speaker != "citizen")
    out = await citizen.dial(HOTLINE)
    taken = await stories.answer(seat, out)
    await asyncio.sleep(5)
    assert not taken.over
    await out.hang_up()
    with contextlib.suppress(TimeoutError):
        await taken.ended(5)
    told = await stories.answered_story(citizen.user, seat.user)
    assert told.transfers == []
