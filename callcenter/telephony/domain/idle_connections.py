"""Connections to the SIP TLS port on which nobody has registered.

The PBX waits for ever for a handshake that does not begin, and cannot be told to wait less. So what
stays open is counted by its address: a phone registers within seconds of its connection. Pure:
`now` is any clock in seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_address

GRACE_SECONDS = 60.0
"""A handshake, a log-in, and a second try of it."""
_ESTABLISHED = "01"

Connection = tuple[str, int]
"""The other side's address and port."""


def established(table: str, port: int) -> frozenset[Connection]:
    """The other sides of what is established with local `port`, by Linux's ``/proc/net/tcp`` or
    ``tcp6``; a line that cannot be read is none."""
    found = set()
    for line in table.splitlines()[1:]:
        fields = line.split()
        try:
            local, remote, state = fields[1], fields[2], fields[3]
            if state == _ESTABLISHED and int(local.rpartition(":")[2], 16) == port:
                address, _, remote_port = remote.rpartition(":")
                found.add((_address(address), int(remote_port, 16)))
        except (IndexError, ValueError):
            continue
    return frozenset(found)


def _address(digits: str) -> str:
    """As people write it: the kernel writes words of four bytes in the machine's own order."""
    data = bytes.fromhex(digits)
    ordered = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
    address = ip_address(ordered)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


class IdleConnections:
    """What is open, since when."""

    def __init__(self) -> None:
        self._since: dict[Connection, float] = {}
        self._phones: Collection[Connection] = ()
        self.now = 0.0

    def seen(
        self, open_now: Iterable[Connection], phones: Collection[Connection], now: float
    ) -> None:
        """These are open; `phones` are registered over one of them."""
        self._since = {one: self._since.get(one, now) for one in open_now}
        self._phones, self.now = phones, now

    @property
    def idle(self) -> Mapping[str, int]:
        """How many connections without a phone each address holds for longer than
        `GRACE_SECONDS`."""
        return Counter(
            one[0]
            for one, since in self._since.items()
            if one not in self._phones and self.now - since > GRACE_SECONDS
        )
