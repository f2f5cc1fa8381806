"""Every kind of transfer, from phones and over the API; the case follows the caller."""

from __future__ import annotations

import asyncio

import pytest

from callcenter.simulator.sound import SEAT_HZ
from tests.live.live_stories import Stories

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="module"),
]


async def test_blind_by_the_phones_own_transfer(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    first_talk = await stories.talk_with(first, second)
    sending = asyncio.create_task(first_talk.taken.refer(second.user))
    taken = await stories.answer(second, first_talk.out)
    assert await sending == 200
    assert taken.caller == first_talk.number
    await first_talk.out.hang_up()
    told = await stories.answered_story(first_talk.number, first.user, second.user)
    assert [(t.kind, t.target, t.how) for t in told.transfers] == [
        ("blind", second.user, "completed")
    ]
    assert [talk.via for talk in told.talks] == ["queue", "blind"]


async def test_blind_by_keys(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    await talk.taken.dtmf("##" + second.user)
    await stories.answer(second, talk.out)
    await talk.taken.ended()
    await talk.out.hang_up()
    told = await stories.answered_story(talk.number, first.user, second.user)
    assert [t.how for t in told.transfers] == ["completed"]


async def test_blind_over_the_api(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    await stories.transfer(talk.number, kind="blind", target=second.user)
    await stories.answer(second, talk.out)
    await talk.out.hang_up()
    told = await stories.answered_story(talk.number, first.user, second.user)
    assert [t.how for t in told.transfers] == ["completed"]


async def test_attended_by_the_phones_own_transfer(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    assert await talk.taken.hold() == 200
    consult = await first.dial(second.user)
    asked = await second.next_call()
    await asked.answer()
    await consult.answered()
    asked.say(stories.seat_voice, repeat=True)
    await consult.hears(SEAT_HZ)
    assert await talk.taken.refer_to_call(consult) == 200
    await stories.speak(talk.out, asked)
    await talk.out.hang_up()
    await asked.ended()
    told = await stories.answered_story(talk.number, first.user, second.user)
    assert [(t.kind, t.how) for t in told.transfers] == [("attended", "completed")]


async def test_attended_by_keys(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    await talk.taken.dtmf("*2")
    await asyncio.sleep(1)
    await talk.taken.dtmf(second.user + "#")
    asked = await second.next_call()
    await asked.answer()
    asked.say(stories.seat_voice, repeat=True)
    await talk.taken.hears(SEAT_HZ)
    await talk.taken.hang_up()
    await stories.speak(talk.out, asked)
    await talk.out.hang_up()
    told = await stories.answered_story(talk.number, first.user, second.user)
    assert [(t.kind, t.how) for t in told.transfers] == [("attended", "completed")]


async def test_attended_over_the_api_completed(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    await stories.transfer(talk.number, kind="attended", target=second.user)
    asked = await second.next_call()
    await asked.answer()
    asked.say(stories.seat_voice, repeat=True)
    await talk.taken.hears(SEAT_HZ)
    await stories.transfer_step(talk.number, "complete")
    await stories.speak(talk.out, asked)
    await talk.out.hang_up()
    told = await stories.answered_story(talk.number, first.user, second.user)
    assert [(t.kind, t.how) for t in told.transfers] == [("attended", "completed")]


async def test_attended_over_the_api_cancelled(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    await stories.transfer(talk.number, kind="attended", target=second.user)
    asked = await second.next_call()
    await asked.answer()
    asked.say(stories.seat_voice, repeat=True)
    await talk.taken.hears(SEAT_HZ)
    await stories.transfer_step(talk.number, "cancel")
    await asked.ended()
    await stories.speak(talk.out, talk.taken)
    await talk.out.hang_up()
    told = await stories.told(talk.number)
    assert set(told.seats) == {first.user}
    assert len(told.cases) == 1
    assert told.cases[0].seat == first.user
    await stories.whole_recording(told)


@pytest.mark.parametrize("answer", [486, 0], ids=["busy", "no answer"])
async def test_a_transfer_that_finds_nobody_comes_back_to_the_sender(
    stories: Stories, answer: int
) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    second.refuse_with = answer
    await talk.taken.dtmf("##" + second.user)
    await talk.taken.ended()
    await stories.answer(first, talk.out, timeout=20)
    await talk.out.hang_up()
    told = await stories.answered_story(talk.number, first.user, first.user)
    assert [t.how for t in told.transfers] == ["returned"]
    assert told.talks[-1].via == "returned"


async def test_a_transfer_to_the_queue_waits_there(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    await talk.taken.dtmf("##12345")
    await talk.taken.ended()
    waits = {asyncio.create_task(phone.next_call()): phone for phone in (first, second)}
    done, rest = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in rest:
        wait.cancel()
    ringing = done.pop().result()
    await ringing.answer()
    await stories.speak(talk.out, ringing)
    await talk.out.hang_up()
    told = await stories.answered_story(talk.number, first.user, ringing.phone.user)
    assert [visit.how for visit in told.visits] == ["connected", "connected"]
