"""The migrations and the models describe the same tables, and an upgrade may be repeated."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from callcenter.platform.db.engine import make_engine
from callcenter.platform.db.migrate import alembic_config, upgrade_async
from callcenter.platform.db.revisions import SCRIPTS, head_revision, present_revision
from callcenter.tables import metadata
from tests.postgresql_server import PostgresqlServer


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    name = server.copy("template1")
    yield server.url(name)
    server.drop(name)


async def test_an_upgraded_database_is_what_the_models_say(url: str) -> None:
    await upgrade_async(url)
    engine = make_engine(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
        assert await connection.run_sync(present_revision) == head_revision()
    await engine.dispose()


async def test_revisions_are_read_as_alembic_reads_them(url: str) -> None:
    assert head_revision() == ScriptDirectory.from_config(alembic_config()).get_current_head()
    engine = make_engine(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(present_revision) is None
    await upgrade_async(url)
    async with engine.connect() as connection:
        present = await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )
        assert await connection.run_sync(present_revision) == present
    await engine.dispose()


RARELY = {"alembic", "mako", "callcenter.platform.db.migrate", "openpyxl", "xlsxwriter", "zxcvbn"}
"""Of commands, of who sends a workbook or chooses a password."""


def test_the_service_begins_without_what_is_rarely_needed() -> None:
    """Its memory: Alembic alone, with its templates and all migrations, is 10 MiB."""
    code = "import sys, callcenter.server; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=SCRIPTS.parent, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not RARELY.intersection(loaded)


async def test_two_processes_that_start_together_upgrade_once(url: str) -> None:
    code = "import sys; from callcenter.platform.db.migrate import upgrade; upgrade(sys.argv[1])"
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", code, url, cwd=SCRIPTS.parent)
        for _ in range(2)
    ]
    assert [await process.wait() for process in processes] == [0, 0]
    engine = make_engine(url)
    async with engine.connect() as connection:
        names = set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
    await engine.dispose()
    assert names == {*metadata.tables, "alembic_version"}


async def test_a_new_file_that_another_process_holds_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite refuses the switch to WAL at once while another holds the file: CI met that."""
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    refused: list[float] = []

    def released_after_the_second_try(seconds: float) -> None:
        refused.append(seconds)
        if len(refused) == 2:
            other.rollback()

    monkeypatch.setattr("callcenter.platform.db.migrate.sleep", released_after_the_second_try)
    await upgrade_async(f"sqlite+aiosqlite:///{path}")
    assert len(refused) == 2
    mode = other.execute("PRAGMA journal_mode").fetchone()
    other.close()
    assert mode == ("wal",)


async def test_the_downgrade_leaves_nothing_behind(url: str) -> None:
    await upgrade_async(url)
    engine = make_engine(url)

    def downgrade(connection: Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    async with engine.begin() as connection:
        await connection.run_sync(downgrade)
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    await engine.dispose()
    assert names == ["alembic_version"]
