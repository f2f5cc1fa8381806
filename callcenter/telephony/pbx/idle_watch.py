"""Watches who holds connections to the SIP TLS port without registering, and says so.

It can only be told: the PBX has neither a limit for a handshake nor a command that ends a
connection, and an ACL is asked when a request is there. A firewall can (`docs/operations.md`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from callcenter.platform.health import PartHealth, degraded, well
from callcenter.telephony.domain.idle_connections import Connection, IdleConnections, established
from callcenter.telephony.domain.registrations import Transport
from callcenter.telephony.pbx.registrations import Registrations

LOOK_SECONDS = 15.0
NAMED = 3
"""Addresses that health names."""
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


class IdleWatch:
    """Of one PBX; `run` it as a task. `most` is what one address may hold unseen."""

    def __init__(
        self,
        registrations: Registrations,
        port: int,
        most: int,
        *,
        tables: Sequence[Path] = TABLES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registrations = registrations
        self._port = port
        self._most = most
        self._tables = tables
        self._clock = clock
        self._connections = IdleConnections()

    @property
    def idle(self) -> int:
        """Connections without a phone, of all addresses."""
        return sum(self._connections.idle.values())

    async def run(self) -> None:
        """Look again and again, until cancelled; not at all without such a port."""
        while self._port:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Take what is open now."""
        found = await asyncio.to_thread(self._open)
        phones = {
            _connection(one.address)
            for one in (self._registrations.known or {}).values()
            if one.transport is Transport.TLS
        }
        self._connections.seen(found, phones, self._clock())

    async def health(self) -> PartHealth:
        """Whether one address holds many."""
        name = "sip_connections"
        idle = self._connections.idle
        many = [(address, count) for address, count in idle.items() if count > self._most]
        if not many:
            return well(name, f"{self.idle} connections to the SIP TLS port without a phone")
        many.sort(key=lambda one: -one[1])
        said = ", ".join(f"{address} ({count})" for address, count in many[:NAMED])
        return degraded(
            name,
            f"connections to the SIP TLS port on which nobody registers are held by {said}: the PBX"
            " cannot end them; have the firewall do it",
        )

    def _open(self) -> frozenset[Connection]:
        found: frozenset[Connection] = frozenset()
        for table in self._tables:
            try:
                found |= established(table.read_text(encoding="ascii"), self._port)
            except OSError:
                continue  # no IPv6, or no Linux: nothing is known then
        return found


def _connection(address: str) -> Connection:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port) if port.isdecimal() else 0
