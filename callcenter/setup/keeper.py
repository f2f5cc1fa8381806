"""Keeps one program running so that it outlives who watches it: ``… HOME NAME``.

supervisord cannot take up a program that another supervisord started. So what it starts is this
keeper, which is small and may die at any moment: the program is a session of its own and runs on.
The next keeper finds it by its environment, takes it up as it is and watches it again. A call
therefore never depends on supervisord, nor on the keeper, nor on `callcenter run`.

- SIGTERM or SIGINT: the program is stopped (SIGTERM, after its seconds SIGKILL to its group).
- The keeper is killed, or supervisord above it: the program goes on.
- The program ends: the keeper ends with it, and supervisord starts both again.

What the program says goes into a named pipe that it holds open for reading too and that never makes
it wait: with nobody reading, or a full disk behind the reader, words are lost and nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from callcenter.platform.private import keep_private

MARK = "CALLCENTER_SUPERVISED"
"""In the environment of every program of an instance; its value is the home."""
NAME = "CALLCENTER_PROGRAM"
"""In the environment of a kept program and of what it starts; its value is the program's name."""

EXIT_CANNOT_START = 75
"""EX_TEMPFAIL of sysexits.h: no process or no memory to be had; the supervisor tries again."""
EXIT_UNKNOWN = 70
"""Of a program that an earlier keeper started: the system tells its exit code to nobody here."""
LOOK_SECONDS = 0.2
"""Between two looks at a program, where the kernel (before 5.3) cannot tell of its end."""
KILL_SECONDS = 5.0

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """One program as its keeper is told of it."""

    name: str
    command: Sequence[str]
    stop_seconds: int
    oom_score_adj: int
    """What the kernel adds to its badness when memory runs out (-1000 … 1000, proc(5))."""


def plan_file(home: Path) -> Path:
    """Where keepers read what they keep."""
    return home / "run" / "programs.json"


def pipe_of(home: Path, name: str) -> Path:
    """The named pipe that `name` talks into; see `log_pump`."""
    return home / "run" / "said" / name


def plan_text(kept: Sequence[Kept]) -> str:
    """The text of `plan_file`."""
    return json.dumps({one.name: asdict(one) for one in kept}, indent=1)


def read_plan(home: Path, name: str) -> Kept:
    """What is to be kept as `name`."""
    return Kept(**json.loads(plan_file(home).read_text(encoding="utf-8"))[name])


def open_pipe(path: Path) -> int:
    """The writing end for a program: it never blocks, and has a reader as long as it lives.

    Where even a pipe cannot be made, what is said goes nowhere.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        return os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return os.open(os.devnull, os.O_RDWR)


def find(home: Path, name: str) -> int | None:
    """The pid of the program `name` of this home, whoever started it; None if it does not run.

    Of all processes with its environment it is the one that leads a session.
    """
    for entry in os.listdir("/proc"):
        if entry.isdigit() and is_program(int(entry), home, name):
            return int(entry)
    return None


def is_program(pid: int, home: Path, name: str) -> bool:
    """Whether `pid` is the program `name` of this home now."""
    try:
        if os.getsid(pid) != pid:
            return False
        # A dead one that nobody has reaped yet has no environment any more.
        with open(f"/proc/{pid}/environ", "rb") as stream:
            seen = set(stream.read().split(b"\0"))
    except OSError:
        return False
    return {f"{MARK}={home}".encode(), f"{NAME}={name}".encode()} <= seen


def start(home: Path, kept: Kept, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the program in a session of its own; `OSError` if there is no process for it."""
    said = open_pipe(pipe_of(home, kept.name))
    try:
        process = subprocess.Popen(
            list(kept.command),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={**environment, MARK: str(home), NAME: kept.name},
            start_new_session=True,
        )
    finally:
        os.close(said)
    set_oom_score(process.pid, kept.oom_score_adj)
    return process


def set_oom_score(pid: int, wanted: int) -> bool:
    """Tell the kernel whom to kill first for want of memory; whether it took it.

    Below 0 needs a right that most users lack: then it stays, and the others are above it.
    """
    try:
        Path(f"/proc/{pid}/oom_score_adj").write_text(f"{wanted}\n", encoding="ascii")
    except OSError:
        return False
    return True


class Watch:
    """A program, its end and its stop, whoever its parent is."""

    def __init__(self, pid: int, child: subprocess.Popen[bytes] | None) -> None:
        self._pid = pid
        self._child = child
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._end = os.pidfd_open(pid)
        except ProcessLookupError:
            self._end = -1  # ended already
        except OSError:
            self._end = -2  # the kernel has no such thing

    def stop(self) -> None:
        """Have `run` stop the program; safe in a signal handler."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"\0")

    def run(self, stop_seconds: float) -> int:
        """Until the program has ended, by itself or by `stop`; the exit code to leave with."""
        if not self._ended(None):
            self._signal(signal.SIGTERM)
            if not self._ended(stop_seconds, wake=False):
                self._signal(signal.SIGKILL, group=True)
                self._ended(KILL_SECONDS, wake=False)
            return 0
        return EXIT_UNKNOWN if self._child is None else abs(self._child.wait())

    def _ended(self, seconds: float | None, *, wake: bool = True) -> bool:
        """Whether it has ended within `seconds` (None: without limit); False too when woken."""
        until = None if seconds is None else time.monotonic() + seconds
        poll = select.poll()
        if wake:
            poll.register(self._wake_read, select.POLLIN)
        if self._end >= 0:
            poll.register(self._end, select.POLLIN)
        while True:
            if not self._lives():
                return True
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return False
            if self._end < 0:
                left = LOOK_SECONDS if left is None else min(left, LOOK_SECONDS)
            ready = [found for found, _event in poll.poll(None if left is None else left * 1000)]
            if self._wake_read in ready:
                return False

    def _lives(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        if self._end >= 0:
            poll = select.poll()
            poll.register(self._end, select.POLLIN)
            return not poll.poll(0)
        if self._end == -1:
            return False
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _signal(self, number: signal.Signals, *, group: bool = False) -> None:
        with contextlib.suppress(ProcessLookupError):
            if group:
                os.killpg(self._pid, number)  # it leads its session, so its group too
            else:
                os.kill(self._pid, number)


def die_with_parent() -> None:
    """SIGKILL for us when our parent dies (Linux, prctl(2)): nobody watches twice."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main(arguments: Sequence[str]) -> int:
    """Take up the program, or start it, and stay with it; the exit code."""
    keep_private()
    home, name = Path(arguments[0]), arguments[1]
    die_with_parent()
    kept = read_plan(home, name)
    pid = find(home, name)
    child = None
    if pid is None:
        try:
            child = start(home, kept, os.environ)
        except OSError as error:
            say(home, name, f"{name} cannot be started: {error.strerror}")
            return EXIT_CANNOT_START
        pid = child.pid
    watch = Watch(pid, child)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: watch.stop())
    if child is None:
        say(home, name, f"{name} is taken up as it runs, pid {pid}")
    return watch.run(kept.stop_seconds)


def say(home: Path, name: str, line: str) -> None:
    """One line into the log of `name`."""
    descriptor = open_pipe(pipe_of(home, name))
    with contextlib.suppress(OSError):
        os.write(descriptor, f"keeper: {line}\n".encode())
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
