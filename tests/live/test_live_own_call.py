"""Operators steer their own calls on the real PBX, over the API, with real sound."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from callcenter.simulator.sound import CALLER_HZ, RATE, SEAT_HZ, rms
from tests.live.live_steering import (
    NUMBER,
    OUTSIDE_ALLOWED,
    carrier,
    code,
    ok,
    outbound_call,
    own,
)
from tests.live.live_stories import Stories
from tests.live.live_told import Told, sound_of

SETTINGS = OUTSIDE_ALLOWED
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]


async def test_a_held_citizen_hears_music_and_the_ledger_sees_one_talk(stories: Stories) -> None:
    seat = await stories.seat(0)
    talk = await stories.talk(seat)
    ok(await own(stories, "hold", seat=seat.user))
    await asyncio.gather(talk.out.stops_hearing(SEAT_HZ), talk.taken.stops_hearing(CALLER_HZ))
    await talk.out.hears_sound()

    async def shown() -> bool:
        return bool(
            (await stories.system.get("/api/own-call", seat=seat.user))["state"] == "holding"
        )

    await stories.system.until(shown, 5)
    assert code(await own(stories, "hold", seat=seat.user)) == "held"
    ok(await own(stories, "unhold", seat=seat.user))
    await stories.speak(talk.out, talk.taken)
    await talk.out.hang_up()
    told = await stories.answered_story(talk.number, seat.user)
    assert len(told.talks) == 1


async def test_a_mute_seat_is_not_heard(stories: Stories) -> None:
    seat = await stories.seat(0)
    talk = await stories.talk(seat)
    ok(await own(stories, "mute", seat=seat.user))
    await talk.out.stops_hearing(SEAT_HZ)
    assert (await stories.system.get("/api/own-call", seat=seat.user))["muted"]
    ok(await own(stories, "unmute", seat=seat.user))
    await talk.out.hears(SEAT_HZ)
    await talk.out.hang_up()
    await stories.answered_story(talk.number, seat.user)


async def test_a_paused_recording_is_silent_and_says_where(stories: Stories) -> None:
    seat = await stories.seat(0)
    talk = await stories.talk(seat)
    ok(await own(stories, "recording/pause", seat=seat.user))
    assert (await stories.system.get("/api/own-call", seat=seat.user))["recording_paused"]
    assert code(await own(stories, "recording/pause", seat=seat.user)) == "recording_paused"
    # Two whole seconds of what must not be kept.
    heard = talk.out.heard().size

    async def spoken() -> bool:
        return talk.out.heard().size > heard + 16_000

    await stories.system.until(spoken, 10)
    ok(await own(stories, "recording/resume", seat=seat.user))
    await talk.out.hears(SEAT_HZ)
    ok(await own(stories, "hang-up", seat=seat.user))
    await talk.taken.ended()
    await talk.out.hang_up()
    told = await stories.told(talk.number)
    assert told.talks[0].ended_by == "seat"
    begin, _, end = told.recordings[0].gaps.partition("-")
    assert 1500 <= int(end) - int(begin) <= told.recordings[0].bridged_ms
    assert_silent_in(stories, told, int(begin), int(end))


def assert_silent_in(stories: Stories, told: Told, begin: int, end: int) -> None:
    """Between `begin` and `end` (ms) nobody is heard in the finished recording."""
    file = told.media[0]
    assert abs(file.duration_ms - told.recordings[0].bridged_ms) < 1500
    margin = 400  # the packets that were on their way
    for side in sound_of(stories.system.settings, file):
        gap = side[(begin + margin) * RATE // 1000 : (end - margin) * RATE // 1000]
        assert rms(gap) < 0.002
        assert rms(side) > 0.01


async def test_a_seat_calls_an_allowed_number_about_a_case(stories: Stories) -> None:
    seat = await stories.seat(0)
    talk = await stories.talk(seat)
    await talk.out.hang_up()
    case = (await stories.answered_story(talk.number, seat.user)).cases[0]
    await stories.system.settle()
    async with carrier(stories) as outside:
        body = {"seat": seat.user, "number": NUMBER, "case_number": case.number}
        call_id = ok(await own(stories, "dial", **body))["call_id"]
        leg = await seat.next_call()
        await leg.answer()
        taken = await outside.next_call()
        await taken.answer()
        taken.say(stories.caller_voice, repeat=True)
        leg.say(stories.seat_voice, repeat=True)
        await asyncio.gather(taken.hears(SEAT_HZ), leg.hears(CALLER_HZ))
        state = await stories.system.get("/api/own-call", seat=seat.user)
        assert (state["state"], state["call_id"]) == ("talking", call_id)
        await taken.hang_up()
        await leg.ended()
    row = await outbound_call(stories, call_id)
    assert (row.direction, row.outcome) == ("outbound", "answered")
    assert (row.caller_number, row.called_number) == (seat.user, NUMBER)
    assert row.case_number == case.number
    detail = await stories.system.get(f"/api/calls/{quote(call_id, safe='')}")
    assert detail["case_number"] == case.number
    assert len(detail["recordings"]) == 1
    assert detail["recordings"][0]["bridged_ms"] > 0


@pytest.mark.parametrize("number", ["02261234567", "021612345678", "110", "8002", "12345"])
async def test_no_other_number_is_dialled(stories: Stories, number: str) -> None:
    seat = await stories.seat(0)
    answer = await own(stories, "dial", seat=seat.user, number=number)
    assert (answer.status_code, code(answer)) == (422, "target_not_allowed")
    assert not [line for line in seat.log if line.startswith("< INVITE")]


@pytest.mark.parametrize("leaves", ["seat", "unit"])
async def test_seat_citizen_and_unit_in_one_talk(stories: Stories, leaves: str) -> None:
    seat = await stories.seat(0)
    talk = await stories.talk(seat)
    async with carrier(stories) as outside:
        consulting = asyncio.create_task(
            stories.transfer(talk.number, kind="attended", target=NUMBER)
        )
        unit = await outside.next_call(15)
        await consulting
        assert code(await own(stories, "join", seat=seat.user)) == "consult_not_answered"
        await unit.answer()
        unit.say(stories.seat_voice, repeat=True)
        await talk.taken.hears(SEAT_HZ)

        async def joined() -> bool:
            return (await own(stories, "join", seat=seat.user)).is_success

        await stories.system.until(joined, 10)
        await asyncio.gather(
            talk.out.hears(SEAT_HZ), unit.hears(CALLER_HZ), talk.taken.hears(CALLER_HZ)
        )
        assert code(await own(stories, "hold", seat=seat.user)) == "in_conference"
        if leaves == "seat":
            ok(await own(stories, "hang-up", seat=seat.user))
            await talk.taken.ended()
            await stories.speak(talk.out, unit)
        else:
            await unit.hang_up()
            await stories.speak(talk.out, talk.taken)
        await talk.out.hang_up()
    told = await stories.told(talk.number)
    # The seat's talk goes on beside the unit's; nobody is told twice.
    assert sorted(told.seats) == sorted([seat.user, NUMBER])
    of_seat = next(one for one in told.talks if one.seat == seat.user)
    of_unit = next(one for one in told.talks if one.seat == NUMBER)
    assert of_seat.started_at < of_unit.started_at < of_seat.ended_at
    assert of_seat.ended_by == ("seat" if leaves == "seat" else "caller")
    assert len(told.cases) == 1
    await stories.whole_recording(told)
