"""Bytes of AMI: cutting the stream into messages, and checking what we send.

A message is decoded when it is whole, so a character split over two segments survives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BANNER = b"Asterisk Call Manager/"
END = b"\r\n\r\n"
MAX_BANNER_BYTES = 256
MAX_MESSAGE_BYTES = 262_144
"""The largest real message, a DBGetTreeResponse with an endpoint, is 4 kB."""
MAX_LINE_BYTES = 1000
"""Asterisk (manager.c) reads a header into 1,025 bytes and throws a longer one away."""


class BadStream(Exception):
    """What comes is not AMI; the link must be dropped."""


class BadValue(ValueError):
    """A value that must not be sent: it would be another header, or be cut."""


class Framer:
    """Cuts a byte stream, arriving in any pieces, into messages."""

    def __init__(self) -> None:
        self._buffer = b""
        self.version: str | None = None
        """AMI's version from the banner, None before it."""

    def feed(self, data: bytes) -> list[str]:
        """The messages that `data` completes; `BadStream` if it is no AMI."""
        buffer = self._buffer + data
        if self.version is None:
            line, found, buffer = buffer.partition(b"\r\n")
            expected = BANNER if found else BANNER[: len(line)]
            if not line.startswith(expected) or len(line) > MAX_BANNER_BYTES:
                raise BadStream(f"not an AMI server: it begins with {line[:40]!r}")
            if not found:
                self._buffer = line
                return []
            self.version = line[len(BANNER) :].decode("ascii", "replace")
        *whole, self._buffer = buffer.split(END)
        # Whole ones too: what is refused must not depend on how the stream was cut.
        if max(map(len, (self._buffer, *whole))) > MAX_MESSAGE_BYTES:
            raise BadStream(f"a message of more than {MAX_MESSAGE_BYTES} bytes")
        # An answer of several parts may be followed by an empty line more than needed.
        return [part.decode("utf-8", "replace").lstrip("\r\n") for part in whole if part.strip()]


class Repeated(ValueError):
    """A message that holds a header twice; its text is the header's name, in small letters."""


class Fields(dict[str, str]):
    """The headers of one event; names are compared without case, as AMI means them.

    panoramisk's `Message` can do more and costs seven times as much; a busy hotline's PBX tells
    thousands of events a second, and of each only a few headers are looked at.
    """

    def get(self, name: str, default: Any = None) -> Any:
        """The value of `name`."""
        return super().get(name.lower(), default)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())


def fields_of(frame: str) -> Fields:
    """The headers of `frame`; `Repeated` if one is there twice, see `repeated`."""
    made = Fields()
    for line in frame.split("\r\n"):
        name, found, value = line.partition(": ")
        if found:
            key = name.lower()
            if dict.__contains__(made, key):
                raise Repeated(key)
            dict.__setitem__(made, key, value.strip())
    return made


def repeated(frame: str) -> str:
    """The name of a header that `frame` holds twice (in small letters), or ''.

    The PBX (22.10.1) writes a caller's number as he sent it, line breaks and all, so a caller can
    add headers of his choice to what is said about him; he cannot take away those that are there.
    """
    seen = set()
    for line in frame.split("\r\n"):
        name, found, _ = line.partition(": ")
        if found:
            name = name.lower()
            if name in seen:
                return name
            seen.add(name)
    return ""


def check_fields(fields: Mapping[str, str]) -> None:
    """Raise `BadValue` if a field could be read as anything but itself.

    A line break would begin another header: with it, a caller's name could order the PBX about.
    """
    for name, value in fields.items():
        if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in value):
            raise BadValue(f"{name}: control characters cannot be sent to the PBX")
        try:
            size = len(f"{name}: {value}".encode())
        except UnicodeEncodeError:
            raise BadValue(f"{name}: is not valid text") from None
        if size > MAX_LINE_BYTES:
            raise BadValue(f"{name}: longer than {MAX_LINE_BYTES} bytes")
