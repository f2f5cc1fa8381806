"""Who holds a connection never waits for another one, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database, UnitInUnit
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.db.unavailable import DatabaseUnavailable

ONE = text("SELECT 1")
ASKING: ContextVar[str] = ContextVar("asking")


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    made = Settings(_env_file=None, home=tmp_path)
    await upgrade_async(made.db_url)
    return made


@pytest.fixture
async def narrow(settings: Settings) -> AsyncIterator[Database]:
    """Two connections, for which nobody waits long."""
    database = Database(settings.db_url, connections=2, wait_seconds=0.1)
    yield database
    await database.close()


async def begin(database: Database, kind: str) -> None:
    if kind == "read":
        await database.read(lambda connection: connection.execute(ONE).scalar())
        return
    if kind.endswith("at once"):
        at_once = database.read_at_once if kind == "read at once" else database.write_at_once
        await at_once(lambda session: session.execute(ONE))
        return
    async with database.reading() if kind == "reading" else database.writing() as session:
        await session.execute(ONE)


KINDS = ["read", "reading", "writing", "read at once", "write at once"]


@pytest.mark.parametrize("inner", KINDS)
@pytest.mark.parametrize("outer", ["reading", "writing"])
async def test_a_unit_inside_another_is_refused(narrow: Database, outer: str, inner: str) -> None:
    async with narrow.reading() if outer == "reading" else narrow.writing() as session:
        for database in (narrow, narrow.apart()):
            with pytest.raises(UnitInUnit):
                await begin(database, inner)
        await session.execute(ONE)
    await begin(narrow, inner)  # One after the other is how it is done.


async def test_a_task_that_was_begun_inside_is_another(narrow: Database) -> None:
    async with narrow.reading() as session:
        await session.execute(ONE)
        meanwhile = asyncio.create_task(begin(narrow, "writing"))
        await meanwhile
        later = asyncio.create_task(_after(narrow))
    await later


async def _after(database: Database) -> None:
    await asyncio.sleep(0)
    await begin(database, "reading")


async def test_a_failed_unit_leaves_nothing_behind(narrow: Database) -> None:
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            await _fails(narrow)
        one = asyncio.create_task(_never_ends(narrow))
        await asyncio.sleep(0.01)
        one.cancel()
        await asyncio.gather(one, return_exceptions=True)
    await begin(narrow, "writing")


async def test_what_is_written_at_once_is_there_whole_or_not_at_all(narrow: Database) -> None:
    seen = text("SELECT count(*) FROM health_probe")
    probe = text("INSERT INTO health_probe (name, at) VALUES (:name, '2026-11-24 00:00:00+00')")

    async def write(session: AsyncSession) -> int:
        await session.execute(probe, {"name": "a"})
        await session.execute(probe, {"name": "b"})
        return await session.scalar(seen) or 0

    async def fail(session: AsyncSession) -> None:
        await session.execute(probe, {"name": "c"})
        raise ZeroDivisionError

    assert await narrow.write_at_once(write) == 2
    for _ in range(3):  # More often than there are connections.
        with pytest.raises(ZeroDivisionError):
            await narrow.write_at_once(fail)
    assert await narrow.read_at_once(lambda session: session.scalar(seen)) == 2
    assert await narrow.read(lambda connection: connection.execute(seen).scalar()) == 2


async def test_who_asks_is_known_to_what_is_done_at_once(narrow: Database) -> None:
    async def who(session: AsyncSession) -> str:
        await session.execute(ONE)
        return ASKING.get()

    ASKING.set("li")
    assert await narrow.read_at_once(who) == "li"


async def _fails(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(ONE)
        raise ZeroDivisionError


async def _never_ends(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(ONE)
        await asyncio.Event().wait()


@pytest.mark.parametrize("kind", KINDS)
async def test_who_finds_no_connection_is_told_so(narrow: Database, kind: str) -> None:
    async with narrow.engine.connect(), narrow.engine.connect():
        with pytest.raises(DatabaseUnavailable) as busy:
            await begin(narrow, kind)
        assert (busy.value.status, busy.value.error_code) == (503, "database_unavailable")
        await begin(narrow.apart(), kind)
    await begin(narrow, kind)


async def test_writers_who_queue_take_no_connection_from_readers(
    settings: Settings, narrow: Database
) -> None:
    other = Database(settings.db_url)
    async with other.writing() as session:  # Another process, in the middle.
        await session.execute(ONE)
        writers = [asyncio.create_task(begin(narrow, "writing")) for _ in range(8)]
        await asyncio.sleep(0.05)
        await begin(narrow, "reading")
    await asyncio.gather(*writers)
    await other.close()


async def test_a_writer_who_is_locked_out_for_long_is_told_so(settings: Settings) -> None:
    ours, other = Database(settings.db_url, lock_ms=50), Database(settings.db_url)

    async def hold(begun: asyncio.Event, end: asyncio.Event) -> None:
        async with other.writing() as session:
            await session.execute(ONE)
            begun.set()
            await end.wait()

    begun, end = asyncio.Event(), asyncio.Event()
    holder = asyncio.create_task(hold(begun, end))
    await begun.wait()
    told = await asyncio.gather(*(begin(ours, "writing") for _ in range(3)), return_exceptions=True)
    assert [getattr(one, "error_code", one) for one in told] == ["database_unavailable"] * 3
    end.set()
    await holder
    await begin(ours, "writing")
    await ours.close()
    await other.close()
