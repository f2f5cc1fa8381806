"""The real process: a server that hangs or dies is replaced, and the calls it held are let go."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, cast

import psutil
import pytest

from agi.client import AgiUnanswered, ask, probe_agi, read_agi_stats, request_bytes
from agi.watchdog import EXIT_BAD_SETTING, Watchdog
from callcenter.platform.config import Settings
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.secrets import ensure_secrets, load_secrets

# A hanging server is what is tested for, and uvloop lets no signal end a test.
pytestmark = pytest.mark.timeout(60, method="thread")

REPOSITORY = Path(__file__).resolve().parents[3]
HANG_SECONDS = 2.0
"""More than the default would do: the machine may be busy, and a beat late by itself."""

# The real server, with a question that never gives the loop back.
SPINNING = """
import sys
from agi import process, watchdog

async def spin(request):
    while True:
        pass

make = process.make_questions
process.make_questions = lambda *given: {**make(*given), "spin": spin}
if sys.argv[1:] == ["serve"]:
    sys.exit(process.main())
sys.exit(watchdog.Watchdog([sys.executable, __file__, "serve"]).run())
"""


@dataclass
class Pair:
    """A watchdog and its server."""

    process: Process
    settings: Settings

    async def said(self, pattern: str) -> re.Match[str]:
        """Wait for a line that has `pattern`."""
        assert self.process.stdout is not None
        seen = []
        while line := (await self.process.stdout.readline()).decode():
            seen.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"ended without {pattern!r}:\n{''.join(seen)}")

    async def listening(self, restarts: int) -> None:
        """Wait until the server that was started so often again can be asked."""
        await self.said(rf"listening on 127\.0\.0\.1:\d+ restarts={restarts}$")

    @property
    def server(self) -> psutil.Process:
        (child,) = psutil.Process(self.process.pid).children()
        return child

    async def ask(self, question: str) -> dict[str, str]:
        return await ask(self.settings.agi_port, question, caller="13800138000", secret=self.secret)

    @property
    def secret(self) -> str:
        return load_secrets(self.settings.secrets_file).agi_secret

    async def held_call(self) -> asyncio.StreamReader:
        """A call that has asked, and waits."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.settings.agi_port)
        writer.write(request_bytes("route"))
        await writer.drain()
        return reader


class Start(Protocol):
    """Starts ``python -m agi``, or another command in its place; it ends with the test."""

    async def __call__(self, *command: str, **environment: str) -> Pair: ...


@pytest.fixture
async def start(tmp_path: Path, free_port: int) -> AsyncIterator[Start]:
    settings = Settings(_env_file=None, home=tmp_path, agi_port=free_port)
    ensure_secrets(settings.secrets_file)
    await upgrade_async(settings.db_url)
    async with AsyncExitStack() as stack:

        async def begin(*command: str, **changes: str) -> Pair:
            environment = {k: v for k, v in os.environ.items() if not k.startswith("CALLCENTER_")}
            environment |= {
                "PYTHONPATH": str(REPOSITORY),
                "CALLCENTER_HOME": str(tmp_path),
                "CALLCENTER_AGI_PORT": str(free_port),
                "CALLCENTER_AGI_HANG_SECONDS": str(HANG_SECONDS),
                **changes,
            }
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *(command or ("-m", "agi")),
                env=environment,
                stdout=PIPE,
                stderr=STDOUT,
            )
            pair = Pair(process, settings)
            stack.push_async_callback(end, pair)
            return pair

        yield begin


async def end(pair: Pair) -> None:
    with suppress(ProcessLookupError):
        pair.process.send_signal(signal.SIGCONT)
        pair.process.terminate()
    await pair.process.wait()


async def let_go(call: asyncio.StreamReader) -> bytes:
    """What a waiting call heard before its connection ended."""
    heard = b""
    with suppress(ConnectionError):
        while part := await call.read(4096):
            heard += part
    return heard


async def test_a_stopped_server_is_replaced_and_its_calls_are_let_go(start: Start) -> None:
    pair = await start()
    await pair.listening(0)
    first = pair.server
    first.suspend()
    call = await pair.held_call()
    assert await let_go(call) == b""
    await pair.said(rf"killing pid={first.pid}$")
    await pair.listening(1)
    assert (await pair.ask("route"))["CC_ROUTE"] == "queue"
    assert not first.is_running()


async def test_a_server_whose_loop_is_blocked_is_replaced(start: Start, tmp_path: Path) -> None:
    script = tmp_path / "spinning.py"
    script.write_text(SPINNING, encoding="utf-8")
    pair = await start(str(script))
    await pair.listening(0)
    with pytest.raises(AgiUnanswered):
        await pair.ask("spin")
    await pair.listening(1)
    assert (await pair.ask("route"))["CC_ROUTE"] == "queue"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
async def test_a_dead_server_is_replaced(start: Start, number: signal.Signals) -> None:
    pair = await start()
    await pair.listening(0)
    os.kill(pair.server.pid, number)
    await pair.listening(1)
    assert await pair.ask("ping") == {}


async def test_it_is_replaced_as_often_as_it_dies(start: Start) -> None:
    pair = await start()
    for restarts in range(3):
        await pair.listening(restarts)
        pair.server.kill()
    await pair.listening(3)
    assert await pair.ask("ping") == {}


async def test_while_there_is_no_server_connections_are_refused_not_kept(start: Start) -> None:
    pair = await start()
    await pair.listening(0)
    # The watchdog cannot start another one now.
    pair.process.send_signal(signal.SIGSTOP)
    reader, writer = await asyncio.open_connection("127.0.0.1", pair.settings.agi_port)
    pair.server.kill()
    assert await let_go(reader) == b""
    writer.transport.abort()
    with pytest.raises(AgiUnanswered, match=r"refused|reset"):
        await pair.ask("ping")
    pair.process.send_signal(signal.SIGCONT)
    await pair.listening(1)


async def test_a_stopped_watchdog_stops_no_answer_and_kills_nobody_when_it_goes_on(
    start: Start,
) -> None:
    pair = await start()
    await pair.listening(0)
    server = pair.server
    pair.process.send_signal(signal.SIGSTOP)
    assert await pair.ask("ping") == {}
    pair.process.send_signal(signal.SIGCONT)
    assert await pair.ask("ping") == {}
    assert pair.server == server


async def test_a_server_does_not_outlive_its_watchdog(start: Start) -> None:
    pair = await start()
    await pair.listening(0)
    pair.server.suspend()  # not even a stopped one
    pair.process.kill()
    assert pair.process.stdout is not None
    await pair.process.stdout.read()  # ends when both have closed their end of it
    with pytest.raises(AgiUnanswered):
        await pair.ask("ping")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_stop_both_end_and_the_port_is_free(
    start: Start, number: signal.Signals, free_port: int
) -> None:
    pair = await start()
    await pair.listening(0)
    server = pair.server
    pair.process.send_signal(number)
    await pair.said("stopped answered=0$")
    assert await pair.process.wait() == 0
    assert not server.is_running()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", free_port))


async def test_a_bad_setting_is_said_and_not_tried_again(start: Start) -> None:
    pair = await start(CALLCENTER_AGI_DEADLINE_MS="soon")
    await pair.said("CALLCENTER_AGI_DEADLINE_MS: .*integer")
    assert await pair.process.wait() == EXIT_BAD_SETTING


async def test_a_port_that_is_taken_is_tried_until_it_is_free(start: Start, free_port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port))
        taken.listen()
        pair = await start()
        await pair.said(rf"port {free_port} cannot be had .* set CALLCENTER_AGI_PORT")
        await pair.said("server ended code=71")
    restarts = int((await pair.said(r"listening on .* restarts=(\d+)$"))[1])
    assert restarts >= 1
    assert await pair.ask("ping") == {}


async def test_counters_and_health_are_read_from_outside(start: Start) -> None:
    pair = await start()
    await pair.listening(0)
    assert await probe_agi(pair.settings) > 0
    await pair.ask("route")
    with pytest.raises(AgiUnanswered):
        await pair.ask("nothing")
    server = pair.server.pid
    pair.process.terminate()
    assert await pair.process.wait() == 0
    stats = await asyncio.to_thread(read_agi_stats, pair.settings)
    assert stats is not None
    assert (stats.pid, stats.restarts, stats.open) == (server, 0, 0)
    assert (stats.accepted, stats.answers) == (3, {"ping": 1, "route": 1})
    assert stats.lost == {"unknown_question": 1}
    assert stats.latency_buckets[-1] == (float("inf"), 2)
    with pytest.raises(AgiUnanswered):
        await probe_agi(pair.settings)


# -- the watchdog alone, over other programs ------------------------------------------------------


def test_a_program_that_never_beats_is_killed_when_its_time_to_start_is_over(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / "begun"
    code = f"""
import pathlib, sys, time
mark = pathlib.Path({str(mark)!r})
if mark.exists():
    sys.exit({EXIT_BAD_SETTING})
mark.touch()
time.sleep(3600)
"""
    assert Watchdog([sys.executable, "-c", code], start_seconds=0.5).run() == EXIT_BAD_SETTING
    assert "silent for 0.5s: killing" in capfd.readouterr().out


def test_a_beat_names_the_time_of_the_next(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / "begun"
    code = f"""
import os, pathlib, sys, time
mark = pathlib.Path({str(mark)!r})
if mark.exists():
    sys.exit({EXIT_BAD_SETTING})
mark.touch()
os.write(int(os.environ["CALLCENTER_AGI_BEAT_FD"]), b"junk\\n0.500\\n0.2")
time.sleep(3600)
"""
    assert Watchdog([sys.executable, "-c", code]).run() == EXIT_BAD_SETTING
    assert "silent for 0.5s: killing" in capfd.readouterr().out


def test_after_a_suspended_machine_the_server_gets_a_fresh_chance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 0.0, 60.0, 60.0, 60.02])
    """Begun; waited; woken a minute late; waited; woken in time, and no beat in all of it."""
    now = 0.0

    def monotonic() -> float:
        nonlocal now
        now = next(clock)
        return now

    class Child:
        pid = 0
        killed_at: float | None = None

        def kill(self) -> None:
            self.killed_at = now

        def wait(self) -> None:
            pass

    monkeypatch.setattr("agi.watchdog.time", SimpleNamespace(monotonic=monotonic))
    child, (beats, other_end) = Child(), os.pipe()
    try:
        watchdog = Watchdog([], start_seconds=0.01)
        assert watchdog._watch(cast(Any, child), beats) is False
    finally:
        os.close(beats)
        os.close(other_end)
    assert child.killed_at == 60.02
