"""What the guard of the disks says, and how the PBX is told.

The PBX asks for a name in a folder (STAT, one system call a call): so it knows with nobody else
alive, and what was said last holds. A name is changed by renaming, which needs no room. Whether
there is one is what counts: where neither is, recordings are made.

The state is one block, written over in place: that needs no room either.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from callcenter.platform.room.rules import Recording

BLOCK = 4096
FRESH_SECONDS = 10.0
"""A guard that has said nothing for so long is dead or hangs; it says something every second."""


class Flag(StrEnum):
    """What the PBX is told not to begin, by the name that is there then."""

    RECORDINGS = "no-recordings"
    VOICE_MESSAGES = "no-voice-messages"

    @property
    def other(self) -> str:
        """The name that is there while it may."""
        return self.value.removeprefix("no-")


def set_flag(folder: Path, flag: Flag, left_out: bool) -> None:
    """Have the name be there, or the other one; `OSError` if that cannot be."""
    there, other = folder / flag.value, folder / flag.other
    wanted, unwanted = (there, other) if left_out else (other, there)
    if unwanted.exists():
        os.replace(unwanted, wanted)
    elif not wanted.exists():
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(wanted, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))


@dataclass(frozen=True, slots=True)
class RoomState:
    """The disks as the guard saw them last."""

    at: float
    """POSIX seconds."""
    recordings: Recording = Recording.ON
    voice_messages: Recording = Recording.ON
    logs_kept: bool = True
    reserves: Mapping[str, bool] = field(default_factory=dict)
    """By folder: whether its disk's reserve file is there."""
    ahead: Mapping[str, int] = field(default_factory=dict)
    """By file: the bytes that it owns behind its end."""
    free: Mapping[str, int] = field(default_factory=dict)
    """By place (recordings, voice_messages, logs, journal): free bytes of its disk."""
    files: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By program: the descriptors that it has open, and may have."""
    memory: tuple[int, int] | None = None
    """Bytes of the machine's memory that may still be taken, and all there are."""
    problems: tuple[str, ...] = ()
    since: float = 0.0
    """When recordings became what they are, POSIX seconds."""

    def fresh(self, now: float) -> bool:
        """Whether the guard lives."""
        return now - self.at < FRESH_SECONDS


def write_state(path: Path, state: RoomState) -> None:
    """Replace what was said before, in place; `OSError` if that cannot be."""
    text = json.dumps(asdict(state)).encode()
    if len(text) > BLOCK:
        text = json.dumps(asdict(replace(state, problems=("too many to tell",)))).encode()
    text = text[:BLOCK].ljust(BLOCK)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.pwrite(descriptor, text, 0)
    finally:
        os.close(descriptor)


def read_state(path: Path) -> RoomState | None:
    """What was said last; None if nothing, or nothing that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw["recordings"] = Recording(raw["recordings"])
        raw["voice_messages"] = Recording(raw["voice_messages"])
        raw["problems"] = tuple(raw["problems"])
        raw["files"] = {name: (used, may) for name, (used, may) in raw["files"].items()}
        raw["memory"] = tuple(raw["memory"]) if raw["memory"] else None
        return RoomState(**raw)
    return None


def now() -> float:
    """The moment that states are compared with."""
    return time.time()
