"""Speech for simulated people: rendered by the speech synthesiser, with a marker tone under it.

What is rendered once is kept for the process; a sentence takes some 50 ms.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from callcenter.simulator.sound import (
    CALLER_HZ,
    RATE,
    SEAT_HZ,
    Samples,
    mixed,
    read_wav,
    rms,
    silence,
    tone,
)

MARKER_LEVEL = 0.05
"""-26 dB of full scale: heard clearly, speech stays above it."""
SPEECH_LEVEL = 0.12
"""RMS that every voice is brought to, about -18 dBov, a telephone's usual level."""
RENDER_SECONDS = 20.0
NOTCH_HZ = 12.0
"""Taken out of a voice on both sides of each marker; too narrow to be heard."""


class Speech:
    """Voices of callers and seats. `espeak` is the synthesiser's command."""

    def __init__(self, espeak: Sequence[str]) -> None:
        self._espeak = list(espeak)
        self._made: dict[tuple[str, float], Samples] = {}

    def caller(self, text: str) -> Samples:
        """A citizen says `text`, with the callers' tone under it."""
        return self._say(text, CALLER_HZ)

    def seat(self, text: str) -> Samples:
        """A seat says `text`, with the seats' tone under it."""
        return self._say(text, SEAT_HZ)

    def _say(self, text: str, marker: float) -> Samples:
        key = (text, marker)
        if key not in self._made:
            # A whole number of seconds, so that the tone has no break when it is repeated.
            voice = _without_markers(self._render(text, "cmn", 55 if marker == CALLER_HZ else 35))
            voice = np.concatenate([voice, silence(-voice.size % RATE / RATE)])
            self._made[key] = mixed(voice, tone(marker, 1, MARKER_LEVEL))
        return self._made[key]

    def _render(self, text: str, language: str, pitch: int) -> Samples:
        with tempfile.TemporaryDirectory(prefix="speech-") as folder:
            file = Path(folder) / "said.wav"
            command = [*self._espeak, "-v", language, "-p", str(pitch), "-w", str(file), "--", text]
            subprocess.run(command, check=True, capture_output=True, timeout=RENDER_SECONDS)
            voice = read_wav(file)
        level = rms(voice)
        if level == 0:
            raise RuntimeError(f"the synthesiser said nothing for {text!r}")
        louder = voice.astype(np.float64) * (SPEECH_LEVEL / level)
        return np.asarray(np.clip(louder, -32768, 32767), dtype=np.int16)


def _without_markers(voice: Samples) -> Samples:
    """`voice` with nothing of its own where the markers are, so that a marker proves a side."""
    spectrum = np.fft.rfft(voice)
    hertz = np.fft.rfftfreq(voice.size, 1 / RATE)
    for marker in (CALLER_HZ, SEAT_HZ):
        spectrum[np.abs(hertz - marker) < NOTCH_HZ] = 0
    plain = np.fft.irfft(spectrum, voice.size)
    return np.asarray(np.clip(plain, -32768, 32767), dtype=np.int16)
