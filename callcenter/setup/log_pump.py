"""Writes what the programs say into their logs: ``… HOME``. Logs may be lost, calls may not.

Each program talks into a named pipe of its own that never makes it wait (`keeper.open_pipe`); one
process reads them all. So a disk that is full, slow or gone stops this process at most: it may be
killed at any moment, and the next one goes on reading where it was.

- A log is rotated at `LOG_BYTES`; `LOG_BACKUPS` older ones are kept.
- Whole lines are written, and no telephone number stands in them in clear: whoever wrote it, the
  PBX, a library, a traceback with its parameters. Logs go to people who may see no citizen's
  number.
- Below the floor for logs, and when the disk refuses, what is said is read and dropped, so that the
  newest words are there once there is room; how much was dropped is said then.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from callcenter.platform.domain.numbers_in_text import mask_numbers
from callcenter.platform.private import keep_private
from callcenter.platform.room.disks import free_of
from callcenter.platform.room.plan import read_plan
from callcenter.platform.room.rules import Floors, Free, logs_kept
from callcenter.setup.keeper import die_with_parent, open_pipe, pipe_of

LOG_BYTES = 20 * 1024 * 1024
LOG_BACKUPS = 5
"""120 MB a program at most."""
LOOK_SECONDS = 1.0
"""Between two looks at the disk, and between two tries at one that refused."""
READ_BYTES = 65536
"""What a pipe holds."""
LINE_BYTES = 16384
"""A line that is longer is written in pieces."""


_STAMP = re.compile(r"\[?[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}[.,][0-9]{3}\]?(?: \w+\[[0-9]+\])?")
"""What nearly every line begins with; it need not be looked at."""


class Log:
    """The log of one program."""

    def __init__(self, path: Path, *, limit: int = LOG_BYTES, backups: int = LOG_BACKUPS) -> None:
        self._path = path
        self._limit = limit
        self._backups = backups
        self._descriptor = -1
        self._refused_at = -LOOK_SECONDS
        self.dropped = 0
        """Bytes since something was written last."""

    def take(self, data: bytes, *, kept: bool, now: float) -> None:
        """Write `data`, or drop it if logs are not `kept` or the disk refuses; never raises."""
        if not kept or now - self._refused_at < LOOK_SECONDS:
            self.dropped += len(data)
            return
        if self.dropped:
            data = b"[%d bytes were dropped: the disk was full]\n" % self.dropped + data
        try:
            self._rotate()
            written = os.write(self._open(), data)
        except OSError:
            self.close()
            self._refused_at = now
            self.dropped += len(data)
        else:
            self.dropped = len(data) - written

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> int:
        if self._descriptor < 0:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o640)
        return self._descriptor

    def _rotate(self) -> None:
        if self._descriptor < 0 or os.fstat(self._descriptor).st_size < self._limit:
            return
        self.close()
        for number in range(self._backups - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self._path}.{number}", f"{self._path}.{number + 1}")
        os.replace(self._path, f"{self._path}.1")


class Lines:
    """Makes whole lines of what one program says, with every number masked."""

    def __init__(self) -> None:
        self._begun = b""

    def take(self, data: bytes) -> bytes:
        """The lines that are whole with `data`."""
        whole, newline, begun = (self._begun + data).rpartition(b"\n")
        self._begun = begun
        if len(begun) > LINE_BYTES:
            whole, newline = whole + newline + begun, b""
            self._begun = b""
        return masked(whole) + newline

    def rest(self) -> bytes:
        """What has been begun and is not whole: for when nothing more comes."""
        begun, self._begun = self._begun, b""
        return masked(begun)


def masked(data: bytes) -> bytes:
    """`data` with the digits hidden of what is a telephone number in it."""
    text = data.decode("utf-8", "surrogateescape")
    return "\n".join(map(_masked_line, text.split("\n"))).encode("utf-8", "surrogateescape")


def _masked_line(line: str) -> str:
    begun = _STAMP.match(line)
    at = begun.end() if begun else 0
    return line[:at] + mask_numbers(line[at:])


class Pump:
    """All logs of one instance."""

    def __init__(
        self,
        pipes: dict[str, int],
        folder: Path,
        floors: Floors,
        *,
        free: Callable[[Path], Free] = free_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logs = {pipe: Log(folder / f"{name}.log") for name, pipe in pipes.items()}
        self._lines = {pipe: Lines() for pipe in self._logs}
        self._folder = folder
        self._floors = floors
        self._free = free
        self._clock = clock
        self._kept = True
        self._looked_at = -LOOK_SECONDS
        self._poll = select.poll()
        for pipe in pipes.values():
            self._poll.register(pipe, select.POLLIN)

    def step(self, seconds: float) -> None:
        """Take what was said within `seconds`."""
        ready = self._poll.poll(seconds * 1000)
        for pipe, _event in ready:
            try:
                data = os.read(pipe, READ_BYTES)
            except BlockingIOError:
                continue
            self._write(pipe, self._lines[pipe].take(data))
        if not ready:
            for pipe, lines in self._lines.items():
                self._write(pipe, lines.rest())

    def _write(self, pipe: int, data: bytes) -> None:
        if data:
            now = self._clock()
            self._logs[pipe].take(data, kept=self._are_kept(now), now=now)

    def _are_kept(self, now: float) -> bool:
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            with contextlib.suppress(OSError):
                self._kept = logs_kept(self._kept, self._free(self._folder), self._floors)
        return self._kept


def main(arguments: Sequence[str]) -> int:
    """Until killed. At SIGTERM what was said is still taken."""
    keep_private()
    home, names = Path(arguments[0]), arguments[1:]
    die_with_parent()
    plan = read_plan(home)
    pump = Pump({name: open_pipe(pipe_of(home, name)) for name in names}, plan.logs, plan.floors)
    over: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: over.append(got))
    while not over:
        pump.step(LOOK_SECONDS)
    pump.step(0)
    pump.step(0)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
