"""The order in which callers are served, and seats that stand free while somebody waits.

    .venv/bin/python -m tests.live.measure_fair_order --announcements on
    .venv/bin/python -m tests.live.measure_fair_order --burst killed

Six seats and 26 callers, one a second; the first six talk for 14 s, the others hang up 30 s after
they dialled. A burst: 20 callers in 3 s while the AGI server stands still, then it goes on or is
killed. Runs an instance of its own and prints one line of a table.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
from contextlib import AsyncExitStack
from typing import Any

import psutil

from callcenter.platform.config import Settings
from tests.live.live_crowd import FOR_EVER, Caller, Crowd, at_intervals
from tests.live.live_system import System, port_block, short_home

SEATS, CALLERS, FIRST = 6, 26, 6
TALK_SECONDS, PATIENCE_SECONDS = 14.0, 30.0
BURST, BURST_SEATS, BURST_INTERVAL, BURST_TALK = 20, 4, 0.15, 1.5


async def story(system: System) -> Crowd:
    """The story, up to its end."""
    async with AsyncExitStack() as stack:
        phones = [await stack.enter_async_context(system.seat(index)) for index in range(SEATS)]
        for phone in phones:
            await phone.register()

        def talk(caller: Caller) -> float:
            return TALK_SECONDS if crowd.place(caller) < FIRST else FOR_EVER

        def patience(index: int) -> float:
            return FOR_EVER if index < FIRST else PATIENCE_SECONDS

        crowd = Crowd(system, stack, talk)
        await crowd.sit_down(phones)
        await at_intervals(crowd, 1.0, CALLERS, patience)
        await crowd.over(90)
        return crowd


async def burst(system: System, how: str) -> Crowd:
    """The burst, up to its end."""
    async with AsyncExitStack() as stack:
        phones = [
            await stack.enter_async_context(system.seat(index)) for index in range(BURST_SEATS)
        ]
        for phone in phones:
            await phone.register()
        crowd = Crowd(system, stack, lambda _caller: BURST_TALK)
        await crowd.sit_down(phones)
        server = psutil.Process(system.process("agi"))
        family = [server, *server.children(recursive=True)]
        for process in family:
            process.suspend()
        await at_intervals(crowd, BURST_INTERVAL, BURST, lambda _index: FOR_EVER)
        if how == "killed":
            system.kill("agi")
        else:
            for process in reversed(family):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()
        await crowd.over(60)
        return crowd


async def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--burst", choices=("released", "killed"))
    parser.add_argument("--announcements", choices=("on", "off"), default="on")
    parser.add_argument("--all", action="store_true", help="every caller's times")
    options = parser.parse_args()
    chosen = options.announcements
    changes: dict[str, Any] = {"seats": SEATS}
    if chosen == "off":
        changes |= {"announce_position_seconds": 0, "announce_voice_message_seconds": 0}
    home = short_home()
    with port_block() as base:
        system = System(home, base, Settings(_env_file=None).cache, changes)
        async with system:
            crowd = await (burst(system, options.burst) if options.burst else story(system))
            await system.settle()
            differences = await system.differences()
    if os.environ.get("LIVE_KEEP"):
        print(home)
    else:
        system.remove()
    if options.all:
        for line in crowd.table():
            print(line)
    if options.burst:
        print(f"burst {options.burst}: {len(crowd.out_of_order(0.0))} pairs out of order")
    total, longest = crowd.idle()
    print(
        f"announcements {chosen}: {len(crowd.overtakings())} overtakings"
        f" ({len(crowd.overtakings(1.0))} by more than 1 s),"
        f" {len(crowd.gave_up())} gave up, {total:.1f} seat-seconds idle, longest {longest:.2f} s,"
        f" longest wait {max(crowd.waits()):.1f} s"
    )
    for difference in differences:
        print(difference)


if __name__ == "__main__":
    asyncio.run(main())
