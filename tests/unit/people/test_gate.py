"""The door itself: what reaches the service, and as whom."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from callcenter.people.access.actor import Actor, present_actor
from callcenter.people.domain.permissions import Role
from callcenter.people.gate import Gate
from callcenter.people.tokens.service import TokenService
from callcenter.people.users.sessions import Session, SessionService, csrf_of
from callcenter.platform.config import Settings
from callcenter.platform.http.given import Shelf
from tests.unit.asking import person

COOKIE = "the-cookie"
SESSION = Session(1, person("wang", Role.OPERATOR, user_id=12), csrf_of(COOKIE))
MACHINE = person("wall", Role.ANALYST, user_id=None)


class Tokens:
    async def actor(self, token: str) -> Actor | None:
        return MACHINE if token == "good" else None


class Sessions:
    async def check(self, cookie: str) -> Session | None:
        return SESSION if cookie == COOKIE else None


def keepers() -> Shelf:
    shelf = Shelf()
    shelf.put_as(TokenService, Tokens())
    shelf.put_as(SessionService, Sessions())
    return shelf


async def knock(
    kind: str = "http", method: str = "GET", path: str = "/api/cases", **headers: str
) -> tuple[Actor | None, list[Message]]:
    """Who reached the service, if anybody did, and what was sent back."""
    reached: list[Actor | None] = []
    sent: list[Message] = []

    async def service(scope: Scope, _receive: Receive, _send: Send) -> None:
        who = present_actor()
        assert scope.get("state", {}).get("who") == who
        reached.append(who)

    async def receive() -> Message:
        raise AssertionError("a stranger's body is not read")

    async def send(message: Message) -> None:
        sent.append(message)

    gate = Gate(service, Settings(_env_file=None, home=Path("x"), public_url="https://hot.line"))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    scope: dict[str, Any] = {
        "type": kind,
        "method": method,
        "path": path,
        "client": ("192.0.2.9", 4711),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items()],
        "app": SimpleNamespace(state=SimpleNamespace(shelf=keepers())),
    }
    await gate(scope, receive, send)
    assert present_actor() is None
    assert len(reached) <= 1
    return (reached[0] if reached else None), sent


def status(sent: list[Message]) -> int:
    return int(sent[0]["status"])


async def test_a_token_and_a_session_say_who_asks_and_from_where() -> None:
    who, _ = await knock(authorization="Bearer good")
    assert who is not None
    assert (who.name, who.user_id, who.address) == ("wall", None, "192.0.2.9")
    who, _ = await knock(cookie=f"a=b; callcenter_session={COOKIE}")
    assert who is not None
    assert (who.name, who.user_id, who.address) == ("wang", 12, "192.0.2.9")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer bad"},
        {"authorization": "Bearer bad", "cookie": f"callcenter_session={COOKIE}"},
        {"authorization": "Basic good"},
        {"cookie": "callcenter_session="},
        {"cookie": "callcenter_session=other"},
        {"cookie": COOKIE},
        {"cookie": "\xff\xfe; ;=;"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "BREW"])
async def test_strangers_are_turned_away(headers: dict[str, str], method: str) -> None:
    who, sent = await knock(method=method, **headers)
    assert (who, status(sent)) == (None, 401)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW"])
async def test_a_cookie_alone_writes_nothing(method: str) -> None:
    cookie = f"callcenter_session={COOKIE}"
    who, sent = await knock(method=method, cookie=cookie)
    assert (who, status(sent)) == (None, 403)
    who, _ = await knock(method=method, cookie=cookie, x_csrf_token=SESSION.csrf)
    assert who is not None


@pytest.mark.parametrize(
    ("origin", "ours"),
    [
        ("http://pbx.local:8000", True),
        ("https://hot.line", True),
        ("https://HOT.line", True),
        ("https://hot.line.evil.example", False),
        ("https://evil.example/hot.line", False),
        ("null", False),
        ("http://[", False),
        ("", False),
    ],
)
async def test_only_our_own_pages_write(origin: str, ours: bool) -> None:
    who, _ = await knock(
        method="POST",
        cookie=f"callcenter_session={COOKIE}",
        x_csrf_token=SESSION.csrf,
        host="pbx.local:8000",
        origin=origin,
    )
    assert (who is not None) is ours
    # A token no other site can send; it needs no origin.
    who, _ = await knock(method="POST", authorization="Bearer good", origin=origin)
    assert who is not None


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, False),
        ({"authorization": "Bearer good"}, True),
        ({"cookie": f"callcenter_session={COOKIE}"}, False),
        ({"cookie": f"callcenter_session={COOKIE}", "origin": "https://evil.example"}, False),
        ({"cookie": f"callcenter_session={COOKIE}", "origin": "https://hot.line"}, True),
    ],
)
async def test_a_websocket_with_a_cookie_says_that_it_is_ours(
    headers: dict[str, str], passes: bool
) -> None:
    who, sent = await knock(kind="websocket", method="GET", **headers)
    assert (who is not None) is passes
    if not passes:
        assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_logging_in_is_for_strangers_of_our_own_pages() -> None:
    _, sent = await knock(method="POST", path="/api/login", origin="https://evil.example")
    assert status(sent) == 403
    _, sent = await knock(method="POST", path="/api/login", origin="https://hot.line")
    assert sent == []
    _, sent = await knock(path="/healthz")
    assert sent == []
