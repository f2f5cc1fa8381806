"""What a setting may be, where its type does not say it: checked when it is read, so that nothing
passes set-up and fails later, at a call. Each raises a `ValueError` that says the mend."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from callcenter.platform.domain.nearest import nearest
from callcenter.platform.texts import line

_HOST_PART = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_HOST_PART}(\.{_HOST_PART})*\.?")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_ICE = re.compile(r"stuns?:(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\s?]+)(:(?P<port>[0-9]{1,5}))?")


def time_zone(value: str) -> str:
    """The name of a zone of the IANA database that this machine knows."""
    try:
        if _ZONE.fullmatch(value) is None:
            raise ValueError(value)
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        meant = nearest(value, available_timezones())
        question = f"; did you mean {meant}?" if meant else ", such as Asia/Shanghai"
        raise ValueError(f"{value!r} is no time zone{question}") from None
    return value


def plain(value: str) -> str:
    """A text for a file of the PBX or a request: one line, no blanks around it."""
    if line(value).strip() != value:
        raise ValueError("take the blanks around it away")
    return value


def bind_address(value: str) -> str:
    """An address of this machine, in numbers: a name may mean another one tomorrow."""
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError(
            f"{value!r} is no IP address; 0.0.0.0 is every IPv4 address, 127.0.0.1 this machine"
        ) from None


def host(value: str) -> str:
    """A name or an address of a machine; may be empty."""
    if value and not _is_host(value):
        raise ValueError(f"{value!r} is neither a host's name nor an IP address")
    return value


def host_and_port(value: str) -> str:
    """``host``, or ``host:port``, or ``[IPv6]:port``; may be empty."""
    split_host(value)
    return value


def split_host(value: str) -> tuple[str, int]:
    """Host (an IPv6 one in brackets, as a SIP URI has it) and port of ``host[:port]``; 0: none."""
    name, port = value, ""
    if value.startswith("["):
        name, end, port = value[1:].partition("]")
        if not end or (port and not port.startswith(":")) or ":" not in name:
            raise ValueError(f"{value!r}: write it as [2001:db8::1]:5060")
        port = port.removeprefix(":")
    elif value.count(":") == 1:
        name, _, port = value.partition(":")
        if not port:
            raise ValueError(f"{value!r}: which port?")
    elif ":" in value:
        raise ValueError(f"{value!r}: an IPv6 address is written as [2001:db8::1]:5060")
    if value and not (_is_host(name) and (not port or _is_port(port))):
        raise ValueError(f"{value!r} is no host[:port]")
    return (f"[{name}]" if value.startswith("[") else name), int(port or 0)


def url(value: str) -> str:
    """An address with a host, and a port that there can be; may be empty."""
    if value:
        line(value)
        parts = urlsplit(value)
        if not parts.hostname or not _is_host(parts.hostname) or parts.username is not None:
            raise ValueError(f"{value!r} names no host")
        _ = parts.port  # `ValueError` if it is none
    return value


def networks(values: Iterable[str]) -> None:
    """Addresses or networks of a carrier."""
    for part in values:
        if ip_network(part, strict=False).prefixlen == 0:
            raise ValueError(f"{part}: everybody would be the carrier; name its addresses")


def stun_servers(values: Iterable[str]) -> None:
    """``stun:host:port``, RFC 7064."""
    for part in values:
        found = _ICE.fullmatch(part)
        if found is None or not _is_host(found["host"].strip("[]")):
            raise ValueError(f"{part!r} is no STUN server: write stun:host:port")
        if found["port"] and not _is_port(found["port"]):
            raise ValueError(f"{part!r}: a port is 1 to 65535")


def folder(value: Path) -> Path:
    """A folder, or nothing yet."""
    if "\n" in str(value) or "\0" in str(value):
        raise ValueError("a path is one line")
    for place in (value, *value.parents):
        if place.is_dir():
            break
        if place.exists():
            raise ValueError(f"{place} is a file; name a folder")
    return value


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) < 65536


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        # What is digits and dots alone is an address that there cannot be.
        numbers = text.replace(".", "").isdecimal()
        return len(text) < 254 and not numbers and _HOST.fullmatch(text) is not None
    return True
