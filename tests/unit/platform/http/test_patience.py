"""Half a request does not hold a connection, and many of one address do not hold the door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from callcenter.platform.config import Settings
from callcenter.platform.http.patience import (
    ALARMING,
    SLOW_BODY,
    SLOW_HEAD,
    TOO_MANY,
    Strangers,
    patient,
    strangers_health,
)

WHOLE = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
PATIENCE = 0.3
"""Seconds; the tests wait for what comes after it, never for it."""

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Door:
    """A server with these limits, and what came in."""

    def __init__(self, port: int, strangers: Strangers) -> None:
        self.port = port
        self.strangers = strangers

    async def knock(self, data: bytes = b"") -> Opened:
        """A connection on which `data` was sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await writer.drain()
        return reader, writer


@asynccontextmanager
async def door(
    tmp_path: Path,
    *,
    unfinished: int = 64,
    seconds: float = PATIENCE,
    answering: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[Door]:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun ", "more_body": True})
        if answering is not None:
            await answering()
        await send({"type": "http.response.body", "body": b"done"})

    settings = Settings(
        home=tmp_path,
        http_head_seconds=seconds,
        http_body_seconds=seconds,
        http_unfinished_max=unfinished,
    )
    strangers = Strangers()
    config = uvicorn.Config(
        application,
        port=0,
        http=patient(settings, strangers),
        lifespan="off",
        log_config=None,
        timeout_keep_alive=30,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0)
    try:
        yield Door(server.servers[0].sockets[0].getsockname()[1], strangers)
    finally:
        server.should_exit = True
        await serving


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", SLOW_HEAD),
        (b"GET / HTTP/1.1\r\nhost: x\r\n", SLOW_HEAD),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc", SLOW_BODY),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n", SLOW_BODY),
    ],
)
async def test_half_a_request_is_ended(tmp_path: Path, sent: bytes, reason: str) -> None:
    async with door(tmp_path) as at:
        reader, writer = await at.knock(sent)
        await reader.read()  # until we are let go
        assert at.strangers.ended == {reason: 1}
        assert at.strangers.unfinished == 0
        writer.close()


async def test_a_byte_now_and_then_is_no_help(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        reader, writer = await at.knock(b"GET / HTTP/1.1\r\nx: ")
        gone = asyncio.create_task(reader.read())
        while not gone.done():
            writer.write(b"y")
            await asyncio.wait({gone}, timeout=PATIENCE / 10)
        assert b"408" in gone.result().splitlines()[0]
        assert at.strangers.ended == {SLOW_HEAD: 1}


async def test_an_answer_takes_as_long_as_it_takes(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def answering() -> None:
        await over.wait()

    async with door(tmp_path, answering=answering) as at:
        reader, _writer = await at.knock(WHOLE)
        await reader.readuntil(b"begun ")
        # Somebody else's patience has ended meanwhile.
        slow, _ = await at.knock(b"G")
        await slow.read()
        assert at.strangers.unfinished == 0
        over.set()
        await reader.readuntil(b"done")
        assert at.strangers.ended == {SLOW_HEAD: 1}


async def test_a_later_request_on_the_same_connection_has_its_deadline_too(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        reader, writer = await at.knock(WHOLE)
        await reader.readuntil(b"done")
        assert at.strangers.unfinished == 0
        writer.write(WHOLE + b"GET / HT")
        await reader.read()
        assert at.strangers.ended == {SLOW_HEAD: 1}


async def test_of_one_address_the_oldest_unfinished_makes_room(tmp_path: Path) -> None:
    async with door(tmp_path, unfinished=4, seconds=60) as at:
        held = [await at.knock(b"GET") for _ in range(4)]
        while at.strangers.unfinished < 4:  # noqa: ASYNC110
            await asyncio.sleep(0)
        reader, _writer = await at.knock(WHOLE)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await held[0][0].read()
        assert at.strangers.ended[TOO_MANY] == 1


async def test_health_tells_of_many(tmp_path: Path) -> None:
    strangers = Strangers()
    loop = asyncio.get_running_loop()
    for _ in range(ALARMING - 1):
        strangers.note(TOO_MANY, loop.time())
    assert (await strangers_health(strangers)).ok
    strangers.note(SLOW_HEAD, loop.time())
    assert not (await strangers_health(strangers)).ok
