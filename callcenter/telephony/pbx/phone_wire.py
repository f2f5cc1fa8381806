"""Carries a browser phone's messages between its WebSocket and the PBX's, which is on loopback.

So the PBX's own port is nobody's to knock at: whoever is let through has a session that was
checked, and the phone proves its seat to the PBX all the same (SIP digest).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

SIP = "sip"
"""RFC 7118, section 4.1."""
OPEN_SECONDS = 5.0
"""The PBX is on this machine: it answers at once or not at all."""
MESSAGE_MAX = 65_536
"""Bytes; the PBX takes no SIP message that is longer (PJSIP_MAX_PKT_LEN is less)."""


class PbxAway(Exception):
    """The PBX does not answer, or has ended the connection."""


Receive = Callable[[], Awaitable[str | bytes | None]]
"""The browser's next message; None when it has gone."""
Send = Callable[[str | bytes], Awaitable[None]]


async def open_to_pbx(port: int) -> ClientConnection:
    """A connection to the PBX's WebSocket on loopback `port`; `PbxAway`."""
    try:
        return await connect(
            f"ws://127.0.0.1:{port}/ws",
            subprotocols=[Subprotocol(SIP)],
            open_timeout=OPEN_SECONDS,
            # The browser's end is watched; this one ends with the PBX.
            ping_interval=None,
            max_size=MESSAGE_MAX,
            compression=None,
            proxy=None,
        )
    except (OSError, TimeoutError, WebSocketException) as error:
        raise PbxAway(str(error)) from error


async def carry(pbx: ClientConnection, receive: Receive, send: Send) -> None:
    """Carry messages both ways until the browser has gone; `PbxAway` when the PBX has."""

    async def from_browser() -> None:
        while (message := await receive()) is not None:
            await pbx.send(message)

    async def from_pbx() -> None:
        async for message in pbx:
            await send(message)
        raise PbxAway("the PBX ended the connection")

    ways = {asyncio.create_task(from_browser()), asyncio.create_task(from_pbx())}
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in done:
            way.result()
    except ConnectionClosed as error:
        raise PbxAway(str(error)) from error
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await pbx.close()
