"""Every endpoint x every role, against the one table of permissions."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from callcenter.app import ROUTERS, create_app
from callcenter.people.access.actor import Actor
from callcenter.people.access.rights import OPEN_PATHS, Open, Requires
from callcenter.people.domain.permissions import ROLE_PERMISSIONS, Permission, Role
from callcenter.platform.config import Settings
from callcenter.platform.errors import Conflict
from callcenter.platform.http.given import NotWired, Shelf, Take, shelf_of
from callcenter.platform.secrets import Secrets
from tests.unit.app.running import Service, service

APP = create_app(Settings(_env_file=None, home=Path("unused")), Secrets.make())


@dataclass(frozen=True)
class Endpoint:
    path: str
    route: APIRoute

    @property
    def methods(self) -> list[str]:
        return sorted(self.route.methods or ())

    def __str__(self) -> str:
        return f"{self.methods[0]} {self.path}"


def endpoints() -> list[Endpoint]:
    """Everything below /api, also what a router includes."""

    def walk(router: APIRouter, prefix: str) -> Iterator[Endpoint]:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield Endpoint(prefix + route.path, route)
            elif (context := getattr(route, "include_context", None)) is not None:
                yield from walk(context.included_router, prefix + context.prefix)

    return [
        endpoint
        for routers in ROUTERS
        for router in (*routers.guarded, *routers.open)
        for endpoint in walk(router, "")
    ]


def marks(route: APIRoute) -> list[Requires | Open]:
    """What the route says about who may use it."""

    def calls(dependant: Dependant) -> Iterator[Callable[..., Any] | None]:
        for inner in dependant.dependencies:
            yield inner.call
            yield from calls(inner)

    return [call for call in calls(route.dependant) if isinstance(call, Requires | Open)]


def test_the_walk_finds_all_that_the_service_answers() -> None:
    described = {
        (method.upper(), path)
        for path, item in APP.openapi()["paths"].items()
        for method in item
        if path.startswith("/api")
    }
    walked = {
        (method, re.sub(r":path\}", "}", endpoint.path))
        for endpoint in endpoints()
        if endpoint.route.include_in_schema
        for method in endpoint.methods
    }
    assert walked == described
    assert all(endpoint.path.startswith("/api/") for endpoint in endpoints())


@pytest.mark.parametrize("endpoint", endpoints(), ids=str)
def test_every_endpoint_names_its_permission_once(endpoint: Endpoint) -> None:
    found = marks(endpoint.route)
    assert len(found) == 1, "dependencies=[requires(Permission.X)], once"
    assert isinstance(found[0], Open) == (endpoint.path in OPEN_PATHS)


def test_no_path_is_open_that_has_no_route() -> None:
    assert {endpoint.path for endpoint in endpoints()} >= OPEN_PATHS


def test_a_thing_is_on_the_shelf_once() -> None:
    shelf = Shelf()
    shelf.put("a text")
    with pytest.raises(ValueError, match="str"):
        shelf.put("another")
    with pytest.raises(NotWired, match="int"):
        shelf.take(int)


def test_nothing_that_an_endpoint_depends_on_goes_by_way_of_a_thread() -> None:
    """As FastAPI has everything that is not async do: a way there and back of each request."""

    def calls(dependant: Dependant) -> Iterator[Callable[..., Any] | None]:
        yield dependant.call
        for inner in dependant.dependencies:
            yield from calls(inner)

    def waits(call: Any) -> bool:
        own = call if inspect.isroutine(call) else getattr(call, "__call__", call)  # noqa: B004
        return inspect.iscoroutinefunction(own) or inspect.isasyncgenfunction(own)

    found = {
        call
        for endpoint in endpoints()
        for call in calls(endpoint.route.dependant)
        if inspect.isclass(call) or not waits(call)
    }
    assert found == set()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Service]:
    async with service(tmp_path) as made:
        yield made


async def test_what_endpoints_ask_for_is_wired(running: Service) -> None:
    def taken(dependant: Dependant) -> Iterator[type[Any]]:
        for inner in dependant.dependencies:
            if isinstance(inner.call, Take):
                yield inner.call.kind
            yield from taken(inner)

    routes = [endpoint.route for endpoint in endpoints()]
    routes += [route for route in running.app.routes if isinstance(route, APIRoute)]
    kinds = {kind for route in routes for kind in taken(route.dependant)}
    assert len(kinds) > 25
    assert [kind for kind in kinds if kind not in shelf_of(running.app)] == []


async def test_every_role_gets_through_the_doors_of_its_permissions_and_no_other(
    running: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Requires.__call__

    async def asked(self: Requires, request: Request) -> Actor:
        await ask(self, request)
        raise Conflict("the door is open", code="reached")  # and nothing behind it is done

    monkeypatch.setattr(Requires, "__call__", asked)
    seen: set[tuple[Role, bool]] = set()
    for role in Role:
        async with await running.machine(role) as client:
            for endpoint in endpoints():
                mark = marks(endpoint.route)[0]
                if isinstance(mark, Open):
                    continue
                path = re.sub(r"\{[^}]*\}", "1", endpoint.path)
                for method in endpoint.methods:
                    answer = await client.request(
                        method, path, json=None if method in ("GET", "HEAD") else {}
                    )
                    allowed = mark.permission in ROLE_PERMISSIONS[role]
                    expected = 409 if allowed else 403
                    assert answer.status_code == expected, (role, str(endpoint))
                    if method != "HEAD":  # which has no body
                        error = answer.json()["error"]
                        assert error["code"] == ("reached" if allowed else "forbidden")
                        assert error["details"].get("permission", mark.permission) == (
                            mark.permission
                        )
                    seen.add((role, allowed))
    for role in Role:
        assert (role, True) in seen
        assert (role, False) in seen or role is Role.ADMIN


async def test_what_a_role_has_not_stays_closed_whatever_it_sends(running: Service) -> None:
    async with await running.machine(Role.UNIT_USER) as client:
        for body in (b"", b"{", b"[]", b"null"):
            answer = await client.post(
                "/api/seats", content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code in (403, 422)
        assert (await client.get("/api/seats")).status_code == 403


def test_the_table_is_whole() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert ROLE_PERMISSIONS[Role.ADMIN] == set(Permission)
    for role, permissions in ROLE_PERMISSIONS.items():
        assert Permission.SELF in permissions, role
    # Whoever may see who a confidential citizen is, is named here on purpose.
    confidential = {
        role for role, has in ROLE_PERMISSIONS.items() if Permission.CASE_CONFIDENTIAL in has
    }
    assert confidential == {Role.DISPATCHER, Role.LEADER, Role.ADMIN}
    manage = {role for role, has in ROLE_PERMISSIONS.items() if Permission.USER_WRITE in has}
    assert manage == {Role.ADMIN}
