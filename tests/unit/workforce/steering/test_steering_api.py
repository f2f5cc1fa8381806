"""Steering over the API: who may use which phone, one command at a time, each with its note."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from callcenter.people.access.rights import Actor
from callcenter.people.domain.permissions import Permission, Role, permissions_of
from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.service import Entry, Trail
from callcenter.people.voices import Voices
from callcenter.platform.broadcast import Change
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.errors import NotFound, PbxTimeout, PbxUnavailable
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.domain.floor import Floor, WaitingCaller
from callcenter.telephony.domain.ids import Extension, Uniqueid
from callcenter.telephony.domain.steering import LineState, Place, SpyMode, Talk
from callcenter.workforce.agents.sitting import Sitting
from callcenter.workforce.steering.carrying_out import CarryingOut
from callcenter.workforce.steering.endpoints import router
from callcenter.workforce.steering.hearing import Hearing
from callcenter.workforce.steering.line_service import LineService
from callcenter.workforce.steering.operator_service import OperatorService
from callcenter.workforce.steering.own_call_endpoints import router as own_router
from callcenter.workforce.steering.supervisor_service import SupervisorService
from tests.unit.telephony.domain.test_steering import (
    BY_HAND,
    CITIZEN,
    CONSULT,
    MUSIC,
    SEAT,
    SPY,
    THERE,
    floor,
    waits,
)

CALL = "pbx1:17.0"
URL = "/api/steering/calls/pbx1%3A17.0"


@dataclass
class FakePbx:
    """Takes every command; remembers it, and the switches."""

    given: list[tuple[Any, ...]] = field(default_factory=list)
    hold_back: asyncio.Event | None = None
    took: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    is_muted: bool = False
    is_paused: bool = False
    has: dict[str, str] = field(default_factory=dict)

    async def _take(self, *command: Any) -> None:
        if self.error is not None:
            raise self.error
        self.given.append(command)
        self.took.set()
        if self.hold_back is not None:
            await self.hold_back.wait()

    async def spy(self, supervisor: str, talk: Talk, mode: SpyMode, place: Place) -> None:
        await self._take("spy", supervisor, talk.seat.name, mode, place.leg)

    async def take_over(self, supervisor: str, talk: Talk, place: Place) -> None:
        await self._take("take over", supervisor, talk.citizen.name, place.leg)

    async def to_front(self, caller: WaitingCaller) -> None:
        await self._take("front", caller.channel)

    async def to_queue(self, caller: WaitingCaller, queue: str) -> None:
        await self._take("queue", caller.channel, queue)

    async def withdraw(self, caller: WaitingCaller) -> bool:
        await self._take("withdraw", caller.channel)
        return True

    async def queues(self) -> frozenset[str]:
        return frozenset({"12345", "english"})

    async def dial(self, seat: str, number: str, case_number: str) -> Uniqueid:
        await self._take("dial", seat, number, case_number)
        return Uniqueid(f"dial-{seat}--9.9")

    async def hold(self, talk: Talk) -> None:
        await self._take("hold", talk.seat.name)

    async def unhold(self, talk: Talk, music: str) -> None:
        await self._take("unhold", talk.seat.name, music)

    async def mute(self, talk: Talk, *, on: bool) -> None:
        await self._take("mute", talk.seat.name, on)
        self.is_muted = on

    async def muted(self, talk: Talk) -> bool:
        return self.is_muted

    async def pause_recording(self, talk: Talk, *, on: bool) -> None:
        await self._take("pause", talk.citizen.name, on)
        self.is_paused = on

    async def recording_paused(self, talk: Talk) -> bool:
        return self.is_paused

    async def join(self, leg_name: str) -> None:
        await self._take("join", leg_name)

    async def about_case(self, leg: Uniqueid, by: str, case_number: str) -> None:
        await self._take("about", leg, by, case_number)

    async def hang_up(self, channel: str, uniqueid: Uniqueid, by: str) -> None:
        await self._take("hang up", channel, by)

    async def switches(self) -> Mapping[str, str]:
        if self.error is not None:
            raise self.error
        return self.has

    async def set_line(self, state: LineState) -> None:
        await self._take("line", state)
        self.has["line"] = "" if state is LineState.OPEN else state.value

    async def set_announcement(self, *, on: bool) -> None:
        await self._take("announcement", on)
        self.has["announcement"] = "on" if on else ""


class FakeSeats(Sitting):
    """User 1 sits at 8001, user 2 at 8002; 8003 is free."""

    places: Mapping[int, str] = {1: "8001", 2: "8002"}

    def __init__(self) -> None:
        """No agents stand behind it."""

    async def seat_of(self, user_id: int) -> str | None:
        return self.places.get(user_id)

    def at(self, seat: Extension) -> int | None:
        return next((user for user, place in self.places.items() if place == seat), None)


class FakeLedger:
    """Knows one call that is over, and one case."""

    async def get(self, key: str) -> object:
        if key in ("pbx1:16.0", "20261124-00001"):
            return key
        raise NotFound(
            f"there is no {key}", code="call_not_found" if ":" in key else "case_not_found"
        )


@dataclass
class SecretCases:
    """Which calls are about a confidential case."""

    secret: set[str] = field(default_factory=set)

    async def confidential_calls(self, call_ids: Collection[str]) -> frozenset[str]:
        return frozenset(self.secret & set(call_ids))


@dataclass
class FakeRights:
    """What users may do now, and tokens."""

    users: dict[int, Actor] = field(default_factory=lambda: {1: OPERATOR, 2: SUPERVISOR})
    gone: set[str] = field(default_factory=set)

    async def of_user(self, user_id: int | None) -> Actor | None:
        return None if user_id is None else self.users.get(user_id)

    async def of(self, who: Actor) -> Actor | None:
        if who.user_id is not None:
            return self.users.get(who.user_id)
        return None if who.name in self.gone else who


@dataclass
class Live:
    floor: Floor | None


@dataclass
class Room:
    client: httpx.AsyncClient
    pbx: FakePbx
    live: Live
    trail: Trail
    line: LineService
    told: list[Change]
    who: Actor
    cases: SecretCases
    rights: FakeRights
    hearing: Hearing

    async def notes(self) -> list[tuple[str, str, dict[str, Any]]]:
        found = await self.trail.page(TrailFilter(), before=None, limit=50)
        return [(one.action, one.subject, one.data) for one in reversed(found)]


OPERATOR: Actor = Actor("zhang", permissions_of([Role.OPERATOR]), user_id=1)
SUPERVISOR: Actor = Actor("li", permissions_of([Role.SUPERVISOR]), user_id=2)
HOMELESS = Actor("wang", permissions_of([Role.SUPERVISOR]), user_id=3)
MACHINE = Actor("token", frozenset(Permission))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    settings = Settings(
        _env_file=None, home=tmp_path, outbound_patterns=("_021XXXXXXXX",), trunk_host="10.0.0.1"
    )
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    pbx, live, trail = FakePbx(), Live(floor(CITIZEN, SEAT)), Trail(database)
    told: list[Change] = []
    app = FastAPI()
    install_error_handlers(app)
    carrying_out = CarryingOut(live, FakeSeats(), trail, node="pbx1", first_seat=8001)
    line = LineService(database, pbx, live, publish=told.append)
    cases, rights = SecretCases(), FakeRights()
    hearing = Hearing(
        Voices(cases), rights, live, FakeSeats(), pbx, trail, node="pbx1", first_seat=8001
    )
    shelf_of(app).put(
        line,
        SupervisorService(carrying_out, pbx, FakeLedger(), hearing),
        OperatorService(carrying_out, pbx, FakeLedger(), settings, hearing),
    )
    app.include_router(router)
    app.include_router(own_router)

    @app.middleware("http")
    async def gate(request: Request, call_next: Any) -> Any:
        request.state.who = made.who
        return await call_next(request)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        made = Room(client, pbx, live, trail, line, told, SUPERVISOR, cases, rights, hearing)
        yield made
    await database.close()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# -- supervisors --------------------------------------------------------------------------------


async def test_a_supervisor_listens_from_his_own_seat_and_it_is_noted(room: Room) -> None:
    answer = await room.client.post(f"{URL}/spy", json={"mode": "listen"})
    assert (answer.status_code, answer.json()) == (
        202,
        {"call_id": CALL, "seat": "8002", "done": False},
    )
    assert room.pbx.given == [("spy", "8002", SEAT.name, SpyMode.LISTEN, None)]
    assert await room.notes() == [
        ("steer.listen", f"call:{CALL}", {"seat": "8002", "outcome": "done"})
    ]


async def test_who_listens_changes_the_mode_and_takes_over_at_once(room: Room) -> None:
    room.live.floor = floor(CITIZEN, SEAT, SPY)
    assert (await room.client.post(f"{URL}/spy", json={"mode": "whisper"})).json()["done"]
    assert (await room.client.post(f"{URL}/take-over", json={})).json()["done"]
    assert (await room.client.delete("/api/steering/spy")).status_code == 200
    assert room.pbx.given == [
        ("spy", "8002", SEAT.name, SpyMode.WHISPER, SPY),
        ("take over", "8002", CITIZEN.name, SPY),
        ("hang up", SPY.name, "8002"),
    ]


async def test_what_the_floor_refuses_is_neither_given_nor_noted(room: Room) -> None:
    room.live.floor = floor(CITIZEN, SEAT, s8002="unreachable")
    assert code(await room.client.post(f"{URL}/spy", json={})) == (409, "seat_unreachable")
    assert code(await room.client.post(f"{URL}/front")) == (409, "not_waiting")
    over = "/api/steering/calls/pbx1%3A16.0/end"
    assert code(await room.client.post(over)) == (409, "call_over")
    unknown = "/api/steering/calls/pbx1%3A15.0/end"
    assert code(await room.client.post(unknown)) == (404, "call_not_found")
    assert room.pbx.given == []
    assert await room.notes() == []


async def test_without_a_floor_nothing_is_done(room: Room) -> None:
    room.live.floor = None
    assert code(await room.client.post(f"{URL}/spy", json={})) == (503, "pbx_unavailable")
    assert code(await room.client.post(f"{URL}/end")) == (503, "pbx_unavailable")
    assert code(await room.client.get("/api/own-call")) == (503, "pbx_unavailable")
    assert room.pbx.given == []


async def test_a_command_whose_end_is_not_known_is_noted_so(room: Room) -> None:
    room.pbx.error = PbxTimeout("take-over: not seen in time")
    assert code(await room.client.post(f"{URL}/take-over", json={})) == (504, "pbx_timeout")
    assert await room.notes() == [
        ("steer.take_over", f"call:{CALL}", {"seat": "8002", "outcome": "pbx_timeout"})
    ]
    # And the next one is not blocked by it.
    room.pbx.error = None
    assert (await room.client.post(f"{URL}/take-over", json={})).status_code == 202


async def test_of_two_who_take_over_at_once_one_is_told_so(room: Room) -> None:
    room.pbx.hold_back = asyncio.Event()
    first = asyncio.create_task(room.client.post(f"{URL}/take-over", json={"seat": "8002"}))
    await room.pbx.took.wait()
    second = await room.client.post(f"{URL}/take-over", json={"seat": "8003"})
    assert code(second) == (409, "steering_running")
    room.pbx.hold_back.set()
    assert (await first).status_code == 202
    assert len(room.pbx.given) == 1


async def test_the_order_of_who_waits(room: Room) -> None:
    first, second = waits("40.0", 1), waits("17.0", 2)
    room.live.floor = floor(CITIZEN, waiting=(first, second))
    assert (await room.client.post(f"{URL}/front")).json()["done"]
    moved = await room.client.post(f"{URL}/queue", json={"queue": "english"})
    assert not moved.json()["done"]
    assert code(await room.client.post(f"{URL}/queue", json={"queue": "x"})) == (
        404,
        "queue_not_found",
    )
    assert room.pbx.given == [("front", second.channel), ("queue", second.channel, "english")]


# -- whose phone --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "seat", "expected"),
    [
        (OPERATOR, None, 200),
        (OPERATOR, "8001", 200),
        (OPERATOR, "8002", (403, "not_your_seat")),
        (OPERATOR, "8003", (403, "not_your_seat")),
        (SUPERVISOR, "8001", (403, "not_your_seat")),
        (SUPERVISOR, "8003", 200),
        (HOMELESS, None, (409, "no_seat")),
        (HOMELESS, "8003", 200),
        (MACHINE, "8001", 200),
        (MACHINE, None, (409, "no_seat")),
        (MACHINE, "12", (422, "bad_extension")),
    ],
)
async def test_nobody_commands_another_ones_phone(
    room: Room, who: Actor, seat: str | None, expected: int | tuple[int, str]
) -> None:
    room.who = who
    answer = await room.client.get("/api/own-call", params={"seat": seat} if seat else None)
    assert expected == (answer.status_code if answer.is_success else code(answer))


async def test_an_operator_steers_nobody(room: Room) -> None:
    room.who = OPERATOR
    assert code(await room.client.post(f"{URL}/spy", json={})) == (403, "forbidden")
    answer = await room.client.put("/api/steering/line", json={"state": "closed"})
    assert code(answer) == (403, "forbidden")
    assert room.pbx.given == []


# -- an operator's own call ---------------------------------------------------------------------


async def test_a_call_about_a_case(room: Room) -> None:
    room.who, room.live.floor = OPERATOR, floor()
    body = {"number": "02161234567", "case_number": "20261124-00001"}
    answer = await room.client.post("/api/own-call/dial", json=body)
    assert (answer.status_code, answer.json()["call_id"]) == (202, "pbx1:dial-8001--9.9")
    assert room.pbx.given == [("dial", "8001", "02161234567", "20261124-00001")]
    action, subject, data = (await room.notes())[0]
    assert (action, subject, data["outcome"]) == ("call.dial", "seat:8001", "done")
    # The trail holds no whole number.
    assert "02161234567" not in str(data)


@pytest.mark.parametrize("number", ["02261234567", "8002", "12345", "110", "00852987654321"])
async def test_a_number_that_is_not_allowed_reaches_no_pbx(room: Room, number: str) -> None:
    room.who, room.live.floor = OPERATOR, floor()
    answer = await room.client.post("/api/own-call/dial", json={"number": number})
    assert code(answer) == (422, "target_not_allowed")
    assert room.pbx.given == []


@pytest.mark.parametrize("number", ["021-61234567", "021612345\n67", "", "+8621", "0" * 21])
async def test_what_is_no_number_is_bad_input(room: Room, number: str) -> None:
    room.who = OPERATOR
    answer = await room.client.post("/api/own-call/dial", json={"number": number})
    assert code(answer) == (422, "bad_input")


async def test_a_case_that_does_not_exist_is_not_called_about(room: Room) -> None:
    room.who, room.live.floor = OPERATOR, floor()
    body = {"number": "02161234567", "case_number": "20261124-00009"}
    assert code(await room.client.post("/api/own-call/dial", json=body)) == (404, "case_not_found")
    assert room.pbx.given == []


async def test_a_call_dialled_by_hand_is_said_to_be_about_a_case(room: Room) -> None:
    room.who, room.live.floor = OPERATOR, floor(*BY_HAND)
    body = {"case_number": "20261124-00001"}
    answer = await room.client.post("/api/own-call/case", json=body)
    assert (answer.status_code, answer.json()["call_id"]) == (200, "pbx1:18.1")
    assert room.pbx.given == [("about", "18.1", "8001", "20261124-00001")]
    assert await room.notes() == [
        ("call.link", "seat:8001", {"case": "20261124-00001", "outcome": "done"})
    ]
    unknown = await room.client.post("/api/own-call/case", json={"case_number": "20261124-00009"})
    assert code(unknown) == (404, "case_not_found")
    # A citizen's call has opened a case of its own.
    room.live.floor = floor(CITIZEN, SEAT)
    assert code(await room.client.post("/api/own-call/case", json=body)) == (
        409,
        "no_outbound_call",
    )
    assert len(room.pbx.given) == 1


async def test_hold_mute_pause_join_and_hang_up(room: Room) -> None:
    room.who = OPERATOR

    async def do(step: str) -> httpx.Response:
        return await room.client.post(f"/api/own-call/{step}", json={})

    assert (await do("mute")).is_success
    assert code(await do("mute")) == (409, "muted")
    assert (await do("unmute")).is_success
    assert code(await do("unmute")) == (409, "not_muted")
    assert (await do("recording/pause")).is_success
    assert code(await do("recording/pause")) == (409, "recording_paused")
    state = (await room.client.get("/api/own-call")).json()
    assert (state["state"], state["recording_paused"]) == ("talking", True)
    assert (await do("recording/resume")).is_success
    assert code(await do("recording/resume")) == (409, "recording_not_paused")
    assert (await do("hold")).is_success
    room.live.floor = floor(CITIZEN, SEAT, MUSIC)
    assert (await room.client.get("/api/own-call")).json()["state"] == "holding"
    assert code(await do("mute")) == (409, "held")
    assert (await do("unhold")).is_success
    consulting = type(SEAT)(**{**_fields(SEAT), "bridge": THERE})
    room.live.floor = floor(CITIZEN, consulting, CONSULT)
    assert (await room.client.get("/api/own-call")).json()["state"] == "consulting"
    assert (await do("join")).is_success
    room.live.floor = floor(CITIZEN, SEAT)
    assert (await do("hang-up")).is_success
    room.live.floor = floor()
    assert code(await do("hang-up")) == (409, "no_call")
    assert (await room.client.get("/api/own-call")).json()["state"] == "idle"
    assert [given[0] for given in room.pbx.given] == [
        "mute", "mute", "pause", "pause", "hold", "unhold", "join", "hang up",
    ]  # fmt: skip
    assert len(await room.notes()) == len(room.pbx.given)


def _fields(of: Any) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__slots__}


# -- the line -----------------------------------------------------------------------------------


async def test_closing_tells_who_waits_and_opening_nobody(room: Room) -> None:
    room.live.floor = floor(CITIZEN, waiting=(waits("17.0", 1),))
    answer = await room.client.put("/api/steering/line", json={"state": "message"})
    assert answer.json()["state"] == "message"
    assert answer.json()["applied"]
    assert answer.json()["changed_by"] == "li"
    assert [given[0] for given in room.pbx.given] == ["line", "withdraw"]
    assert [change.topic for change in room.told] == ["steering.line"]
    await room.client.put("/api/steering/line", json={"state": "open"})
    assert [given[0] for given in room.pbx.given] == ["line", "withdraw", "line"]
    assert [(action, data["value"]) for action, _, data in await room.notes()] == [
        ("line.line", "message"),
        ("line.line", "open"),
    ]


async def test_a_closing_that_the_pbx_does_not_hear_is_brought_at_the_next_login(
    room: Room,
) -> None:
    room.pbx.error = PbxUnavailable("no link")
    answer = await room.client.put("/api/steering/line", json={"state": "closed"})
    assert (answer.status_code, answer.json()["applied"]) == (200, False)
    room.pbx.error = None
    assert not (await room.client.get("/api/steering/line")).json()["applied"]
    await room.line.bring()
    assert room.pbx.has["line"] == "closed"
    assert (await room.client.get("/api/steering/line")).json()["applied"]
    # Once more changes nothing.
    given = len(room.pbx.given)
    await room.line.bring()
    assert len(room.pbx.given) == given


async def test_the_announcement_is_switched(room: Room) -> None:
    answer = await room.client.put("/api/steering/line/announcement", json={"on": True})
    assert (answer.json()["announcement"], answer.json()["state"]) == (True, "open")
    assert room.pbx.has["announcement"] == "on"
    answer = await room.client.put("/api/steering/line/announcement", json={"on": False})
    assert not answer.json()["announcement"]


async def test_every_note_of_the_trail_is_written_before_the_answer(room: Room) -> None:
    await room.trail.note(Entry("test", "nothing"))
    await room.client.post(f"{URL}/end")
    assert [action for action, _, _ in await room.notes()] == ["test", "steer.end"]
