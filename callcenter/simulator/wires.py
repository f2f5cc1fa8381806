"""How a phone's messages travel: UDP, TCP, TLS, or a WebSocket (RFC 7118), plain or over TLS.

A wire takes whole messages and gives whole messages. Over a connection everything goes to the
other end of it, whatever address a request names: that is what the connection is for.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import secrets
import ssl
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

Address = tuple[str, int]
Received = Callable[[bytes, Address], None]

TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
MESSAGE_MAX = 65536
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
"""Section 5.2."""
_LENGTH = re.compile(rb"^(?:Content-Length|l)\s*:\s*(\d+)", re.MULTILINE | re.IGNORECASE)


class Wire(Protocol):
    """An open wire."""

    local: Address
    """Where we are on it."""

    def send(self, data: bytes, address: Address) -> None:
        """Put a message on it; after its end nothing happens."""

    def close(self) -> None:
        """End it."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where a WebSocket is asked for, and what is said there: the PBX's own unless told."""

    path: str = "/ws"
    headers: Mapping[str, str] = field(default_factory=dict)


PBX_DOOR = Door()


async def open_wire(
    transport: str,
    local: Address,
    server: Address,
    received: Received,
    *,
    name: str = "",
    door: Door = PBX_DOOR,
) -> Wire:
    """A wire of one of `TRANSPORTS` from `local` to `server`.

    `name` is the server's name for a certificate; '' takes any certificate, as a phone does that
    nobody told whom to trust. Raises `OSError` (`ssl.SSLError` too) if the server does not answer.
    """
    if transport == "udp":
        return await _Datagrams.open(local, received)
    context = None
    if transport in ("tls", "wss"):
        context = ssl.create_default_context()
        if not name:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    streams = await asyncio.open_connection(*server, ssl=context, local_addr=local)
    if transport in ("tcp", "tls"):
        return _Stream(*streams, received)
    return await _WebSocket.open(*streams, received, door)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, received: Received) -> None:
        self._received = received
        self._transport: asyncio.DatagramTransport | None = None
        self.local: Address = ("", 0)

    @classmethod
    async def open(cls, local: Address, received: Received) -> _Datagrams:
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_datagram_endpoint(lambda: cls(received), local)
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.local = transport.get_extra_info("sockname")[:2]

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there: the request's own timer says so later."""

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._received(data, addr)

    def send(self, data: bytes, address: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, address)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Stream:
    """TCP or TLS; a message ends where its Content-Length says (RFC 3261, section 18.3)."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, received: Received
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._received = received
        self.local: Address = writer.get_extra_info("sockname")[:2]
        self.peer: Address = writer.get_extra_info("peername")[:2]
        self._reading = asyncio.create_task(self._read())

    def send(self, data: bytes, address: Address) -> None:
        if not self._writer.is_closing():
            self._writer.write(self._framed(data))

    def close(self) -> None:
        self._reading.cancel()
        # Not politely: over TLS that would wait for the other side, and we are gone.
        self._writer.transport.abort()

    def _framed(self, data: bytes) -> bytes:
        return data

    async def _next(self) -> bytes:
        head = await self._reader.readuntil(b"\r\n\r\n")
        # Keep-alives (RFC 5626) may stand before a message.
        head = head.lstrip(b"\r\n")
        if not head:
            return b""
        length = _LENGTH.search(head)
        return head + await self._reader.readexactly(int(length[1]) if length else 0)

    async def _read(self) -> None:
        try:
            while True:
                message = await self._next()
                if message:
                    self._received(message, self.peer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            self._writer.close()


class _WebSocket(_Stream):
    """One SIP message a WebSocket message; ours are masked, as a client's must be."""

    @classmethod
    async def open(
        cls,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        received: Received,
        door: Door,
    ) -> _WebSocket:
        host, port = writer.get_extra_info("peername")[:2]
        key = base64.b64encode(os.urandom(16))
        writer.write(
            b"GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: sip\r\n%s\r\n"
            % (
                door.path.encode(),
                host.encode(),
                port,
                key,
                "".join(f"{name}: {value}\r\n" for name, value in door.headers.items()).encode(),
            )
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        proof = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324
        if not answer.startswith(b"HTTP/1.1 101") or proof not in answer:
            writer.close()
            raise ConnectionRefusedError(answer.partition(b"\r")[0].decode("latin-1"))
        return cls(reader, writer, received)

    def _framed(self, data: bytes) -> bytes:
        return self._frame(_TEXT, data)

    def _frame(self, kind: int, data: bytes) -> bytes:
        size = len(data)
        if size < 126:
            head = struct.pack("!BB", 0x80 | kind, 0x80 | size)
        else:
            head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, size)
        mask = secrets.token_bytes(4)
        return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))

    async def _next(self) -> bytes:
        whole = b""
        while True:
            first, second = await self._reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
            if size > MESSAGE_MAX:
                raise ConnectionAbortedError("a message that is no SIP")
            data = await self._reader.readexactly(size)
            kind = first & 0x0F
            if kind == _CLOSE:
                raise ConnectionResetError("closed by the server")
            if kind == _PING:
                self._writer.write(self._frame(_PONG, data))
            elif kind != _PONG:
                whole += data
                if first & 0x80:
                    return whole
