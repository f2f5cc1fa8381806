"""Logging out of the browser on a real PBX: the talk goes on to its end, then the seat is out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from callcenter.simulator.phone import Phone
from tests.live.live_people import Office, Person, ok
from tests.live.live_stories import HOTLINE
from tests.live.test_live_people import admin, office

__all__ = ["admin", "office"]

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]
SETTINGS = {"agents_required": True, "wrap_up_seconds": 0, "queue_ring_seconds": 5}


async def out_everywhere(person: Person, _office: Office) -> None:
    ok(await person.send("POST", "/api/logout", {"everywhere": True}))


async def new_password(person: Person, office: Office) -> None:
    ok(await office.admin.send("POST", f"/api/users/{person.user_id}/password"))


async def disabled(person: Person, office: Office) -> None:
    ok(await office.admin.send("PATCH", f"/api/users/{person.user_id}", {"enabled": False}))


async def out_of_every_queue(office: Office, seat: Phone) -> None:
    async def probe() -> bool:
        now = (await office.system.get("/api/live"))["items"]["seats"].get(seat.user, {})
        return HOTLINE not in now.get("queues", ())

    await office.system.until(probe, 10)


async def offered_no_more(office: Office, seat: Phone) -> None:
    """Wait until the queues have it that way: it is some ten milliseconds behind the session."""

    async def probe() -> bool:
        now = (await office.system.get("/api/live"))["items"]["seats"].get(seat.user, {})
        return bool(now.get("paused"))

    await office.system.until(probe, 10)


Way = Callable[[Person, Office], Awaitable[None]]


@pytest.mark.parametrize("way", [out_everywhere, new_password, disabled])
async def test_a_talk_goes_on_to_its_end_and_then_the_seat_is_out(office: Office, way: Way) -> None:
    stories = office.stories
    person, seat = await office.at_seat(0)
    talk = await stories.talk(seat)
    other, second = await office.at_seat(1)
    busy = await stories.talk(second)
    await way(person, office)
    await offered_no_more(office, seat)
    # Seat and citizen go on hearing each other, and somebody waits for the next seat that is free.
    await stories.speak(talk.out, talk.taken)
    citizen, waiting = await stories.dial()
    await waiting.answered()
    await talk.out.hang_up()
    await talk.taken.ended()
    await out_of_every_queue(office, seat)
    await busy.out.hang_up()
    await busy.taken.ended()
    taken = await stories.answer(second, waiting)
    await taken.hang_up()
    await waiting.hang_up()
    assert (await stories.told(talk.number)).seats == [seat.user]
    told = await stories.told(citizen.user)
    assert {ring.seat for ring in told.rings} == {second.user}
    await other.post("/api/agents/me/logout")


async def test_who_is_idle_is_out_at_once(office: Office) -> None:
    person, seat = await office.at_seat(0)
    ok(await person.send("POST", "/api/logout", {"everywhere": False}))
    await out_of_every_queue(office, seat)
