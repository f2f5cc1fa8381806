"""What the view shows: seats and their clocks, masks, the lost link; and who may watch."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError
from starlette.types import Receive, Scope, Send

from callcenter.people.access.rights import Actor
from callcenter.people.domain.permissions import Role, permissions_of
from callcenter.platform.broadcast import Broadcast, Change
from callcenter.platform.db.engine import Database
from callcenter.platform.db.unavailable import DatabaseUnavailable
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.domain.floor import (
    Channel,
    ChannelBegan,
    ChannelEnded,
    ChannelState,
    DeviceChanged,
    DeviceState,
    Floor,
    Member,
    WaitingCaller,
    apply,
    snapshot,
)
from callcenter.telephony.domain.ids import Linkedid, Uniqueid
from callcenter.telephony.domain.ledger import Direction, LedgerChanges
from callcenter.workforce.live.endpoints import router
from callcenter.workforce.live.seat_state import SeatState
from callcenter.workforce.live.view import Sight
from tests.unit.insight.reports.ledgers import MIDNIGHT, call_row
from tests.unit.workforce.live.house import ALL, MASKED, Neighbours, Screen, body, live_service

NO_DATABASE = Database("sqlite+aiosqlite://")
NUMBER = "13800138000"
CALLER = WaitingCaller(
    "12345", Uniqueid("17.1"), "PJSIP/trunk-1", NUMBER, f"张三 {NUMBER}", MIDNIGHT.timestamp(), 1
)


def leg(state: ChannelState, bridge: str = "") -> Channel:
    return Channel(
        Uniqueid("17.2"), "PJSIP/8001-00000001", Linkedid("17.1"), state, "8001", "", NUMBER, "",
        bridge,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("device", "legs", "expected"),
    [
        (DeviceState.IDLE, (), SeatState.IDLE),
        (DeviceState.UNREACHABLE, (), SeatState.UNREACHABLE),
        (DeviceState.RINGING, (), SeatState.RINGING),
        (DeviceState.RINGING, (leg(ChannelState.RINGING),), SeatState.RINGING),
        (DeviceState.TALKING, (leg(ChannelState.UP, "b1"),), SeatState.TALKING),
        (DeviceState.UNREACHABLE, (leg(ChannelState.UP, "b1"),), SeatState.TALKING),
        (DeviceState.ON_HOLD, (leg(ChannelState.UP, "b1"),), SeatState.ON_HOLD),
        (DeviceState.TALKING, (leg(ChannelState.DIALLING),), SeatState.DIALLING),
    ],
)
async def test_what_a_seat_does(
    device: DeviceState, legs: tuple[Channel, ...], expected: SeatState
) -> None:
    neighbours = Neighbours(snapshot([DeviceChanged("8001", device), *legs]))
    service = live_service(neighbours, NO_DATABASE)
    await service.step()
    seat = body(service, ALL)["items"]["seats"]["8001"]
    assert seat["state"] == expected
    assert seat["caller_number"] == (NUMBER if legs else "")


async def test_a_seat_that_holds_over_the_api_is_shown_as_holding_until_it_talks_again() -> None:
    """Its phone knows of nothing: only the leg of music says so, which no seat's endpoint has."""
    talking = snapshot([DeviceChanged("8001", DeviceState.TALKING), leg(ChannelState.UP, "b1")])
    music = Channel(
        Uniqueid("hold-8001--17.1"), "Local/music@steer-hold-00000001;1", Linkedid("17.1"),
        ChannelState.UP, "", "", "", "", "",
    )  # fmt: skip
    neighbours = Neighbours(talking)
    service = live_service(neighbours, NO_DATABASE)
    seen = []
    for floor in (
        talking,
        apply(talking, ChannelBegan(music)),
        apply(apply(talking, ChannelBegan(music)), ChannelEnded(music.uniqueid)),
    ):
        neighbours.floor = floor
        await service.step()
        seen.append(body(service, ALL)["items"]["seats"]["8001"]["state"])
    assert seen == ["talking", "on_hold", "talking"]


IDLE = snapshot([DeviceChanged("8001", DeviceState.IDLE)])


@pytest.mark.parametrize(
    "changed",
    [replace(IDLE, refusing=frozenset({"8001"})), replace(IDLE, usurped=frozenset({"8001"}))],
)
async def test_a_phone_that_cannot_be_called_is_shown_without_any_word_of_the_pbx(
    changed: Floor,
) -> None:
    neighbours = Neighbours(IDLE)
    service = live_service(neighbours, NO_DATABASE)
    seen = []
    for neighbours.floor in (IDLE, changed, IDLE):
        await service.step()
        seat = body(service, ALL)["items"]["seats"]["8001"]
        seen.append((seat["state"], seat["refuses_sound"] or seat["usurped"]))
    assert seen == [("idle", False), ("unreachable", True), ("idle", False)]


async def test_a_seats_clock_begins_when_its_state_does() -> None:
    neighbours = Neighbours(snapshot([DeviceChanged("8001", DeviceState.IDLE)]))
    service = live_service(neighbours, NO_DATABASE)
    await service.step()

    def clock() -> Any:
        return body(service, ALL)["items"]["seats"]["8001"]["since"]

    assert clock() == "2026-11-24T04:00:00Z"  # Nothing else is known of it.
    neighbours.now += timedelta(seconds=7)
    neighbours.floor = snapshot([DeviceChanged("8001", DeviceState.RINGING)])
    await service.step()
    rang = clock()
    assert rang == "2026-11-24T04:00:07Z"
    neighbours.now += timedelta(seconds=9)
    paused = Member("12345", "PJSIP/8001", "王芳", 0, True, "meal", True)
    neighbours.floor = snapshot([DeviceChanged("8001", DeviceState.RINGING), paused])
    await service.step()
    seat = body(service, ALL)["items"]["seats"]["8001"]
    assert (seat["since"], seat["paused"], seat["paused_reason"]) == (rang, True, "meal")


async def test_a_database_that_is_away_ends_no_view(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service = live_service(Neighbours(snapshot([CALLER])), NO_DATABASE)
    await service.step()
    shown = body(service, ALL)

    async def away() -> bool:
        raise OperationalError("SELECT 1", {}, OSError("the database is away"))

    monkeypatch.setattr(service._book, "rebuilt", away)
    await service.look_at_ledger()
    assert "the database is away" in caplog.text
    assert body(service, ALL) == shown


@pytest.mark.parametrize("part", ["_agents", "_thresholds", "_confidential", "_callbacks"])
@pytest.mark.parametrize("error", [OSError("away"), DatabaseUnavailable("away")], ids=repr)
async def test_what_cannot_be_read_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, part: str, error: Exception
) -> None:
    """The floor goes on as the PBX does, and what was read last is shown beside it."""
    neighbours = Neighbours(snapshot([DeviceChanged("8001", DeviceState.IDLE)]))
    neighbours.agents = {"7": {"name": "wang"}}
    service = live_service(neighbours, NO_DATABASE)
    await service.step()
    before = getattr(service, part)

    class Broken:
        async def __call__(self, *_what: object) -> object:
            raise error

        counts = __call__

    monkeypatch.setattr(service, part, Broken())
    for state in (DeviceState.RINGING, DeviceState.UNREACHABLE):
        service._all_stale()
        assert neighbours.floor is not None
        neighbours.floor = apply(neighbours.floor, DeviceChanged("8001", state))
        assert await service.step()
        items = body(service, ALL)["items"]
        assert items["seats"]["8001"]["state"] == state.value
        assert items["agents"] == {"7": {"name": "wang"}}
    told = [one for one in caplog.records if "cannot be read" in one.message]
    # Where no call is open nobody is asked whose citizen is hidden.
    assert len(told) == (0 if part == "_confidential" else 1)
    monkeypatch.setattr(service, part, before)
    neighbours.agents = {"8": {"name": "li"}}
    service.note(Change("agent.state", {}))
    await service.step()
    assert body(service, ALL)["items"]["agents"] == {"8": {"name": "li"}}
    assert not service._stale


async def test_a_batch_that_the_floor_cannot_follow_is_read_from_the_ledger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = live_service(Neighbours(snapshot([CALLER])), NO_DATABASE)
    await service.step()
    read: list[int] = []

    async def load() -> LedgerChanges:
        read.append(1)
        return LedgerChanges()

    async def rebuilt() -> bool:
        return False

    monkeypatch.setattr(service._book, "take", lambda _changes: 1 / 0)
    monkeypatch.setattr(service._book, "load", load)
    monkeypatch.setattr(service._book, "rebuilt", rebuilt)
    await service.look_at_ledger()
    assert read == []
    service.take(LedgerChanges())
    await service.look_at_ledger()
    await service.look_at_ledger()
    assert read == [1]


async def test_without_a_link_nobody_is_shown_as_waiting() -> None:
    neighbours = Neighbours(snapshot([CALLER, DeviceChanged("8001", DeviceState.IDLE)]))
    service = live_service(neighbours, NO_DATABASE)
    await service.step()
    items = body(service, ALL)["items"]
    assert (items["pbx"]["link"]["up"], list(items["waiting"])) == (True, ["17.1"])
    assert items["waiting"]["17.1"]["call_id"] == "pbx1:17.1"
    neighbours.floor = None
    assert await service.step()
    items = body(service, ALL)["items"]
    assert (items["pbx"]["link"]["up"], items["waiting"], items["seats"]) == (False, {}, {})


async def test_numbers_are_masked_in_snapshots_and_events() -> None:
    neighbours = Neighbours(None)
    service = live_service(neighbours, NO_DATABASE)
    screens = {sight: Screen(service, sight) for sight in (ALL, MASKED)}
    for screen in screens.values():
        await screen.take()
    neighbours.floor = snapshot([CALLER, leg(ChannelState.UP, "b1")])
    call = call_row(1, MIDNIGHT, caller_number=NUMBER, queue="12345")
    dialled = replace(
        call_row(2, MIDNIGHT, caller_number="8001", called_number=NUMBER, seat=NUMBER),
        direction=Direction.OUTBOUND,
    )
    service._book.take(LedgerChanges(calls=(call, dialled)))
    await service.step()
    for screen in screens.values():
        await screen.take()
    for sight in (ALL, MASKED):
        for text in (json.dumps(body(service, sight)), json.dumps(screens[sight].items)):
            assert (NUMBER in text) == sight.numbers
    assert screens[MASKED].items["waiting"]["17.1"]["position"] == 1


async def test_the_citizen_of_a_confidential_case_is_hidden() -> None:
    neighbours = Neighbours(None)
    service = live_service(neighbours, NO_DATABASE)
    call = call_row(1, MIDNIGHT, caller_number=NUMBER, queue="12345", answered_at=MIDNIGHT)
    service._book.take(LedgerChanges(calls=(call,)))
    await service.step()
    supervisor = Sight(numbers=True, confidential=False)
    assert body(service, supervisor)["items"]["calls"][call.id]["caller_number"] == NUMBER
    neighbours.hidden = frozenset({call.id})
    service.note(Change("case.edited"))
    await service.step()
    item = body(service, supervisor)["items"]["calls"][call.id]
    assert (item["caller_number"], item["confidential"]) == ("", True)
    assert body(service, ALL)["items"]["calls"][call.id]["caller_number"] == NUMBER


async def test_a_hidden_citizen_is_hidden_at_his_seat_and_in_the_queue_too() -> None:
    """He talks, and is then sent back into a queue: the same call, the same case."""
    waits = replace(CALLER, uniqueid=Uniqueid("17.1"))
    neighbours = Neighbours(snapshot([waits, leg(ChannelState.UP, "b1")]))
    service = live_service(neighbours, NO_DATABASE)
    call = call_row(1, MIDNIGHT, id="pbx1:17.1", caller_number=NUMBER, queue="12345")
    service.take(LedgerChanges(calls=(call,)))
    neighbours.hidden = frozenset({call.id})
    supervisor = Sight(numbers=True, confidential=False)
    screen = Screen(service, supervisor)
    await screen.take()
    for text in (json.dumps(body(service, supervisor)), json.dumps(screen.items)):
        assert NUMBER not in text
        assert "张三" not in text
    assert body(service, ALL)["items"]["seats"]["8001"]["caller_number"] == NUMBER
    neighbours.hidden = frozenset()
    service.note(Change("case.edited"))
    await service.step()
    await screen.take()
    assert screen.items["seats"]["8001"]["caller_number"] == NUMBER
    assert screen.items["waiting"]["17.1"]["caller_number"] == NUMBER
    await screen.close()


async def test_what_others_publish_reaches_no_watcher() -> None:
    """``case.opened`` and its like carry whole numbers: they wake the view, and are not sent."""
    broadcast = Broadcast()
    service = live_service(Neighbours(None), NO_DATABASE, broadcast)
    await service.step()
    events = service.watch(MASKED, None, 0.2)
    told = [await anext(events)]
    for topic in ("case.opened", "case.edited", "callback.changed", "live.other"):
        broadcast.publish(Change(topic, {"caller_number": NUMBER, "frame": NUMBER}))
    told += [text async for text in events]
    assert len(told) == 1
    assert NUMBER.encode() not in told[0]


@pytest.mark.parametrize(
    ("role", "status", "whole"),
    [
        (Role.SUPERVISOR, 200, True),
        (Role.ANALYST, 200, False),
        (Role.LEADER, 200, False),
        (Role.ADMIN, 200, True),
        (Role.OPERATOR, 403, False),
        (Role.UNIT_USER, 403, False),
    ],
)
async def test_who_may_see_the_floor(role: Role, status: int, whole: bool) -> None:
    service = live_service(Neighbours(snapshot([CALLER])), NO_DATABASE)
    await service.step()
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    shelf_of(app).put(service)
    who = Actor("chen", permissions_of([role]), frozenset({role}))

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["who"] = who
        await app(scope, receive, send)

    transport = httpx.ASGITransport(gate)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        answer = await client.get("/api/live")
        assert answer.status_code == status
        assert (NUMBER in answer.text) == whole
        if status != 200:
            assert (await client.get("/api/live/stream")).status_code == status
