"""Wires: whole messages over connections, however the bytes are cut."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from callcenter.simulator.wires import Address, Wire, open_wire

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ONE = b"OPTIONS sip:8001@192.0.2.7 SIP/2.0\r\nContent-Length: 5\r\n\r\nhello"
TWO = b"SIP/2.0 200 OK\r\nl: 0\r\n\r\n"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def wired(transport: str, serve: Serve) -> AsyncIterator[tuple[Wire, asyncio.Queue[bytes]]]:
    """A wire to a server that does as it is told, and what came over it."""
    got: asyncio.Queue[bytes] = asyncio.Queue()

    def received(data: bytes, _address: Address) -> None:
        got.put_nowait(data)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()[:2]
        wire = await open_wire(transport, ("127.0.0.1", 0), address, received)
        try:
            yield wire, got
        finally:
            wire.close()


async def test_messages_of_a_stream_end_where_they_say() -> None:
    stream = b"\r\n\r\n" + ONE + TWO + ONE

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(stream), 7):
            writer.write(stream[at : at + 7])
            await writer.drain()

    async with wired("tcp", serve) as (_, got):
        assert [await got.get() for _ in range(3)] == [ONE, TWO, ONE]


async def upgrade(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, honest: bool = True
) -> None:
    """The server's side of RFC 6455, section 4.2.2."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"GET /ws HTTP/1.1\r\n")
    assert b"Sec-WebSocket-Protocol: sip\r\n" in head
    (key,) = [line[19:] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key: ")]
    proof = base64.b64encode(hashlib.sha1(key + GUID).digest()) if honest else b"x"  # noqa: S324
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: %s\r\n\r\n" % proof)


async def frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One frame of a client: kind and unmasked content."""
    first, second = await reader.readexactly(2)
    assert second & 0x80, "a client must mask"
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
    mask, data = await reader.readexactly(4), await reader.readexactly(size)
    return first, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


@pytest.mark.parametrize("size", [0, 125, 126, 4000])
async def test_a_message_is_one_masked_frame(size: int) -> None:
    came: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        came.put_nowait(await frame(reader))

    async with wired("ws", serve) as (wire, _):
        wire.send(b"x" * size, ("192.0.2.9", 5060))
        assert await came.get() == (0x81, b"x" * size)


async def test_pings_are_answered_and_pieces_put_together() -> None:
    pong: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        long = b"y" * 300
        writer.write(b"\x01\x03OPT" + b"\x89\x02hi" + b"\x80\x04IONS")
        writer.write(b"\x82\x7e" + struct.pack("!H", len(long)) + long)
        pong.put_nowait(await frame(reader))

    async with wired("ws", serve) as (_, got):
        assert [await got.get(), await got.get()] == [b"OPTIONS", b"y" * 300]
        assert await pong.get() == (0x8A, b"hi")


async def test_a_server_that_speaks_no_websocket_is_refused() -> None:
    async def no(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\n\r\n")

    async def liar(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer, honest=False)

    for serve in (no, liar):
        with pytest.raises(ConnectionRefusedError):
            async with wired("ws", serve):
                pass
