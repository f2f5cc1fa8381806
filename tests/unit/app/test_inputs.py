"""What every endpoint may be asked: laws over all of them, so that a new one cannot be without."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel
from typing_extensions import TypeAliasType

from callcenter.app import create_app
from callcenter.people.domain.permissions import Role
from callcenter.platform.config import Settings
from callcenter.platform.http import cursors
from callcenter.platform.http.cursors import encode_cursor
from callcenter.platform.http.queries import parameters
from callcenter.platform.moments import day_in_range, day_to_ask_for, moment_in_range
from callcenter.platform.secrets import Secrets
from callcenter.platform.texts import block, line
from tests.unit.app.running import service
from tests.unit.app.test_permissions import Endpoint, endpoints

DESCRIBED = create_app(Settings(_env_file=None, home=Path("unused")), Secrets.make()).openapi()
ENDPOINTS = endpoints()

ONLY_COMPARED = {
    "LoginIn.password", "PasswordIn.current",
    *(
        f"GET /api/{kind}/{{media_id:path}}/audio {header}"
        for kind in ("recordings", "voice-messages")
        for header in ("if_none_match", "if_range", "wanted")
    ),
}  # fmt: skip
"""With a hash, an ETag, a range: such a text is neither kept nor shown."""
TAKES_ANY_QUERY = {"/api/oidc/callback"}
"""With the reason at each."""


def described(endpoint: Endpoint, method: str) -> dict[str, dict[str, Any]]:
    operation = (
        DESCRIBED["paths"].get(endpoint.path.replace(":path", ""), {}).get(method.lower(), {})
    )
    return {one["name"]: one for one in operation.get("parameters", ()) if one["in"] == "query"}


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with service(tmp_path) as running:
        client = await running.machine(Role.ADMIN)
        async with client:
            yield client


def test_the_parameters_that_are_known_are_those_that_are_described() -> None:
    for endpoint in ENDPOINTS:
        for method in endpoint.methods:
            known = [name for name, _ in parameters(endpoint.route.dependant)]
            if endpoint.route.include_in_schema and method != "HEAD":
                assert sorted(known) == sorted(described(endpoint, method)), endpoint


async def test_every_endpoint_refuses_a_parameter_that_it_does_not_know(
    admin: httpx.AsyncClient,
) -> None:
    passed = set()
    for endpoint in ENDPOINTS:
        for method in set(endpoint.methods) - {"HEAD"}:
            answer = await admin.request(method, f"{endpoint.path}?dry_rum=true", json={})
            if answer.json()["error"]["code"] != "unknown_parameter":
                passed.add(endpoint.path)
    assert passed == TAKES_ANY_QUERY


def test_a_range_is_from_and_to_everywhere() -> None:
    for endpoint in ENDPOINTS:
        for method in endpoint.methods:
            found = described(endpoint, method)
            assert ("from" in found) == ("to" in found), endpoint
            for name, one in found.items():
                if name.endswith(("_from", "_to", "since", "until", "before", "after")):
                    assert one.get("deprecated"), (endpoint, name)
                    assert "from" in found, endpoint


def test_every_import_can_be_tried() -> None:
    imports = [one for one in ENDPOINTS if one.path.endswith("/import")]
    assert imports
    for endpoint in imports:
        assert "dry_run" in described(endpoint, "POST"), endpoint


@dataclass(frozen=True)
class Input:
    """One value that somebody may send: a field of a body, or a part of the address."""

    where: str
    kind: Any
    rules: tuple[Any, ...]


def inputs() -> Iterator[Input]:
    """Every single value of every endpoint."""
    seen: set[type[BaseModel]] = set()

    def walk(where: str, kind: Any, rules: tuple[Any, ...]) -> Iterator[Input]:
        origin = get_origin(kind)
        if origin is Annotated:
            inner, *more = get_args(kind)
            for rule in more:
                rules = (*rules, *getattr(rule, "metadata", ()), rule)
            yield from walk(where, inner, rules)
        elif isinstance(kind, TypeAliasType):
            yield from walk(where, kind.__value__, rules)
        elif origin in (Union, UnionType):
            for one in get_args(kind):
                yield from walk(where, one, rules)
        elif origin is Literal:
            return
        elif origin is not None:
            for one in get_args(kind):
                yield from walk(f"{where}[]", one, ())
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            if kind not in seen:
                seen.add(kind)
                assert kind.model_config.get("extra") == "forbid", f"{where}: unknown fields pass"
                for name, field in kind.model_fields.items():
                    place = f"{kind.__name__}.{name}"
                    yield from walk(place, field.annotation, tuple(field.metadata))
        else:
            yield Input(where, kind, rules)

    def of(where: str, dependant: Dependant) -> Iterator[Input]:
        for inner in dependant.dependencies:
            yield from of(where, inner)
        for field in (
            *dependant.query_params, *dependant.path_params, *dependant.body_params,
            *dependant.cookie_params, *dependant.header_params,
        ):  # fmt: skip
            info = field.field_info
            yield from walk(f"{where} {field.name}", info.annotation, tuple(info.metadata))

    for endpoint in ENDPOINTS:
        yield from of(str(endpoint), endpoint.route.dependant)


def validators(one: Input) -> set[Any]:
    return {getattr(rule, "func", None) for rule in one.rules}


def test_days_and_moments_are_of_the_one_type() -> None:
    wrong = [
        one.where
        for one in inputs()
        if isinstance(one.kind, type)
        and (
            (issubclass(one.kind, datetime) and moment_in_range not in validators(one))
            or (
                issubclass(one.kind, date)
                and not issubclass(one.kind, datetime)
                and not validators(one) & {day_in_range, day_to_ask_for}
            )
            or issubclass(one.kind, time | timedelta)
        )
    ]
    assert not wrong


def test_every_cursor_is_of_the_one_type() -> None:
    def calls(dependant: Dependant) -> Iterator[str]:
        for inner in dependant.dependencies:
            if any(field.alias == "cursor" for field in inner.query_params):
                yield getattr(inner.call, "__module__", "")
            yield from calls(inner)
        assert all(field.alias != "cursor" for field in dependant.query_params) or (
            dependant.call is not None and dependant.call.__module__ == cursors.__name__
        )

    for endpoint in ENDPOINTS:
        assert set(calls(endpoint.route.dependant)) <= {cursors.__name__}, endpoint


def test_every_text_is_of_the_one_type() -> None:
    wrong = sorted(
        {
            one.where
            for one in inputs()
            if one.kind is str
            and one.where not in ONLY_COMPARED
            and not one.where.endswith(" cursor")
            and not validators(one) & {line, block}
            and not any(getattr(rule, "pattern", None) for rule in one.rules)
        }
    )
    assert not wrong


def test_every_number_has_its_ends() -> None:
    def bounds(one: Input) -> set[str]:
        return {
            name
            for rule in one.rules
            for name in ("ge", "gt", "le", "lt")
            if getattr(rule, name, None) is not None
        }

    wrong = sorted(
        {
            one.where
            for one in inputs()
            if one.kind in (int, float)
            and not (bounds(one) & {"ge", "gt"} and bounds(one) & {"le", "lt"})
            and not one.where.endswith(" limit")
        }
    )
    assert not wrong


ODD = {
    "date": [
        "0001-01-01", "9999-12-31", "10000-01-01", "1969-12-31", "2200-01-01", "2026-02-30",
        "-2026-01-01", "20261124", "1e400", "nan", "２０２６-01-01", "",
    ],
    "date-time": [
        "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "10000-01-01T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-12-31T23:59:60Z", "2026-01-01T00:00:00+24:00",
        "253402300800", "1e400", "-1", "2026-01-01T00:00:00", "0001-01-01T00:00:00Z", "",
    ],
}  # fmt: skip
"""No day and no moment that a client can mean."""
CURSORS = [
    "x", "null", "W10", "e30", "bnVsbA", encode_cursor(), encode_cursor(None),
    encode_cursor(True, True), encode_cursor("9999-12-31T23:59:59-23:59", 1),
    encode_cursor("0001-01-01T00:00:00+23:59", "x"),
    encode_cursor("2026-01-01T00:00:00", 1), encode_cursor(20261124, 1), encode_cursor(2**63),
    encode_cursor(-1), encode_cursor(1.5), encode_cursor(float("nan")), encode_cursor("\ud800"),
    encode_cursor("2026-01-01T00:00:00Z", "\0"), encode_cursor([], {}), encode_cursor(1, 2, 3),
    encode_cursor({}), encode_cursor("x" * 129), "W" * 300, "\N{SNOWMAN}",
]  # fmt: skip


async def test_the_ends_of_time_and_foreign_cursors_are_refused(admin: httpx.AsyncClient) -> None:
    asked = 0
    for endpoint in ENDPOINTS:
        for method in set(endpoint.methods) - {"HEAD"}:
            for name, one in described(endpoint, method).items():
                forms = [one["schema"], *one["schema"].get("anyOf", ())]
                values = [value for form in forms for value in ODD.get(form.get("format"), ())]
                for value in CURSORS if name == "cursor" else values:
                    answer = await admin.request(method, endpoint.path, params={name: value})
                    assert answer.status_code in (403, 422), (endpoint, name, value, answer.text)
                    asked += 1
    assert asked > 400
