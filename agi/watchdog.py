"""The parent of the AGI server: starts it, and starts it again when it dies or hangs.

The server writes a beat into a pipe from its event loop; a beat names the seconds within which
the next one comes. Silence for longer, by a blocked loop or a stopped process, ends in SIGKILL:
nothing gentler reaches a stopped process, and its sockets close with it, which is what sets the
waiting calls free. The next server is up in about a second.

The listening socket is the server's own, made when it can answer. Were it the parent's, calls
would go on queueing in the kernel's backlog while nobody accepts, and Asterisk waits on those
without end; a refused connection gives the dialplan its default at once. So while there is no
server the calls go on without us, also if it dies again and again.

This module imports little on purpose: what is small and does one thing does not hang itself.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

BEAT_FD = "CALLCENTER_AGI_BEAT_FD"
"""Environment of the server: the file descriptor that takes the beats."""
RESTARTS = "CALLCENTER_AGI_RESTARTS"
"""Environment of the server: how often it was started again."""

EXIT_BAD_SETTING = 78
"""EX_CONFIG of sysexits.h: starting again does not help, so the parent gives up too."""

START_SECONDS = 30.0
"""Until the first beat: imports on a machine that is busy starting everything else."""
STOP_SECONDS = 2.0
"""Twice what the server gives its running answers at a stop."""
PAUSE_SECONDS = (0.0, 0.2, 1.0, 2.0)
"""Before a start after so many deaths without a steady minute between them."""
STEADY_SECONDS = 60.0
OVERSLEPT_SECONDS = 1.0
"""Woken later than asked by this much, we were stopped ourselves (a suspended machine), and so
was the server: it gets a fresh chance."""


class Watchdog:
    """Keeps one server alive until told to stop."""

    def __init__(self, command: Sequence[str], *, start_seconds: float = START_SECONDS) -> None:
        self._command = list(command)
        self._start_seconds = start_seconds
        self._restarts = 0
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def stop(self) -> None:
        """Ask `run` to end the server and return; safe in a signal handler."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"\0")

    def run(self) -> int:
        """Run until stopped (0), or until the server says its settings are bad."""
        quick_deaths = 0
        while True:
            begun = time.monotonic()
            code = self._run_once()
            if code is None:
                return 0
            if code == EXIT_BAD_SETTING:
                return code
            lived = time.monotonic() - begun
            quick_deaths = 1 if lived >= STEADY_SECONDS else quick_deaths + 1
            pause = PAUSE_SECONDS[min(quick_deaths - 1, len(PAUSE_SECONDS) - 1)]
            say("WARNING", f"server ended code={code} after={lived:.1f}s again in={pause}s")
            if self._readable(None, pause):
                return 0
            self._restarts += 1

    def _run_once(self) -> int | None:
        """The exit code of one server; None if it was ended because we stop."""
        beats, beat_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        environment = {**os.environ, BEAT_FD: str(beat_end), RESTARTS: str(self._restarts)}
        # The command is ours, from `main` below.
        child = subprocess.Popen(self._command, pass_fds=(beat_end,), env=environment)  # noqa: S603
        os.close(beat_end)
        try:
            stopping = self._watch(child, beats)
        finally:
            os.close(beats)
            if child.poll() is None:
                self._end(child)
        return None if stopping else child.returncode

    def _watch(self, child: subprocess.Popen[bytes], beats: int) -> bool:
        """Return True when we are to stop, False when the server is dead or has to die."""
        promised = self._start_seconds
        due = time.monotonic() + promised
        while True:
            wait = max(0.0, due - time.monotonic())
            ready = self._readable(beats, wait)
            now = time.monotonic()
            if ready and self._wake_read in ready:
                return True
            if ready:
                try:
                    beat = os.read(beats, 4096)
                except BlockingIOError:
                    continue
                if not beat:  # the pipe's other end is closed: it is gone or going
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        child.wait(STOP_SECONDS)
                    return False
                promised = _promise(beat, promised)
                due = now + promised
            elif now - due > OVERSLEPT_SECONDS:
                due = now + promised
            elif now >= due:
                say("ERROR", f"server silent for {promised:.1f}s: killing pid={child.pid}")
                child.kill()
                child.wait()
                return False

    def _readable(self, beats: int | None, seconds: float) -> list[int]:
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        if beats is not None:
            poll.register(beats, select.POLLIN)
        return [fd for fd, _event in poll.poll(seconds * 1000)]

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _promise(beat: bytes, present: float) -> float:
    """The seconds named by the last whole line of `beat`."""
    lines = beat.split(b"\n")
    try:
        return float(lines[-2])
    except (IndexError, ValueError):
        return present


def say(level: str, message: str) -> None:
    """One line, in the form of the server's own log."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{moment}Z {level} agi.watchdog {message}\n")
        sys.stdout.flush()


def main() -> int:
    """``python -m agi``: the server under its watchdog, until SIGTERM or SIGINT."""
    watchdog = Watchdog([sys.executable, "-m", "agi", "serve"])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: watchdog.stop())
    return watchdog.run()
