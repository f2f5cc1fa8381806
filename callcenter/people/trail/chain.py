"""The hash chain of the audit trail: each entry's SHA-256 covers the entry before it.

So an entry that is changed, removed or put in between breaks the chain at a known place. What a
chain alone cannot show is that its end was cut off, or that all of it was written anew: for that
the head (count and hash) is noted outside now and then, and `verify` is given what was noted.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Protocol

from callcenter.platform.errors import BadInput

_SEQ = re.compile(r"[0-9]{1,18}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
START = "0" * 64
"""What the first entry has before it."""


class ActorKind(StrEnum):
    """Who acts; kept beside the name, so that no name can say otherwise."""

    USER = "user"
    TOKEN = "token"  # noqa: S105
    SYSTEM = "system"
    """Nobody: the service by itself."""
    COMMAND = "command"
    """Whoever may use the command line."""
    STRANGER = "stranger"
    """Somebody at the door."""


class Scheme(IntEnum):
    """How an entry is chained. Later entries never have a lower one."""

    PLAIN = 1
    """SHA-256, without the kind of actor."""
    KIND = 2
    """SHA-256, with it."""
    KEYED = 3
    """HMAC-SHA-256 with a key that is not in the database (RFC 2104)."""


class Link(Protocol):
    """What is hashed of an entry."""

    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def actor(self) -> str: ...
    @property
    def actor_kind(self) -> str: ...
    @property
    def scheme(self) -> int: ...
    @property
    def user_id(self) -> int | None: ...
    @property
    def address(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def data(self) -> str: ...
    @property
    def previous(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many entries, and the last one's hash."""

    seq: int = 0
    sha256: str = START

    def __str__(self) -> str:
        return f"{self.seq}:{self.sha256}"


def parse_head(text: str) -> Head:
    """The head that `str` wrote; `BadInput` ``bad_head``."""
    seq, _, sha256 = text.partition(":")
    if not (_SEQ.fullmatch(seq) and _SHA256.fullmatch(sha256)):
        raise BadInput(
            "a head is NUMBER:HASH, as `callcenter trail verify` prints it", code="bad_head"
        )
    return Head(int(seq), sha256)


def digest(link: Link, key: bytes | None) -> str:
    """The entry's hash by its scheme, in hexadecimal; '' if it needs a key and there is none."""
    fields: list[object] = [
        link.seq,
        link.at.astimezone(UTC).isoformat(timespec="microseconds"),
        link.actor,
        link.user_id,
        link.address,
        link.action,
        link.subject,
        link.data,
        link.previous,
    ]
    if link.scheme != Scheme.PLAIN:
        fields += [link.actor_kind, link.scheme]
    # A JSON list: no two different entries are written alike.
    text = json.dumps(fields, ensure_ascii=True).encode()
    if link.scheme != Scheme.KEYED:
        return hashlib.sha256(text).hexdigest()
    return "" if key is None else hmac.new(key, text, hashlib.sha256).hexdigest()


def fault(
    head: Head, link: Link, sha256: str, *, lowest: int = Scheme.PLAIN, key: bytes | None = None
) -> str | None:
    """Why the entry does not follow on `head`, or None. `lowest` is the scheme that it must have at
    least."""
    if link.scheme < lowest:
        return f"entry {link.seq} is not signed as it must be"
    if link.scheme == Scheme.KEYED and key is None:
        return f"entry {link.seq} is signed with a key that is not here"
    if link.seq != head.seq + 1:
        return f"entry {head.seq + 1} is missing"
    if link.previous != head.sha256:
        return f"entry {link.seq} does not follow on the one before it"
    if not hmac.compare_digest(digest(link, key), sha256):
        return f"entry {link.seq} was changed after it was written"
    return None
