"""A whole shift of people with sessions of their own, on a real PBX: who may do what, what becomes
of it in the call, on the floor, in the ledger and in the audit trail.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from callcenter.platform.secrets import load_secrets
from callcenter.simulator.sound import CALLER_HZ, RATE, SEAT_HZ, rms
from tests.live.live_people import PASSWORD, Office, Person, ok, refusal
from tests.live.live_stories import Stories
from tests.live.live_system import System
from tests.live.live_told import Told, sound_of

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]

SETTINGS = {
    "agents_required": True,
    "wrap_up_seconds": 60,
    "queue_ring_seconds": 15,
    # A caller is offered to nobody while he is told something.
    "announce_position_seconds": 0,
    "announce_voice_message_seconds": 0,
}
ERRAND, ERRAND_SECONDS = "errand", 60
STEPS = (
    "hold",
    "unhold",
    "mute",
    "unmute",
    "recording/pause",
    "recording/resume",
    "join",
    "hang-up",
)
"""Everything that an operator does with the call that he has."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(system: System) -> AsyncIterator[Person]:
    """The first admin, at his first login."""
    secret = load_secrets(system.settings.secrets_file).admin_password
    async with Person(system, "admin") as made:
        ok(await made.log_in(secret))
        await made.chooses(secret)
        await made.post(
            "/api/break-reasons", code=ERRAND, name="外出", limit_seconds=ERRAND_SECONDS
        )
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def office(stories: Stories, admin: Person) -> AsyncIterator[Office]:
    """Everybody is gone at the end of the test."""
    async with AsyncExitStack() as stack:
        yield Office(stories, admin, stack)


async def test_a_shift_from_the_one_time_password_to_the_end(office: Office) -> None:
    noted = await office.verified()
    seat = await office.stories.seat(0)
    wang, password = await office.made("operator")
    assert refusal(await wang.log_in("not the password")) == (401, "wrong_login")
    answer = await wang.log_in(password)
    assert ok(answer)["must_change_password"]
    cookie = next(
        one for one in answer.headers.get_list("set-cookie") if one.startswith("callcenter_session")
    )
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    # Nothing but his own account is open before he has a password that nobody else has seen.
    must_change = (403, "password_change_required")
    assert refusal(await wang.browser.get("/api/agents/me")) == must_change
    assert await wang.refused("/api/agents/me/login", seat=seat.user) == must_change
    body = {"current": password, "new": PASSWORD}
    assert refusal(await wang.browser.post("/api/password", json=body)) == (403, "csrf_failed")
    await wang.chooses(password)

    now = await wang.post("/api/agents/me/login", seat=seat.user)
    assert (now["seat"], now["state"]) == (seat.user, "ready")
    li = await office.person("operator")
    assert await li.refused("/api/agents/me/login", seat=seat.user) == (409, "seat_taken")
    now = await wang.post("/api/agents/me/break", reason=ERRAND)
    until, since = (datetime.fromisoformat(now[one]) for one in ("break_until", "since"))
    assert (now["state"], now["reason"]) == ("break", ERRAND)
    assert until - since == timedelta(seconds=ERRAND_SECONDS)
    await wang.post("/api/agents/me/ready")
    await wang.becomes("ready")

    talk = await office.stories.talk(seat)
    call = await wang.own_call_is("talking")
    assert (call["seat"], call["number"], call["parties"]) == (seat.user, talk.number, 2)
    assert await wang.refused("/api/agents/me/logout") == (409, "agent_talking")
    # The next call waits until he has wrapped up.
    await wang.own("hang-up")
    await talk.taken.ended()
    await talk.out.hang_up()
    assert (await wang.becomes("wrap_up"))["wrap_up_until"] is not None
    await wang.post("/api/agents/me/wrap-up/end")
    await wang.becomes("ready")
    await wang.post("/api/agents/me/logout")
    assert (await wang.get("/api/agents/me"))["seat"] is None

    assert await wang.states() == ["ready", "break", "ready", "talking", "wrap_up", "ready"]
    told = await office.stories.answered_story(talk.number, seat.user)
    assert told.talks[0].ended_by == "seat"
    await wang.post("/api/logout")
    assert refusal(await wang.browser.get("/api/me")) == (401, "unauthenticated")

    acts = await office.acts(wang)
    assert acts[:3] == ["user.logged_in", "user.password_changed", "agent.state"]
    assert acts[-1] == "user.logged_out"
    assert acts.count("agent.state") == 5, acts  # In, break, ready, ready after wrap-up, out.
    assert "call.hang_up" in acts
    assert "user.made" in await office.acts(office.admin)
    await office.verified("--noted", noted)


async def test_hold_mute_and_a_paused_recording(office: Office) -> None:
    chief = await office.person("supervisor")
    wang, seat = await office.at_seat(0)
    async with chief.watching() as floor:
        talk = await office.stories.talk(seat)
        held_before = len(floor.lines)
        await wang.own("hold")
        await asyncio.gather(talk.out.stops_hearing(SEAT_HZ), talk.taken.stops_hearing(CALLER_HZ))
        await talk.out.hears_sound()
        # His screen and everybody's say so.
        await wang.own_call_is("holding")
        await wang.becomes("hold")
        assert held_before < len(floor.lines)
        await floor.says(lambda line: f'"{wang.user_id}"' in line and '"hold"' in line)
        assert await wang.refused("/api/own-call/hold") == (409, "held")
        await wang.own("unhold")
        await office.stories.speak(talk.out, talk.taken)
        await wang.becomes("talking")

    await wang.own("mute")
    await talk.out.stops_hearing(SEAT_HZ)
    assert (await wang.get("/api/own-call"))["muted"]
    await wang.own("unmute")
    await talk.out.hears(SEAT_HZ)

    await wang.own("recording/pause")
    assert (await wang.get("/api/own-call"))["recording_paused"]
    heard = talk.out.heard().size

    async def two_seconds() -> bool:
        return talk.out.heard().size > heard + 2 * RATE

    await office.system.until(two_seconds, 10)
    await wang.own("recording/resume")
    await talk.out.hears(SEAT_HZ)
    await wang.own("hang-up")
    await talk.taken.ended()
    await talk.out.hang_up()

    told = await office.stories.answered_story(talk.number, seat.user)
    assert_silent_in_the_gap(office, told)
    # The hold is the agent's time; to the ledger it is one talk.
    assert (await wang.states())[:4] == ["ready", "talking", "hold", "talking"]
    assert len(told.talks) == 1
    kept = await chief.get(f"/api/calls/{quote(told.call.id, safe='')}")
    assert kept["recordings"][0]["gaps"] == told.recordings[0].gaps
    steps = ["hold", "unhold", "mute", "unmute", "recording_pause", "recording_resume", "hang_up"]
    acts = [one for one in await office.acts(wang) if one.startswith("call.")]
    assert [one for one in acts if one.removeprefix("call.") in steps] == [
        f"call.{step}" for step in steps
    ]
    await office.verified()


def assert_silent_in_the_gap(office: Office, told: Told) -> None:
    """The recording's row says where it was paused, and there nobody is heard."""
    begin, _, end = told.recordings[0].gaps.partition("-")
    assert 1500 <= int(end) - int(begin) <= told.recordings[0].bridged_ms
    margin = 400  # The packets that were on their way.
    first, last = ((int(begin) + margin) * RATE // 1000, (int(end) - margin) * RATE // 1000)
    for side in sound_of(office.system.settings, told.media[0]):
        assert rms(side[first:last]) < 0.002
        assert rms(side) > 0.01


async def test_a_colleague_is_consulted_takes_the_citizen_and_brings_the_first_one_in(
    office: Office,
) -> None:
    wang, first = await office.at_seat(0)
    li, second = await office.at_seat(1, ready=False)
    talk = await office.stories.talk(first)
    call_id = (await wang.own_call_is("talking"))["call_id"]
    asked = asyncio.create_task(wang.transfer(call_id, kind="attended", target=second.user))
    consulted = await second.next_call(15)
    ok(await asked)
    await consulted.answer()
    consulted.say(office.stories.seat_voice, repeat=True)
    await talk.taken.hears(SEAT_HZ)
    await wang.own_call_is("consulting")
    ok(await wang.transfer(call_id, "/complete"))
    await talk.taken.ended()
    await office.stories.speak(talk.out, consulted)
    await wang.becomes("wrap_up")
    assert (await li.own_call_is("talking"))["call_id"] == call_id
    # The citizen is no longer his.
    assert refusal(await wang.transfer(call_id, kind="blind", target=first.user)) == (
        403,
        "not_your_seat",
    )

    asked = asyncio.create_task(li.transfer(call_id, kind="attended", target=first.user))
    back = await first.next_call(15)
    ok(await asked)
    assert await li.refused("/api/own-call/join") == (409, "consult_not_answered")
    await back.answer()
    back.say(office.stories.seat_voice, repeat=True)
    await consulted.hears(SEAT_HZ)

    async def joined() -> bool:
        return (await li.send("POST", "/api/own-call/join", {})).is_success

    await office.system.until(joined, 10)
    await asyncio.gather(talk.out.hears(SEAT_HZ), back.hears(CALLER_HZ), consulted.hears(CALLER_HZ))
    assert (await li.own_call_is("talking"))["parties"] == 3
    await li.own("hang-up")
    await consulted.ended()
    await office.stories.speak(talk.out, back)
    await talk.out.hang_up()

    told = await office.stories.told(talk.number)
    assert told.seats == [first.user, second.user, first.user]
    assert len(told.cases) == 1
    await office.stories.whole_recording(told)
    assert "call.transfer_attended" in await office.acts(wang)
    assert "call.transfer_complete" in await office.acts(wang)
    assert "call.join" in await office.acts(li)
    await office.verified()


async def test_a_call_is_steered_by_its_own_seat_and_by_supervisors(office: Office) -> None:
    chief = await office.person("supervisor")
    wang, seat = await office.at_seat(0)
    li, _other = await office.at_seat(1, ready=False)
    talk = await office.stories.talk(seat)
    call_id = (await wang.own_call_is("talking"))["call_id"]
    path = quote(call_id, safe="")
    # Another operator: neither by naming the seat, nor by naming the call.
    for step in STEPS:
        refused = await li.refused(f"/api/own-call/{step}", seat=seat.user)
        assert refused == (403, "not_your_seat"), step
    answer = await li.browser.get("/api/own-call", params={"seat": seat.user})
    assert refusal(answer) == (403, "not_your_seat")
    assert await li.refused("/api/own-call/hold") == (409, "not_talking")
    for step, body in (
        ("", {"kind": "blind", "target": "8003"}), ("/complete", {}), ("/cancel", {}),
    ):  # fmt: skip
        assert refusal(await li.transfer(call_id, step, **body)) == (403, "not_your_seat")
    for step in ("spy", "take-over", "end"):
        refused = await li.refused(f"/api/steering/calls/{path}/{step}")
        assert refused == (403, "forbidden"), step
    state = {"state": "break", "reason": ERRAND}
    assert await li.refused(f"/api/agents/{wang.user_id}/state", **state) == (403, "forbidden")
    await office.stories.speak(talk.out, talk.taken)

    # A supervisor: listens at a seat of his own, sets the agent's break, and ends the call.
    desk = await office.stories.seat(2)
    await chief.sits_at(desk, ready=False)
    await chief.post(f"/api/steering/calls/{path}/spy", mode="listen")
    leg = await desk.next_call()
    await leg.answer()
    await asyncio.gather(leg.hears(CALLER_HZ), leg.hears(SEAT_HZ))
    now = await chief.post(f"/api/agents/{wang.user_id}/state", **state)
    assert (now["state"], now["next"]) == ("talking", "break")
    await chief.post(f"/api/steering/calls/{path}/end")
    await asyncio.gather(talk.out.ended(), talk.taken.ended())
    await leg.ended()
    await wang.becomes("wrap_up")
    await office.stories.answered_story(talk.number, seat.user)
    acts = await office.acts(chief)
    assert {"steer.listen", "steer.end", "agent.state"} <= set(acts), acts
    assert not [one for one in await office.acts(li) if one.startswith(("call.", "steer."))]
    await office.verified()


async def test_what_each_role_sees_of_the_citizen(office: Office) -> None:
    analyst, dispatcher = await office.person("analyst"), await office.person("dispatcher")
    chief = await office.person("supervisor")
    wang, seat = await office.at_seat(0)
    talk = await office.stories.talk(seat)
    whole, masked = talk.number, f"{talk.number[:3]}****{talk.number[-4:]}"
    case = (await office.stories.case_of(talk.number)).number
    call_id = (await wang.own_call_is("talking"))["call_id"]

    async def seen(person: Person) -> tuple[str, str]:
        """In the case and on the floor, if he may see that at all."""
        floor = await person.browser.get("/api/live")
        shown = "-"
        if floor.is_success:
            shown = floor.json()["items"]["calls"][call_id]["caller_number"]
        return (await person.get(f"/api/cases/{case}"))["caller_number"], shown

    assert await seen(wang) == (whole, "-")
    assert await seen(dispatcher) == (whole, "-")
    assert await seen(chief) == (whole, whole)
    assert await seen(analyst) == (masked, masked)
    searched = await analyst.browser.get("/api/cases", params={"caller": whole})
    assert refusal(searched) == (403, "citizen_hidden")

    # The citizen asks not to be named; the operator says so.
    version = (await wang.get(f"/api/cases/{case}"))["version"]
    body = {"version": version, "confidential": True}
    ok(await wang.send("PATCH", f"/api/cases/{case}", body))

    async def hidden() -> bool:
        return await seen(chief) == ("", "")

    await office.system.until(hidden, 5)
    assert await seen(wang) == ("", "-")
    assert await seen(analyst) == ("", "")
    assert await seen(dispatcher) == (whole, "-")
    undone = {"version": version + 1, "confidential": False}
    answer = await wang.send("PATCH", f"/api/cases/{case}", undone)
    assert refusal(answer) == (403, "citizen_hidden")
    await talk.out.hang_up()
    told = await office.stories.answered_story(talk.number, seat.user)
    # A voice says its name.
    sound = f"/api/recordings/{quote(told.recordings[0].id, safe='')}/audio"
    assert refusal(await chief.browser.get(sound)) == (403, "citizen_hidden")
    assert (await dispatcher.browser.get(sound)).is_success
    assert "recording.listened" in await office.acts(dispatcher)
    assert {"case.read", "case.edited"} <= set(await office.acts(wang))
    # Masked numbers are no look at a citizen.
    assert "case.read" not in await office.acts(analyst)
    await office.verified()


async def test_who_is_disabled_is_out_at_once_and_his_citizen_is_not(office: Office) -> None:
    chief = await office.person("supervisor")
    wang, seat = await office.at_seat(0)
    talk = await office.stories.talk(seat)
    await wang.own_call_is("talking")

    async def disable(person: Person, path: str = "", **body: Any) -> None:
        method = "PATCH" if not path else "POST"
        ok(await office.admin.send(method, f"/api/users/{person.user_id}{path}", body))

    async with chief.watching() as floor:
        await disable(chief, enabled=False)
        await floor.ends()
    assert refusal(await chief.browser.get("/api/live")) == (401, "unauthenticated")
    assert refusal(await chief.log_in(PASSWORD)) == (401, "wrong_login")

    await disable(wang, enabled=False)
    assert await wang.refused("/api/own-call/hold") == (401, "unauthenticated")
    await office.stories.speak(talk.out, talk.taken)
    await talk.out.hang_up()
    await talk.taken.ended()
    await office.stories.answered_story(talk.number, seat.user)

    async def gone() -> bool:
        seats = (await office.system.get("/api/live"))["items"]["seats"]
        return not seats[seat.user]["queues"] or bool(seats[seat.user]["paused"])

    await office.system.until(gone, 10)
    await office.verified()


@pytest.mark.parametrize("how", ["log-out", "roles", "password"])
async def test_an_open_stream_ends_with_what_allowed_it(office: Office, how: str) -> None:
    chief, other = await office.person("supervisor"), await office.person("supervisor")
    async with chief.watching() as mine, other.watching() as theirs:
        match how:
            case "log-out":
                await chief.post("/api/logout")
            case "roles":
                path = f"/api/users/{chief.user_id}"
                ok(await office.admin.send("PATCH", path, {"roles": ["operator"]}))
            case "password":
                ok(await office.admin.send("POST", f"/api/users/{chief.user_id}/password"))
        await mine.ends()
        # Whoever comes back is asked who he is, and what he may do now.
        answer = await chief.browser.get("/api/live/stream")
        expected = (403, "forbidden") if how == "roles" else (401, "unauthenticated")
        assert refusal(answer) == expected
        assert not theirs.over.is_set()
