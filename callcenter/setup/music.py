"""Sound that is not speech: hold music and tones; and the telephone's form for any sound.

Everything the PBX plays is 8 kHz, 16 bit, one channel, at one of two levels: speech, and music a
little below it, so that an announcement over the music is not a start. Whatever is above 3.7 kHz
or below 100 Hz is taken out; a telephone carries neither.

The hold music is computed, so nobody owns it: a minute of plucked pentatonic notes over slow
chords. The last notes ring on into the first bar, so it goes round without a seam. Files in
``CALLCENTER_HOME/moh-custom/`` take its place.
"""

from __future__ import annotations

import io
import math
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from callcenter.platform.errors import SetupError

RATE = 8000
SPEECH_LEVEL = 0.12
"""RMS of full scale while somebody speaks, about -18 dBov."""
MUSIC_LEVEL = 0.09
"""About -21 dBov: still well above a line's noise, and 3 dB below the announcements."""
TONE_LEVEL = 0.1
PEAK = 0.89
"""-1 dBov; nothing is louder."""
SOUND_SUFFIXES = frozenset({".wav", ".flac"})
RATE_LOWEST, RATE_HIGHEST = 8000, 192000

MUSIC_VERSION = 1
"""Raised when the same melody would sound different."""
BEAT_SECONDS = 0.9375
"""64 beats a minute, a resting heart; sixteen bars of four beats are 60 s."""
CHORDS = "C Am F G C Am Dm G F G Em Am Dm G C C"
MELODY = """
    E5 . . G5 . . . .   A5 . G5 . E5 . . .   C5 . D5 . . . A4 .   D5 . . . . . . .
    G4 . . C5 . . E5 .  D5 . C5 . A4 . . .   D5 . . E5 . . D5 .   G4 . . . . . . .
    A4 . C5 . E5 . . .  D5 . . E5 . . G5 .   E5 . . . D5 . . .    C5 . . A4 . . . .
    D5 . E5 . G5 . . .  A5 . . G5 . . D5 .   E5 . . D5 . . C5 .   C5 . . . G4 . . .
"""
"""Eight half beats a bar; a dot lets the last note ring."""

Samples = npt.NDArray[np.float64]
"""-1 to 1, `RATE` a second."""

_TRIADS = {
    "C": (48, 55, 64),
    "Dm": (50, 57, 65),
    "Em": (52, 59, 67),
    "F": (53, 60, 69),
    "G": (43, 55, 62),
    "Am": (45, 57, 64),
}
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_FRAME = 160
_LOW_HERTZ, _HIGH_HERTZ, _SKIRT_HERTZ = 60.0, 3700.0, 150.0


def wav(samples: Samples) -> bytes:
    """`samples` as a WAV file that the PBX plays as it is.

    No sample is zero: a digital zero in a recording is to say that nothing came (decision 20), and
    a pause in the music is something that came.
    """
    numbers = np.clip(np.rint(samples * 32767), -32768, 32767).astype("<i2")
    numbers[numbers == 0] = 1
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(numbers.tobytes())
    return file.getvalue()


def load(file: Path) -> Samples:
    """A sound file of any rate and number of channels in the telephone's band, mixed to one."""
    data, rate = soundfile.read(file, dtype="float64", always_2d=True)
    return in_band(np.asarray(data.mean(axis=1), dtype=np.float64), int(rate))


def read_sound(file: Path, longest: float) -> Samples:
    """A recording that people gave us, as `load` reads it.

    `SetupError` (``bad_prompt``) if it is no sound, is silent, or is longer than `longest` seconds.
    """
    if file.suffix.lower() not in SOUND_SUFFIXES:
        raise _bad(file, f"is not one of {', '.join(sorted(SOUND_SUFFIXES))}")
    try:
        header = soundfile.info(file)
        if header.duration > longest:
            raise _bad(file, f"is {header.duration:.0f} s long, at most {longest:.0f} s will do")
        if not RATE_LOWEST <= header.samplerate <= RATE_HIGHEST:
            raise _bad(
                file, f"has {header.samplerate} Hz; {RATE_LOWEST} to {RATE_HIGHEST} Hz will do"
            )
        samples = load(file)
    except (OSError, RuntimeError) as error:
        raise _bad(file, f"cannot be read as sound ({error})") from error
    if active_level(samples) < 1e-4:
        raise _bad(file, "is silent")
    return samples


def _bad(file: Path, problem: str) -> SetupError:
    return SetupError(
        f"{file} {problem}; put a recording in its place, or remove it to hear ours again.",
        code="bad_prompt",
        file=str(file),
    )


def in_band(samples: Samples, rate: int) -> Samples:
    """`samples` of `rate` Hz at 8 kHz, without what a telephone does not carry."""
    if not samples.size:
        return samples
    # A whole number of periods of both rates; the air also keeps the end from wrapping round.
    step = rate // math.gcd(rate, RATE)
    length = -(-(samples.size + rate // 50) // step) * step
    spectrum = np.fft.rfft(samples, length)
    target = length // step * (RATE // math.gcd(rate, RATE))
    bins = target // 2 + 1
    kept = np.zeros(bins, dtype=np.complex128)
    shared = min(bins, spectrum.size)
    kept[:shared] = spectrum[:shared]
    hertz = np.arange(bins) * (RATE / target)
    rise = np.clip((hertz - _LOW_HERTZ) / _LOW_HERTZ, 0, 1)
    fall = np.clip((_HIGH_HERTZ + _SKIRT_HERTZ - hertz) / _SKIRT_HERTZ, 0, 1)
    kept *= np.sin(rise * math.pi / 2) ** 2 * np.sin(fall * math.pi / 2) ** 2
    found = np.fft.irfft(kept, target) * (RATE / rate)
    return np.asarray(found[: -(-samples.size * RATE // rate)], dtype=np.float64)


def _frame_levels(samples: Samples) -> Samples:
    whole = np.pad(samples, (0, -samples.size % _FRAME)).reshape(-1, _FRAME)
    return np.asarray(np.sqrt(np.mean(whole**2, axis=1)), dtype=np.float64)


def active_level(samples: Samples) -> float:
    """RMS of the 20 ms pieces in which something is heard: those within 30 dB of the loudest."""
    levels = _frame_levels(samples)
    if not levels.size or levels.max() == 0:
        return 0.0
    heard = levels[levels >= levels.max() / 31.6]
    return float(np.sqrt(np.mean(heard**2)))


def at_level(samples: Samples, level: float) -> Samples:
    """`samples` with that active level, or as near to it as `PEAK` allows."""
    now = active_level(samples)
    if now == 0:
        return samples
    return samples * min(level / now, PEAK / float(np.abs(samples).max()))


def trimmed(samples: Samples, before: float = 0.02, after: float = 0.06) -> Samples:
    """`samples` without silence at the ends but for `before` and `after` seconds of it."""
    levels = _frame_levels(samples)
    if not levels.size or levels.max() == 0:
        return samples[:0]
    heard = np.flatnonzero(levels >= levels.max() / 100)
    first = max(0, int(heard[0]) * _FRAME - int(before * RATE))
    last = (int(heard[-1]) + 1) * _FRAME + int(after * RATE)
    return samples[first:last]


def pause(seconds: float) -> Samples:
    """Nothing, for that long."""
    return np.zeros(int(seconds * RATE))


def tone(hertz: float, seconds: float) -> Samples:
    """A sine that comes and goes within 5 ms, so that it does not click."""
    times = np.arange(int(seconds * RATE)) / RATE
    edge = np.clip(np.minimum(times, seconds - times) / 0.005, 0, 1)
    return np.asarray(TONE_LEVEL * math.sqrt(2) * np.sin(2 * math.pi * hertz * times) * edge)


def music() -> Samples:
    """The hold music, one round of it."""
    bar = 4 * BEAT_SECONDS
    chords, slots = CHORDS.split(), MELODY.split()
    round_ = np.zeros(int(len(chords) * bar * RATE))
    for number, chord in enumerate(chords):
        for key in _TRIADS[chord]:
            _put(round_, number * bar, _pad(_hertz(key), bar) * 0.3)
    for number, slot in enumerate(slots):
        if slot != ".":
            key = 12 * (int(slot[1]) + 1) + _STEPS[slot[0]]
            _put(round_, number * BEAT_SECONDS / 2, _pluck(_hertz(key)))
    return at_level(round_, MUSIC_LEVEL)


def _hertz(key: int) -> float:
    """Of a MIDI key, A4 (69) at 440 Hz."""
    return 440.0 * math.pow(2, (key - 69) / 12)


def _pluck(hertz: float) -> Samples:
    """A string that is plucked: at once there, gone within 4 s, its overtones sooner."""
    times = np.arange(4 * RATE) / RATE
    sound = np.zeros(times.size)
    for overtone, strength in ((1, 1.0), (2, 0.35), (3, 0.12)):
        fading = np.exp(-1.3 * overtone * times)
        sound += strength * fading * np.sin(2 * math.pi * hertz * overtone * times)
    return np.asarray(sound * np.clip(times / 0.01, 0, 1) * np.clip((4 - times) / 0.5, 0, 1))


def _pad(hertz: float, seconds: float) -> Samples:
    """A soft chord note that overlaps the next bar by a beat."""
    whole = seconds + BEAT_SECONDS
    times = np.arange(int(whole * RATE)) / RATE
    edge = np.clip(np.minimum(times, whole - times) / BEAT_SECONDS, 0, 1)
    waves = np.sin(2 * math.pi * hertz * times) + 0.3 * np.sin(4 * math.pi * hertz * times)
    return np.asarray(waves * np.sin(edge * math.pi / 2) ** 2)


def _put(round_: Samples, at: float, sound: Samples) -> None:
    """Add `sound` from `at` seconds on; what is past the end goes to the beginning."""
    places = (int(at * RATE) + np.arange(sound.size)) % round_.size
    round_[places] += sound
