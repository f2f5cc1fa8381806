"""Call-backs in the hands of agents: offered in order, taken once, dialled, finished; over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from callcenter.people.access.rights import Actor, acting
from callcenter.people.citizens import ConfidentialCalls
from callcenter.people.domain.permissions import Role, permissions_of
from callcenter.people.trail.service import Trail
from callcenter.platform.errors import (
    CallcenterError,
    NotFound,
    PbxRefused,
    PbxTimeout,
    PbxUnavailable,
)
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.domain.ledger import Outcome
from callcenter.workforce.agents.sitting import Sitting
from callcenter.workforce.callbacks.endpoints import router
from callcenter.workforce.callbacks.service import Agent, CallbackService
from tests.unit.workforce.callbacks.house import LI, NOW, NUMBER, WANG, House, leg, waits

Client = httpx.AsyncClient


@asynccontextmanager
async def client_of(house: House, name: str, *roles: Role) -> AsyncIterator[Client]:
    """The API as somebody with `roles` sees it."""
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    shelf = shelf_of(app)
    shelf.put(house.settings, house.callbacks)
    shelf.put_as(Trail, house.trail)
    shelf.put_as(ConfidentialCalls, None)
    who = Actor(name, permissions_of(roles), frozenset(roles))

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["who"] = who
        with acting(who):
            await app(scope, receive, send)

    transport = httpx.ASGITransport(gate)
    async with Client(transport=transport, base_url="http://service") as client:
        yield client


@pytest.fixture
async def wang(house: House) -> AsyncIterator[Client]:
    async with client_of(house, "wang", Role.OPERATOR) as client:
        yield client


@pytest.fixture
async def supervisor(house: House) -> AsyncIterator[Client]:
    async with client_of(house, "chen", Role.SUPERVISOR) as client:
        yield client


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


async def refused(call: Any) -> str:
    with pytest.raises(CallcenterError) as error:
        await call
    return error.value.error_code


# -- order ----------------------------------------------------------------------------------------


async def test_free_agents_are_offered_tasks_in_order(house: House) -> None:
    gave_up_first = await house.missed(ago=30, number="13800000001")
    gave_up_later = await house.missed(ago=20, number="13800000002")
    asked = await house.missed(Outcome.CALLBACK, ago=10, number="13800000003")
    got = [await house.callbacks.next(Agent(f"agent{index}")) for index in range(4)]
    ids = [offer.task.task.id if offer.task else None for offer in got]
    assert ids == [asked.id, gave_up_first.id, gave_up_later.id, None]
    assert [offer.open for offer in got] == [3, 3, 3, 3]


async def test_many_agents_at_once_get_different_tasks(house: House) -> None:
    for serial in range(5):
        await house.missed(ago=10 + serial, number=f"1380000000{serial}")
    offers = await asyncio.gather(
        *(house.callbacks.next(Agent(f"agent{index}")) for index in range(8))
    )
    ids = [offer.task.task.id for offer in offers if offer.task]
    assert len(ids) == len(set(ids)) == 5


async def test_what_an_agent_holds_comes_again_before_anything_else(house: House) -> None:
    first = await house.missed(ago=30, number="13800000001")
    await house.missed(ago=20, number="13800000002")
    for _ in range(2):
        offer = await house.callbacks.next(WANG)
        assert offer.task is not None
        assert offer.task.task.id == first.id


async def test_those_who_wait_go_before_those_who_gave_up_but_not_before_a_kept_place(
    house: House,
) -> None:
    await house.missed(ago=30, number="13800000001")
    asked = await house.missed(Outcome.CALLBACK, ago=10, number="13800000002")
    house.live.show(waits(NOW - timedelta(minutes=20)))
    assert (await house.callbacks.next(WANG)).task is None
    house.live.show(waits(NOW - timedelta(minutes=5)))
    offer = await house.callbacks.next(WANG)
    assert offer.task is not None
    assert offer.task.task.id == asked.id
    assert (await house.callbacks.next(LI)).task is None


async def test_a_forgotten_task_is_offered_again(house: House) -> None:
    task = await house.missed()
    await house.callbacks.take(task.id, WANG)
    assert (await house.callbacks.next(LI)).task is None
    house.now += timedelta(minutes=31)
    offer = await house.callbacks.next(LI)
    assert offer.task is not None
    assert offer.task.task.taken_by == "li"
    assert await refused(house.callbacks.release(task.id, WANG)) == "callback_taken"


# -- dialling -------------------------------------------------------------------------------------


async def test_dialling_rings_the_seat_and_then_the_citizen(house: House, wang: Client) -> None:
    task = await house.missed()
    await wang.post(f"/api/callbacks/{task.id}/take")
    answer = await wang.post(f"/api/callbacks/{task.id}/dial", json={"seat": "8001"})
    assert answer.status_code == 202
    body = answer.json()
    assert house.dialler.dialled == [(body["call_id"], "8001", NUMBER)]
    assert body["task"]["attempts"] == 1
    assert [one["call_id"] for one in body["task"]["tries"]] == [body["call_id"]]


Change = Callable[[House], None]


def _idle(_house: House) -> None:
    pass


@pytest.mark.parametrize(
    ("number", "seat", "change", "expected"),
    [
        ("02161234567", "8001", _idle, "number_not_allowed"),
        (NUMBER, None, _idle, "no_seat"),
        (NUMBER, "8002", _idle, "seat_unreachable"),
        (NUMBER, "8001", lambda house: house.live.show(leg("8001")), "seat_busy"),
        (NUMBER, "8001", lambda house: setattr(house.live, "floor", None), "pbx_unavailable"),
    ],
)
async def test_what_cannot_be_dialled_is_refused_and_costs_no_attempt(
    house: House, number: str, seat: str | None, change: Change, expected: str
) -> None:
    task = await house.missed(number=number)
    await house.callbacks.take(task.id, WANG)
    change(house)
    assert await refused(house.callbacks.dial(task.id, WANG, seat)) == expected
    detail = await house.callbacks.get(task.id)
    assert (detail.task.attempts, detail.attempts, house.dialler.dialled) == (0, [], [])


async def test_without_outside_numbers_it_is_said_so(house: House) -> None:
    task = await house.missed()
    await house.callbacks.take(task.id, WANG)
    for left_out in ({"outbound_patterns": ()}, {"trunk_host": ""}):
        settings = house.settings.model_copy(update=left_out)
        closed = CallbackService(house.database, settings, house.dialler, house.live)
        assert await refused(closed.dial(task.id, WANG, "8001")) == "outbound_off"


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [
        (PbxUnavailable("down"), 0),
        (PbxRefused("no"), 0),
        (PbxTimeout("perhaps"), 1),  # It may ring: to count none would be to call for ever.
    ],
)
async def test_an_attempt_counts_unless_it_surely_was_none(
    house: House, fault: CallcenterError, attempts: int
) -> None:
    task = await house.missed()
    await house.callbacks.take(task.id, WANG)
    house.dialler.fault = fault
    assert await refused(house.callbacks.dial(task.id, WANG, "8001")) == fault.error_code
    detail = await house.callbacks.get(task.id)
    assert (detail.task.attempts, len(detail.attempts)) == (attempts, attempts)


class Seats(Sitting):
    """Who sits where."""

    def __init__(self) -> None:
        """No agents stand behind it."""

    async def seat_of(self, user_id: int) -> str | None:
        return {7: "8001"}.get(user_id)

    async def is_busy(self, user_id: int) -> bool:
        return user_id == 8


async def test_who_works_on_a_call_is_offered_none(house: House) -> None:
    house.callbacks = CallbackService(
        house.database, house.settings, house.dialler, house.live, seats=Seats(),
        clock=lambda: house.now,
    )  # fmt: skip
    task = await house.missed()
    assert await refused(house.callbacks.next(Agent("li", 8))) == "agent_busy"
    offer = await house.callbacks.next(Agent("wang", 7))
    assert offer.task is not None
    assert offer.task.task.id == task.id


async def test_an_agent_rings_his_own_phone_and_no_other(house: House) -> None:
    house.callbacks = CallbackService(
        house.database, house.settings, house.dialler, house.live, seats=Seats(),
        clock=lambda: house.now,
    )  # fmt: skip
    task = await house.missed()
    me = Agent("wang", 7)
    await house.callbacks.take(task.id, me)
    assert await refused(house.callbacks.dial(task.id, me, "8002")) == "not_your_seat"
    assert (await house.callbacks.dial(task.id, me, None)).seat == "8001"


# -- the end --------------------------------------------------------------------------------------


async def test_later_is_offered_again_when_it_is_time(house: House, wang: Client) -> None:
    task = await house.missed()
    await wang.post(f"/api/callbacks/{task.id}/take")
    await wang.post(f"/api/callbacks/{task.id}/dial", json={"seat": "8001"})
    body = {"result": "later", "outcome": "no_answer", "note": "无人接听"}
    later = (await wang.post(f"/api/callbacks/{task.id}/result", json=body)).json()
    assert (later["status"], later["taken_by"], later["outcome"]) == ("open", "", "no_answer")
    assert later["tries"][0]["note"] == "无人接听"
    assert (await wang.post("/api/callbacks/next")).json()["task"] is None
    house.now += timedelta(minutes=30)
    assert (await wang.post("/api/callbacks/next")).json()["task"]["id"] == task.id


async def test_after_the_last_attempt_it_has_failed(house: House, wang: Client) -> None:
    task = await house.missed()
    for attempt in range(1, 4):
        house.now += timedelta(hours=1)
        await wang.post(f"/api/callbacks/{task.id}/take")
        await wang.post(f"/api/callbacks/{task.id}/dial", json={"seat": "8001"})
        if attempt == 3:
            again = await wang.post(f"/api/callbacks/{task.id}/dial", json={"seat": "8001"})
            assert code(again) == "callback_no_attempts"
        body = {"result": "later", "outcome": "busy"}
        answer = (await wang.post(f"/api/callbacks/{task.id}/result", json=body)).json()
    assert (answer["status"], answer["attempts"], len(answer["tries"])) == ("failed", 3, 3)
    assert code(await wang.post(f"/api/callbacks/{task.id}/take")) == "callback_closed"


async def test_an_outcome_is_kept_with_its_case(house: House) -> None:
    class Cases:
        async def get(self, number: str) -> object:
            if number != "20261124-00001":
                raise NotFound("no such case", code="case_not_found")
            return object()

    house.callbacks = CallbackService(
        house.database, house.settings, house.dialler, house.live, cases=Cases(),
        clock=lambda: house.now,
    )  # fmt: skip
    task = await house.missed()
    async with client_of(house, "wang", Role.OPERATOR) as wang:
        await wang.post(f"/api/callbacks/{task.id}/take")
        body = {"result": "done", "outcome": "reached", "case_number": "20261124-00002"}
        path = f"/api/callbacks/{task.id}/result"
        assert code(await wang.post(path, json=body)) == "case_not_found"
        done = (await wang.post(path, json={**body, "case_number": "20261124-00001"})).json()
        assert (done["status"], done["case_number"]) == ("done", "20261124-00001")
        assert code(await wang.post(path, json=body | {"case_number": None})) == "callback_closed"


async def test_steps_need_the_task_in_hand(house: House, wang: Client) -> None:
    task = await house.missed()
    body = {"result": "done", "outcome": "reached"}
    path = f"/api/callbacks/{task.id}"
    assert code(await wang.post(f"{path}/result", json=body)) == "callback_not_taken"
    assert code(await wang.post(f"{path}/dial", json={"seat": "8001"})) == "callback_not_taken"
    await house.callbacks.take(task.id, LI)
    taken = await wang.post(f"{path}/take")
    assert (taken.status_code, code(taken)) == (409, "callback_taken")
    assert code(await wang.post("/api/callbacks/99/take")) == "callback_not_found"


async def test_bad_input_is_refused_with_a_code(house: House, wang: Client) -> None:
    task = await house.missed()
    await wang.post(f"/api/callbacks/{task.id}/take")
    path = f"/api/callbacks/{task.id}/result"
    past = {"result": "later", "outcome": "busy", "not_before": "2026-11-24T03:00:00Z"}
    assert code(await wang.post(path, json=past)) == "not_before_in_the_past"
    for bad in (
        {"result": "later"},
        {"result": "perhaps", "outcome": "busy"},
        {"result": "done", "outcome": "reached", "note": "\0"},
        {"result": "done", "outcome": "reached", "case_number": "x"},
        {"result": "done", "outcome": "reached", "more": 1},
    ):
        assert code(await wang.post(path, json=bad)) == "bad_input"


# -- who may see what -----------------------------------------------------------------------------


async def test_lists_are_paged_and_narrowed(house: House, supervisor: Client) -> None:
    for serial in range(5):
        await house.missed(ago=50 - serial, number=f"1380000000{serial}")
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await supervisor.get("/api/callbacks", params=query)).json()
        seen += [item["number"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"1380000000{serial}" for serial in (4, 3, 2, 1, 0)]
    one = await supervisor.get("/api/callbacks", params={"number": "+86 138 0000 0003"})
    assert [item["number"] for item in one.json()["items"]] == ["13800000003"]
    assert (await supervisor.get("/api/callbacks", params={"open": False})).json()["items"] == []
    assert code(await supervisor.get("/api/callbacks", params={"cursor": "~"})) == "bad_cursor"


async def test_whole_numbers_are_for_those_who_may_see_them(house: House) -> None:
    task = await house.missed()
    async with client_of(house, "sun", Role.ANALYST) as analyst:
        item = (await analyst.get(f"/api/callbacks/{task.id}")).json()
        assert item["number"] != NUMBER
        assert "0013" not in item["number"]
        assert NUMBER not in (await analyst.get("/api/callbacks")).text
        search = await analyst.get("/api/callbacks", params={"number": NUMBER})
        assert code(search) == "citizen_hidden"
        assert code(await analyst.post("/api/callbacks/next")) == "forbidden"


async def test_whoever_was_shown_a_whole_number_is_in_the_audit_trail(
    house: House, supervisor: Client, wang: Client
) -> None:
    task = await house.missed()
    await supervisor.get("/api/callbacks", params={"number": NUMBER})
    await supervisor.get(f"/api/callbacks/{task.id}")
    await wang.post("/api/callbacks/next")
    actions = [entry.action for entry in house.trail.read]
    assert actions == ["callback.list", "callback.read", "callback.take"]
    assert NUMBER not in str(house.trail.read)
    async with client_of(house, "sun", Role.ANALYST) as analyst:
        await analyst.get(f"/api/callbacks/{task.id}")
    assert len(house.trail.read) == 3


async def test_an_operator_sees_his_own_and_not_the_list(house: House, wang: Client) -> None:
    await house.missed()
    offer = (await wang.post("/api/callbacks/next")).json()
    assert offer["task"]["number"] == NUMBER
    assert [one["id"] for one in (await wang.get("/api/callbacks/mine")).json()] == [
        offer["task"]["id"]
    ]
    assert code(await wang.get("/api/callbacks")) == "forbidden"
    assert [change.topic for change in house.published] == ["callback.changed"]
    assert NUMBER not in str(house.published)
