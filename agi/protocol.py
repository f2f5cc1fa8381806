"""The AGI protocol without I/O: bytes in, events or an error out; commands as bytes.

What Asterisk sends (``res/res_agi.c``, ``setup_env``): lines ``agi_key: value``, an empty line;
then one reply per command, and at any time ``HANGUP``. Everything else is refused, because
nothing but Asterisk should be at the other end: a caller's name with a line break in it must not
become a header. What is refused costs that call our answer, not the call: the dialplan has a
default.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from types import MappingProxyType

from callcenter.telephony.domain.ids import Uniqueid

COMMAND_MAX_BYTES = 2047
"""Asterisk reads a command, its line end and a zero byte into 2,048 bytes (``AGI_BUF_LEN``)."""

_HEADER = re.compile(rb"(agi_[a-z0-9_]{1,32}): ?([^\n]*)")
_REPLY = re.compile(r"(\d{3})([ -])(.*)")
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class Fault(StrEnum):
    """What was wrong with the bytes of the other side."""

    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_LINES = "too_many_lines"
    BAD_LINE = "bad_line"
    DOUBLE_HEADER = "double_header"
    UNEXPECTED_REPLY = "unexpected_reply"
    ENDED_EARLY = "ended_early"


class ProtocolError(Exception):
    """The other side does not speak AGI; nothing more can be read from it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Request:
    """What Asterisk asks: the question, its arguments, and the channel it asks for."""

    question: str
    """The path of the AGI URL, without a query."""
    args: tuple[str, ...]
    headers: Mapping[str, str]

    @property
    def uniqueid(self) -> Uniqueid:
        """Of the channel that waits for the answer."""
        return Uniqueid(self.headers.get("agi_uniqueid", ""))

    @property
    def caller_number(self) -> str:
        """As the carrier sent it; ``unknown`` if it sent none."""
        return self.headers.get("agi_callerid", "")


@dataclass(frozen=True, slots=True)
class Reply:
    """Asterisk's answer to one command."""

    code: int
    text: str

    @property
    def success(self) -> bool:
        """Whether the command was carried out."""
        return self.code == 200


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller is gone; only a few commands are still carried out (others: 511)."""


Event = Request | Reply | HungUp


class _State(Enum):
    HEADER = auto()
    COMMANDS = auto()
    USAGE = auto()
    """Inside the several lines of a 520."""


class AgiReader:
    """Reads one connection of Asterisk's. Limits hold for the whole connection."""

    def __init__(self, *, max_bytes: int, max_lines: int) -> None:
        self._max_bytes = max_bytes
        self._max_lines = max_lines
        self._buffer = bytearray()
        self._searched = 0
        self._bytes = 0
        self._lines = 0
        self._state = _State.HEADER
        self._headers: dict[str, str] = {}
        self._awaited = 0

    def expect_reply(self) -> None:
        """A command was sent: one more reply will come."""
        self._awaited += 1

    def receive(self, data: bytes) -> list[Event]:
        """Take `data` and tell what it completes; `ProtocolError` if it is not AGI."""
        self._bytes += len(data)
        if self._bytes > self._max_bytes:
            raise ProtocolError(Fault.TOO_MANY_BYTES)
        self._buffer += data
        events: list[Event] = []
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._searched = 0
            self._lines += 1
            if self._lines > self._max_lines:
                raise ProtocolError(Fault.TOO_MANY_LINES)
            event = self._take(line)
            if event is not None:
                events.append(event)
        self._searched = len(self._buffer)
        return events

    def receive_eof(self) -> None:
        """The other side sends no more; `ProtocolError` if something was begun."""
        if self._buffer or (self._state is _State.HEADER and self._lines):
            raise ProtocolError(Fault.ENDED_EARLY)

    def _take(self, line: bytes) -> Event | None:
        if self._state is _State.HEADER:
            return self._header(line)
        return self._reply(line.decode("utf-8", "replace"))

    def _header(self, line: bytes) -> Event | None:
        if not line:
            self._state = _State.COMMANDS
            return self._request()
        match = _HEADER.fullmatch(line)
        if match is None:
            raise ProtocolError(Fault.BAD_LINE)
        # A caller's name in GBK is no reason to lose the call: what is not UTF-8 is replaced.
        key, value = match[1].decode("ascii"), match[2].decode("utf-8", "replace")
        if key in self._headers:
            raise ProtocolError(Fault.DOUBLE_HEADER)
        self._headers[key] = value
        return None

    def _request(self) -> Request:
        args: list[str] = []
        while (value := self._headers.get(f"agi_arg_{len(args) + 1}")) is not None:
            args.append(value)
        question = self._headers.get("agi_network_script", "").partition("?")[0]
        return Request(question, tuple(args), MappingProxyType(self._headers))

    def _reply(self, line: str) -> Event | None:
        if self._state is _State.USAGE:
            if not line.startswith("520 "):
                return None
            self._state = _State.COMMANDS
        elif line == "HANGUP":
            return HungUp()
        match = _REPLY.fullmatch(line)
        if match is None:
            raise ProtocolError(Fault.BAD_LINE)
        if self._awaited <= 0:
            raise ProtocolError(Fault.UNEXPECTED_REPLY)
        if match[2] == "-":
            self._state = _State.USAGE
            return None
        self._awaited -= 1
        return Reply(int(match[1]), match[3])


def set_variable(name: str, value: str) -> bytes:
    """The command that sets a channel variable.

    The value arrives as it is, but for control characters, which are left out: a line break
    would end the command. `ValueError` for a name that is not ours to set (upper case, digits,
    underscore) or a value that makes the command longer than `COMMAND_MAX_BYTES`.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a variable's name: {name!r}")
    kept = "".join(char for char in value if unicodedata.category(char) not in ("Cc", "Cs"))
    quoted = kept.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    command = b'SET VARIABLE %s "%s"\n' % (name.encode(), quoted)
    if len(command) > COMMAND_MAX_BYTES:
        raise ValueError(f"{name}: the value makes a command of {len(command)} bytes")
    return command
