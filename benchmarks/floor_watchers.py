"""How soon a change is on every screen: ``python -m benchmarks.floor_watchers --watchers 200``.

The whole product with its seats takes real SIP calls while many watchers hold
``GET /api/live/stream``. The clock of a change begins with the time that the PBX wrote into the
journal (a call began, a seat answered) and stops when the whole event has arrived at a watcher;
both are of this machine. One watcher reads what is in the events, the others only when they came,
so that the watchers do not take the CPU away from what is measured.

Exit code 0 if the goal is met, 1 if it is missed, 2 if it could not be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import Spread, spread
from benchmarks.load import Load, LoadMaker
from benchmarks.plan import FIRST_PORT, WARM_RATE, WARM_SECONDS, BenchFailed, Numbers, Plan, Ports
from benchmarks.product import Product, forget_settings
from callcenter.platform.config import Settings
from callcenter.platform.errors import CallcenterError
from callcenter.setup.toolbox import ensure_toolbox
from callcenter.simulator.sipp import SippFailed
from callcenter.simulator.speech import Speech

GOAL_MS = 300.0
"""p99 from the change to the watcher."""
SPOKEN = "您好,我想反映小区门口的路灯不亮,已经三天了。"
LONGEST_LINE = 1 << 24
"""Bytes: a snapshot of a thousand seats is a fifth of a megabyte."""
LATE_SECONDS = 10.0
"""For the last events to arrive."""
EXIT_MISSED, EXIT_FAILED = 1, 2


@dataclass(slots=True)
class Watcher:
    """One screen."""

    reads: bool
    """Whether it looks into the events, or only at the clock."""
    arrived: dict[int, float] = field(default_factory=dict)
    """By the event's number, POSIX seconds."""
    changes: dict[int, list[tuple[str, float]]] = field(default_factory=dict)
    """By the event's number: what kind of change, and when the PBX wrote it."""
    _calls: dict[str, Any] = field(default_factory=dict)

    async def watch(self, host: str, port: int, token: str) -> None:
        """Watch until cancelled; `BenchFailed` if the stream ends."""
        reader, writer = await asyncio.open_connection(host, port, limit=LONGEST_LINE)
        try:
            writer.write(
                f"GET /api/live/stream HTTP/1.1\r\nHost: {host}:{port}\r\n"
                f"Authorization: Bearer {token}\r\n\r\n".encode()
            )
            if b" 200 " not in await reader.readline():
                raise BenchFailed("the stream is refused")
            number, kind = 0, b""
            while line := await reader.readline():
                if line.startswith(b"id: "):
                    number = int(line.rpartition(b"-")[2])
                elif line.startswith(b"event: "):
                    kind = line[7:].strip()
                elif line.startswith(b"data: "):
                    self.arrived[number] = time.time()
                    if self.reads:
                        self._read(number, kind, json.loads(line[6:]))
            raise BenchFailed("a watcher was cut off")
        finally:
            writer.close()

    def _read(self, number: int, kind: bytes, data: Any) -> None:
        if kind == b"snapshot":
            self._calls = dict(data["items"]["calls"])
            return
        found: list[tuple[str, float]] = []
        for one in data["put"]:
            if one["kind"] != "calls":
                continue
            item, before = one["item"], self._calls.get(one["key"])
            self._calls[one["key"]] = item
            if before is None:
                found.append(("call began", _seconds(item["started_at"])))
            if item["answered_at"] and not (before and before["answered_at"]):
                found.append(("seat answered", _seconds(item["answered_at"])))
        if found:
            self.changes[number] = found


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def delays(watchers: Sequence[Watcher], kind: str | None = None) -> Iterator[float]:
    """Milliseconds of every change to every watcher; `BenchFailed` if one never came."""
    changes = next(one for one in watchers if one.reads).changes
    for number, found in changes.items():
        for name, at in found:
            if kind not in (None, name):
                continue
            for watcher in watchers:
                if number not in watcher.arrived:
                    raise BenchFailed(f"event {number} never came to a watcher")
                yield 1000 * (watcher.arrived[number] - at)


async def measure(plan: Plan, watchers: int, home: Path) -> tuple[Load, list[Watcher]]:
    """One load while `watchers` watch."""
    toolbox = await asyncio.to_thread(ensure_toolbox, Settings(_env_file=None), print)
    speech = await asyncio.to_thread(Speech(toolbox.espeak_command).caller, SPOKEN)
    loads = LoadMaker(plan, toolbox.sipp_command, home / "callers", speech)
    numbers = Numbers()
    async with AsyncExitStack() as stack:
        product = Product(plan, home / "product")
        stack.push_async_callback(product.stop)
        await product.start()
        await loads.run(product, WARM_RATE, numbers.take(WARM_RATE * WARM_SECONDS))
        settings = product.settings
        token = settings.token_file.read_text(encoding="ascii").strip()
        screens = [Watcher(reads=index == 0) for index in range(watchers)]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(one.watch("127.0.0.1", settings.api_port, token))
                for one in screens
            ]
            await _all_have(screens, 0)
            rate = plan.rates[0]
            load = await loads.run(product, rate, numbers.take(rate * plan.seconds))
            await _all_have(screens, max(screens[0].changes, default=0))
            for task in tasks:
                task.cancel()
    return load, screens


async def _all_have(screens: Sequence[Watcher], number: int) -> None:
    """Returns when every screen has an event of `number` or later."""
    try:
        async with asyncio.timeout(LATE_SECONDS):
            while any(max(one.arrived, default=-1) < number for one in screens):  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # read by other tasks, which say nothing
    except TimeoutError:
        raise BenchFailed(f"not every watcher has had event {number}") from None


def _line(name: str, values: Spread) -> str:
    return (
        f"{name:<14} {values.count:7d}  p50 {values.p50:6.1f}  p99 {values.p99:6.1f}"
        f"  longest {values.longest:6.1f} ms"
    )


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--rate", type=int, default=5, help="calls a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--seats", type=int, default=50)
    parser.add_argument("--port", type=int, default=FIRST_PORT)
    asked = parser.parse_args()
    plan = Plan(
        rates=(asked.rate,),
        seconds=asked.seconds,
        seats=asked.seats,
        rounds=1,
        talk_seconds=2,
        ports=Ports(asked.port),
    )
    forget_settings()
    home = Path(tempfile.mkdtemp(prefix="ccfloor-"))
    try:
        load, screens = asyncio.run(measure(plan, asked.watchers, home))
        everything = spread(delays(screens))
    except (BenchFailed, SippFailed, CallcenterError) as failed:
        sys.stderr.write(f"not measured: {failed}\n")
        return EXIT_FAILED
    except ExceptionGroup as failed:
        sys.stderr.write(f"not measured: {failed.exceptions[0]}\n")
        return EXIT_FAILED
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(
        f"{asked.watchers} watchers, {load.calls} calls at {load.real_rate:.1f}/s on {asked.seats}"
        f" seats: {load.failed} failed; callcenter {load.cpu_ms.get('callcenter', 0):.1f} ms of CPU"
        f" a call, {len(screens[0].arrived)} events each"
    )
    for name in ("call began", "seat answered"):
        print(_line(name, spread(delays(screens, name))))
    print(_line("all", everything))
    met = everything.count > 0 and everything.p99 < GOAL_MS
    print(f"goal p99 < {GOAL_MS:.0f} ms: {'met' if met else 'MISSED'}")
    return 0 if met else EXIT_MISSED


if __name__ == "__main__":
    sys.exit(main())
