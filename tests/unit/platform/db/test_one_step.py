"""A statement is one step between threads, and one that is given up leaves nothing behind."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.db.engine import Database
from callcenter.platform.db.one_step import OneStepConnection
from callcenter.platform.db.unavailable import DatabaseUnavailable


async def test_a_begin_that_nobody_waits_for_any_more_is_rolled_back(tmp_path: Path) -> None:
    """It queues for the write lock in the connection's thread, and gets it after the roll-back was
    asked for."""
    path = tmp_path / "queue.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    connection = OneStepConnection(lambda: sqlite3.connect(path, isolation_level=None))
    await connection
    begin = asyncio.create_task(connection.cursor().execute("BEGIN IMMEDIATE"))
    await asyncio.sleep(0)  # It has been given to the thread.
    begin.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begin
    rolled_back = asyncio.create_task(connection.rollback())
    await asyncio.sleep(0)
    other.rollback()
    await rolled_back
    # What is asked of the thread now comes after all that was asked before.
    await connection.cursor().execute("SELECT 1")
    assert not connection.in_transaction
    other.execute("BEGIN IMMEDIATE")
    other.close()
    await connection.close()


async def test_a_roll_back_of_nothing_costs_no_step(tmp_path: Path) -> None:
    connection = OneStepConnection(lambda: sqlite3.connect(tmp_path / "a.db"))
    await connection
    coroutine = connection.rollback()
    with pytest.raises(StopIteration):
        coroutine.send(None)
    await connection.close()


INSERT = text("INSERT INTO a (b) VALUES (1)")
COUNT = text("SELECT count(*) FROM a")


async def _two_tables(path: Path) -> Database:
    database = Database(f"sqlite:///{path}", connections=1, wait_seconds=0.1)
    await database.write_at_once(lambda session: session.execute(text("CREATE TABLE a (b)")))
    return database


async def test_a_unit_at_once_waits_for_its_statements_alone(tmp_path: Path) -> None:
    database = await _two_tables(tmp_path / "a.db")

    async def waits(session: AsyncSession) -> None:
        await session.execute(INSERT)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="waits for something else"):
        await database.write_at_once(waits)
    assert await database.read_at_once(lambda session: session.scalar(COUNT)) == 0
    await database.close()


async def test_a_unit_at_once_that_is_given_up_is_rolled_back_before_its_connection_is_free(
    tmp_path: Path,
) -> None:
    database = await _two_tables(tmp_path / "a.db")
    begun, go_on = threading.Event(), threading.Event()

    async def slow(session: AsyncSession) -> None:
        await session.execute(INSERT)
        begun.set()
        go_on.wait()
        await session.execute(INSERT)

    writing = asyncio.create_task(database.write_at_once(slow))
    await asyncio.to_thread(begun.wait)
    writing.cancel()
    await asyncio.sleep(0)
    writing.cancel()  # However often.
    await asyncio.sleep(0)
    assert not writing.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await database.read_at_once(lambda session: session.scalar(COUNT)) == 0
    await database.write_at_once(lambda session: session.execute(INSERT))
    await database.close()


async def test_a_connection_to_a_damaged_file_is_not_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await _two_tables(tmp_path / "a.db")
    damaged = sqlite3.DatabaseError("database disk image is malformed")
    damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT

    async def met(_connection: OneStepConnection, _work: object) -> None:
        raise damaged

    async def driver() -> object:
        async with database.engine.connect() as connection:
            return (await connection.get_raw_connection()).driver_connection

    before = await driver()
    with monkeypatch.context() as patch:
        patch.setattr(OneStepConnection, "one_step", met)
        for at_once in (database.read_at_once, database.write_at_once):
            with pytest.raises(DatabaseUnavailable, match="damaged"):
                await at_once(lambda session: session.execute(COUNT))
            patch.undo()
            after = await driver()
            assert after is not before
            before = after
            patch.setattr(OneStepConnection, "one_step", met)
    await database.close()
