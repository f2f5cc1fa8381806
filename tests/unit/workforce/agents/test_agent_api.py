"""Agents over HTTP: who may do what, what it answers, and each error's code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from callcenter.people.access.rights import Actor
from callcenter.people.domain.permissions import Role, permissions_of
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.platform.versions import version_of
from callcenter.workforce.agents import endpoints, reason_endpoints
from tests.unit.workforce.agents.office import FIRST, FREE, LI, WANG, Office, talking

Answer = Callable[[Request], Awaitable[Response]]


def person(user_id: int | None, *roles: Role) -> Actor:
    return Actor("somebody", permissions_of(roles), frozenset(roles), user_id)


OPERATOR, SUPERVISOR = person(WANG, Role.OPERATOR), person(LI, Role.SUPERVISOR)
ANALYST, MACHINE = person(9, Role.ANALYST), person(None, Role.ADMIN)


@dataclass
class Door:
    """The API, and who knocks."""

    client: httpx.AsyncClient
    office: Office
    who: Actor = OPERATOR

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        answer = await self.client.request(method, path, **options)
        return answer.status_code, answer.json() if answer.content else None

    async def code(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        status, body = await self.ask(method, path, **options)
        return status, body["error"]["code"]


@pytest.fixture
async def door(office: Office) -> AsyncIterator[Door]:
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(endpoints.router)
    app.include_router(reason_endpoints.router)
    shelf_of(app).put(office.agents, office.reasons, office.history)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://door", headers={"If-Match": "*"}
    ) as client:
        door = Door(client, office)

        @app.middleware("http")
        async def gate(request: Request, go_on: Answer) -> Response:
            request.state.who = door.who
            return await go_on(request)

        yield door


async def test_an_operator_s_own_day(door: Door) -> None:
    assert await door.code("POST", "/api/agents/me/ready") == (409, "not_logged_in")
    status, me = await door.ask("POST", "/api/agents/me/login", json={"seat": FIRST})
    assert (status, me["state"], me["seat"], me["next"]) == (200, "ready", FIRST, "ready")
    assert me["since"] == me["logged_in_at"] == "2026-11-24T01:00:00Z"
    door.office.later(5)
    await door.office.sees(FIRST, talking("17.2"))
    assert await door.code("POST", "/api/agents/me/logout") == (409, "agent_talking")
    status, me = await door.ask("POST", "/api/agents/me/break", json={"reason": "meal"})
    assert (me["state"], me["next"], me["next_reason"]) == ("talking", "break", "meal")
    assert await door.code("POST", "/api/agents/me/wrap-up/end") == (409, "not_in_wrap_up")
    door.office.later(5)
    await door.office.sees(FIRST, FREE)
    status, me = await door.ask("GET", "/api/agents/me")
    assert (me["state"], me["wrap_up_until"]) == ("wrap_up", "2026-11-24T01:00:40Z")
    status, me = await door.ask("POST", "/api/agents/me/wrap-up/end")
    assert (me["state"], me["reason"]) == ("break", "meal")
    assert me["break_until"] == "2026-11-24T02:00:10Z"
    status, _ = await door.ask("POST", "/api/agents/me/logout")
    assert status == 204
    span = {"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}
    status, page = await door.ask("GET", "/api/agents/me/intervals", params=span)
    assert [one["state"] for one in page["items"]] == ["ready", "talking", "wrap_up", "break"]


async def test_a_machine_sits_at_no_seat(door: Door) -> None:
    door.who = MACHINE
    for method, path in (("GET", "me"), ("POST", "me/ready"), ("POST", "me/logout")):
        assert await door.code(method, f"/api/agents/{path}") == (403, "not_a_person")


async def test_an_operator_sees_and_sets_nobody_else(door: Door) -> None:
    for method, path, body in (
        ("GET", "/api/agents", None),
        ("GET", "/api/agents/2", None),
        ("GET", "/api/agents/totals", None),
        ("POST", "/api/agents/2/state", {"state": "ready"}),
        ("PUT", "/api/agents/1/skills", {"levels": {}}),
        ("PUT", "/api/agents/wrap-up-times", {"seconds": {}}),
        ("POST", "/api/break-reasons", {"code": "nap", "name": "午睡"}),
    ):
        assert await door.code(method, path, json=body) == (403, "forbidden")
    status, reasons = await door.ask("GET", "/api/break-reasons")
    assert status == 200
    assert {one["code"] for one in reasons["items"] if one["own"]} == {
        "ring_no_answer",
        "ring_refused",
    }


async def test_a_supervisor_sets_somebody_s_state(door: Door) -> None:
    door.who = SUPERVISOR
    path = f"/api/agents/{WANG}/state"
    assert await door.code("POST", path, json={"state": "ready"}) == (409, "not_logged_in")
    status, agent = await door.ask("POST", path, json={"state": "ready", "seat": FIRST})
    assert (status, agent["state"], agent["name"]) == (200, "ready", "王芳")
    other = {"state": "ready", "seat": FIRST}
    assert await door.code("POST", f"/api/agents/{LI}/state", json=other) == (409, "seat_taken")
    assert await door.code("POST", path, json={"state": "break"}) == (422, "bad_input")
    assert await door.code("POST", path, json={"state": "break", "reason": "ring_no_answer"}) == (
        422,
        "break_reason_unknown",
    )
    status, agent = await door.ask("POST", path, json={"state": "break", "reason": "meeting"})
    assert (agent["state"], agent["reason"], agent["break_until"]) == ("break", "meeting", None)
    status, page = await door.ask("GET", "/api/agents")
    assert [(one["name"], one["state"]) for one in page["items"]] == [
        ("李强", "offline"),
        ("王芳", "break"),
    ]
    await door.office.sees(FIRST, talking("17.2"))
    status, agent = await door.ask("POST", path, json={"state": "offline"})
    assert (status, agent["state"], agent["seat"]) == (200, "offline", None)
    assert await door.code("POST", "/api/agents/99/state", json={"state": "offline"}) == (
        404,
        "agent_unknown",
    )
    assert await door.code("GET", "/api/agents/99") == (404, "agent_unknown")


async def test_the_sums_of_a_day(door: Door) -> None:
    await door.ask("POST", "/api/agents/me/login", json={"seat": FIRST})
    door.office.later(30)
    await door.ask("POST", "/api/agents/me/break", json={"reason": "tea"})
    door.office.later(10)
    door.who = ANALYST
    status, page = await door.ask("GET", "/api/agents/totals")
    assert (status, page["items"]) == (
        200,
        [
            {
                "user_id": WANG,
                "name": "王芳",
                "day": "2026-11-24",
                "seconds": {"ready": 30.0, "break": 10.0},
                "break_seconds": {"tea": 10.0},
                "logged_in_seconds": 40.0,
                "occupancy": 0.0,
            }
        ],
    )
    status, page = await door.ask("GET", "/api/agents/totals", params={"day": "2026-11-23"})
    assert page["items"] == []
    span = {"from": "2026-11-25T00:00:00Z", "to": "2026-11-24T00:00:00Z"}
    path = f"/api/agents/{WANG}/intervals"
    assert await door.code("GET", path, params=span) == (422, "bad_input")


async def test_skills_and_wrap_up_times(door: Door) -> None:
    door.who = SUPERVISOR
    path = f"/api/agents/{WANG}/skills"
    assert await door.ask("GET", path) == (200, {"levels": {}, "version": version_of({})})
    levels = {"12345": 1, "english": 3}
    skills = {"levels": levels, "version": version_of(levels)}
    assert await door.ask("PUT", path, json={"levels": levels}) == (200, skills)
    assert await door.ask("GET", path) == (200, skills)
    for bad in ({"12345": 0}, {"12345": 10}, {"12345": True}, {"1 2": 1}):
        assert await door.code("PUT", path, json={"levels": bad}) == (422, "bad_input")
    assert await door.code("PUT", path, json={"levels": {"x": 1}}) == (422, "queue_unknown")
    assert await door.code("GET", "/api/agents/99/skills") == (404, "agent_unknown")
    seconds = {"english": 60}
    times = {"seconds": seconds, "version": version_of(seconds)}
    put = await door.ask("PUT", "/api/agents/wrap-up-times", json={"seconds": seconds})
    assert put == (200, times)
    assert await door.ask("GET", "/api/agents/wrap-up-times") == (200, times)


async def test_reasons_of_breaks(door: Door) -> None:
    door.who = SUPERVISOR
    body = {"code": "nap", "name": " 午睡 ", "limit_seconds": 600}
    status, made = await door.ask("POST", "/api/break-reasons", json=body)
    assert (status, made["name"], made["enabled"], made["own"]) == (201, "午睡", True, False)
    assert await door.code("POST", "/api/break-reasons", json=body) == (409, "break_reason_exists")
    for own in ("wrap_up", "offline", "ring_no_answer", "ring_refused"):
        body["code"] = own
        assert (await door.code("POST", "/api/break-reasons", json=body))[0] == 409
    status, changed = await door.ask(
        "PATCH", "/api/break-reasons/nap", json={"limit_seconds": None, "enabled": False}
    )
    assert (changed["limit_seconds"], changed["enabled"], changed["name"]) == (None, False, "午睡")
    assert await door.code("PATCH", "/api/break-reasons/nap", json={"name": None}) == (
        422,
        "bad_input",
    )
    assert await door.code("PATCH", "/api/break-reasons/x", json={}) == (
        404,
        "break_reason_not_found",
    )
    own = "/api/break-reasons/ring_no_answer"
    assert await door.code("PATCH", own, json={"enabled": False}) == (409, "break_reason_own")
    assert (await door.ask("PATCH", own, json={"name": "未接"}))[0] == 200
    assert await door.code("DELETE", own) == (409, "break_reason_own")
    await door.ask("POST", f"/api/agents/{WANG}/state", json={"state": "ready", "seat": FIRST})
    nap = {"state": "break", "reason": "nap"}
    path = f"/api/agents/{WANG}/state"
    assert await door.code("POST", path, json=nap) == (422, "break_reason_unknown")
    assert (await door.ask("DELETE", "/api/break-reasons/nap"))[0] == 204
    await door.ask("POST", path, json={"state": "break", "reason": "tea"})
    assert await door.code("DELETE", "/api/break-reasons/tea") == (409, "break_reason_used")
