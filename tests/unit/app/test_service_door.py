"""Who gets in, how much may be sent, and how errors leave; without a PBX."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastapi.routing
import httpx
import pytest
from fastapi import FastAPI

from callcenter.app import create_app
from callcenter.casework.cases.service import CaseService
from callcenter.people.access.rights import OPEN_PATHS
from callcenter.people.tokens.service import TokenService
from callcenter.platform.config import Settings
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.http import docs
from callcenter.platform.http.given import NotWired, shelf_of
from callcenter.platform.http.shield import HEADERS
from callcenter.platform.secrets import Secrets

NOBODY_LISTENS = 1
"""A port at which no PBX and no AGI server is."""


@dataclass(frozen=True)
class Running:
    """A running service and a client with a token."""

    app: FastAPI
    client: httpx.AsyncClient
    settings: Settings

    def stranger(self) -> httpx.AsyncClient:
        """A client without a token."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://service")


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    settings = Settings(
        home=tmp_path,
        ami_port=NOBODY_LISTENS,
        agi_port=NOBODY_LISTENS,
        ari_port=NOBODY_LISTENS,
        request_max_bytes=65536,
    )
    await upgrade_async(settings.db_url)
    app = create_app(settings, Secrets.make())
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        token = await shelf_of(app).take(TokenService).create("test")
        async with httpx.AsyncClient(
            transport=transport,
            base_url="http://service",
            headers={"Authorization": f"Bearer {token}"},
        ) as client:
            yield Running(app, client, settings)


async def test_nothing_of_the_api_is_read_once_somebody_asks(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes half a second, in which no call would be served."""

    def read(*_args: Any, **_options: Any) -> None:
        raise AssertionError("an endpoint was read with a request waiting")

    monkeypatch.setattr(fastapi.routing, "_populate_api_route_state", read)
    for path in running.app.openapi()["paths"]:
        assert (await running.client.get(path)).status_code != 500, path


async def test_no_route_of_the_api_is_open_to_strangers(running: Running) -> None:
    async with running.stranger() as stranger:
        schema = running.app.openapi()
        guarded = {path: item for path, item in schema["paths"].items() if path[:5] == "/api/"}
        assert "/api/cases" in guarded
        for path, item in guarded.items():
            for method in item:
                if path in OPEN_PATHS:
                    continue
                answer = await stranger.request(method.upper(), path)
                assert answer.status_code == 401, (method, path)
                if method != "head":  # which has no body (RFC 9110, section 9.3.2)
                    assert answer.json()["error"]["code"] == "unauthenticated"
                assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "/api//cases", "//api/cases", "/API/cases"]
)
async def test_no_way_of_writing_a_path_goes_round_the_door(running: Running, path: str) -> None:
    async with running.stranger() as stranger:
        answer = await stranger.get(f"http://service{path}")
        assert answer.status_code in (401, 404)
        assert answer.json()["error"]["code"] in ("unauthenticated", "not_found")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic x", "Bearer nonsense", "bearer"]
)
async def test_what_is_no_token_does_not_get_in(running: Running, header: str) -> None:
    answer = await running.client.get("/api/cases", headers={"Authorization": header})
    assert answer.status_code == 401


async def test_the_name_of_a_token_is_the_actor(running: Running) -> None:
    token = await shelf_of(running.app).take(TokenService).create("小李 desk.3")
    body = {"number": "13800138000", "reason": "x"}
    headers = {"Authorization": f"bearer {token}"}
    answer = await running.client.post("/api/blocklist", json=body, headers=headers)
    assert answer.json()["created_by"] == "小李 desk.3"


async def test_an_announced_body_above_the_limit_is_refused(running: Running) -> None:
    too_much = b"x" * (running.settings.request_max_bytes + 1)
    answer = await running.client.post("/api/blocklist", content=too_much)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


async def test_a_body_that_only_turns_out_too_large_is_refused(running: Running) -> None:
    taken = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield b"x" * 16384

    answer = await running.client.post("/api/blocklist", content=chunks())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


async def test_every_error_has_the_one_shape(running: Running) -> None:
    client = running.client
    answers = {
        "not_found": await client.get("/api/nothing"),
        "method_not_allowed": await client.delete("/api/cases"),
        "bad_input": await client.get("/api/cases", params={"limit": "many"}),
        "bad_cursor": await client.get("/api/cases", params={"cursor": "~"}),
        "case_not_found": await client.get("/api/cases/20261124-00001"),
    }
    for code, answer in answers.items():
        error = answer.json()["error"]
        assert error["code"] == code
        assert error["message"]
        assert isinstance(error["details"], dict)


async def test_a_fault_of_ours_leaves_in_the_one_shape_and_says_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(shelf_of(running.app).take(CaseService), "page", fail)
    answer = await running.client.get("/api/cases")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "secret" not in answer.text


async def test_a_service_without_a_pbx_is_alive_and_not_ready(running: Running) -> None:
    async with running.stranger() as stranger:
        assert (await stranger.get("/healthz/live")).status_code == 200
        answer = await stranger.get("/healthz/ready")
        parts = answer.json()["parts"]
        assert answer.status_code == 503
        assert parts["ami"]["status"] == "down"
        assert parts["agi"]["status"] == "degraded"  # calls take the dialplan's defaults
        assert parts["database"]["status"] == "ok"
    text = (await running.client.get("/metrics")).text
    assert 'callcenter_ami_state{state="up"} 0.0' in text
    assert 'route="/healthz/ready",status="503"' in text


async def test_what_no_route_takes_makes_no_new_metrics(running: Running) -> None:
    for serial in range(3):
        await running.client.request("BREW", f"/coffee/{serial}")
    text = (await running.client.get("/metrics")).text
    assert "coffee" not in text
    assert "BREW" not in text


HIDDEN = ("/docs", "/docs/start.js", "/docs/swagger-ui.js", "/openapi.json", "/metrics")


async def test_the_description_and_the_metrics_ask_who_reads_them(running: Running) -> None:
    async with running.stranger() as stranger:
        for path in HIDDEN:
            answer = await stranger.get(path)
            assert (path, answer.status_code) == (path, 401)
    for path in HIDDEN:
        assert (path, (await running.client.get(path)).status_code) == (path, 200)


async def test_a_setting_opens_them(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, docs_open=True, metrics_open=True)
    transport = httpx.ASGITransport(create_app(settings, Secrets.make()))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as stranger:
        for path in HIDDEN[:-1]:
            assert (path, (await stranger.get(path)).status_code) == (path, 200)
        with pytest.raises(NotWired):  # let in, though nothing runs that it could tell of
            await stranger.get("/metrics")


async def test_the_description_needs_no_other_host(running: Running) -> None:
    page = (await running.client.get("/docs")).text
    found = re.findall(r"""(?:src|href)="([^"]*)""", page)
    assert len(found) >= 4
    assert "//" not in page.replace("<!doctype", "")
    for address in found:
        assert (await running.client.get(address)).status_code == 200, address
    assert "<script>" not in page  # its policy would not run it
    assert "unsafe" not in re.sub(r"style-src[^;]*", "", docs.POLICY)


async def test_every_answer_has_the_headers(running: Running) -> None:
    async with running.stranger() as stranger:
        answers = [
            await stranger.get("/api/cases"),
            await stranger.post("/api/login", content=b"{"),
            await stranger.get("/nothing"),
            await stranger.get("/healthz/live"),
            await running.client.get("/docs"),
            await running.client.get("/api/nothing"),
            await running.client.post("/api/blocklist", content=b"x" * 70000),
        ]
        for path, item in running.app.openapi()["paths"].items():
            if "get" in item and "{" not in path and not path.endswith("/stream"):
                answers.append(await running.client.get(path))
    assert len(answers) > 40
    for answer in answers:
        for name, value in HEADERS.items():
            shown = answer.headers.get(name)
            policy = name == "Content-Security-Policy" and answer.request.url.path == "/docs"
            assert shown == (docs.POLICY if policy else value), (answer.request.url.path, name)
        assert "Strict-Transport-Security" not in answer.headers


async def test_by_https_the_browser_is_told_to_stay_there(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, cookie_secure=True, docs_open=True), Secrets.make())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://service") as client:
        answer = await client.get("/docs")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
