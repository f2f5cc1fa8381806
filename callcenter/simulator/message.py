"""SIP messages as data (RFC 3261 section 7): read one datagram, write one, nothing else.

Reading is forgiving where the RFC asks for it (folded lines, compact names, any case), and strict
where a mistake would go unnoticed: what is not a SIP message is a `MessageError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

VERSION = "SIP/2.0"
COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
    "c": "content-type", "k": "supported", "r": "refer-to", "b": "referred-by", "o": "event",
    "u": "allow-events", "s": "subject", "e": "content-encoding", "x": "session-expires",
}  # fmt: skip
"""One-letter names: RFC 3261 7.3.3, RFC 3515, 3892, 6665, 4028."""

_LISTS = frozenset({"via", "route", "record-route", "contact"})
"""Headers whose values may share a line, separated by commas."""

_REQUEST = re.compile(r"^([A-Z]+) (\S+) SIP/2\.0$")
_RESPONSE = re.compile(r"^SIP/2\.0 (\d{3}) ?(.*)$")
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|<[^>]*>|[^"<>,;]+|.', re.DOTALL)


class MessageError(ValueError):
    """The bytes are no SIP message."""


@dataclass(slots=True)
class Headers:
    """Header lines in their order; names compare without case and in their long form."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.lines)

    def add(self, name: str, value: str | int) -> None:
        """Append one line."""
        self.lines.append((name, str(value)))

    def all(self, name: str) -> list[str]:
        """Every value of `name`; values that share a line are taken apart."""
        wanted = long_name(name)
        found = [value for key, value in self.lines if long_name(key) == wanted]
        if wanted not in _LISTS:
            return found
        return [part for value in found for part in split_outside_quotes(value, ",")]

    def get(self, name: str, default: str = "") -> str:
        """The first value of `name`."""
        return next(iter(self.all(name)), default)


@dataclass(slots=True)
class Request:
    """A request; `uri` is the request URI as it stands."""

    method: str
    uri: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def encode(self) -> bytes:
        """The datagram."""
        return _encode(f"{self.method} {self.uri} {VERSION}", self.headers, self.body)


@dataclass(slots=True)
class Response:
    """A response."""

    status: int
    reason: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    @property
    def final(self) -> bool:
        """Whether nothing more will follow (RFC 3261 7.2)."""
        return self.status >= 200

    @property
    def cseq_method(self) -> str:
        """The method of the request that this answers."""
        return self.headers.get("CSeq").partition(" ")[2].strip()

    def encode(self) -> bytes:
        """The datagram."""
        return _encode(f"{VERSION} {self.status} {self.reason}", self.headers, self.body)


def long_name(name: str) -> str:
    """A header's name in small letters and its long form."""
    lowered = name.strip().lower()
    return COMPACT.get(lowered, lowered)


def parse_message(data: bytes) -> Request | Response:
    """The message in a datagram; `MessageError` if it is none.

    Bytes after Content-Length are dropped, as RFC 3261 18.3 asks; fewer bytes than it says are an
    error.
    """
    head, separator, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise MessageError("no empty line after the headers")
    # Caller names come in UTF-8; what is not keeps its bytes, so it can be echoed unchanged.
    text = head.decode("utf-8", "surrogateescape")
    first, *rest = re.sub(r"\r\n[ \t]+", " ", text).split("\r\n")
    headers = Headers()
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise MessageError(f"not a header: {line[:40]!r}")
        headers.add(name.strip(), value.strip())
    length = headers.get("Content-Length")
    if length:
        if not length.isdecimal() or int(length) > len(body):
            raise MessageError(f"bad Content-Length {length[:20]!r}")
        body = body[: int(length)]
    if match := _REQUEST.match(first):
        return Request(match[1], match[2], headers, body)
    if match := _RESPONSE.match(first):
        return Response(int(match[1]), match[2], headers, body)
    raise MessageError(f"not a start line: {first[:40]!r}")


def _encode(first: str, headers: Headers, body: bytes) -> bytes:
    lines = [first]
    lines += [f"{name}: {value}" for name, value in headers if long_name(name) != "content-length"]
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + body


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """`text` cut at `separator`, but not inside quotes or angle brackets; empty parts dropped."""
    parts, present = [], ""
    for token in _TOKENS.findall(text):
        if token == separator:
            parts.append(present.strip())
            present = ""
        else:
            present += token
    parts.append(present.strip())
    return [part for part in parts if part]


def address_uri(value: str) -> str:
    """The URI of a From, To, Contact or Refer-To value, without the header's own parameters."""
    for token in _TOKENS.findall(value):
        if token.startswith("<") and token.endswith(">"):
            return str(token[1:-1].strip())
    return value.split(";", 1)[0].strip()


def parameter(value: str, name: str) -> str | None:
    """A header's parameter, e.g. ``tag`` of From; "" if it has no value, None if it is absent."""
    for part in split_outside_quotes(value, ";")[1:]:
        key, _, content = part.partition("=")
        if key.strip().lower() == name:
            return content.strip().strip('"')
    return None


def quoted(text: str) -> str:
    """`text` as a quoted string (RFC 3261 25.1)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def split_authority(uri: str) -> tuple[str, int]:
    """Host and port that a SIP URI is sent to; 5060 if it names none."""
    rest = uri.partition(":")[2].rpartition("@")[2]
    host = re.split(r"[;?]", rest, maxsplit=1)[0]
    name, _, port = host.partition(":")
    return name, int(port) if port.isdecimal() else 5060


def parameters(text: str) -> dict[str, str]:
    """``a=1, b="two"`` as of a challenge: names in small letters, values without quotes."""
    found = {}
    for part in split_outside_quotes(text, ","):
        name, _, value = part.partition("=")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found[name.strip().lower()] = value
    return found


def copy_headers(source: Headers, names: Iterable[str]) -> Headers:
    """The lines of `source` with one of `names`, unchanged and in order."""
    wanted = {long_name(name) for name in names}
    return Headers([(name, value) for name, value in source if long_name(name) in wanted])
