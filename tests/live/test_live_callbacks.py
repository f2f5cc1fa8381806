"""Missed calls and call-backs on a real PBX: the key, the task, the dialled citizen, the outcome.

The carrier is a phone of ours at an address of its own.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select

from callcenter.simulator.phone import Phone
from callcenter.simulator.sound import CALLER_HZ, SEAT_HZ
from callcenter.telephony.calls import models as ledger
from callcenter.telephony.recordings.models import MediaFile
from tests.live.live_stories import Stories
from tests.live.live_system import free_port
from tests.live.live_told import sound_of
from tests.live.test_live_messages import closed

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]

CARRIER = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
CARRIER_PORT = free_port(CARRIER)
"""One of 16 million addresses of this machine, so that two runs do not meet."""
SETTINGS = {
    "trunk_host": f"{CARRIER}:{CARRIER_PORT}",
    "outbound_patterns": "_13XXXXXXXXX",
}


@asynccontextmanager
async def carrier(stories: Stories) -> AsyncIterator[Phone]:
    """Who takes calls to the telephone network."""
    phone = Phone(*stories.system.sip, "carrier", local_address=CARRIER)
    phone.local_port = CARRIER_PORT
    async with phone:
        yield phone


async def task_of(stories: Stories, number: str, *statuses: str) -> Any:
    """The newest call-back of `number`, once it is in one of `statuses`."""

    async def probe() -> Any:
        page = await stories.system.get("/api/callbacks", number=number)
        found = page["items"]
        return found[0] if found and found[0]["status"] in statuses else None

    return await stories.system.until(probe, 10)


async def gives_up(stories: Stories, number: str | None = None, **options: Any) -> str:
    """A citizen calls, waits in vain and hangs up; his number."""
    citizen, out = await stories.dial(number, **options)
    await out.answered()
    await waits(stories, citizen.user)
    await out.hang_up()
    return citizen.user


async def waits(stories: Stories, number: str) -> Any:
    """`number` waits in the queue, as the live floor shows it."""

    async def probe() -> Any:
        floor = (await stories.system.get("/api/live"))["items"]
        return next(
            (one for one in floor["waiting"].values() if one["caller_number"] == number), None
        )

    return await stories.system.until(probe, 10)


async def step(stories: Stories, task: Any, name: str, **body: Any) -> Any:
    """``POST /api/callbacks/{id}/{name}``."""
    return await stories.system.post(f"/api/callbacks/{task['id']}/{name}", **body)


async def test_the_key_keeps_the_place_and_the_citizen_is_called_back(stories: Stories) -> None:
    async with carrier(stories) as outside:
        seat = await stories.seat()
        seat.refuse_with = 486
        citizen, out = await stories.dial()
        await out.answered()
        since = (await waits(stories, citizen.user))["since"]
        await out.dtmf("2")
        await out.hears_sound()
        await out.ended(20)
        assert out.ended_by == "them"
        told = await stories.told(citizen.user)
        assert (told.call.outcome, told.cases) == ("callback", [])
        assert [visit.how for visit in told.visits] == ["exit_key"]

        task = await task_of(stories, citizen.user, "open")
        assert (task["requested"], task["reason"], task["attempts"]) == (True, "requested", 0)
        joined = told.visits[0].joined_at
        assert task["joined_at"] == joined.isoformat().replace("+00:00", "Z")
        assert abs((joined - told.call.started_at).total_seconds()) < 5, since

        seat.refuse_with = 0
        offer = await stories.system.post("/api/callbacks/next")
        assert offer["task"]["id"] == task["id"]
        dialled = await step(stories, task, "dial", seat=seat.user)
        ours = await seat.next_call(10)
        await ours.answer()
        theirs = await outside.next_call(10)
        assert [line for line in outside.log if f"INVITE sip:{citizen.user}@" in line]
        await theirs.answer()
        theirs.say(stories.caller_voice, repeat=True)
        ours.say(stories.seat_voice, repeat=True)
        await asyncio.gather(ours.hears(CALLER_HZ), theirs.hears(SEAT_HZ))
        await ours.hang_up()
        await theirs.ended()

        done = await step(stories, task, "result", result="done", outcome="reached", note="已答复")
        assert (done["status"], done["outcome"], done["attempts"]) == ("done", "reached", 1)
        call = await outbound(stories, dialled["call_id"])
        assert (call.direction, call.outcome) == ("outbound", "answered")
        assert call.called_number == citizen.user

        async def followed() -> Any:
            found = await stories.system.get(f"/api/callbacks/{task['id']}")
            return found["tries"][0]["answered_at"] and found["tries"][0]["ended_at"] and found

        again = await stories.system.until(followed, 10)
        assert again["tries"][0]["call_id"] == call.id
        assert again["missed_calls"] == [told.call.id]
        await recorded(stories, call.id)


async def outbound(stories: Stories, call_id: str) -> Any:
    """The call-back's own call, once it is over."""

    async def probe() -> Any:
        async with stories.system.database.reading() as session:
            call = await session.get(ledger.Call, call_id)
        return call if call is not None and call.ended_at is not None else None

    return await stories.system.until(probe, 10)


async def recorded(stories: Stories, call_id: str) -> None:
    """The call-back was recorded whole, with both of its sides."""

    async def probe() -> Any:
        async with stories.system.database.reading() as session:
            found = await session.scalars(select(MediaFile).where(MediaFile.call_id == call_id))
            files = list(found)
        return files if files and all(file.status != "pending" for file in files) else None

    files = await stories.system.until(probe, 15)
    assert [file.status for file in files] == ["ready"]
    left, right = await asyncio.to_thread(sound_of, stories.system.settings, files[0])
    assert left.any()
    assert right.any()


async def test_who_gave_up_is_called_back_until_nobody_answers(stories: Stories) -> None:
    async with carrier(stories) as outside:
        outside.refuse_with = 486
        seat = await stories.seat()
        seat.refuse_with = 486
        number = await gives_up(stories)
        task = await task_of(stories, number, "open")
        assert (task["reason"], task["requested"]) == ("abandoned", False)
        await step(stories, task, "take")
        seat.refuse_with = 0
        dialled = await step(stories, task, "dial", seat=seat.user)
        ours = await seat.next_call(10)
        await ours.answer()
        await ours.ended(20)
        later = await step(stories, task, "result", result="later", outcome="busy")
        assert (later["status"], later["taken_by"]) == ("open", "")
        assert later["not_before"] is not None
        assert later["tries"][0]["outcome"] == "busy"
        call = await outbound(stories, dialled["call_id"])
        assert call.outcome == "not_answered"


async def test_one_number_is_one_task_and_is_dropped_when_it_gets_through(
    stories: Stories,
) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    number = await gives_up(stories)
    await task_of(stories, number, "open")
    await gives_up(stories, number)

    async def merged() -> Any:
        found = await task_of(stories, number, "open")
        return found if found["missed_count"] == 2 else None

    task = await stories.system.until(merged, 10)
    seat.refuse_with = 0
    talk = await stories.talk(seat, number)
    dropped = await task_of(stories, number, "dropped")
    assert dropped["id"] == task["id"]
    await talk.out.hang_up()
    told = await stories.answered_story(number, seat.user)
    assert dropped["got_through_call_id"] == told.call.id


async def test_the_line_is_closed_and_no_message_is_left(stories: Stories) -> None:
    async with closed(stories):
        citizen, out = await stories.dial()
        await out.hears_sound()
        await out.hang_up()
    task = await task_of(stories, citizen.user, "open")
    assert task["reason"] == "closed"


async def test_without_a_number_nobody_can_be_called_back(stories: Stories) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    before = (await stories.system.get("/api/callbacks", limit=1))["items"]
    _, out = await stories.dial("anonymous")
    await out.answered()

    async def there() -> bool:
        floor = (await stories.system.get("/api/live"))["items"]
        return bool(floor["waiting"])

    await stories.system.until(there, 10)
    await out.dtmf("2")
    await out.hears_sound()
    await out.hang_up()
    told = await stories.newest()
    assert told.call.outcome == "hung_up"
    assert (await stories.system.get("/api/callbacks", limit=1))["items"] == before


async def test_a_number_that_may_not_be_dialled_is_refused_in_words(stories: Stories) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    number = await gives_up(stories, "02161234567")
    task = await task_of(stories, number, "open")
    await step(stories, task, "take")
    answer = await stories.system.api.post(
        f"/api/callbacks/{task['id']}/dial", json={"seat": seat.user}
    )
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "number_not_allowed"


async def test_a_seat_without_a_phone_is_refused_in_words(stories: Stories) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    number = await gives_up(stories)
    task = await task_of(stories, number, "open")
    await step(stories, task, "take")
    answer = await stories.system.api.post(
        f"/api/callbacks/{task['id']}/dial", json={"seat": "8006"}
    )
    assert answer.json()["error"]["code"] == "seat_unreachable"
    assert (await task_of(stories, number, "taken"))["attempts"] == 0


async def test_those_who_wait_come_before_those_who_gave_up(stories: Stories) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    # Whatever earlier tests left is taken out of the way.
    while (await stories.system.post("/api/callbacks/next"))["task"] is not None:
        for task in await stories.system.get("/api/callbacks/mine"):
            await step(stories, task, "result", result="failed", outcome="other")
    number = await gives_up(stories)
    await task_of(stories, number, "open")
    patient, waiting = await stories.dial()
    await waiting.answered()
    await waits(stories, patient.user)
    offer = await stories.system.post("/api/callbacks/next")
    assert (offer["task"], offer["open"] >= 1) == (None, True)
    seat.refuse_with = 0
    await stories.answer(seat, waiting)
    offer = await stories.system.post("/api/callbacks/next")
    assert offer["task"]["number"] == number
    await waiting.hang_up()
    await stories.answered_story(patient.user, seat.user)
