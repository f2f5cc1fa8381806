"""What it costs to keep a recording, by format: ``python -m benchmarks.encoders``.

Encodes two sides of rendered speech at 8 kHz as the media worker does, and says CPU milliseconds
per second of talk and the size. A talk's sound costs the PBX some 5 ms a second, so a format may
well cost more than the call.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from callcenter.platform.config import Settings
from callcenter.setup.toolbox import ensure_toolbox
from callcenter.simulator.sound import RATE, Samples
from callcenter.simulator.speech import Speech

FORMATS = (("FLAC", "PCM_16"), ("OGG", "OPUS"), ("OGG", "VORBIS"), ("WAV", "ALAW"))
ROUNDS = 10
CALLER = "您好,我想反映小区门口的路灯不亮,已经三天了。"
SEAT = "您好,一二三四五热线,请问有什么可以帮您?"


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one format."""

    name: str
    cpu_ms_per_second: float
    kbit_per_second: float


def costs(left: Samples, right: Samples) -> Iterator[Cost]:
    """What every format costs for a talk with these two sides; as long as the shorter one."""
    length = min(left.size, right.size)
    sides = np.stack([left[:length], right[:length]], axis=1)
    seconds = length / RATE
    with tempfile.TemporaryDirectory(prefix="encoders-") as folder:
        file = Path(folder) / "talk"
        for container, coding in FORMATS:
            begun = time.process_time()
            for _ in range(ROUNDS):
                soundfile.write(file, sides, RATE, format=container, subtype=coding)
            cpu = (time.process_time() - begun) / ROUNDS
            bits = 8 * file.stat().st_size
            yield Cost(f"{container} {coding}", 1000 * cpu / seconds, bits / seconds / 1000)


def main() -> None:
    """The table."""
    speech = Speech(ensure_toolbox(Settings(_env_file=None), print).espeak_command)
    print("format        CPU ms per second  kbit/s")
    for cost in costs(speech.caller(CALLER), speech.seat(SEAT)):
        print(f"{cost.name:<12} {cost.cpu_ms_per_second:18.2f} {cost.kbit_per_second:7.0f}")


if __name__ == "__main__":
    main()
