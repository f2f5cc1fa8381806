"""The sound in the PBX's own files.

A recording is raw (decision 2): signed 16-bit little-endian at 8 kHz, left and right by turns. A
voice message is a WAV whose header may say nothing yet, if the PBX was killed: then what follows
the header is the sound.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from callcenter.telephony.domain.media import MediaKind
from callcenter.telephony.recordings.files import Unusable

RATE = 8000
SAMPLE_BYTES = 2
PACKET_MS = 20
"""What the PBX writes at once."""
BLOCK_SECONDS = 10
"""Read at once: 320 kB of a recording, and 80 ms of work between two looks at the stop sign."""
_HEADER_BYTES = 4096
"""The PBX's header has 44; whoever puts a picture before the sound is not the PBX."""
_PCM = 1


@dataclass(frozen=True, slots=True)
class Samples:
    """Where 16-bit samples lie in a file."""

    offset: int
    frames: int
    channels: int
    rate: int

    @property
    def duration_ms(self) -> int:
        """Whole milliseconds."""
        return self.frames * 1000 // self.rate

    @property
    def frame_bytes(self) -> int:
        """Bytes of one moment on all channels."""
        return self.channels * SAMPLE_BYTES


def find_samples(descriptor: int, kind: MediaKind) -> Samples:
    """The sound of an open file as it is now; `Unusable` for a WAV of another kind."""
    size = os.fstat(descriptor).st_size
    if kind is MediaKind.RECORDING:
        return Samples(0, size // (2 * SAMPLE_BYTES), 2, RATE)
    return _of_wav(os.pread(descriptor, _HEADER_BYTES, 0), size)


def _of_wav(head: bytes, size: int) -> Samples:
    """The sound of a WAV of `size` bytes that begins with `head` (RIFF, chunk by chunk)."""
    if len(head) < 12:
        return Samples(0, 0, 1, RATE)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise Unusable("it is no WAV file")
    at = 12
    channels, rate = 0, 0
    while at + 8 <= len(head):
        name, length = struct.unpack_from("<4sI", head, at)
        at += 8
        if name == b"fmt " and at + 16 <= len(head):
            coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head, at)
            if coding != _PCM or bits != 8 * SAMPLE_BYTES or channels not in (1, 2) or not rate:
                raise Unusable("it is no WAV of 16-bit samples in one or two channels")
        elif name == b"data":
            if not channels:
                raise Unusable("its WAV header says nothing of the samples")
            rest = size - at
            held = rest if length == 0 or length > rest else length
            return Samples(at, held // (channels * SAMPLE_BYTES), channels, rate)
        at += length + length % 2
    if size > _HEADER_BYTES:
        raise Unusable("its WAV header leads to no sound")
    return Samples(0, 0, 1, RATE)


def blocks(descriptor: int, samples: Samples) -> Iterator[npt.NDArray[np.int16]]:
    """The frames in blocks of `BLOCK_SECONDS`, one row a frame.

    `OSError` if the file has become shorter meanwhile.
    """
    step = samples.rate * BLOCK_SECONDS * samples.frame_bytes
    at, end = samples.offset, samples.offset + samples.frames * samples.frame_bytes
    while at < end:
        data = _read(descriptor, min(step, end - at), at)
        at += len(data)
        yield np.frombuffer(data, dtype="<i2").reshape(-1, samples.channels)


def sounding_ms(parts: Iterable[npt.NDArray[np.int16]], rate: int) -> list[int]:
    """How much of each channel is no digital silence, milliseconds, in packets of 20 ms.

    `parts` are blocks of frames, one row a frame; each but the last holds whole packets. The PBX
    writes zeros where nothing came, and A-law has no zero: so this is what came.
    """
    packet = rate * PACKET_MS // 1000
    found: npt.NDArray[np.int64] | None = None
    for part in parts:
        whole = np.pad(part, ((0, -part.shape[0] % packet), (0, 0)))
        sounding = whole.reshape(-1, packet, part.shape[1]).any(axis=1).sum(axis=0)
        found = sounding if found is None else found + sounding
    return [] if found is None else [int(count) * PACKET_MS for count in found]


def sides_ms(descriptor: int, samples: Samples) -> list[int]:
    """`sounding_ms` of an open file; nothing if it is empty. `OSError` as of `blocks`."""
    return sounding_ms(blocks(descriptor, samples), samples.rate)


def _read(descriptor: int, wanted: int, at: int) -> bytes:
    pieces: list[bytes] = []
    while wanted:
        piece = os.pread(descriptor, wanted, at)
        if not piece:
            raise OSError("the file became shorter while it was read")
        pieces.append(piece)
        wanted -= len(piece)
        at += len(piece)
    return b"".join(pieces)
