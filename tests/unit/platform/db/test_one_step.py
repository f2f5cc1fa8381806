"""A statement is one step between threads, and one that is given up leaves nothing behind."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from callcenter.platform.db.one_step import OneStepConnection


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
