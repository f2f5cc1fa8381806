"""HEAD wherever GET is: the same answer without its body, and nothing that goes on for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from callcenter.people.domain.permissions import Role
from callcenter.platform.http.head import Head
from tests.unit.app.running import service
from tests.unit.app.test_permissions import endpoints


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.add_middleware(Head)
    heard: list[str] = []

    @app.get("/thing")
    async def thing() -> dict[str, str]:
        heard.append("GET")
        return {"name": "x" * 1000}

    @app.get("/own")
    async def whole() -> str:
        heard.append("GET own")
        return "whole"

    @app.head("/own")
    async def own() -> None:
        heard.append("HEAD own")

    @app.post("/posted")
    async def posted() -> None: ...

    @app.get("/endless")
    async def endless() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"x"
                await asyncio.sleep(0)

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/heard")
    async def said() -> list[str]:
        return heard

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


@pytest.mark.parametrize("path", ["/thing", "/endless", "/nowhere", "/heard"])
async def test_head_is_get_without_its_body(api: httpx.AsyncClient, path: str) -> None:
    head, get = await api.head(path), await api.get(path)
    assert head.status_code == get.status_code
    assert head.headers == get.headers
    assert head.content == b""


async def test_an_endpoints_own_head_is_kept(api: httpx.AsyncClient) -> None:
    assert (await api.head("/own")).status_code == 200
    assert (await api.get("/heard")).json() == ["HEAD own"]


async def test_where_no_get_is_there_is_no_head(api: httpx.AsyncClient) -> None:
    assert (await api.head("/posted")).status_code == 405


async def test_every_get_of_the_service_answers_head(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        client = await running.machine(Role.ADMIN)
        async with client:
            for endpoint in endpoints():
                # A stream of the live floor waits for its PBX, which is not here.
                if "GET" in endpoint.methods and not endpoint.path.endswith("/stream"):
                    head, get = await client.head(endpoint.path), await client.get(endpoint.path)
                    if "HEAD" not in endpoint.methods:
                        assert head.status_code == get.status_code, endpoint
                    assert head.content == b"", endpoint
            for path in ("/healthz/live", "/calendar/no-such-token-of-a-feed.ics"):
                assert (await client.head(path)).status_code != 405
