"""Supervisors and operators steer calls on the real PBX, over the API, with real sound."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from callcenter.calls.models import Call as CallRow
from callcenter.simulator.call import Call
from callcenter.simulator.phone import Phone
from callcenter.simulator.sound import CALLER_HZ, RATE, SEAT_HZ, rms
from tests.live.live_stories import Stories, Talk
from tests.live.live_told import Told, sound_of, told_about

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]

CARRIER = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
CARRIER_PORT = 5060
NUMBER = "02161234567"
SETTINGS = {"trunk_host": f"{CARRIER}:{CARRIER_PORT}", "outbound_patterns": "_021XXXXXXXX"}


@asynccontextmanager
async def carrier(stories: Stories) -> AsyncIterator[Phone]:
    """Who takes calls to the telephone network."""
    phone = Phone(*stories.system.sip, "carrier", local_address=CARRIER)
    phone.local_port = CARRIER_PORT
    async with phone:
        yield phone


async def steer(stories: Stories, number: str, step: str, **body: Any) -> httpx.Response:
    """A supervisor's command about the call of `number`."""
    call_id = quote(await stories.call_id(number), safe="")
    return await stories.system.api.post(f"/api/steering/calls/{call_id}/{step}", json=body)


async def own(stories: Stories, step: str, **body: Any) -> httpx.Response:
    """An operator's command."""
    return await stories.system.api.post(f"/api/own-call/{step}", json=body)


def ok(answer: httpx.Response) -> Any:
    """Its JSON; it must be a success."""
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    return answer.json()


def code(answer: httpx.Response) -> str:
    """The code of a refusal."""
    assert not answer.is_success, answer.text
    return str(answer.json()["error"]["code"])


async def refused_soon(
    stories: Stories, expected: str, number: str, step: str, **body: Any
) -> None:
    """The command is refused with `expected` as soon as the floor shows why."""

    async def probe() -> bool:
        answer = await steer(stories, number, step, **body)
        return not answer.is_success and code(answer) == expected

    await stories.system.until(probe, 5)


async def listening(stories: Stories, talk: Talk, phone: Phone, mode: str = "listen") -> Call:
    """`phone` has come into `talk` and hears both."""
    assert not ok(await steer(stories, talk.number, "spy", seat=phone.user, mode=mode))["done"]
    leg = await phone.next_call()
    await leg.answer()
    leg.say(stories.seat_voice, repeat=True)
    await asyncio.gather(leg.hears(CALLER_HZ), leg.hears(SEAT_HZ))
    return leg


async def outbound_call(stories: Stories, call_id: str) -> CallRow:
    """An outbound call, once it is over."""

    async def probe() -> CallRow | None:
        async with stories.system.database.reading() as session:
            row = await session.get(CallRow, call_id)
        return row if row is not None and row.ended_at is not None else None

    return await stories.system.until(probe, 10)


# -- supervisors --------------------------------------------------------------------------------


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


# -- operators ----------------------------------------------------------------------------------


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


# -- the link -----------------------------------------------------------------------------------


class Wire:
    """A wire to the PBX's AMI that can be cut: nothing is closed, nothing comes through."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._whole = asyncio.Event()
        self._whole.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    @property
    def port(self) -> int:
        """Where to connect to."""
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """From now on nothing comes through."""
        self._whole.clear()

    def mend(self) -> None:
        """Connections made from now on work; those that were cut stay dead."""
        for task in tuple(self._tasks):
            task.cancel()
        self._whole.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._target)
        for source, sink in ((reader, ours), (theirs, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._whole.wait()
                sink.write(data)
        finally:
            sink.close()


async def test_ami_is_cut_for_30_seconds_under_load(stories: Stories) -> None:
    system = stories.system
    seat, chief, busy = await stories.seat(0), await stories.seat(1), await stories.seat(2)
    environment = system.settings.home / "callcenter.env"
    before = environment.read_text(encoding="utf-8")
    ami = f"CALLCENTER_AMI_PORT={system.settings.ami_port}\n"
    assert ami in before
    async with Wire(system.settings.ami_port) as wire:
        system.kill("callcenter")
        environment.write_text(
            before.replace(ami, f"CALLCENTER_AMI_PORT={wire.port}\n"), encoding="utf-8"
        )
        system.begin("callcenter")
        try:
            await system.ready()
            chief.refuse_with = busy.refuse_with = 486
            talk = await stories.talk(seat)
            chief.refuse_with = busy.refuse_with = 0
            await listening(stories, talk, chief)
            wire.cut()
            served = await calls_for(30, stories, busy)
            # Calls went on; a command was refused, or its end is not known, but never hung.
            refusal = await steer(stories, talk.number, "front")
            assert code(refusal) in ("pbx_unavailable", "pbx_timeout")
            wire.mend()

            async def back() -> bool:
                answer = await system.api.get("/api/own-call", params={"seat": seat.user})
                return answer.is_success and bool(answer.json()["state"] == "talking")

            await system.until(back, 40)
            # What was before the cut is known again: who listens is found by his own leg.
            taken = await steer(stories, talk.number, "take-over", seat=chief.user)
            assert ok(taken)["done"]
            await talk.taken.ended()
            await talk.out.hang_up()
            told = await stories.told(talk.number)
            assert told.seats == [seat.user, chief.user]
            assert len(served) >= 3
            for number in served:
                assert (await stories.told(number)).seats == [busy.user]
        finally:
            system.kill("callcenter")
            environment.write_text(before, encoding="utf-8")
            system.begin("callcenter")
            await system.ready()


async def calls_for(seconds: float, stories: Stories, seat: Phone) -> list[str]:
    """Citizens call one after the other for `seconds`; who was served."""
    served: list[str] = []
    clock = asyncio.get_running_loop()
    end = clock.time() + seconds
    while clock.time() < end:
        talk = await stories.talk(seat)
        await talk.out.hang_up()
        await talk.taken.ended()
        served.append(talk.number)
    return served
