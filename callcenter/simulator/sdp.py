"""Session descriptions of one audio stream (RFC 8866, 3264): A-law, mu-law, telephone-event."""

from __future__ import annotations

import re
from dataclasses import dataclass

from callcenter.simulator.srtp import crypto_in, crypto_line

CODECS = {"alaw": 8, "ulaw": 0}
"""Static payload types (RFC 3551)."""
TELEPHONE_EVENT = 101
_NAMES = {8: "PCMA", 0: "PCMU"}


class SdpError(ValueError):
    """The description has no audio that we can take."""


@dataclass(frozen=True, slots=True)
class Sdp:
    """One side's audio: where it wants to be sent to, and what it can take, best first."""

    address: str
    port: int
    payloads: tuple[int, ...]
    event: int | None
    """Payload type of telephone events (RFC 4733); None if it takes none."""
    direction: str = "sendrecv"
    crypto: tuple[int, bytes] | None = None
    """Tag and key of SRTP; None: the sound is not encrypted."""
    savp: bool = False
    """The profile is RTP/SAVP: encrypted or not at all."""

    def encode(self, version: int = 1) -> bytes:
        """The body of an offer or answer; `version` must grow with each new one of a session."""
        kinds = [*self.payloads, *([self.event] if self.event is not None else [])]
        lines = [
            "v=0",
            f"o=phone 1 {version} IN IP4 {self.address}",
            "s=-",
            f"c=IN IP4 {self.address}",
            "t=0 0",
            f"m=audio {self.port} RTP/{'S' if self.savp else ''}AVP"
            f" {' '.join(str(kind) for kind in kinds)}",
        ]
        lines += [crypto_line(*self.crypto)] if self.crypto is not None else []
        lines += [f"a=rtpmap:{kind} {_NAMES[kind]}/8000" for kind in self.payloads]
        if self.event is not None:
            lines += [f"a=rtpmap:{self.event} telephone-event/8000", f"a=fmtp:{self.event} 0-16"]
        lines += ["a=ptime:20", f"a={self.direction}"]
        return ("\r\n".join(lines) + "\r\n").encode()

    @staticmethod
    def parse(body: bytes) -> Sdp:
        """The first audio stream in `body`; `SdpError` if there is none."""
        text = body.decode("utf-8", "replace")
        session, *media = re.split(r"^(?=m=)", text, flags=re.MULTILINE)
        audio = next((part for part in media if part.startswith("m=audio")), None)
        if audio is None:
            raise SdpError("no audio")
        first = re.match(r"m=audio (\d+) RTP/(S?)AVPF? ([\d ]+)", audio)
        place = re.search(r"^c=IN IP4 (\S+)", audio, re.MULTILINE) or re.search(
            r"^c=IN IP4 (\S+)", session, re.MULTILINE
        )
        if first is None or place is None:
            raise SdpError("no address or no format")
        kinds = [int(kind) for kind in first[3].split()]
        event = re.search(r"^a=rtpmap:(\d+) (?i:telephone-event)/8000", audio, re.MULTILINE)
        direction = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)", audio, re.MULTILINE)
        return Sdp(
            place[1],
            int(first[1]),
            tuple(kind for kind in kinds if kind in _NAMES),
            int(event[1]) if event else None,
            direction[1] if direction else "sendrecv",
            crypto_in(audio),
            savp=bool(first[2]),
        )


_ANSWERS = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


def answer_to(offer: Sdp, mine: Sdp) -> Sdp:
    """Our answer to `offer`: the first common codec, the offerer's event type, its direction
    seen from here (RFC 3264 6.1), its encryption if both have one. `SdpError` if there is no
    common codec, or no key where there must be one."""
    common = [kind for kind in offer.payloads if kind in mine.payloads]
    if not common:
        raise SdpError("no common codec")
    direction = _ANSWERS.get(offer.direction, mine.direction)
    crypto = None
    if offer.crypto is not None and mine.crypto is not None:
        crypto = (offer.crypto[0], mine.crypto[1])
    if offer.savp and crypto is None:
        raise SdpError("encrypted or not at all")
    return Sdp(
        mine.address,
        mine.port,
        (common[0],),
        offer.event if mine.event is not None else None,
        direction,
        crypto,
        savp=offer.savp,
    )
