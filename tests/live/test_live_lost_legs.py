"""What follows a talk depends on that talk alone: not on the one before, nor on a phone's word; and
what is no talk, or no talk with us, is none in the books either."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import psutil
import pytest

from callcenter.simulator.call import Call
from callcenter.simulator.message import Response
from callcenter.simulator.phone import Phone
from callcenter.simulator.sound import SEAT_HZ
from callcenter.telephony.domain.ledger import CITIZEN
from tests.live.live_steering import ok, own, steer
from tests.live.live_stories import Stories, Talk

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(150),
    pytest.mark.asyncio(loop_scope="module"),
]

DEAD_SECONDS = 5
SETTINGS = {
    "announce_position_seconds": 0,
    "announce_voice_message_seconds": 0,
    "queue_wrapup_seconds": 2,
    "seat_rtp_timeout_seconds": DEAD_SECONDS,
}
LOST = 'Q.850;cause=44;text="Requested channel not available"'


async def scores(out: Call) -> None:
    """The citizen presses a key until it was heard: before the question is asked none counts."""
    for _ in range(8):
        await out.dtmf("5")
        with contextlib.suppress(TimeoutError):
            await out.ended(3)
            return
    raise AssertionError("nobody asked for a score")


# -- a phone that dies, and one that says it does -------------------------------------------------


async def test_after_a_dead_phone_the_next_talk_ends_like_any_other(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    first.vanish()
    taken = await stories.answer(second, talk.out, timeout=DEAD_SECONDS + 20)
    await taken.hang_up()
    await scores(talk.out)
    told = await stories.answered_story(talk.number, first.user, second.user)
    assert [one.ended_by for one in told.talks] == ["system", "seat"]
    assert [(one.seat, one.score) for one in told.ratings] == [(second.user, 5)]


async def test_who_was_before_all_others_once_is_not_for_ever(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    first.vanish()
    taken = await stories.answer(second, talk.out, timeout=DEAD_SECONDS + 20)
    await taken.dtmf("##12345")
    await taken.ended()
    again = await stories.answer(second, talk.out, timeout=20)
    await again.hang_up()
    await scores(talk.out)
    told = await stories.told(talk.number)
    assert [visit.priority for visit in told.visits] == [0, 10, 0]
    assert [rating.seat for rating in told.ratings] == [second.user]


async def test_a_phone_cannot_say_that_it_was_lost(stories: Stories) -> None:
    seat = await stories.seat(0)
    talk = await stories.talk(seat)
    await talk.taken.hang_up((("Reason", LOST),))
    await scores(talk.out)
    told = await stories.answered_story(talk.number, seat.user)
    assert [visit.how for visit in told.visits] == ["connected"]
    assert [one.ended_by for one in told.talks] == ["seat"]
    assert [rating.score for rating in told.ratings] == [5]


async def test_a_score_is_about_the_seat_that_talked_last(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    consult, asked = await consulted(stories, first, second, talk)
    assert await talk.taken.refer_to_call(consult) == 200
    await stories.speak(talk.out, asked)
    await asked.hang_up()
    await scores(talk.out)
    told = await stories.answered_story(talk.number, first.user, second.user)
    assert [rating.seat for rating in told.ratings] == [second.user]


# -- a seat that answers without sound, or leaves at once ------------------------------------------


def inactive(response: Response) -> Response:
    """The same answer, of a phone that neither sends nor wants sound."""
    response.body = response.body.replace(b"a=sendrecv", b"a=inactive")
    return response


async def gone_unheard(stories: Stories, taken: Call) -> None:
    """It answers and leaves while the PBX is out of breath: answer and goodbye lie there together,
    and no step of the dialplan runs on that leg."""
    pbx = psutil.Process(stories.system.process("asterisk"))
    taken.phone.log.clear()
    pbx.suspend()
    try:
        answer = asyncio.create_task(taken.answer())
        while not any(line.startswith("> SIP/2.0 200") for line in taken.phone.log):  # noqa: ASYNC110
            await asyncio.sleep(0)
        leaving = asyncio.create_task(taken.hang_up())
        while not any(line.startswith("> BYE") for line in taken.phone.log):  # noqa: ASYNC110
            await asyncio.sleep(0)
    finally:
        pbx.resume()
    await leaving
    await answer
    await taken._request("BYE")  # Once more: the first one may have come before the answer did.


async def answers_and_is_gone(taken: Call, how: str) -> None:
    if how == "no media":
        mine = taken._mine
        taken._mine = lambda direction="sendrecv": replace(mine(direction), port=0)  # type: ignore[method-assign]
    if how == "inactive":
        answer = taken._respond_with_sdp
        taken._respond_with_sdp = lambda request: inactive(answer(request))  # type: ignore[method-assign]
    await taken.answer(sound=how != "no description")
    if how == "leaves":
        await taken.hang_up()
    await taken.ended()


@pytest.mark.parametrize("how", ["no description", "no media", "inactive", "leaves", "unheard"])
async def test_a_seat_without_sound_is_no_talk(stories: Stories, how: str) -> None:
    mute, good = await stories.seat(0), await stories.seat(1)
    good.refuse_with = 486
    citizen, out = await stories.dial()
    taken = await mute.next_call(15)
    good.refuse_with = 0
    if how == "unheard":
        await gone_unheard(stories, taken)
    else:
        await answers_and_is_gone(taken, how)
    await stories.answer(good, out)
    await out.hang_up()
    told = await stories.answered_story(citizen.user, good.user)
    assert told.call.first_seat == good.user
    # An answer out of which no sound can be made ends as one without any (no_sound).
    ended = next(ring.how for ring in told.rings if ring.seat == mute.user)
    assert ended == ("no_sound" if how in ("no media", "inactive") else "refused")
    assert {visit.how for visit in told.visits} == {"connected"}
    assert not told.ratings


async def test_who_gives_up_after_a_seat_without_sound_was_not_answered(stories: Stories) -> None:
    mute = await stories.seat(0)
    citizen, out = await stories.dial()
    taken = await mute.next_call(15)
    mute.refuse_with = 486
    await answers_and_is_gone(taken, "leaves")

    async def waits_again() -> bool:
        return bool((await stories.system.get("/api/live"))["items"]["waiting"])

    await stories.system.until(waits_again, 10)
    await out.hang_up()
    told = await stories.told(citizen.user)
    assert (told.call.outcome, told.call.ended_by) == ("abandoned", "caller")
    assert not told.talks
    assert told.call.answered_at is None


async def test_a_take_over_without_sound_goes_on_with_the_next_seat(stories: Stories) -> None:
    first, chief = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, chief)
    ok(await steer(stories, talk.number, "take-over", seat=chief.user))
    leg = await chief.next_call()
    await leg.answer()
    await talk.taken.ended()
    await leg.hang_up()
    await stories.answer(first, talk.out, timeout=20)
    await talk.out.hang_up()
    told = await stories.told(talk.number)
    assert told.seats == [first.user, first.user]
    assert not told.ratings


async def test_a_transfer_to_a_seat_without_sound_comes_back(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, second)
    await talk.taken.dtmf("##" + second.user)
    taken = await second.next_call(15)
    await answers_and_is_gone(taken, "leaves")
    await stories.answer(first, talk.out, timeout=20)
    await talk.out.hang_up()
    told = await stories.answered_story(talk.number, first.user, first.user)
    assert [transfer.how for transfer in told.transfers] == ["returned"]
    assert told.talks[-1].via == "returned"


# -- two calls never become one -------------------------------------------------------------------


async def consulted(stories: Stories, first: Phone, second: Phone, talk: Talk) -> tuple[Call, Call]:
    """`first` holds its citizen and talks with `second`: both sides of that."""
    assert await talk.taken.hold() == 200
    consult = await first.dial(second.user)
    asked = await second.next_call()
    await asked.answer()
    await consult.answered()
    asked.say(stories.seat_voice, repeat=True)
    await consult.hears(SEAT_HZ)
    return consult, asked


async def parted(stories: Stories, seats: list[Phone], talks: list[Talk]) -> None:
    """Both citizens come to seats again; the books know who was who. What the phone is told of its
    transfer is 200, or 500 where they were parted before the PBX had done with it."""
    again = await asyncio.gather(*(seat.next_call(30) for seat in seats))
    for taken in again:
        await taken.answer()
    for talk in talks:
        await talk.out.hears_sound()
    for talk in talks:
        await talk.out.hang_up()
    for talk in talks:
        told = await stories.told(talk.number)
        others = [one for one in told.talks if one.seat.startswith(CITIZEN)]
        assert set(told.seats) - {one.seat for one in others} <= {seat.user for seat in seats}
        assert told.call.seat in {seat.user for seat in seats}
        assert all(one.ended_by != "seat" for one in others)
        assert told.visits[-1].priority == 10
        assert len(told.cases) == 1


async def test_two_seats_cannot_leave_their_citizens_with_each_other(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    one = await stories.talk_with(first, second)
    other = await stories.talk(second)
    assert await other.taken.hold() == 200
    consult, asked = await consulted(stories, first, second, one)
    assert await one.taken.refer_to_call(consult) == 200
    await one.out.hears_sound()
    await other.taken.refer_to_call(asked)
    await parted(stories, [first, second], [one, other])


async def test_a_seat_cannot_join_its_citizen_with_a_colleagues(stories: Stories) -> None:
    """REFER with Replaces that names another dialogue, also one that is not the phone's own."""
    first, second = await stories.seat(0), await stories.seat(1)
    one = await stories.talk_with(first, second)
    other = await stories.talk(second)
    await one.taken.refer_to_call(other.taken)
    await parted(stories, [first, second], [one, other])


async def test_a_seat_cannot_leave_two_citizens_in_a_three_way_call(stories: Stories) -> None:
    """Of three in one talk the PBX tells nobody when the seat goes: the service sees it."""
    first, second = await stories.seat(0), await stories.seat(1)
    one = await stories.talk_with(first, second)
    other = await stories.talk(second)
    assert await other.taken.hold() == 200
    consult = {"kind": "attended", "target": second.user}
    asking = asyncio.create_task(stories.transfer(one.number, **consult))
    asked = await second.next_call(15)
    await asked.answer()
    asked.say(stories.seat_voice, repeat=True)
    await asking
    await one.taken.hears(SEAT_HZ)

    async def joined() -> bool:
        return (await own(stories, "join", seat=first.user)).is_success

    await stories.system.until(joined, 10)
    await other.taken.refer_to_call(asked)
    await one.taken.hang_up()
    await parted(stories, [first, second], [one, other])
