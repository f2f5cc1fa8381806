"""A phone that answers with another number (302) is refused, whoever calls it: no call comes of it
that the settings do not allow, nobody hears a refusal as an answer, and the citizen comes back."""

from __future__ import annotations

import asyncio

import pytest

from callcenter.simulator.call import CallRefused
from callcenter.simulator.phone import Phone
from tests.live.live_steering import (
    CARRIER,
    CARRIER_PORT,
    NUMBER,
    OUTSIDE_ALLOWED,
    carrier,
    ok,
    own,
    steer,
)
from tests.live.live_stories import HOTLINE, Stories

SETTINGS = OUTSIDE_ALLOWED
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]

OUTSIDE = "0085298765432"
TARGETS = [OUTSIDE, NUMBER, "110", HOTLINE, "8002", "8003", "s"]
"""Not allowed, allowed, an emergency number, ourselves, the phone itself, a colleague, nothing."""


def called(phone: Phone) -> bool:
    return any(line.startswith("< INVITE") for line in phone.log)


@pytest.mark.parametrize("target", TARGETS)
async def test_a_transfer_to_a_phone_that_forwards_comes_back(
    stories: Stories, target: str
) -> None:
    async with carrier(stories) as outside:
        first, second = await stories.seat(0), await stories.seat(1)
        talk = await stories.talk_with(first, second)
        second.forward_to = target
        await talk.taken.dtmf("##" + second.user)
        await talk.taken.ended()
        await stories.answer(first, talk.out, timeout=20)
        await talk.out.hang_up()
        told = await stories.answered_story(talk.number, first.user, first.user)
        assert [x.how for x in told.transfers] == ["returned"]
        assert [ring.how for ring in told.rings if ring.seat == second.user][-1] == "refused"
        assert not called(outside)


async def test_a_phone_that_forwards_out_of_the_queue_is_passed_over(stories: Stories) -> None:
    async with carrier(stories) as outside:
        first, second = await stories.seat(0), await stories.seat(1)
        first.forward_to = NUMBER
        citizen, out = await stories.dial()
        await stories.answer(second, out, timeout=20)
        await out.hang_up()
        told = await stories.answered_story(citizen.user, second.user)
        assert {ring.how for ring in told.rings if ring.seat == first.user} <= {"refused"}
        assert not called(outside)


@pytest.mark.parametrize("target", [OUTSIDE, NUMBER, HOTLINE])
async def test_a_colleague_who_forwards_is_busy(stories: Stories, target: str) -> None:
    async with carrier(stories) as outside:
        first, second = await stories.seat(0), await stories.seat(1)
        second.forward_to = target
        call = await first.dial(second.user)
        with pytest.raises(CallRefused):
            await call.answered()
        assert not called(outside)


@pytest.mark.parametrize("target", [OUTSIDE, NUMBER])
async def test_a_consult_of_a_phone_that_forwards_fails(stories: Stories, target: str) -> None:
    async with carrier(stories) as outside:
        first, second = await stories.seat(0), await stories.seat(1)
        talk = await stories.talk_with(first, second)
        second.forward_to = target
        path = f"/api/calls/{await stories.call_id(talk.number)}/transfer"
        asked = {"kind": "attended", "target": second.user}
        answer = await stories.system.api.post(path, json=asked)
        assert answer.status_code in (202, 409)
        await stories.speak(talk.out, talk.taken)
        await talk.out.hang_up()
        told = await stories.answered_story(talk.number, first.user)
        assert not [x for x in told.transfers if x.how == "completed"]
        assert not called(outside)


@pytest.mark.parametrize("target", [OUTSIDE, "110", HOTLINE, "8002"])
async def test_a_phone_that_forwards_what_we_call_it_for_makes_no_call(
    stories: Stories, target: str
) -> None:
    async with carrier(stories) as outside:
        seat, colleague = await stories.seat(0), await stories.seat(1)
        seat.forward_to = target
        ok(await own(stories, "dial", seat=seat.user, number=NUMBER))

        async def over() -> bool:
            return not (await stories.system.get("/api/live"))["items"]["calls"]

        await stories.system.until(lambda: answered(seat), 10)
        await stories.system.until(over, 20)
        assert not called(outside)
        assert not called(colleague)


@pytest.mark.parametrize("step", ["dial", "spy"])
async def test_who_is_called_by_a_forged_forward_gets_nowhere(stories: Stories, step: str) -> None:
    """A 302 whose user part is a dial string of the PBX: it is followed, and ends at the answer."""
    async with carrier(stories) as outside:
        seat, chief = await stories.seat(0), await stories.seat(1)
        chief.forward_to = f"sip:PJSIP/trunk/sip%3A{OUTSIDE}%40{CARRIER}%3A{CARRIER_PORT}@127.0.0.1"
        talk = await stories.talk_with(seat, chief)
        if step == "dial":
            ok(await own(stories, "dial", seat=chief.user, number=NUMBER))
        else:
            await steer(stories, talk.number, "spy", seat=chief.user, mode="listen")
        taken = await outside.next_call(15)
        await taken.answer()
        await taken.ended()
        assert sum(line.startswith("< INVITE") for line in outside.log) == 1
        await stories.speak(talk.out, talk.taken)
        await talk.out.hang_up()
        told = await stories.answered_story(talk.number, seat.user)
        assert len(told.talks) == 1


async def answered(phone: Phone) -> bool:
    """Whether it has told where it wants the call."""
    return any(line.startswith("> SIP/2.0 302") for line in phone.log)


async def test_a_refusal_is_no_answer(stories: Stories) -> None:
    seat = await stories.seat(0)
    call = await seat.dial(OUTSIDE)
    with pytest.raises(CallRefused) as refused:
        await call.answered(15)
    assert refused.value.status >= 400


async def test_what_a_phone_says_in_a_transfer_reaches_nobody_else(stories: Stories) -> None:
    async with carrier(stories) as outside:
        seat = await stories.seat(0)
        talk = await stories.talk(seat)
        sending = asyncio.create_task(talk.taken.refer(NUMBER))
        taken = await outside.next_call(15)
        assert taken.invited is not None
        assert not taken.invited.headers.all("Referred-By")
        await taken.reject(486)
        back = await stories.answer(seat, talk.out, timeout=20)
        assert back.invited is not None
        assert not back.invited.headers.all("Referred-By")
        await sending
        await talk.out.hang_up()
        await stories.told(talk.number)


async def test_a_colleague_who_is_sent_on_is_no_citizen(stories: Stories) -> None:
    """He is put through like anybody who dials; nobody there is nobody there, and no queue."""
    first, second, third = [await stories.seat(index) for index in range(3)]
    call = await first.dial(second.user)
    taken = await second.next_call()
    await taken.answer()
    await call.answered()
    third.refuse_with = 486
    sending = asyncio.create_task(taken.refer(third.user))
    await call.ended(10)
    await sending
    assert not called(first)
    assert not (await stories.system.get("/api/live"))["items"]["waiting"]


async def test_the_citizens_own_number_is_shown_when_he_comes_back_from_outside(
    stories: Stories,
) -> None:
    async with carrier(stories) as outside:
        outside.refuse_with = 486
        seat = await stories.seat(0)
        talk = await stories.talk(seat)
        sending = asyncio.create_task(talk.taken.refer(NUMBER))
        back = await stories.answer(seat, talk.out, timeout=20)
        await sending
        assert back.caller == talk.number
        await talk.out.hang_up()
        await stories.told(talk.number)
