"""What a call takes of disks and descriptors, and what a full disk does; prints figures.

    unshare --mount .venv/bin/python -m pytest -p no:xdist -s tests/live/measure_room.py

Not a test: the settings' reasons and docs/decisions/0021 were made with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from callcenter.platform.config import Settings
from callcenter.setup.toolbox import Toolbox
from callcenter.simulator.speech import Speech
from tests.live.live_disk import SmallDisk
from tests.live.live_run import DISK_MIB, RunSystem
from tests.live.live_stories import Stories
from tests.live.live_system import port_block, short_home

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

CALLS = 20
TOGETHER = 4


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(toolbox: Toolbox) -> AsyncIterator[RunSystem]:
    """An instance under `callcenter run`."""
    with SmallDisk(short_home(), DISK_MIB) as disk, port_block() as base:
        async with RunSystem(disk, base, Settings(_env_file=None).cache, {}) as instance:
            yield instance


def sizes(running: RunSystem) -> dict[str, int]:
    """Bytes of each file that calls write to."""
    settings = running.settings
    files = (settings.journal_file, settings.queue_log_file, settings.cdr_file)
    found = {file.name: file.stat().st_size for file in files if file.exists()}
    database = settings.home / "callcenter.db"
    for file in (database, database.with_name("callcenter.db-wal")):
        found[file.name] = file.stat().st_size
    found["logs"] = sum(file.stat().st_size for file in settings.log_dir.iterdir())
    return found


async def test_measure(running: RunSystem, speech: Speech) -> None:
    async with contextlib.AsyncExitStack() as stack:
        people = Stories(running, speech, stack)
        seats = [await people.seat(index) for index in range(TOGETHER)]
        pbx = running.program("asterisk")
        idle = pbx.num_fds()
        talks = []
        for number in range(TOGETHER):
            for seat in seats:
                seat.refuse_with = 486
            seats[number].refuse_with = 0
            talks.append(await people.talk(seats[number]))
            print(f"{number + 1} calls, 2 legs each: {pbx.num_fds() - idle} descriptors")
        for talk in talks:
            await talk.out.hang_up()
        await running.settle()
        before = sizes(running)
        for seat in seats[1:]:
            seat.refuse_with = 486
        seats[0].refuse_with = 0
        for _ in range(CALLS):
            talk = await people.talk(seats[0])
            await talk.out.hang_up()
        await running.settle()
        after = sizes(running)
        for name, size in after.items():
            print(f"{name}: {(size - before.get(name, 0)) / CALLS:.0f} bytes a call")
    for process in running.processes():
        with contextlib.suppress(Exception):
            memory = process.memory_full_info()
            print(f"{memory.uss >> 10} KiB own: {' '.join(process.cmdline()[1:4])}")
