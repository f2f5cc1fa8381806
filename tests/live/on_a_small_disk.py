"""What watches outlives what it watches: a full disk, a dead supervisor, no descriptors left.

One instance under the real `callcenter run`, on a small disk of its own. Calls go on through all of
it, and everything comes back by itself. Run by `test_live_full_disk` where it may mount.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import psutil
import pytest
import pytest_asyncio

from callcenter.platform.config import Settings
from callcenter.setup.toolbox import Toolbox
from callcenter.simulator.call import Call
from callcenter.simulator.sound import CALLER_HZ, RATE, SEAT_HZ
from callcenter.simulator.speech import Speech
from callcenter.telephony.domain.journal import Event, parse
from tests.live.live_disk import SmallDisk
from tests.live.live_run import DISK_MIB, RunSystem
from tests.live.live_stories import Stories, Talk
from tests.live.live_system import port_block, short_home

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

NOTICED_SECONDS = 10
SUPERVISOR = "supervisor.supervisord"
GUARD = "callcenter.setup.disk_guard"
PUMP = "callcenter.setup.log_pump"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(toolbox: Toolbox) -> AsyncIterator[RunSystem]:
    """An instance under `callcenter run`."""
    with SmallDisk(short_home(), DISK_MIB) as disk, port_block() as base:
        async with RunSystem(disk, base, Settings(_env_file=None).cache, {}) as instance:
            yield instance


@pytest_asyncio.fixture(loop_scope="module")
async def people(running: RunSystem, speech: Speech) -> AsyncIterator[Stories]:
    """What people do."""
    async with contextlib.AsyncExitStack() as stack:
        yield Stories(running, speech, stack)


async def still_talk(talk: Talk) -> None:
    """Both hear each other for a further second, and not only before."""

    async def hears(call: Call, hz: float) -> None:
        before = call.heard().size
        await call.stream.until(lambda: call.heard().size >= before + RATE, 10)
        await call.hears(hz)

    await asyncio.gather(hears(talk.out, SEAT_HZ), hears(talk.taken, CALLER_HZ))


async def test_on_a_full_disk_calls_go_on_and_everything_comes_back(
    running: RunSystem, people: Stories
) -> None:
    before = running.pids()
    first, second, third = await people.seat(0), await people.seat(1), await people.seat(2)
    third.refuse_with = 486
    talk = await people.talk_with(first, second)
    # The PBX writes what it has recorded by the second: of less nothing would be there to be cut.
    await still_talk(talk)
    await still_talk(talk)
    running.disk.fill()

    async def recordings_stopped() -> bool:
        disk = (await running.health()).get("disk", {})
        return disk.get("status") == "degraded" and "recorded" in disk["message"]

    await running.until(recordings_stopped, NOTICED_SECONDS)
    await still_talk(talk)
    # Somebody calls, and somebody answers; a phone registers that was not there before.
    other = await people.talk_with(second, third)
    fourth = await people.seat(3)
    await still_talk(other)
    await other.out.hang_up()
    await still_talk(talk)
    assert running.pids() == before
    # Somebody else takes what the reserve gave free, too. A phone that comes now is known.
    running.disk.fill()
    second.refuse_with = third.refuse_with = fourth.refuse_with = 486
    fifth = await people.seat(4)
    last = await people.talk(fifth)
    await still_talk(last)
    await last.out.hang_up()
    await still_talk(talk)
    # The database has room of its own, as the journal has: the case is there already.
    assert await people.case_of(other.number)
    await talk.out.hang_up()
    running.disk.clear()

    await running.until(running.all_well, 30)
    assert running.pids() == before
    cut, left_out = await people.told(talk.number, 30), await people.told(other.number, 30)
    assert cut.seats == [first.user]
    assert left_out.seats == [second.user]
    assert len(cut.cases) == len(left_out.cases) == 1
    assert [file.status for file in cut.media] == ["cut"]
    assert [file.status for file in left_out.media] == ["left_out"]
    assert (await people.told(last.number)).media[0].status == "left_out"
    fourth.refuse_with, first.refuse_with, fifth.refuse_with = 0, 486, 486
    later = await people.talk(fourth)
    await later.out.hang_up()
    await people.answered_story(later.number, fourth.user)
    await running.settle()
    day = await running.get("/api/reports/day")
    assert (day["recordings_left_out"], day["recordings_cut"]) == (2, 1)
    named = sorted(str(found).split()[0] for found in await running.differences())
    assert named == ["recording_cut", "recording_left_out", "recording_left_out"]


async def test_a_start_on_a_full_disk_takes_calls(running: RunSystem, people: Stories) -> None:
    running.disk.fill()
    await running.stop_run()
    running.begin_run()
    await running.until(running.ready_said, 60)
    await running.ready()
    seat = await people.seat(0)
    talk = await people.talk(seat)
    await talk.out.hang_up()
    running.disk.clear()
    told = await people.told(talk.number, 30)
    assert (told.seats, len(told.cases)) == ([seat.user], 1)
    await running.until(running.all_well, 30)


async def test_a_supervisor_that_is_killed_in_a_talk_ends_nothing_and_comes_back(
    running: RunSystem, people: Stories
) -> None:
    before = running.pids()
    seat = await people.seat(0)
    talk = await people.talk(seat)
    old = running.watcher(SUPERVISOR)
    old.kill()
    await still_talk(talk)

    async def back() -> bool:
        with contextlib.suppress(LookupError):
            watchers = [running.watcher(one) for one in (SUPERVISOR, GUARD, PUMP)]
            return all(one.ppid() == watchers[0].pid for one in watchers[1:])
        return False

    await running.until(back, 20)
    assert running.pids() == before
    # It watches what it has taken up: what dies is started again.
    running.program("agi").kill()

    async def started_again() -> bool:
        with contextlib.suppress(LookupError):
            return running.program("agi").pid != before["agi"]
        return False

    await running.until(started_again, 20)
    await still_talk(talk)
    await talk.out.hang_up()
    await people.answered_story(talk.number, seat.user)
    assert running.program("asterisk").pid == before["asterisk"]


async def test_with_no_descriptor_left_in_the_agi_server_calls_take_the_default(
    running: RunSystem, people: Stories
) -> None:
    seat = await people.seat(0)
    await running.until(running.all_well, 30)
    (server,) = running.program("agi").children()
    _, hard = server.rlimit(psutil.RLIMIT_NOFILE)
    server.rlimit(psutil.RLIMIT_NOFILE, (server.num_fds(), hard))
    try:
        # Nobody waits for a server that cannot answer: it closes what it cannot take.
        talk = await people.talk(seat)
        await still_talk(talk)
    finally:
        server.rlimit(psutil.RLIMIT_NOFILE, (hard, hard))
    await talk.out.hang_up()
    await people.answered_story(talk.number, seat.user)
    rows = parse(running.settings.journal_file.read_bytes()).rows
    routed = [row for row in rows if row.event == Event.ROUTED]
    assert routed[-1].fact("by") == "default"
    await running.until(running.all_well, 30)
    assert server.is_running()


async def test_with_no_descriptor_left_in_the_service_calls_are_taken(
    running: RunSystem, people: Stories
) -> None:
    first, second = await people.seat(0), await people.seat(1)
    await running.ready()
    before = running.pids()
    talk = await people.talk_with(first, second)
    await people.case_of(talk.number)
    service = running.program("callcenter")
    _, hard = service.rlimit(psutil.RLIMIT_NOFILE)
    service.rlimit(psutil.RLIMIT_NOFILE, (service.num_fds() + 4, hard))
    async with contextlib.AsyncExitStack() as crowd:
        for _ in range(40):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", running.settings.api_port)
                crowd.callback(writer.close)
        with pytest.raises(httpx.HTTPError):
            async with httpx.AsyncClient(timeout=1, trust_env=False) as newcomer:
                await newcomer.get(f"http://127.0.0.1:{running.settings.api_port}/healthz/live")
        await still_talk(talk)
        other = await people.talk(second)
        await still_talk(other)
        await other.out.hang_up()
        await talk.out.hang_up()
    # The crowd has gone, the limit is as low as it was; nobody is started anew.
    await running.ready()
    await people.answered_story(talk.number, first.user)
    await people.answered_story(other.number, second.user)
    assert running.pids() == before
    service.rlimit(psutil.RLIMIT_NOFILE, (hard, hard))
