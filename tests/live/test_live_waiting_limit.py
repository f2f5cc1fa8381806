"""So many calls of one caller may wait at once; the others do not suffer from him."""

from __future__ import annotations

import pytest

from callcenter.simulator.call import Call
from callcenter.simulator.phone import Phone
from tests.live.live_stories import HOTLINE, Stories
from tests.live.live_system import new_number

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]

SETTINGS = {"waiting_of_one": 2, "waiting_anonymous": 1, "rating": False}


async def waits(stories: Stories, number: str) -> tuple[Phone, Call]:
    """A call of `number` that has come into the queue."""
    caller, out = await stories.dial(number)
    await out.answered()
    return caller, out


async def outcomes(stories: Stories, number: str) -> list[str]:
    """Of all calls of `number`, newest first."""
    await stories.system.settle()
    page = await stories.system.get("/api/calls", caller=number)
    return [call["outcome"] for call in page["items"]]


async def test_one_more_than_may_wait_is_told_so(stories: Stories) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    number = new_number()
    _, first = await waits(stories, number)
    _, second = await waits(stories, number)
    _, third = await waits(stories, number)
    await third.ended(20)
    assert third.ended_by == "them"
    assert not first.over
    assert not second.over
    # Somebody else is not told so.
    _, other = await waits(stories, new_number())
    await first.hang_up()
    # A place is free again.
    _, fourth = await waits(stories, number)
    seat.refuse_with = 0
    taken = await seat.next_call(20)
    await taken.answer()
    await taken.hang_up()
    for call in (second, fourth, other):
        await call.hang_up()
    told = await outcomes(stories, number)
    assert told.count("too_many") == 1
    assert len(told) == 4


async def test_who_is_served_waits_no_more(stories: Stories) -> None:
    first, second = await stories.seat(0), await stories.seat(1)
    number = new_number()
    second.refuse_with = 486
    talk = await stories.talk(first, number)
    first_waits = [await waits(stories, number) for _ in range(2)]
    # Two wait and one is served: the next one is one too many, and only he.
    _, third = await waits(stories, number)
    await third.ended(20)
    assert [out.over for _, out in first_waits] == [False, False]
    # Sent on to another seat, he still does not wait.
    second.refuse_with = 0
    for _, out in first_waits:
        await out.hang_up()
    await talk.taken.refer(second.user)
    taken = await stories.answer(second, talk.out)
    first.refuse_with = 486
    again = [await waits(stories, number) for _ in range(2)]
    assert [out.over for _, out in again] == [False, False]
    for _, out in again:
        await out.hang_up()
    await talk.out.hang_up()
    await taken.ended()
    assert (await outcomes(stories, number)).count("too_many") == 1


async def test_callers_without_a_number_are_counted_together(stories: Stories) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    hidden = "<sip:anonymous@anonymous.invalid>"
    first = await (await stories.citizen()).dial(HOTLINE, caller=hidden)
    await first.answered()
    second = await (await stories.citizen()).dial(HOTLINE, caller=hidden)
    await second.answered()
    await second.ended(20)
    assert second.ended_by == "them"
    assert not first.over
    _, other = await waits(stories, new_number())
    assert not other.over
    await first.hang_up()
    await other.hang_up()
    await stories.system.settle()
    page = await stories.system.get("/api/calls")
    assert "too_many" in [call["outcome"] for call in page["items"][:3]]
