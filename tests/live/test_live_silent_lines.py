"""A citizen whose side sends no sound in silence stays as long as he is there; one who has vanished
without a word is gone in bounded time. Both are asked over SIP, nobody is judged by his sound."""

from __future__ import annotations

import asyncio

import pytest

from callcenter.simulator.call import Call
from callcenter.simulator.phone import Phone
from tests.live.live_stories import Stories

SESSION_SECONDS = 90
"""What SIP allows at least (RFC 4028). Asked after half of it; who does not answer is given up 32 s
later, and his call ends when the farewell is not answered either, 32 s after that."""
PATIENCE = 200
SETTINGS = {
    "seats": 2,
    "rating": False,
    "queue_ring_seconds": 60,
    "trunk_session_seconds": SESSION_SECONDS,
}
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(400),
    pytest.mark.asyncio(loop_scope="module"),
]


async def asked(stories: Stories, phone: Phone) -> None:
    """Until the PBX has asked `phone` whether the call still lives."""

    async def probe() -> bool:
        return any(line.startswith(("< UPDATE", "< INVITE")) for line in phone.log)

    await stories.system.until(probe, PATIENCE)


async def silent(stories: Stories) -> Call:
    """A citizen who dials and sends no sound at all."""
    _, out = await stories.dial()
    out.stream.mute = True
    await out.answered()
    return out


async def test_silence_ends_no_call_and_an_answer_that_does_not_come_does(stories: Stories) -> None:
    seats = [await stories.seat(index) for index in (0, 1)]
    talks: list[tuple[Call, Call]] = []
    for seat in seats:
        for other in seats:
            other.refuse_with = 0 if other is seat else 486
        out = await silent(stories)
        taken = await seat.next_call(15)
        await taken.answer()
        taken.say(stories.seat_voice, repeat=True)
        talks.append((out, taken))
    waiting, lost = await silent(stories), await silent(stories)
    (talking, taken), (gone, left) = talks
    gone.phone.vanish()
    lost.phone.vanish()
    await asyncio.gather(asked(stories, talking.phone), asked(stories, waiting.phone))
    # The dead one's seat is free again: who waits all the time in silence is the next.
    await left.ended(PATIENCE)
    now = await seats[1].next_call(PATIENCE)
    await now.answer()
    assert now.caller == waiting.phone.user
    assert not talking.over
    assert not taken.over
    for call in (talking, waiting):
        call.stream.mute = False
        call.say(stories.caller_voice, repeat=True)
    now.say(stories.seat_voice, repeat=True)
    await stories.speak(talking, taken)
    await stories.speak(waiting, now)
    await talking.hang_up()
    await waiting.hang_up()
    ended = [await stories.told(call.phone.user, timeout=60) for call in (gone, lost)]
    assert [told.call.outcome for told in ended] == ["answered", "abandoned"]
    assert [talk.seat for talk in ended[0].talks] == [seats[1].user]
