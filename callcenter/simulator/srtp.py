"""Encrypted sound: SRTP with AES_CM_128_HMAC_SHA1_80 (RFC 3711), its key in SDP (RFC 4568)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY_BYTES, SALT_BYTES, TAG_BYTES = 16, 14, 10
_AUTH_BYTES = 20
_INLINE = re.compile(rf"^a=crypto:(\d+) {SUITE} inline:([A-Za-z0-9+/=]+)", re.MULTILINE)


class SrtpError(ValueError):
    """A packet that is not what its key says."""


def new_key() -> bytes:
    """A master key with its salt."""
    return secrets.token_bytes(KEY_BYTES + SALT_BYTES)


def crypto_line(tag: int, key: bytes) -> str:
    """The line of SDP that offers or takes `key`."""
    return f"a=crypto:{tag} {SUITE} inline:{base64.b64encode(key).decode()}"


def crypto_in(media: str) -> tuple[int, bytes] | None:
    """Tag and key of the first line of SDP whose suite we have; None if there is none."""
    found = _INLINE.search(media)
    return None if found is None else (int(found[1]), base64.b64decode(found[2]))


def keystream(key: bytes, start: int, length: int) -> bytes:
    """AES in counter mode over zeros, beginning with the counter `start`."""
    cipher = Cipher(algorithms.AES128(key), modes.CTR(start.to_bytes(16, "big"))).encryptor()
    return cipher.update(bytes(length))


def derive(master: bytes, label: int, length: int) -> bytes:
    """A session key of RFC 3711, section 4.3.1: 0 encryption, 1 authentication, 2 salt."""
    key, salt = master[:KEY_BYTES], int.from_bytes(master[KEY_BYTES:])
    return keystream(key, (salt ^ (label << 48)) << 16, length)


class Srtp:
    """One direction of a stream under one key; packets come about in their order."""

    def __init__(self, master: bytes) -> None:
        self._key = derive(master, 0, KEY_BYTES)
        self._auth = derive(master, 1, _AUTH_BYTES)
        self._salt = int.from_bytes(derive(master, 2, SALT_BYTES))
        self._last: int | None = None
        """Sequence and the times it began anew, of the newest packet."""

    def protect(self, packet: bytes, header: int) -> bytes:
        """`packet`, whose first `header` bytes stay readable, as it goes out."""
        index = self._index(packet)
        body = packet[:header] + self._crypt(packet, packet[header:], index)
        return body + self._tag(body, index)

    def unprotect(self, packet: bytes, header: int) -> bytes:
        """The packet that somebody protected; `SrtpError` if it was not done with this key."""
        body, tag = packet[:-TAG_BYTES], packet[-TAG_BYTES:]
        index = self._index(packet)
        if len(body) < header or not hmac.compare_digest(tag, self._tag(body, index)):
            raise SrtpError("not authentic")
        return body[:header] + self._crypt(packet, body[header:], index)

    def _index(self, packet: bytes) -> int:
        sequence = int.from_bytes(packet[2:4])
        last = sequence if self._last is None else self._last
        around = (last & ~0xFFFF) | sequence
        index = min(
            (one for one in (around - 0x10000, around, around + 0x10000) if one >= 0),
            key=lambda one: abs(one - last),
        )
        self._last = max(last, index)
        return index

    def _crypt(self, packet: bytes, data: bytes, index: int) -> bytes:
        ssrc = int.from_bytes(packet[8:12])
        stream = keystream(self._key, (self._salt << 16) ^ (ssrc << 64) ^ (index << 16), len(data))
        return bytes(one ^ other for one, other in zip(data, stream, strict=True))

    def _tag(self, body: bytes, index: int) -> bytes:
        rollovers = (index >> 16).to_bytes(4, "big")
        return hmac.new(self._auth, body + rollovers, hashlib.sha1).digest()[:TAG_BYTES]
