"""Supervisors steer calls and callers on the real PBX, over the API, with real sound."""

from __future__ import annotations

import asyncio

import pytest

from callcenter.simulator.sound import CALLER_HZ, SEAT_HZ
from tests.live.live_steering import (
    NUMBER,
    OUTSIDE_ALLOWED,
    code,
    listening,
    ok,
    own,
    refused_soon,
    steer,
)
from tests.live.live_stories import Stories
from tests.live.live_told import told_about

SETTINGS = OUTSIDE_ALLOWED
pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]


async def test_a_supervisor_who_listens_is_no_part_of_the_call(stories: Stories) -> None:
    first, chief = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, chief)
    leg = await listening(stories, talk, chief)
    ok(await steer(stories, talk.number, "spy", seat=chief.user, mode="whisper"))
    await talk.taken.hears(SEAT_HZ)
    ok(await steer(stories, talk.number, "spy", seat=chief.user, mode="barge"))
    await leg.hears(CALLER_HZ)
    answer = await stories.system.api.delete("/api/steering/spy", params={"seat": chief.user})
    ok(answer)
    await leg.ended()
    await stories.speak(talk.out, talk.taken)
    await talk.out.hang_up()
    told = await stories.answered_story(talk.number, first.user)
    assert [ring.seat for ring in told.rings if ring.how == "answered"] == [first.user]


async def test_who_listens_takes_the_citizen_over_and_the_seat_is_free(stories: Stories) -> None:
    first, chief = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, chief)
    leg = await listening(stories, talk, chief)
    assert ok(await steer(stories, talk.number, "take-over", seat=chief.user))["done"]
    await talk.taken.ended()
    await stories.speak(talk.out, leg)
    await leg.hang_up()
    # The citizen is asked for a score, as after any talk.
    await talk.out.hears_sound()
    await talk.out.dtmf("5")
    await talk.out.ended(20)
    told = await stories.answered_story(talk.number, first.user, chief.user)
    assert [(one.via, one.ended_by) for one in told.talks] == [
        ("queue", "supervisor"),
        ("taken_over", "seat"),
    ]
    assert [(one.seat, one.score) for one in told.ratings] == [(chief.user, 5)]


async def test_two_supervisors_steer_the_same_call(stories: Stories) -> None:
    first, one, two = await stories.seat(0), await stories.seat(1), await stories.seat(2)
    two.refuse_with = 486
    talk = await stories.talk_with(first, one)
    two.refuse_with = 0
    ear, other_ear = await listening(stories, talk, one), await listening(stories, talk, two)
    answers = await asyncio.gather(
        steer(stories, talk.number, "take-over", seat=one.user),
        steer(stories, talk.number, "take-over", seat=two.user),
    )
    winners = [answer for answer in answers if answer.is_success]
    assert len(winners) == 1, [answer.text for answer in answers]
    loser = next(answer for answer in answers if not answer.is_success)
    assert code(loser) in ("steering_running", "taken_over")
    won, lost = (ear, other_ear) if answers[0].is_success else (other_ear, ear)
    # Whoever listened to the seat leaves with the seat.
    await lost.ended()
    await stories.speak(talk.out, won)
    await talk.out.hang_up()
    told = await stories.told(talk.number)
    assert told.seats == [first.user, winners[0].json()["seat"]]


async def test_a_call_that_a_supervisor_ends_is_not_taken_for_a_lost_line(
    stories: Stories,
) -> None:
    first = await stories.seat(0)
    talk = await stories.talk(first)
    ok(await steer(stories, talk.number, "end"))
    await asyncio.gather(talk.out.ended(), talk.taken.ended())
    told = await stories.answered_story(talk.number, first.user)
    assert told.call.ended_by == "supervisor"
    again = await steer(stories, talk.number, "end")
    assert code(again) == "call_over"


async def test_what_makes_no_sense_is_refused_with_a_code(stories: Stories) -> None:
    first, chief = await stories.seat(0), await stories.seat(1)
    talk = await stories.talk_with(first, chief)
    assert code(await steer(stories, talk.number, "spy", seat=first.user)) == "own_call"
    assert code(await steer(stories, talk.number, "spy", seat="8005")) == "seat_unreachable"
    assert code(await steer(stories, talk.number, "spy")) == "no_seat"
    assert code(await steer(stories, talk.number, "front")) == "not_waiting"
    assert code(await steer(stories, talk.number, "queue", queue="12345")) == "not_waiting"
    assert code(await own(stories, "unhold", seat=first.user)) == "not_held"
    assert code(await own(stories, "join", seat=first.user)) == "no_consult"
    assert code(await own(stories, "unmute", seat=first.user)) == "not_muted"
    assert code(await own(stories, "hang-up", seat=chief.user)) == "no_call"
    assert code(await own(stories, "dial", seat=first.user, number=NUMBER)) == "seat_busy"
    ghost = await stories.system.api.post("/api/steering/calls/pbx1%3A1.7/end", json={})
    assert code(ghost) == "call_not_found"
    await talk.out.hang_up()
    await stories.answered_story(talk.number, first.user)


# -- who waits ----------------------------------------------------------------------------------


async def test_who_waits_is_moved_to_the_front(stories: Stories) -> None:
    seat = await stories.seat(0)
    talk = await stories.talk(seat)
    _, before = await stories.dial()
    await before.answered()
    late, behind = await stories.dial()
    await behind.answered()
    await refused_soon(stories, "already_first", before.phone.user, "front")
    ok(await steer(stories, late.user, "front"))
    assert code(await steer(stories, late.user, "front")) == "already_first"
    await talk.taken.hang_up()
    await talk.out.hang_up()
    taken = await stories.answer(seat, behind)
    assert taken.caller == late.user
    await before.hang_up()
    await behind.hang_up()
    assert (await stories.told(late.user)).seats == [seat.user]


async def test_who_waits_is_moved_to_another_queue_as_one_call(stories: Stories) -> None:
    seat = await stories.seat(0)
    await stories.system.post(
        "/api/queues", code="business", name="企业专线", name_en="Business line"
    )
    talk = await stories.talk(seat)
    _, first = await stories.dial()
    await first.answered()
    citizen, out = await stories.dial()
    await out.answered()
    assert code(await steer(stories, citizen.user, "queue", queue="nowhere")) == "queue_not_found"

    async def moved() -> bool:
        answer = await steer(stories, citizen.user, "queue", queue="business")
        return answer.is_success

    # The queue is in the PBX within a moment.
    await stories.system.until(moved, 10)

    async def left() -> bool:
        found = await told_about(stories.system.database, citizen.user)
        # The call is in the ledger a moment before its visit of the queue is.
        return any(visit.how == "withdrawn" for one in found[:1] for visit in one.visits[:1])

    await stories.system.until(left, 20)
    await first.hang_up()
    await talk.out.hang_up()
    await out.hang_up()
    told = await stories.told(citizen.user)
    assert [visit.queue for visit in told.visits][:1] == ["12345"]
    assert "business" in [visit.queue for visit in told.visits]
    assert len(told.cases) == len([one for one in [told.call.answered_at] if one])


async def test_the_line_is_closed_in_an_emergency_also_with_nobody_alive(
    stories: Stories,
) -> None:
    system = stories.system
    seat = await stories.seat(0)
    talk = await stories.talk(seat)
    waits, waiting = await stories.dial()
    await waiting.answered()
    line = ok(await system.api.put("/api/steering/line", json={"state": "closed"}))
    assert line["applied"]
    # Who waits is told and hung up; who talks goes on.
    await waiting.ended(30)
    await stories.speak(talk.out, talk.taken)
    await talk.out.hang_up()
    system.kill("callcenter", "agi")
    try:
        _, refused = await stories.dial()
        await refused.answered()
        await refused.hears_sound()
        await refused.ended(30)
    finally:
        system.begin("agi")
        system.begin("callcenter")
        await system.ready()
    read = await system.get("/api/steering/line")
    assert (read["state"], read["applied"]) == ("closed", True)
    assert ok(await system.api.put("/api/steering/line", json={"state": "open"}))["applied"]
    talk = await stories.talk(seat)
    await talk.out.hang_up()
    told = await stories.told(waits.user)
    assert [visit.how for visit in told.visits] == ["withdrawn"]
    assert told.call.outcome == "closed"
    await stories.answered_story(talk.number, seat.user)
