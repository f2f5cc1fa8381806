"""A database without room, descriptors or rights says so in one sentence, and works on after it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from callcenter.platform.db.engine import Database
from callcenter.platform.db.unavailable import DatabaseFull, DatabaseUnavailable


async def test_a_full_database_is_told_as_such_and_takes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}")
    try:
        async with database.writing() as session:
            await session.execute(text("CREATE TABLE things (words TEXT)"))
            # A limit in pages stands for the disk's: SQLite says the same of both.
            await session.execute(text("PRAGMA max_page_count=8"))
        with pytest.raises(DatabaseFull) as full:
            async with database.writing() as session:
                await session.execute(text("INSERT INTO things VALUES (:w)"), {"w": "x" * 99_999})
        assert (full.value.status, full.value.error_code) == (507, "database_full")
        assert "make room" in full.value.message
        async with database.writing() as session:
            await session.execute(text("PRAGMA max_page_count=9999"))
            await session.execute(text("INSERT INTO things VALUES (:w)"), {"w": "x" * 99_999})
        async with database.reading() as session:
            assert await session.scalar(text("SELECT count(*) FROM things")) == 1
    finally:
        await database.close()


async def test_a_database_that_cannot_be_opened_is_away_and_no_fault_of_ours(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'no' / 'x.db'}")
    try:
        with pytest.raises(DatabaseUnavailable) as away:
            async with database.reading() as session:
                await session.execute(text("SELECT 1"))
        assert (away.value.status, away.value.error_code) == (503, "database_unavailable")
    finally:
        await database.close()
