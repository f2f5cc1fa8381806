"""Whatever befalls the database while the service runs: it is told as `database_unavailable` and in
health, nothing ends by it, and once it is mended everything goes on by itself, the journal too."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from agi.database import open_database
from callcenter.cli.main import with_database
from callcenter.people.domain.permissions import Role
from callcenter.platform.broadcast import Broadcast
from callcenter.platform.db.engine import Database
from callcenter.platform.db.unavailable import DatabaseUnavailable
from callcenter.platform.errors import CallcenterError
from callcenter.platform.health import HealthStatus
from callcenter.telephony.calls.service import Books, CallService
from tests.unit.app.running import Service, code, service
from tests.unit.traces import journal

NOBODY = 65534

Fault = Callable[[Path], Iterator[None]]


def put_aside(file: Path) -> Path:
    """The whole of it: what stood in the log beside it would go with the log."""
    all_in_one(file)
    return file.rename(file.with_name("aside"))


def all_in_one(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def moved_away(file: Path) -> Iterator[None]:
    aside = put_aside(file)
    yield
    aside.rename(file)


def an_empty_one_in_its_place(file: Path) -> Iterator[None]:
    aside = put_aside(file)
    file.touch()
    yield
    aside.rename(file)


def a_folder_in_its_place(file: Path) -> Iterator[None]:
    aside = put_aside(file)
    file.mkdir()
    yield
    file.rmdir()
    aside.rename(file)


def something_else_in_its_place(file: Path) -> Iterator[None]:
    aside = put_aside(file)
    file.write_bytes(b"no database at all" * 1000)
    yield
    aside.rename(file)


def overwritten_where_it_is(file: Path) -> Iterator[None]:
    all_in_one(file)
    copy = file.with_name("copy")
    shutil.copy(file, copy)
    with file.open("r+b") as stream:
        stream.write(os.urandom(file.stat().st_size))
    yield
    copy.replace(file)


def kept_from_all(file: Path) -> Iterator[None]:
    """By another process, writing; for longer than anybody waits."""
    other = sqlite3.connect(file)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE in_the_middle (x)")
    yield
    other.rollback()
    other.close()


def nobody_may(mode: int) -> Fault:
    def fault(file: Path) -> Iterator[None]:
        before, root = file.stat().st_mode, os.geteuid() == 0
        file.chmod(mode)
        try:
            if root:  # Whom no mode keeps from anything.
                os.seteuid(NOBODY)
            yield
        finally:
            if root:
                os.seteuid(0)
            file.chmod(before)

    return fault


OF_THE_FILE = {
    "moved away": moved_away,
    "empty": an_empty_one_in_its_place,
    "a folder": a_folder_in_its_place,
    "something else": something_else_in_its_place,
}
OF_WRITING = {
    "locked": kept_from_all,
    "no right to write": nobody_may(0o444),
    # What is read may be remembered yet.
    "overwritten": overwritten_where_it_is,
}


async def books(database: Database) -> Books:
    """What a command reads."""
    return await CallService(database).books()


@contextmanager
def befallen(running: Service, name: str) -> Iterator[None]:
    yield from (OF_THE_FILE | OF_WRITING)[name](running.settings.home / "callcenter.db")


@pytest.fixture
def home() -> Iterator[Path]:
    """Where others than we may go: pytest's own folders are ours alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.mark.parametrize("name", [*OF_THE_FILE, *OF_WRITING])
async def test_a_fault_is_told_and_gone_when_it_is_mended(home: Path, name: str) -> None:
    async with service(home, database_lock_seconds=0.1) as running:
        running.settings.journal_dir.mkdir(parents=True, exist_ok=True)
        running.settings.journal_file.touch(0o666)
        running.settings.journal_file.chmod(0o666)
        client = await running.machine(Role.ADMIN)
        assert (await client.get("/api/cases")).status_code == 200
        reads = open_database(running.settings)
        one = lambda connection: connection.execute(text("SELECT 1 FROM call")).scalar()  # noqa: E731
        assert await reads.read(one) is None
        async with running.get(Broadcast).subscribe() as changes:
            with befallen(running, name):
                running.settings.journal_file.write_bytes(journal("answered"))
                body = {"number": "13800138000", "reason": "x"}
                wrote = await client.post("/api/blocklist", json=body)
                assert code(wrote) == (503, "database_unavailable"), wrote.text
                assert len(wrote.json()["error"]["message"]) > 20
                health = (await client.get("/healthz")).json()["parts"]
                assert health["database"]["status"] == HealthStatus.DOWN, health["database"]
                if name in OF_THE_FILE:
                    read = await client.get("/api/cases")
                    assert code(read) == (503, "database_unavailable"), read.text
                    with pytest.raises(DatabaseUnavailable):
                        await reads.read(one)
                    with pytest.raises(CallcenterError) as told:
                        await asyncio.to_thread(with_database, running.settings, books)
                    assert told.value.error_code in ("database_unavailable", "not_set_up")
            async with asyncio.timeout(30):
                async for change in changes:
                    if change.topic == "case.opened":
                        break
        await asyncio.sleep(1.1)
        health = (await client.get("/healthz")).json()["parts"]
        assert health["database"]["status"] == HealthStatus.OK, health["database"]
        again = await client.get("/api/cases")
        assert again.status_code == 200, again.text
        assert len(again.json()["items"]) == 1
        assert await reads.read(one) == 1
        assert (await client.post("/api/blocklist", json=body)).status_code == 201
        await reads.close()
