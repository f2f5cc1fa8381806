"""What else can run out: descriptors of our programs, memory of the machine. Linux, proc(5)."""

from __future__ import annotations

import os
from pathlib import Path

_SOFT_LIMIT = 3
"""The word of the soft limit in a line ``Max open files  1024  4096  files``."""


def open_files(pid: int) -> tuple[int, int] | None:
    """Descriptors that process `pid` has open, and may have; None if it is gone or another's."""
    try:
        used = len(os.listdir(f"/proc/{pid}/fd"))
        lines = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
        words = next(line.split() for line in lines if line.startswith("Max open files"))
        return used, int(words[_SOFT_LIMIT])
    except (OSError, ValueError, StopIteration, IndexError):
        return None


def memory() -> tuple[int, int] | None:
    """Bytes that programs may still take without swapping, and all there are."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = {name: int(rest.split()[0]) * 1024 for name, _, rest in map(_parts, lines)}
        return found["MemAvailable"], found["MemTotal"]
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _parts(line: str) -> tuple[str, str, str]:
    return line.partition(":")
