"""One audio stream over RTP (RFC 3550) with telephone events (RFC 4733).

A stream speaks every 20 ms from the moment it knows its peer, silence if nothing else, as phones
do. It keeps what it hears, bounded, so that a test can say what the ear on this side got.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from callcenter.simulator.sdp import Sdp
from callcenter.simulator.sound import (
    FRAME,
    RATE,
    Samples,
    decode_g711,
    encode_g711,
    key_tone,
    silence,
)
from callcenter.simulator.srtp import Srtp, SrtpError, new_key

PACE = FRAME / RATE
_HEADER = struct.Struct("!BBHII")
DIGITS = "0123456789*#ABCD"
DIGIT_VOLUME = 10
"""-10 dBm0, what phones send."""
DIGIT_FRAMES = 5
"""100 ms a digit; Asterisk's shortest is 80 ms."""
GAP_FRAMES = 5
"""100 ms between digits."""
HEARD_FRAMES = 30_000
"""Ten minutes are kept; older sound is dropped."""


class RtpError(ValueError):
    """Not an RTP packet."""


class StreamClosed(RuntimeError):
    """Something was to be said after the end."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet; CSRCs, header extensions and padding are read over, never written."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    def encode(self) -> bytes:
        """The datagram."""
        second = self.payload_type | (0x80 if self.marker else 0)
        head = _HEADER.pack(0x80, second, self.sequence, self.timestamp, self.ssrc)
        return head + self.payload

    @staticmethod
    def parse(data: bytes) -> RtpPacket:
        """`RtpError` if `data` is not RTP version 2 or is cut off."""
        if len(data) < _HEADER.size or data[0] >> 6 != 2:
            raise RtpError("not RTP")
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        start, end = _HEADER.size + 4 * (first & 15), len(data)
        if first & 0x10:
            if start + 4 > end:
                raise RtpError("cut off in the extension")
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
        if first & 0x20:
            end -= data[-1]
        if start > end:
            raise RtpError("cut off")
        payload = data[start:end]
        return RtpPacket(second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, payload)


def digit_payloads(digit: str) -> Iterator[tuple[bytes, bool]]:
    """Telephone-event payloads of one digit, one per 20 ms; whether it is the first.

    The end is sent three times (RFC 4733 2.5.1.4), so that a lost packet leaves no held key.
    """
    event = DIGITS.index(digit.upper())
    for frame in range(1, DIGIT_FRAMES + 1):
        yield struct.pack("!BBH", event, DIGIT_VOLUME, frame * FRAME), frame == 1
    for _ in range(3):
        yield struct.pack("!BBH", event, 0x80 | DIGIT_VOLUME, DIGIT_FRAMES * FRAME), False


class Stream(asyncio.DatagramProtocol):
    """An RTP socket and the sound that goes out and comes in."""

    def __init__(self, first_sequence: int | None = None) -> None:
        self.local_port = 0
        self.digits = ""
        """Telephone events heard."""
        self.packets_heard = 0
        self.mute = False
        """Whether nothing at all goes out: no sound in silence, as many mobiles and carriers do
        it. What is to be said is passed over meanwhile."""
        self._transport: asyncio.DatagramTransport | None = None
        self.key = new_key()
        """Of what goes out, if both sides encrypt."""
        self._out: Srtp | None = None
        self._in: Srtp | None = None
        self._peer_key = b""
        self._peer: tuple[str, int] | None = None
        self._payload = 8
        self._event: int | None = None
        self._sending = True
        self._sound: Iterator[Samples] = iter(())
        self._said = asyncio.Event()
        self._keys: deque[str] = deque()
        self._key: Iterator[tuple[bytes, bool]] | None = None
        self._key_time = 0
        self._key_tone: Iterator[Samples] = iter(())
        self._keyed = asyncio.Event()
        self._gap = 0
        self._closed = False
        self._heard: deque[tuple[int, bytes]] = deque(maxlen=HEARD_FRAMES)
        self._last_event: int | None = None
        self._sequence = random.randrange(1 << 16) if first_sequence is None else first_sequence
        self._timestamp = random.randrange(1 << 32)
        self._ssrc = random.randrange(1 << 32)
        self._arrived = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    @staticmethod
    async def open(address: str, first_sequence: int | None = None) -> Stream:
        """A stream on an even port of `address`, as RFC 3550 11 asks; its packets are counted
        from a random number on (5.1), or from `first_sequence`."""
        loop = asyncio.get_running_loop()
        for attempt in itertools.count():
            transport, stream = await loop.create_datagram_endpoint(
                lambda: Stream(first_sequence), (address, 0)
            )
            stream.local_port = transport.get_extra_info("sockname")[1]
            if stream.local_port % 2 == 0 or attempt > 20:
                return stream
            transport.close()
        raise AssertionError("unreachable")

    # -- control ------------------------------------------------------------------------------

    @property
    def encrypted(self) -> bool:
        """Whether the sound is."""
        return self._out is not None

    def start(self, peer: Sdp) -> None:
        """Speak to `peer` from now on, or to another peer than before; encrypted if it has a key
        (and knows ours)."""
        if peer.crypto is None:
            self._out = self._in = None
        else:
            self._out = self._out or Srtp(self.key)
            if self._in is None or self._peer_key != peer.crypto[1]:
                self._peer_key = peer.crypto[1]
                self._in = Srtp(self._peer_key)
        self._peer = (peer.address, peer.port)
        self._payload = peer.payloads[0]
        self._event = peer.event
        self._sending = peer.direction in ("sendrecv", "recvonly") and peer.port != 0
        if self._timer is None:
            self._due = asyncio.get_running_loop().time()
            self._tick()

    def say(self, samples: Samples, *, repeat: bool = False) -> asyncio.Event:
        """Speak `samples` instead of what was being said; the event is set once all is said."""
        self._must_be_open()
        frames = [samples[at : at + FRAME] for at in range(0, samples.size, FRAME)]
        self._said = asyncio.Event()
        self._sound = itertools.cycle(frames) if repeat else iter(frames)
        return self._said

    def press(self, keys: str) -> asyncio.Event:
        """Send `keys` one after the other, as events or, if the peer takes none, as tones.

        The event is set once the last one is out.
        """
        self._must_be_open()
        for key in keys:
            DIGITS.index(key.upper())
        self._keyed = asyncio.Event()
        self._keys.extend(keys)
        return self._keyed

    def _must_be_open(self) -> None:
        if self._closed:
            raise StreamClosed("the call is over; nobody hears this")

    def close(self) -> None:
        """Be silent and close the socket; what was heard is kept."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._peer = None
        self._said.set()
        self._keyed.set()
        self._arrived.set()
        if self._transport is not None:
            self._transport.close()

    def heard(self, last_frames: int | None = None) -> Samples:
        """Everything heard so far, or the last frames of 20 ms, in the order the packets came."""
        count = len(self._heard)
        start = 0 if last_frames is None else max(0, count - last_frames)
        parts = [
            decode_g711(data, kind) for kind, data in itertools.islice(self._heard, start, count)
        ]
        return np.concatenate(parts) if parts else silence(0)

    async def until(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait for `condition`, looked at after each packet; `TimeoutError` after `timeout`."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._must_be_open()
                self._arrived.clear()
                await self._arrived.wait()

    # -- sending ------------------------------------------------------------------------------

    def _tick(self) -> None:
        if self._peer is None:
            return
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF
        if self._key is None and self._keys and not self._gap:
            pressed = self._keys.popleft()
            self._key = digit_payloads(pressed)
            self._key_time = self._timestamp
            tones = key_tone(pressed, DIGIT_FRAMES * PACE)
            self._key_tone = iter(tones.reshape(-1, FRAME))
        event = next(self._key, None) if self._key is not None else None
        if event is not None and self._event is not None:
            # All packets of one digit carry the time of its beginning (RFC 4733 2.3.2).
            self._send(self._event, event[0], self._key_time, event[1])
        elif event is not None:
            # The other side takes no events: in the sound, as an old telephone does.
            frame = next(self._key_tone, silence(PACE))
            self._send(self._payload, encode_g711(frame, self._payload), self._timestamp, False)
        else:
            self._end_of_key()
            self._send(self._payload, self._next_frame(), self._timestamp, False)
        loop = asyncio.get_running_loop()
        # From the due time, not from now, so that lateness does not add up; after a long pause of
        # the process the lost time is skipped, not made up in a burst.
        self._due = max(self._due + PACE, loop.time() - 5 * PACE)
        self._timer = loop.call_at(self._due, self._tick)

    def _end_of_key(self) -> None:
        if self._key is not None:
            self._key = None
            self._gap = GAP_FRAMES
            if not self._keys:
                self._keyed.set()
        elif self._gap:
            self._gap -= 1

    def _next_frame(self) -> bytes:
        frame = next(self._sound, None)
        if frame is None:
            self._said.set()
            frame = silence(PACE)
        elif frame.size < FRAME:
            frame = np.pad(frame, (0, FRAME - frame.size))
        return encode_g711(frame, self._payload)

    def _send(self, kind: int, payload: bytes, timestamp: int, marker: bool) -> None:
        if self._transport is None or self.mute or not self._sending:
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        packet = RtpPacket(kind, marker, self._sequence, timestamp, self._ssrc, payload)
        data = packet.encode()
        if self._out is not None:
            data = self._out.protect(data, _HEADER.size)
        self._transport.sendto(data, self._peer)

    # -- receiving ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, _addr: tuple[str, int]) -> None:
        """Keep what was said to us; what is no RTP is dropped."""
        try:
            if self._in is not None:
                data = self._in.unprotect(data, _HEADER.size)
            packet = RtpPacket.parse(data)
        except (RtpError, SrtpError):
            return
        self.packets_heard += 1
        self._arrived.set()
        if packet.payload_type in (0, 8):
            self._heard.append((packet.payload_type, packet.payload))
        elif packet.payload_type == self._event:
            self._on_event(packet)

    def _on_event(self, packet: RtpPacket) -> None:
        """A digit counts once: all its packets carry the same time."""
        if packet.timestamp != self._last_event and packet.payload[:1] < bytes([len(DIGITS)]):
            self._last_event = packet.timestamp
            self.digits += "".join(DIGITS[code] for code in packet.payload[:1])

    def error_received(self, exc: Exception) -> None:
        """The other side's port is closed already: the end of a call, nothing to do."""
