"""Transfers over the API: who may be sent where, by which seat, and what is told if not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from callcenter.people.access.actor import Actor
from callcenter.people.domain.permissions import Role
from callcenter.people.trail.models import TrailEntry
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.errors import PbxRefused
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.calls.models import Call, Talk
from callcenter.telephony.domain.floor import Channel, ChannelState, DeviceState, Floor
from callcenter.telephony.domain.ids import Linkedid, Uniqueid
from callcenter.telephony.seats.service import SeatChanges, SeatService
from callcenter.telephony.transfers.endpoints import router
from callcenter.telephony.transfers.service import TransferService
from tests.unit.asking import Door, let_in, person

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
CALL = "pbx1:17.0"
TALK, ASK = "talk", "ask"


def leg(uniqueid: str, name: str, bridge: str, state: ChannelState = ChannelState.UP) -> Channel:
    return Channel(Uniqueid(uniqueid), name, Linkedid("17.0"), state, "", "", "", "", bridge)


CALLER = leg("17.0", "PJSIP/trunk-00000000", TALK)
SEAT = leg("17.1", "PJSIP/8001-00000001", TALK)
CONSULTING = replace(SEAT, bridge=ASK)
ASKED = leg("17.2", "Local/8002@seat-transfer-00000000;1", ASK, ChannelState.RINGING)


@dataclass
class Live:
    floor: Floor | None = None

    def show(self, *legs: Channel) -> None:
        devices = {"8001": DeviceState.TALKING, "8002": DeviceState.IDLE}
        self.floor = Floor({one.uniqueid: one for one in legs}, {}, {}, devices)


@dataclass
class Recorder:
    """A PBX that takes every command at once."""

    given: list[tuple[str, ...]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    """Wait for it before answering."""
    took: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    async def _take(self, *command: str) -> None:
        self.given.append(command)
        self.took.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.error is not None:
            raise self.error

    async def blind_transfer(self, seat_channel: str, target: str) -> None:
        await self._take("blind", seat_channel, target)

    async def start_attended_transfer(self, seat_channel: str, target: str) -> None:
        await self._take("attended", seat_channel, target)

    async def complete_attended_transfer(self, seat_channel: str) -> None:
        await self._take("complete", seat_channel)

    async def cancel_attended_transfer(self, seat_channel: str) -> None:
        await self._take("cancel", seat_channel)

    async def hang_up(self, channel: str) -> None:
        await self._take("hang up", channel)


@dataclass
class Desk:
    client: httpx.AsyncClient
    database: Database
    seats: SeatService
    live: Live
    pbx: Recorder
    door: Door
    sits: dict[int, str] = field(default_factory=dict)
    """Who is logged in where."""

    async def seat_of(self, user_id: int) -> str | None:
        return self.sits.get(user_id)

    async def post(self, step: str = "", call_id: str = CALL, **body: Any) -> httpx.Response:
        url = f"/api/calls/{quote(call_id, safe='')}/transfer{step}"
        return await self.client.post(url, json=body or None)

    async def talk(self, serial: int, seat: str, channel: Channel, *, ended: bool = False) -> None:
        at = NOON + timedelta(minutes=serial)
        async with self.database.writing() as session:
            session.add(
                Talk(
                    id=f"{CALL}/t{serial}", call_id=CALL, seat=seat, channel=channel.uniqueid,
                    channel_name=channel.name, via="queue", started_at=at,
                    ended_at=at if ended else None, ended_by="transfer" if ended else None,
                )
            )  # fmt: skip


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A caller talks with 8001; 8002 is free, 8003 has no phone, 8004 is disabled."""
    settings = Settings(home=tmp_path, seats=4, outbound_patterns=("_139XXXXXXXX",))
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    seats, live, pbx = SeatService(database, settings), Live(), Recorder()
    await seats.ensure_first()
    await seats.change("8004", SeatChanges(enabled=False), actor="test")
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    door = let_in(app, database, settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        made = Desk(client, database, seats, live, pbx, door)
        shelf_of(app).put(TransferService(database, settings, pbx, live, seats, made.seat_of))
        async with database.writing() as session:
            session.add(
                Call(
                    id=CALL, node="pbx1", linkedid="17.0", direction="inbound",
                    caller_number="139", caller_name="", called_number="12345",
                    started_at=NOON, answered_at=NOON, ended_at=None, ended_by=None,
                    outcome="in_progress", route="queue", queue="12345", seat="8001",
                    first_seat="8001",
                )
            )  # fmt: skip
        await made.talk(1, "8001", SEAT)
        live.show(CALLER, SEAT)
        yield made
    await database.close()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("kind", ["blind", "attended"])
@pytest.mark.parametrize("target", ["8002", "12345", "13912345678"])
async def test_the_pbx_is_told_once_with_the_seats_leg(desk: Desk, kind: str, target: str) -> None:
    answer = await desk.post(kind=kind, target=target)
    assert answer.status_code == 202
    assert answer.json() == {"call_id": CALL, "kind": kind, "target": target, "from_seat": "8001"}
    assert desk.pbx.given == [(kind, SEAT.name, target)]
    async with desk.database.reading() as session:
        about = select(TrailEntry).where(TrailEntry.subject == f"call:{CALL}")
        noted = (await session.scalars(about)).one()
    assert noted.action == f"call.transfer_{kind}"
    assert "13912345678" not in str(noted.data)


STEPS: tuple[tuple[str, dict[str, str]], ...] = (
    ("", {"kind": "blind", "target": "8002"}),
    ("/complete", {}),
    ("/cancel", {}),
)


@pytest.mark.parametrize("sits", [None, "8002"])
async def test_nobody_sends_on_the_caller_of_anothers_seat(desk: Desk, sits: str | None) -> None:
    desk.door.who = person("li.na", Role.OPERATOR, user_id=7)
    if sits is not None:
        desk.sits[7] = sits
    for step, body in STEPS:
        assert code(await desk.post(step, **body)) == (403, "not_your_seat")
    assert desk.pbx.given == []
    desk.sits[7] = "8001"
    assert (await desk.post(kind="blind", target="8002")).status_code == 202


@pytest.mark.parametrize(
    "who", [person("chief", Role.SUPERVISOR), person("machine", Role.OPERATOR, user_id=None)]
)
async def test_supervisors_and_machines_send_on_any_caller(desk: Desk, who: Actor) -> None:
    desk.door.who = who
    assert (await desk.post(kind="blind", target="8002")).status_code == 202


@pytest.mark.parametrize(
    "target", ["9001", "0085212345678", "80010", "8oo2", "８００２", "*2", "1"]
)
async def test_nobody_is_sent_where_the_dialplan_does_not_go(desk: Desk, target: str) -> None:
    for kind in ("blind", "attended"):
        assert code(await desk.post(kind=kind, target=target)) == (422, "target_not_allowed")
    assert desk.pbx.given == []


@pytest.mark.parametrize(
    ("target", "reason"), [("8099", "unknown"), ("8004", "disabled"), ("8003", "unreachable")]
)
async def test_a_seat_that_cannot_be_called_is_named_with_its_reason(
    desk: Desk, target: str, reason: str
) -> None:
    answer = await desk.post(kind="attended", target=target)
    assert code(answer) == (409, "target_unreachable")
    assert answer.json()["error"]["details"] == {"target": target, "reason": reason}
    assert desk.pbx.given == []


async def test_nobody_is_sent_to_the_seat_that_has_him(desk: Desk) -> None:
    assert code(await desk.post(kind="blind", target="8001")) == (409, "target_is_sender")


async def test_a_call_that_is_not_known_is_not_found(desk: Desk) -> None:
    for step, body in (
        ("", {"kind": "blind", "target": "8002"}),
        ("/complete", {}),
        ("/cancel", {}),
    ):
        answer = await desk.post(step, "pbx1:99.9", **body)
        assert code(answer) == (404, "call_not_found")


async def test_a_body_that_makes_no_sense_is_refused(desk: Desk) -> None:
    for body in ({"kind": "warm", "target": "8002"}, {"kind": "blind"}, {"target": "8002"}):
        assert code(await desk.post(**body)) == (422, "bad_input")


async def test_the_seat_that_took_over_is_the_sender(desk: Desk) -> None:
    second = leg("17.3", "PJSIP/8002-00000003", TALK)
    await desk.talk(2, "8002", second)
    desk.live.show(CALLER, second)
    answer = await desk.post(kind="blind", target="8001")
    assert answer.json()["from_seat"] == "8002"
    assert desk.pbx.given == [("blind", second.name, "8001")]


NOT_TALKING = {
    "the seat's leg is gone": (CALLER,),
    "the seat has left, its target still rings": (CALLER, replace(SEAT, bridge="")),
    "the seat is alone in its bridge": (replace(CALLER, bridge=""), SEAT),
    "an outside number talks": (CALLER, replace(SEAT, name="PJSIP/trunk-00000001")),
}


@pytest.mark.parametrize("legs", NOT_TALKING.values(), ids=NOT_TALKING)
async def test_what_the_floor_does_not_confirm_is_not_done(
    desk: Desk, legs: tuple[Channel, ...]
) -> None:
    desk.live.show(*legs)
    assert code(await desk.post(kind="blind", target="8002")) == (409, "not_talking")
    assert desk.pbx.given == []


async def test_a_call_that_is_over_has_nobody_who_talks(desk: Desk) -> None:
    async with desk.database.writing() as session:
        talk = await session.get(Talk, f"{CALL}/t1")
        assert talk is not None
        talk.ended_at = NOON
    assert code(await desk.post(kind="blind", target="8002")) == (409, "not_talking")


async def test_a_seat_consults_one_at_a_time(desk: Desk) -> None:
    desk.live.show(CALLER, CONSULTING, ASKED)
    for kind in ("blind", "attended"):
        assert code(await desk.post(kind=kind, target="12345")) == (409, "consult_running")
    assert desk.pbx.given == []


@pytest.mark.parametrize("step", ["complete", "cancel"])
async def test_a_consult_is_completed_or_cancelled_by_the_one_who_asked(
    desk: Desk, step: str
) -> None:
    desk.live.show(CALLER, CONSULTING, ASKED)
    answer = await desk.post(f"/{step}")
    assert answer.status_code == 202
    assert answer.json() == {
        "call_id": CALL,
        "kind": "attended",
        "target": "8002",
        "from_seat": "8001",
    }
    assert desk.pbx.given == [(step, SEAT.name)]


@pytest.mark.parametrize("step", ["complete", "cancel"])
async def test_without_a_consult_there_is_nothing_to_end(desk: Desk, step: str) -> None:
    assert code(await desk.post(f"/{step}")) == (409, "no_consult")
    assert desk.pbx.given == []


async def test_two_commands_for_one_call_do_not_type_into_each_other(desk: Desk) -> None:
    desk.pbx.hold = asyncio.Event()
    first = asyncio.create_task(desk.post(kind="attended", target="8002"))
    await desk.pbx.took.wait()
    assert code(await desk.post(kind="attended", target="12345")) == (409, "transfer_running")
    assert code(await desk.post("/cancel")) == (409, "transfer_running")
    desk.pbx.hold.set()
    assert (await first).status_code == 202
    assert len(desk.pbx.given) == 1
    assert (await desk.post(kind="blind", target="8002")).status_code == 202


async def test_what_the_pbx_says_is_passed_on_and_blocks_nothing(desk: Desk) -> None:
    desk.pbx.error = PbxRefused("transfer to 8002: the PBX says: no")
    assert code(await desk.post(kind="blind", target="8002")) == (409, "pbx_refused")
    desk.pbx.error = None
    assert (await desk.post(kind="blind", target="8002")).status_code == 202


async def test_without_a_link_nothing_is_done(desk: Desk) -> None:
    desk.live.floor = None
    for step, body in (
        ("", {"kind": "blind", "target": "8002"}),
        ("/complete", {}),
        ("/cancel", {}),
    ):
        assert code(await desk.post(step, **body)) == (503, "pbx_unavailable")
    assert desk.pbx.given == []
