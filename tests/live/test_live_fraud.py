"""Nobody reaches the outside through us: the tries of a toll thief, each from where he may sit."""

from __future__ import annotations

import asyncio

import pytest

from callcenter.simulator.call import CallRefused
from tests.live.live_stories import Stories

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="module"),
]

OUTSIDE = "0085298765432"


@pytest.mark.parametrize("target", [OUTSIDE, "trunk", "h", "s", "i", "PJSIP/trunk", "+1900"])
async def test_a_seat_cannot_refer_a_citizen_outside(stories: Stories, target: str) -> None:
    seat = await stories.seat()
    talk = await stories.talk(seat)
    sending = asyncio.create_task(talk.taken.refer(target))
    await stories.still_inside(seat, talk, sending)


async def test_a_refer_to_another_host_stays_here(stories: Stories) -> None:
    """The PBX looks at the number alone: 12345 elsewhere is our own queue."""
    seat = await stories.seat()
    talk = await stories.talk(seat)
    elsewhere = await stories.citizen()
    target = f"sip:12345@127.0.0.1:{elsewhere.local_port}"
    sending = asyncio.create_task(talk.taken.refer(target))
    await stories.still_inside(seat, talk, sending)
    assert not [line for line in elsewhere.log if line.startswith("< INVITE")]


@pytest.mark.parametrize("number", [OUTSIDE, "+85298765432", "110"])
async def test_a_seat_cannot_dial_outside(stories: Stories, number: str) -> None:
    seat = await stories.seat()
    call = await seat.dial(number)
    # Told so in a spoken word, then hung up: never connected.
    await call.ended(15)
    assert call.ended_by == "them" or call.status >= 400


async def test_keys_cannot_send_a_citizen_outside(stories: Stories) -> None:
    seat = await stories.seat()
    talk = await stories.talk(seat)
    await talk.taken.dtmf("##" + OUTSIDE + "#")
    # The number does not exist here: after a moment of music both are together again.
    await stories.speak(talk.out, talk.taken)
    await talk.out.hang_up()
    told = await stories.answered_story(talk.number, seat.user)
    assert told.transfers == []


@pytest.mark.parametrize("number", ["8001", OUTSIDE, "s", "12346", "h"])
async def test_a_citizen_reaches_nothing_but_the_hotline(stories: Stories, number: str) -> None:
    seat = await stories.seat()
    citizen = await stories.citizen()
    call = await citizen.dial(number)
    with pytest.raises(CallRefused):
        await call.answered()
    assert not [line for line in seat.log if line.startswith("< INVITE")]


async def test_a_citizen_cannot_transfer(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    assert await talk.out.refer(second.user) >= 400
    await talk.out.dtmf("##" + second.user)
    await stories.speak(talk.out, talk.taken)
    await talk.out.hang_up()
    await stories.answered_story(talk.number, first.user)


async def test_a_stranger_cannot_register_as_a_seat(stories: Stories) -> None:
    from callcenter.simulator.phone import Phone, RegistrationRefused

    seat = stories.system.prepared.seats[0]
    async with Phone(*stories.system.sip, seat.extension, "guess") as stranger:
        with pytest.raises(RegistrationRefused):
            await stranger.register()
        call = await stranger.dial("8002")
        with pytest.raises(CallRefused) as refused:
            await call.answered()
        assert refused.value.status in (401, 403, 407)
