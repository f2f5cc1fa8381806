"""Where a seat's phone has registered from, and what that says about it.

One phone a seat: the newest registration takes the place of the one before. What kind of phone it
is, is read from how it came: a browser can come over a WebSocket only (RFC 7118), and nothing else
comes that way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from callcenter.telephony.domain.ids import Extension


class Transport(StrEnum):
    """How the phone's signalling reaches the PBX."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    WEBSOCKET = "ws"
    """Plain or over TLS: the PBX does not tell them apart."""
    OTHER = "other"

    @property
    def browser(self) -> bool:
        """Whether a browser is at the other end, so that sound needs DTLS and ICE."""
        return self is Transport.WEBSOCKET


class PhoneKinds(StrEnum):
    """Which phones a seat may have."""

    SIP = "sip"
    """A desk phone or a program: UDP, TCP or TLS."""
    WEBRTC = "webrtc"
    """The browser."""
    BOTH = "both"
    """Either, one at a time: the PBX's endpoint follows the phone that is registered."""

    def is_browser(self, last: bool) -> bool:
        """Whether the seat's sound must be a browser's; `last`: its last phone was one."""
        return last if self is PhoneKinds.BOTH else self is PhoneKinds.WEBRTC


class Reachability(StrEnum):
    """What became of the PBX's last OPTIONS to the phone (its qualify)."""

    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    """Not asked yet, or no answer yet."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A phone that has registered for a seat."""

    extension: Extension
    transport: Transport
    address: str
    """Where it came from, ``192.0.2.7:5060``; of several NATs the nearest one."""
    user_agent: str
    reachability: Reachability
    round_trip_us: int | None
    """Microseconds from OPTIONS to its answer; None while there was no answer."""
    expires_at: float | None
    """POSIX seconds; it must register again before."""


_URI = re.compile(r"sips?:(?:[^@;>]*@)?(\[[^\]]*\](?::\d+)?|[^;?>]+)([^>]*)", re.IGNORECASE)
_TRANSPORT = re.compile(r";transport=([a-z]+)", re.IGNORECASE)


def read_contact_uri(uri: str) -> tuple[Transport, str]:
    """Transport and address of a contact's URI (RFC 3261, section 19.1.1).

    Whatever a phone wrote is answered: what cannot be read is `OTHER` and ''.
    """
    match = _URI.search(uri)
    if match is None:
        return Transport.OTHER, ""
    named = _TRANSPORT.search(match[2])
    name = named[1].lower() if named else "tls" if uri.lower().startswith("sips:") else "udp"
    name = "ws" if name == "wss" else name
    known = name in Transport.__members__.values() and name != Transport.OTHER
    return Transport(name) if known else Transport.OTHER, match[1]
