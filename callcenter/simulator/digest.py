"""Digest authentication of the asking side: RFC 7616, and RFC 2617 where no qop is offered.

Pure: the client's nonce is given, so the RFCs' own examples are the tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callcenter.simulator.message import parameters


class DigestError(ValueError):
    """A challenge that cannot be answered."""


def _md5(data: bytes) -> str:
    # MD5 because every SIP phone has it; nothing of ours is protected by it.
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


HASHES: dict[str, Callable[[bytes], str]] = {"SHA-256": _sha256, "MD5": _md5}
"""Best first; a challenge without an algorithm means MD5 (RFC 7616 3.3)."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A WWW-Authenticate or Proxy-Authenticate value."""

    realm: str
    nonce: str
    algorithm: str
    opaque: str | None
    auth_qop: bool

    @staticmethod
    def parse(value: str) -> Challenge:
        """`DigestError` if it is not Digest or asks for what we do not have."""
        scheme, _, rest = value.strip().partition(" ")
        values = parameters(rest)
        algorithm = values.get("algorithm", "MD5").upper()
        qops = [part.strip() for part in values.get("qop", "").split(",") if part.strip()]
        if scheme.lower() != "digest" or "nonce" not in values or algorithm not in HASHES:
            raise DigestError(f"cannot answer {value[:60]!r}")
        if qops and "auth" not in qops:
            raise DigestError(f"no qop that we have: {qops}")
        return Challenge(
            values.get("realm", ""), values["nonce"], algorithm, values.get("opaque"), bool(qops)
        )


def strongest(values: Sequence[str]) -> Challenge:
    """The best challenge that can be answered; `DigestError` if there is none."""
    found = []
    for value in values:
        try:
            found.append(Challenge.parse(value))
        except DigestError:
            continue
    if not found:
        raise DigestError("no challenge that can be answered")
    return min(found, key=lambda challenge: list(HASHES).index(challenge.algorithm))


def answer(
    challenge: Challenge,
    *,
    username: str,
    password: str,
    method: str,
    uri: str,
    cnonce: str,
    count: int = 1,
) -> str:
    """The Authorization value for a request of `method` to `uri`."""
    digest = HASHES[challenge.algorithm]
    first = digest(f"{username}:{challenge.realm}:{password}".encode())
    second = digest(f"{method}:{uri}".encode())
    fields = [
        f'username="{username}"',
        f'realm="{challenge.realm}"',
        f'nonce="{challenge.nonce}"',
        f'uri="{uri}"',
        f"algorithm={challenge.algorithm}",
    ]
    if challenge.auth_qop:
        middle = f"{challenge.nonce}:{count:08x}:{cnonce}:auth"
        fields += ["qop=auth", f"nc={count:08x}", f'cnonce="{cnonce}"']
    else:
        middle = challenge.nonce
    fields.append(f'response="{digest(f"{first}:{middle}:{second}".encode())}"')
    if challenge.opaque is not None:
        fields.append(f'opaque="{challenge.opaque}"')
    return "Digest " + ", ".join(fields)
