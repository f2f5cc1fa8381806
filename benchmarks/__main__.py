"""Runs the benchmark: ``python -m benchmarks --rates 5,10,30,60 --seconds 30 --rounds 2``.

Both sides run all the time; loads go to one of them at a time, in turn, and the next begins when
all work for the last one is done. The table goes to the terminal, everything to a JSON file below
``build/``. Exit code 0 if every goal is met, 1 if one is missed, 2 if it could not be measured.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import platform
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.bare import Bare
from benchmarks.case_watch import CaseWatch, listing
from benchmarks.figures import spread
from benchmarks.journey import Journeys
from benchmarks.load import Load, LoadMaker
from benchmarks.plan import (
    CASE_RATE,
    WARM_RATE,
    WARM_SECONDS,
    BenchFailed,
    Numbers,
    Plan,
    parse_arguments,
)
from benchmarks.product import Product, forget_settings
from benchmarks.queue_log import read_from, size_of
from benchmarks.report import ProductLoad, Run, goals, table
from benchmarks.side import Side
from callcenter.platform.config import Settings
from callcenter.platform.errors import CallcenterError
from callcenter.setup.toolbox import ensure_toolbox
from callcenter.simulator.sipp import SippFailed
from callcenter.simulator.speech import Speech
from callcenter.telephony.domain.journal import parse

BUILD = Path(__file__).resolve().parents[1] / "build" / "bench"
SPOKEN = "您好,我想反映小区门口的路灯不亮,已经三天了。"
EXIT_MISSED, EXIT_FAILED = 1, 2


def say(line: str) -> None:
    """One line for people, at once."""
    print(line, flush=True)


class Benchmark:
    """One run by a `plan`, in the folder `home`."""

    def __init__(self, plan: Plan, home: Path) -> None:
        self.run = Run()
        self.pbx = ""
        self._plan = plan
        self._home = home
        self._numbers = Numbers()

    async def measure(self) -> None:
        """Start the sides, make every load, stop them; `run` holds what was got, also on errors."""
        toolbox = await asyncio.to_thread(ensure_toolbox, Settings(_env_file=None), say)
        self.pbx = toolbox.describe()
        speech = await asyncio.to_thread(Speech(toolbox.espeak_command).caller, SPOKEN)
        loads = LoadMaker(self._plan, toolbox.sipp_command, self._home / "callers", speech)
        async with AsyncExitStack() as stack:
            sides: list[Side] = []
            product: Product | None = None
            if "product" in self._plan.sides:
                product = Product(self._plan, self._home / "product")
                stack.push_async_callback(product.stop)
                await product.start()
                sides.append(product)
            if "bare" in self._plan.sides:
                bare = Bare(self._plan, self._home / "bare", toolbox)
                stack.push_async_callback(bare.stop)
                await bare.start()
                sides.insert(0, bare)
            for side in sides:
                await loads.run(side, WARM_RATE, self._numbers.take(WARM_RATE * WARM_SECONDS))
            for number in range(self._plan.rounds):
                for rate in self._plan.rates:
                    for side in sides if number % 2 == 0 else reversed(sides):
                        await self._one(loads, side, rate)
            if product is not None:
                await self._moments(loads, product)

    async def _one(self, loads: LoadMaker, side: Side, rate: int) -> None:
        numbers = self._numbers.take(rate * self._plan.seconds)
        if isinstance(side, Product):
            cases, journal = await side.cases(), side.settings.journal_file
            start = size_of(journal)
            load = await loads.run(side, rate, numbers)
            journeys = Journeys()
            journeys.apply(parse(read_from(journal, start), start).rows)
            self.run.product.append(
                ProductLoad(
                    rate=rate,
                    agi_ms=spread(1000 * seconds for seconds in journeys.agi_seconds()),
                    defaults=journeys.defaults(),
                    cases=await side.cases() - cases,
                )
            )
        else:
            load = await loads.run(side, rate, numbers)
        self.run.loads.append(load)
        self._tell(load)

    async def _moments(self, loads: LoadMaker, product: Product) -> None:
        """What is measured at `CASE_RATE` and would disturb the figures of CPU."""
        how_many = CASE_RATE * self._plan.seconds
        async with product.api() as api:
            watch = CaseWatch(product.settings.journal_file, product.settings.node, api)
            async with watch.watching():
                load = await loads.run(product, CASE_RATE, self._numbers.take(how_many))
        self.run.case_ms = spread(1000 * seconds for seconds in watch.seconds)
        self.run.cases_never = watch.never
        self.run.ring_with_agi_ms = load.ring_ms
        async with product.api() as api, product.api() as screen:
            watch = CaseWatch(product.settings.journal_file, product.settings.node, api)
            async with listing(screen) as lists, watch.watching():
                await loads.run(product, CASE_RATE, self._numbers.take(how_many))
        self.run.case_listed_ms = spread(1000 * seconds for seconds in watch.seconds)
        self.run.cases_never += watch.never
        self.run.list_ms = spread(1000 * seconds for seconds in lists)
        async with product.without_agi():
            load = await loads.run(product, CASE_RATE, self._numbers.take(how_many))
        self.run.ring_without_agi_ms = load.ring_ms

    def _tell(self, load: Load) -> None:
        say(
            f"{load.rate:3d}/s {load.side:<8} {load.failed} of {load.calls} failed,"
            f" {load.cpu_total_ms:.2f} ms CPU a call, all done {load.settle_seconds:.1f} s after"
        )

    def as_json(self, error: str) -> dict[str, Any]:
        """Everything, as JSON values."""
        plan = dataclasses.asdict(self._plan)
        del plan["keep"]
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {"cpus": os.cpu_count(), "system": platform.platform()},
            "pbx": self.pbx,
            "plan": plan,
            "error": error,
            **dataclasses.asdict(self.run),
            "ratios": {rate: self.run.ratio(rate) for rate in self.run.rates()},
            "extra_ms": {rate: self.run.extra_ms(rate) for rate in self.run.rates()},
            "goals": [dataclasses.asdict(goal) for goal in goals(self.run)],
        }


def main() -> int:
    """The exit code."""
    plan = parse_arguments(sys.argv[1:])
    forget_settings()
    # Short: the PBX's socket lies below, and its path holds 108 bytes.
    home = Path(tempfile.mkdtemp(prefix="ccbench-"))
    benchmark, error = Benchmark(plan, home), ""
    try:
        asyncio.run(benchmark.measure())
    except (BenchFailed, SippFailed) as failed:
        error = str(failed)
    except CallcenterError as failed:
        error = failed.message
    finally:
        if plan.keep:
            say(f"kept: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)
    if benchmark.run.loads:
        for line in table(benchmark.run):
            say(line)
        BUILD.mkdir(parents=True, exist_ok=True)
        file = BUILD / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
        text = json.dumps(benchmark.as_json(error), ensure_ascii=False, indent=1)
        file.write_text(text + "\n", encoding="utf-8")
        say(f"all figures: {file}")
    if error:
        sys.stderr.write(f"not measured to the end: {error}\n")
        return EXIT_FAILED
    return 0 if all(goal.met for goal in goals(benchmark.run)) else EXIT_MISSED


if __name__ == "__main__":
    sys.exit(main())
