"""Sound as numbers: 8 kHz, 16 bit, one channel, in numpy arrays; levels, tones, G.711.

A marker tone says whose voice it is: callers carry one, seats another, so a recording's left and
right side can be told apart by their power at the two frequencies.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

RATE = 8000
FRAME = 160
"""Samples in 20 ms."""
CALLER_HZ = 453.0
SEAT_HZ = 679.0
"""The markers: a quarter tone beside every note of the music on hold, and whole numbers, so that
a second of a marker can be repeated without a break."""

BESIDE_HZ = 8.0
"""Four bins of half a second away: a tone leaves next to nothing there, and our own voices have
nothing of their own (see `speech`)."""
ABOVE = 4.0

Samples = npt.NDArray[np.int16]

_ALAW, _ULAW = 8, 0


def tone(frequency: float, seconds: float, level: float = 0.1) -> Samples:
    """A sine of `frequency` Hz; `level` 1.0 is full scale."""
    times = np.arange(int(RATE * seconds)) / RATE
    return (level * 32767 * np.sin(2 * np.pi * frequency * times)).astype(np.int16)


_KEYS = ("123A", "456B", "789C", "*0#D")
_ROWS = (697.0, 770.0, 852.0, 941.0)
_COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)


def key_tone(key: str, seconds: float) -> Samples:
    """The two tones of `key` (ITU-T Q.23), as loud as phones send them (Q.24)."""
    for row, keys in enumerate(_KEYS):
        if key.upper() in keys:
            column = _COLUMNS[keys.index(key.upper())]
            return mixed(tone(_ROWS[row], seconds, 0.2), tone(column, seconds, 0.2))
    raise ValueError(f"no key: {key!r}")


def silence(seconds: float) -> Samples:
    """Nothing, for that long."""
    return np.zeros(int(RATE * seconds), dtype=np.int16)


def mixed(first: Samples, second: Samples) -> Samples:
    """Both at once, as long as `first`; `second` is repeated. Clipped, not wrapped."""
    repeated = np.resize(second, first.shape)
    total = first.astype(np.int32) + repeated.astype(np.int32)
    return np.asarray(np.clip(total, -32768, 32767), dtype=np.int16)


def rms(samples: Samples) -> float:
    """Root mean square, 0 to 1 of full scale; 0 for no samples."""
    if not samples.size:
        return 0.0
    return float(np.sqrt(np.mean((samples.astype(np.float64) / 32768) ** 2)))


def power_at(samples: Samples, frequency: float) -> float:
    """Share of full scale that a sine of `frequency` Hz has in `samples` (Goertzel's sum).

    A sine of level 0.1 gives 0.1; other frequencies give next to nothing. Taken over pieces of
    half a second and averaged, so that breaks in the tone's phase do not hide it.
    """
    piece = RATE // 2
    whole = samples.astype(np.float64) / 32768
    if whole.size < FRAME:
        return 0.0
    found = []
    for start in range(0, max(1, whole.size - piece // 2), piece):
        part = whole[start : start + piece]
        phase = np.exp(-2j * np.pi * frequency / RATE * np.arange(part.size))
        found.append(2 * abs(np.dot(part, phase)) / part.size)
    return float(np.mean(found))


def is_marked(samples: Samples, frequency: float, level: float) -> bool:
    """Whether `samples` hold a tone of `frequency` Hz: at `level` at least, and far above what is
    beside it, so that a voice or music that passes through the frequency is none."""
    here = power_at(samples, frequency)
    beside = max(power_at(samples, frequency + aside) for aside in (-BESIDE_HZ, BESIDE_HZ))
    return here >= level and here >= ABOVE * beside


def read_wav(path: Path) -> Samples:
    """A sound file as `Samples`: first channel, brought to 8 kHz."""
    data, rate = soundfile.read(path, dtype="int16", always_2d=True)
    return resampled(np.asarray(data[:, 0], dtype=np.int16), int(rate))


def resampled(samples: Samples, rate: int) -> Samples:
    """`samples` of `rate` Hz at 8 kHz; what is above 3.6 kHz is filtered out first."""
    if rate == RATE or not samples.size:
        return samples
    values = samples.astype(np.float64)
    if rate > RATE:
        taps = np.arange(-64, 65)
        cut = 3600 / rate
        kernel = 2 * cut * np.sinc(2 * cut * taps) * np.hamming(taps.size)
        values = np.convolve(values, kernel / kernel.sum(), mode="same")
    places = np.arange(0, values.size - 1, rate / RATE)
    found = np.interp(places, np.arange(values.size), values)
    return np.asarray(np.clip(found, -32768, 32767), dtype=np.int16)


def _alaw_table() -> Samples:
    """ITU-T G.711 A-law, all 256 octets."""
    octets = np.arange(256) ^ 0x55
    exponent, mantissa = (octets >> 4) & 7, octets & 15
    # The segment's middle: mantissa and a half step, with the hidden bit above segment 0.
    value = ((mantissa << 4) + 8 + np.where(exponent > 0, 0x100, 0)) << np.maximum(exponent - 1, 0)
    return np.asarray(np.where(octets & 0x80, value, -value), dtype=np.int16)


def _ulaw_table() -> Samples:
    """ITU-T G.711 mu-law, all 256 octets."""
    octets = ~np.arange(256) & 0xFF
    exponent, mantissa = (octets >> 4) & 7, octets & 15
    value = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return np.asarray(np.where(octets & 0x80, -value, value), dtype=np.int16)


def _nearest(table: Samples) -> npt.NDArray[np.uint8]:
    """For every 16-bit value the octet whose value is nearest."""
    order = np.argsort(table, kind="stable")
    levels = table[order].astype(np.int32)
    values = np.arange(-32768, 32768)
    middles = (levels[:-1] + levels[1:]) / 2
    return order[np.searchsorted(middles, values)].astype(np.uint8)


_DECODE = {_ALAW: _alaw_table(), _ULAW: _ulaw_table()}
_ENCODE = {kind: _nearest(table) for kind, table in _DECODE.items()}


def encode_g711(samples: Samples, payload: int) -> bytes:
    """`samples` as A-law (payload type 8) or mu-law (0), one octet each."""
    return _ENCODE[payload][samples.astype(np.int32) + 32768].tobytes()


def decode_g711(data: bytes, payload: int) -> Samples:
    """The reverse of `encode_g711`."""
    return _DECODE[payload][np.frombuffer(data, dtype=np.uint8)]
