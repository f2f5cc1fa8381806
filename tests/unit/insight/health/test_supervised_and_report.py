"""Tasks that crash begin again and are seen; a check that fails or hangs is a part that is down."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from callcenter.insight.health import service
from callcenter.insight.health.service import HealthService
from callcenter.platform.db.unavailable import DatabaseUnavailable
from callcenter.platform.health import HealthStatus, PartHealth, degraded, tasks_health, well
from callcenter.platform.supervised import Supervised


async def test_a_task_that_crashes_begins_again_and_is_seen() -> None:
    tasks, again = Supervised(pause=0), asyncio.Event()
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise RuntimeError("a broken part")
        again.set()
        await asyncio.Event().wait()

    tasks.start("journal", work)
    await again.wait()
    health = await tasks_health(tasks)
    assert health.status is HealthStatus.DEGRADED
    assert "journal" in health.message
    assert "a broken part" in health.message
    assert tasks.states[0].crashes == 1
    await tasks.stop()


@pytest.mark.parametrize("wrapped", [False, True])
async def test_a_database_that_is_away_is_one_line_and_no_trace(
    wrapped: bool, caplog: pytest.LogCaptureFixture
) -> None:
    tasks, again = Supervised(pause=0), asyncio.Event()
    away = DatabaseUnavailable("The database cannot be used; start it.")

    async def work() -> None:
        if caplog.records:
            again.set()
            await asyncio.Event().wait()
        raise ExceptionGroup("of a task group", [away]) if wrapped else away

    tasks.start("floor-view", work)
    await again.wait()
    (record,) = caplog.records
    assert record.exc_info is None
    assert "floor-view: The database cannot be used; start it. Begins again" in record.getMessage()
    assert tasks.states[0].problem == "The database cannot be used; start it."
    await tasks.stop()


async def test_tasks_end_in_the_reverse_of_their_order() -> None:
    tasks = Supervised()
    ended: list[str] = []

    async def work(name: str, began: asyncio.Event) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    for name in ("first", "second", "third"):
        began = asyncio.Event()
        tasks.start(name, partial(work, name, began))
        await began.wait()
    await tasks.stop()
    assert ended == ["third", "second", "first"]


async def test_the_report_is_as_bad_as_its_worst_part() -> None:
    async def fine() -> PartHealth:
        return well("disk", "room")

    async def so_so() -> PartHealth:
        return degraded("agi", "does not answer")

    async def broken() -> PartHealth:
        raise OSError("no such file")

    assert (await HealthService({"disk": fine}).report()).status is HealthStatus.OK
    middling = await HealthService({"disk": fine, "agi": so_so}).report()
    assert (middling.status, middling.ready) == (HealthStatus.DEGRADED, True)
    bad = await HealthService({"disk": fine, "db": broken}).report()
    assert not bad.ready
    assert "no such file" in bad.parts[1].message


async def test_a_part_that_hangs_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs() -> PartHealth:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(service, "CHECK_SECONDS", 0.0)
    report = await HealthService({"disk": hangs}).report()
    assert report.parts[0].status is HealthStatus.DOWN


async def test_many_who_ask_share_one_look() -> None:
    looks, now = 0, 100.0

    async def look() -> PartHealth:
        nonlocal looks
        looks += 1
        return well("disk", "room")

    health = HealthService({"disk": look}, monotonic=lambda: now)
    await asyncio.gather(*(health.report() for _ in range(10)))
    assert looks == 1
    now += service.SHARED_SECONDS
    await health.report()
    assert looks == 2
