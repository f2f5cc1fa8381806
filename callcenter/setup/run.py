"""Runs one instance in the foreground: lock, start, wait until ready, watch, stop.

A stop (Ctrl-C, SIGTERM, a closed terminal) ends every program, whatever was under way. A program
that dies is started again by the supervisor without a word of ours; one that the supervisor gave
up is said with the last lines of its log and tried again every `RETRY_SECONDS`, since the calls go
on without it (docs/architecture.md, Processes). The supervisor itself is started again when it
dies, without end: the programs outlive it, and it takes them up as they run.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence

from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError
from callcenter.platform.secrets import Secrets
from callcenter.setup.private_root import Say
from callcenter.setup.readiness import StartFailed, wait_ready
from callcenter.setup.supervisor import (
    ProgramState,
    Status,
    Supervisor,
    run_dir,
    stop_leftovers,
)

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WATCH_SECONDS = 1.0
RETRY_SECONDS = 30.0
SUPERVISOR_PAUSES = (0.0, 1.0, 5.0, RETRY_SECONDS)
"""Before the supervisor is started again after so many deaths without a steady minute."""
STEADY_SECONDS = 60.0
HUNG_SECONDS = 30.0
"""A supervisor that has not answered for so long is ended, and started again: six questions of five
seconds each. Nothing hangs on it."""
EXIT_FAILED = 1

Summary = Callable[[], Sequence[str]]
"""What people need once it runs; made when it does."""


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold this home's lock; `SetupError` if another `run` of the same home holds it.

    The kernel lets go of the lock with the process, however that ends.
    """
    path = run_dir(settings) / "run.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+", encoding="ascii")
    except OSError as error:
        raise SetupError(
            f"{path.parent} cannot be written ({error.strerror}); mend the rights, or set"
            " CALLCENTER_HOME to a folder of yours.",
            code="home_not_writable",
        ) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            pid = stream.read().strip() or "unknown"
            raise SetupError(
                f"This instance runs already (pid {pid}); stop it, or set CALLCENTER_HOME and other"
                " ports for a second one.",
                code="already_running",
            ) from error
        # Whose it is, is only for people: the lock holds without, on a full disk, too.
        stream.truncate(0)
        with contextlib.suppress(OSError):
            os.write(stream.fileno(), f"{os.getpid()}\n".encode("ascii"))
        yield


def is_running(settings: Settings) -> bool:
    """Whether a `run` of this home is under way."""
    try:
        with (run_dir(settings) / "run.lock").open("r") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def clear_leftovers(settings: Settings, say: Say) -> None:
    """Stop what a killed `run` of this home left behind. Call it under `alone`."""
    stopped = stop_leftovers(settings)
    if stopped:
        say(f"an earlier run was killed and left {stopped} processes behind; stopped them")


def phone_address(settings: Settings) -> str:
    """The address that phones in the same network use to reach us."""
    if settings.external_address:
        return settings.external_address
    if settings.sip_bind not in ("0.0.0.0", "::"):  # noqa: S104
        return settings.sip_bind
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Connecting a datagram socket sends nothing; it only asks for the way out
        # (192.0.2.0/24 is for documentation, RFC 5737).
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def serve(
    settings: Settings, secrets: Secrets, supervisor: Supervisor, summary: Summary, say: Say
) -> int:
    """Start everything, stay until stopped; the exit code: 0 after a stop that was asked for."""
    return asyncio.run(_serve(settings, secrets, supervisor, summary, say))


async def _serve(
    settings: Settings, secrets: Secrets, supervisor: Supervisor, summary: Summary, say: Say
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    begun = time.monotonic()
    supervisor.start()
    try:
        if not await _until(stop, wait_ready(settings, secrets, supervisor, say)):
            return 0
        for line in summary():
            say(line)
        say(f"ready: calls are taken ({time.monotonic() - begun:.1f} s); Ctrl-C stops everything")
        return await _watch(supervisor, stop, say)
    except StartFailed as error:
        _say_failure(error.message, error.lines, say)
        return EXIT_FAILED
    finally:
        say("stopping")
        await asyncio.to_thread(supervisor.stop)
        say("stopped")


async def _until(stop: asyncio.Event, work: Coroutine[object, object, None]) -> bool:
    """Do `work`; False if `stop` came first, and then the work is cancelled."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        return not stop.is_set()
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def _watch(supervisor: Supervisor, stop: asyncio.Event, say: Say) -> int:
    watch = _Watch(supervisor, say)
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), WATCH_SECONDS)
        if stop.is_set():
            return 0
        try:
            await watch.look()
        except Exception as error:
            # No memory, no thread, no descriptor to be had: whatever it is, ending would end calls.
            watch.could_not(error)


class _Watch:
    """Looks at the supervisor, and through it at the programs."""

    def __init__(self, supervisor: Supervisor, say: Say) -> None:
        self._supervisor = supervisor
        self._say = say
        self._revival = _Revival(supervisor, say)
        self._given_up: dict[str, float] = {}
        self._problem = ""
        self._silent_since: float | None = None

    async def look(self) -> None:
        """One look; what died is started again."""
        now = time.monotonic()
        if not self._revival.lives(now):
            return
        states = await asyncio.to_thread(self._supervisor.states)
        self._hangs(bool(states), now)
        for status in states.values():
            if status.state is ProgramState.RUNNING:
                if self._given_up.pop(status.name, None) is not None:
                    self._say(f"{status.name} runs again (pid {status.pid})")
            elif status.state is ProgramState.FATAL:
                await self._fatal(status, now)
        self._problem = ""

    def could_not(self, error: Exception) -> None:
        """Say once why a look failed."""
        problem = f"{type(error).__name__}: {error}"
        if problem != self._problem:
            self._problem = problem
            self._say(f"The programs cannot be looked at ({problem}); tried again.")

    def _hangs(self, answered: bool, now: float) -> None:
        if answered or self._silent_since is None:
            self._silent_since = None if answered else now
        elif now - self._silent_since >= HUNG_SECONDS:
            self._silent_since = None
            self._say("The supervisor does not answer; it is ended. Calls go on.")
            self._supervisor.kill()

    async def _fatal(self, status: Status, now: float) -> None:
        if status.name not in self._given_up:
            message = (
                f"{status.name} does not stay up ({status.said}); tried again every"
                f" {RETRY_SECONDS:.0f} s."
            )
            _say_failure(message, self._supervisor.log_tail(status.name), self._say)
            self._given_up[status.name] = now
        elif now - self._given_up[status.name] >= RETRY_SECONDS:
            self._given_up[status.name] = now
            await asyncio.to_thread(self._supervisor.start_program, status.name)


class _Revival:
    """Starts the supervisor again for as long as it takes."""

    def __init__(self, supervisor: Supervisor, say: Say) -> None:
        self._supervisor = supervisor
        self._say = say
        self._deaths = 0
        self._begun = time.monotonic()
        self._due: float | None = None
        """When it is to be started again; None while it lives."""

    def lives(self, now: float) -> bool:
        """Whether it lives; if not, and it is time, it is started again."""
        if self._due is None:
            code = self._supervisor.ended()
            if code is None:
                return True
            self._deaths = 1 if now - self._begun >= STEADY_SECONDS else self._deaths + 1
            pause = SUPERVISOR_PAUSES[min(self._deaths, len(SUPERVISOR_PAUSES)) - 1]
            self._due = now + pause
            lines = self._supervisor.own_log_tail()
            again = f"in {pause:.0f} s" if pause else "at once"
            _say_failure(
                f"The supervisor ended by itself (exit code {code}); calls go on, it is started"
                f" again {again}.",
                lines,
                self._say,
            )
        if now < self._due:
            return False
        try:
            self._supervisor.start_again()
        except (OSError, RuntimeError, MemoryError) as error:
            self._due = now + RETRY_SECONDS
            self._say(f"The supervisor cannot be started ({error}); tried again.")
            return False
        self._due, self._begun = None, now
        return False


def _say_failure(message: str, lines: Sequence[str], say: Say) -> None:
    say(message)
    for line in lines:
        say(f"  | {line}")
