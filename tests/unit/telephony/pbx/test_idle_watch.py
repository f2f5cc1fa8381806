"""Idle connections to the SIP TLS port are seen on this machine's own sockets, and told."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from callcenter.platform.health import HealthStatus
from callcenter.telephony.domain.idle_connections import GRACE_SECONDS
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.registrations import Reachability, Registration, Transport
from callcenter.telephony.pbx.idle_watch import IdleWatch

MOST = 2


async def test_who_connects_and_says_nothing_is_told_by_his_address() -> None:
    now = [0.0]
    hold = asyncio.Event()

    async def keep(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hold.wait()
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    known: dict[Extension, Registration] = {}
    registrations: Any = SimpleNamespace(known=known)
    watch = IdleWatch(registrations, port, MOST, clock=lambda: now[0])
    clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST + 2)]
    try:
        own = clients[0][1].get_extra_info("sockname")[1]
        known[Extension("8001")] = Registration(
            Extension("8001"), Transport.TLS, f"127.0.0.1:{own}", "Yealink",
            Reachability.REACHABLE, 1, None,
        )  # fmt: skip
        await watch.look()
        assert (watch.idle, (await watch.health()).status) == (0, HealthStatus.OK)
        now[0] = GRACE_SECONDS + 1
        await watch.look()
        told = await watch.health()
        assert (watch.idle, told.status) == (MOST + 1, HealthStatus.DEGRADED)
        assert f"127.0.0.1 ({MOST + 1})" in told.message
    finally:
        hold.set()
        for _, writer in clients:
            writer.close()
        server.close()
    await server.wait_closed()
    async with asyncio.timeout(10):
        while (await watch.health()).status is not HealthStatus.OK:
            await asyncio.sleep(0.01)  # The kernel's own table: nobody says when it has changed.
            await watch.look()


async def test_without_the_port_nobody_looks() -> None:
    registrations: Any = SimpleNamespace(known=None)
    await IdleWatch(registrations, 0, MOST).run()
