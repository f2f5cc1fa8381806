"""Time in which neither side of a talk sent any sound, and where it belongs in the recording.

The PBX writes what comes, and where nothing comes from anybody it writes nothing: the file stands
still while the talk goes on (main/audiohook.c). So that a file keeps the talk's time, silence is
put in there when it is finished. Where it stood still is seen from outside, by its size, and noted
beside it; without that (the service was dead) the silence stands at the end, and the length is
right still. Decision 24.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.domain.media import MediaKind
from callcenter.telephony.recordings.ears import Ears, Grown
from callcenter.telephony.recordings.files import SOURCE_SUFFIX

_log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""Between two looks at the sizes: the PBX writes 32 KiB at a time, a second of a talk."""
HOLD_BYTES = 32_768
"""What the PBX holds back before it writes (main/file.c, write_buffer)."""
HOLD_MS = HOLD_BYTES * 1000 // (8000 * 4)
LEAST_MS = 2 * HOLD_MS
"""Less of standing still is how the PBX writes."""
LOOK_BACK = timedelta(hours=4)
"""How old a running talk may be that is found after a start of the service."""
NOTE_BYTES = 64 * 1024
"""Of notes are read: a thousand silences."""

Together = Callable[[Uniqueid], bool]
"""Whether a leg is with somebody now."""


@dataclass(frozen=True, slots=True)
class Still:
    """The file stood at `size` bytes for `ms` milliseconds of a talk."""

    size: int
    ms: int


@dataclass(frozen=True, slots=True)
class Silence:
    """`frames` of silence that belong before frame `at`."""

    at: int
    frames: int


def beside(source: Path) -> Path:
    """Where is noted how the PBX's file `source` grew."""
    return source.with_name(f".{source.name}.quiet")


def noted(source: Path) -> list[Still]:
    """What is noted of `source`, in order; what cannot be read is passed over."""
    found = []
    try:
        with beside(source).open("rb") as file:
            lines = file.read(NOTE_BYTES).decode("ascii", "replace").splitlines()
    except OSError:
        return []
    for line in lines:
        size, _, length = line.partition(" ")
        if size.isdecimal() and length.isdecimal():
            found.append(Still(int(size), int(length)))
    return sorted(found, key=lambda still: still.size)


def settle(source: Path, missing_ms: int) -> None:
    """Note how much silence `source` gets, for who reads it once more. `OSError` if that fails."""
    with beside(source).open("a", encoding="ascii") as file:
        file.write(f"{missing_ms}\n")


def settled(source: Path) -> int:
    """How much silence `source` got, milliseconds; 0 if none."""
    try:
        lines = beside(source).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line) for line in reversed(lines) if line.isdecimal()), 0)


def silences(stills: Sequence[Still], missing_ms: int, frames: int, rate: int) -> list[Silence]:
    """Where `missing_ms` of silence belong in a file of `frames`: all of it, in order.

    From one writing to the next the file stands still for the silence and what the PBX holds back;
    half of that was written before it.
    """
    lengths = [max(0, still.ms - HOLD_MS) for still in stills]
    share = min(1.0, missing_ms / sum(lengths)) if any(lengths) else 0.0
    made: list[Silence] = []
    left = missing_ms * rate // 1000
    for still, length in zip(stills, lengths, strict=True):
        part = min(left, int(length * share) * rate // 1000)
        if part:
            made.append(Silence(min(frames, (still.size + HOLD_BYTES // 2) // 4), part))
            left -= part
    if left:
        made.append(Silence(frames, left))
    return made


def with_silences(
    blocks: Iterator[npt.NDArray[np.int16]], silent: Sequence[Silence], channels: int
) -> Iterator[npt.NDArray[np.int16]]:
    """`blocks` of frames, one row a frame, with the silences in their places."""
    at = 0
    todo = list(silent)
    for block in blocks:
        rest = block
        while todo and todo[0].at < at + len(rest):
            silence = todo.pop(0)
            yield rest[: silence.at - at]
            yield np.zeros((silence.frames, channels), dtype=np.int16)
            rest, at = rest[silence.at - at :], silence.at
        yield rest
        at += len(rest)
    for silence in todo:
        yield np.zeros((silence.frames, channels), dtype=np.int16)


@dataclass(slots=True)
class _File:
    size: int
    still_ms: int = 0


class QuietWatch:
    """Looks at the recordings that are being written, and notes where they stand still."""

    def __init__(
        self,
        settings: Settings,
        together: Together,
        clock: Clock = utc_now,
        *,
        ears: Ears | None = None,
    ) -> None:
        self._folder = settings.recordings_dir
        self._zone = ZoneInfo(settings.time_zone)
        self._node = settings.node
        self._together = together
        self._clock = clock
        self._files: dict[Path, _File] = {}
        self._looked = self._clock() - LOOK_BACK
        self._ears = ears
        self._grown: list[Grown] = []

    async def run(self) -> None:
        """Look until cancelled."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            sizes = await asyncio.to_thread(self._sizes)
            stills = self.look(sizes, round((now - last) * 1000))
            last = now
            if stills:
                await asyncio.to_thread(_note, stills)
            if self._ears is not None:
                await self._ears.listen(self._grown)
                self._ears.forget({self._leg(path) for path in sizes})

    def look(self, sizes: dict[Path, int], passed_ms: int) -> list[tuple[Path, Still]]:
        """What stood still until now, of files of `sizes`, `passed_ms` after the last look."""
        found = []
        self._grown = []
        for path, size in sizes.items():
            file = self._files.setdefault(path, _File(size))
            if size != file.size:
                if file.size and file.still_ms >= LEAST_MS:
                    found.append((path, Still(file.size, file.still_ms)))
                if size > file.size:
                    self._grown.append(Grown(self._leg(path), path, file.size, size))
                file.size, file.still_ms = size, 0
            elif size and self._together(self._leg(path)):
                file.still_ms += passed_ms
        for path in self._files.keys() - sizes.keys():
            del self._files[path]
        return found

    def _leg(self, path: Path) -> Uniqueid:
        return Uniqueid(path.stem.removeprefix(f"{self._node}-"))

    def _sizes(self) -> dict[Path, int]:
        """Of the files known, and of those in the folders of the hours since the last look."""
        now = self._clock()
        found = set(self._files)
        hour = min(self._looked, now - timedelta(minutes=1))
        folders = {self._folder_of(hour), self._folder_of(now)}
        while hour < now:
            folders.add(self._folder_of(hour))
            hour += timedelta(hours=1)
        self._looked = now
        for folder in folders:
            try:
                with os.scandir(folder) as entries:
                    found |= {
                        Path(entry.path)
                        for entry in entries
                        if entry.name.endswith(SOURCE_SUFFIX[MediaKind.RECORDING])
                    }
            except OSError:
                continue
        sizes = {}
        for path in found:
            try:
                sizes[path] = path.stat(follow_symlinks=False).st_size
            except OSError:
                continue
        return sizes

    def _folder_of(self, moment: datetime) -> Path:
        return self._folder / moment.astimezone(self._zone).strftime("%Y/%m/%d/%H")


def _note(stills: Sequence[tuple[Path, Still]]) -> None:
    for path, still in stills:
        try:
            with beside(path).open("a", encoding="ascii") as file:
                file.write(f"{still.size} {still.ms}\n")
        except OSError as error:
            _log.warning("%s: where it stood still cannot be noted: %s", path, error)
