"""Outside numbers that the settings allow: over the API, by keys, by the phone's own transfer, and
dialled by hand.

The carrier is a phone of ours at an address of its own.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from callcenter.simulator.phone import Phone
from callcenter.simulator.sound import CALLER_HZ, SEAT_HZ
from tests.live.live_stories import Stories
from tests.live.live_system import free_port
from tests.live.live_told import Told, assert_sides, sound_of

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="module"),
]

CARRIER = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
CARRIER_PORT = free_port(CARRIER)
"""One of 16 million addresses of this machine, so that two runs do not meet; and not 5060, which a
running system may have on all addresses."""
NUMBER = "02161234567"
SETTINGS = {
    "trunk_host": CARRIER,
    "trunk_port": CARRIER_PORT,
    "outbound_patterns": "_021XXXXXXXX",
}


@asynccontextmanager
async def carrier(stories: Stories) -> AsyncIterator[Phone]:
    """Who takes calls to the telephone network."""
    phone = Phone(*stories.system.sip, "carrier", local_address=CARRIER)
    phone.local_port = CARRIER_PORT
    async with phone:
        yield phone


def assert_sent_outside(told: Told, seat: str, kind: str) -> None:
    assert told.seats == [seat, NUMBER]
    assert [(t.kind, t.target, t.how) for t in told.transfers] == [(kind, NUMBER, "completed")]
    assert len(told.cases) == 1


async def test_a_seat_sends_a_citizen_to_an_allowed_number_over_the_api(stories: Stories) -> None:
    async with carrier(stories) as outside:
        seat = await stories.seat()
        talk = await stories.talk(seat)
        await stories.transfer(talk.number, kind="blind", target=NUMBER)
        taken = await stories.answer(outside, talk.out)
        await talk.out.hang_up()
        await taken.ended()
        told = await stories.answered_story(talk.number, seat.user, NUMBER)
        assert_sent_outside(told, seat.user, "blind")


async def test_a_seat_sends_a_citizen_to_an_allowed_number_by_keys(stories: Stories) -> None:
    async with carrier(stories) as outside:
        seat = await stories.seat()
        talk = await stories.talk(seat)
        await talk.taken.dtmf("##" + NUMBER)
        await stories.answer(outside, talk.out)
        await talk.out.hang_up()
        told = await stories.answered_story(talk.number, seat.user, NUMBER)
        assert_sent_outside(told, seat.user, "blind")


async def test_a_seat_consults_an_allowed_number_and_leaves(stories: Stories) -> None:
    async with carrier(stories) as outside:
        seat = await stories.seat()
        talk = await stories.talk(seat)
        asking = asyncio.create_task(stories.transfer(talk.number, kind="attended", target=NUMBER))
        asked = await outside.next_call(15)
        await asked.answer()
        asked.say(stories.seat_voice, repeat=True)
        await asking
        await talk.taken.hears(SEAT_HZ)
        await stories.transfer_step(talk.number, "complete")
        await stories.speak(talk.out, asked)
        await talk.out.hang_up()
        told = await stories.answered_story(talk.number, seat.user, NUMBER)
        assert_sent_outside(told, seat.user, "attended")


async def test_an_outside_number_that_is_busy_gives_the_citizen_back(stories: Stories) -> None:
    async with carrier(stories) as outside:
        outside.refuse_with = 486
        seat = await stories.seat()
        talk = await stories.talk(seat)
        sending = asyncio.create_task(talk.taken.refer(NUMBER))
        await stories.answer(seat, talk.out, timeout=20)
        await sending
        await talk.out.hang_up()
        told = await stories.answered_story(talk.number, seat.user, seat.user)
        assert [t.how for t in told.transfers] == ["returned"]


@pytest.mark.parametrize("number", ["02261234567", "021612345678", "110"])
async def test_any_other_number_is_refused_in_words(stories: Stories, number: str) -> None:
    seat = await stories.seat()
    talk = await stories.talk(seat)
    path = f"/api/calls/{await stories.call_id(talk.number)}/transfer"
    answer = await stories.system.api.post(path, json={"kind": "blind", "target": number})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "target_not_allowed"
    await stories.speak(talk.out, talk.taken)
    await talk.out.hang_up()
    await stories.answered_story(talk.number, seat.user)


@pytest.mark.parametrize("written", [NUMBER, "021-6123-4567", "(021)6123.4567"])
async def test_a_number_dialled_by_hand_is_recorded_and_linked_to_a_case(
    stories: Stories, written: str
) -> None:
    seat = await stories.seat()
    talk = await stories.talk(seat)
    await talk.out.hang_up()
    case = (await stories.answered_story(talk.number, seat.user)).cases[0]
    about = {"seat": seat.user, "case_number": case.number}
    too_soon = await stories.system.api.post("/api/own-call/case", json=about)
    assert too_soon.json()["error"]["code"] == "no_outbound_call"
    async with carrier(stories) as outside:
        out = await seat.dial(written)
        taken = await outside.next_call()
        await taken.answer()
        await out.answered()
        taken.say(stories.caller_voice, repeat=True)
        out.say(stories.seat_voice, repeat=True)
        await asyncio.gather(taken.hears(SEAT_HZ), out.hears(CALLER_HZ))
        linked = await stories.system.post("/api/own-call/case", **about)
        await taken.hang_up()
        await out.ended()
    told = await stories.made_by(seat.user)
    assert told.call.id == linked["call_id"]
    assert (told.call.direction, told.call.outcome) == ("outbound", "answered")
    assert (told.call.caller_number, told.call.called_number) == (seat.user, NUMBER)
    assert told.call.case_number == case.number
    assert not told.cases
    (file,) = told.media
    assert file.status == "ready", (file.status, file.error)
    left, right = await asyncio.to_thread(sound_of, stories.system.settings, file)
    assert_sides(left, right)
    found = await stories.system.get("/api/calls", case_number=case.number)
    assert [one["id"] for one in found["items"]] == [told.call.id]
