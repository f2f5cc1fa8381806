"""The audit trail: append-only, chained, in one transaction with what it tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.access.actor import acting
from callcenter.people.trail.chain import Head, parse_head
from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.service import READ_AGAIN_SECONDS, Entry, Trail, record
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.errors import BadInput
from tests.unit.asking import person

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
ALL = TrailFilter()


class Watch:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = Settings(_env_file=None, home=tmp_path).db_url
    await upgrade_async(url)
    made = Database(url)
    yield made
    await made.close()


async def drop_triggers(session: AsyncSession) -> None:
    """As somebody can who owns the database."""
    names = ["no_update", "no_delete"]
    if session.get_bind().dialect.name == "postgresql":
        names = ["append_only ON trail_entry"]
    for name in names:
        await session.execute(text(f"DROP TRIGGER trail_entry_{name}"))


async def noted(database: Database, count: int) -> Trail:
    trail = Trail(database, lambda: NOON)
    for serial in range(1, count + 1):
        await trail.note(Entry("case.read", f"case:{serial}", {"serial": serial}, "wang"))
    return trail


async def test_entries_follow_on_one_another_and_say_who(database: Database) -> None:
    trail = Trail(database, lambda: NOON)
    with acting(person("wang", user_id=12)):
        await trail.note(Entry("case.read", "case:1"))
    await trail.note(Entry("system.began", "service"))
    second, first = await trail.page(ALL, before=None, limit=10)
    assert (first.seq, first.actor, first.user_id, first.at) == (1, "wang", 12, NOON)
    assert (second.seq, second.actor, second.user_id) == (2, "system", None)
    verdict = await trail.verify()
    assert (verdict.entries, verdict.problem) == (2, None)
    assert verdict.head == Head(2, second.sha256)


async def test_an_entry_comes_and_goes_with_its_change(database: Database) -> None:
    trail = await noted(database, 1)

    async def change(fails: bool) -> None:
        async with database.writing() as session:
            await record(session, Entry("a.changed", "a"), Entry("b.changed", "b"), now=NOON)
            if fails:
                raise RuntimeError("the change failed")

    with pytest.raises(RuntimeError):
        await change(fails=True)
    assert (await trail.verify()).entries == 1
    await change(fails=False)
    verdict = await trail.verify()
    assert (verdict.entries, verdict.problem) == (3, None)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE trail_entry SET actor = 'nobody' WHERE seq = 2", "DELETE FROM trail_entry"],
)
async def test_the_database_refuses_to_change_or_remove(database: Database, statement: str) -> None:
    trail = await noted(database, 3)
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.writing() as session:
            await session.execute(text(statement))
    assert (await trail.verify()).entries == 3


@pytest.mark.parametrize(
    ("statement", "whole", "problem"),
    [
        ("UPDATE trail_entry SET actor = 'nobody' WHERE seq = 3", 2, "entry 3 was changed"),
        ("UPDATE trail_entry SET data = '{}' WHERE seq = 1", 0, "entry 1 was changed"),
        ("UPDATE trail_entry SET at = '2020-01-01 00:00:00' WHERE seq = 2", 1, "entry 2 was"),
        ("DELETE FROM trail_entry WHERE seq = 2", 1, "entry 2 is missing"),
        ("DELETE FROM trail_entry WHERE seq = 1", 0, "entry 1 is missing"),
    ],
)
async def test_whoever_goes_round_the_database_is_found(
    database: Database, statement: str, whole: int, problem: str
) -> None:
    trail = await noted(database, 5)
    async with database.writing() as session:
        await drop_triggers(session)
        await session.execute(text(statement))
    verdict = await trail.verify()
    assert verdict.entries == whole
    assert verdict.problem is not None
    assert verdict.problem.startswith(problem)


async def test_a_noted_head_shows_that_the_end_was_cut_off_or_written_anew(
    database: Database,
) -> None:
    trail = await noted(database, 5)
    head = (await trail.verify()).head
    assert parse_head(str(head)) == head
    assert (await trail.verify(head)).problem is None
    async with database.writing() as session:
        await drop_triggers(session)
        await session.execute(text("DELETE FROM trail_entry WHERE seq > 3"))
    assert (await trail.verify()).problem is None
    assert "cut off" in str((await trail.verify(head)).problem)
    for _ in range(2):
        await trail.note(Entry("case.read", "case:another"))
    assert (await trail.verify()).problem is None
    assert "another one" in str((await trail.verify(head)).problem)


@pytest.mark.parametrize("head", ["", "5", "5:", ":" + "0" * 64, "x:" + "0" * 64, "1:" + "g" * 64])
def test_what_is_no_head_is_refused(head: str) -> None:
    with pytest.raises(BadInput):
        parse_head(head)


async def test_reads_of_many_at_once_are_all_noted_each_with_its_reader(
    database: Database,
) -> None:
    trail = Trail(database)

    async def read(serial: int) -> None:
        with acting(person(f"user{serial}", user_id=serial)):
            await trail.note_read(Entry("case.read", "case:1"))

    await asyncio.gather(*(read(serial) for serial in range(1, 51)))
    found = await trail.page(ALL, before=None, limit=100)
    assert {(one.actor, one.user_id) for one in found} == {
        (f"user{serial}", serial) for serial in range(1, 51)
    }
    assert (await trail.verify()).problem is None


async def test_the_same_read_is_noted_once_a_minute(database: Database) -> None:
    watch = Watch()
    trail = Trail(database, monotonic=watch)

    async def read(actor: str, subject: str) -> None:
        await trail.note_read(Entry("case.read", subject, actor=actor))

    for _ in range(3):
        await read("wang", "case:1")
    await read("wang", "case:2")
    await read("li", "case:1")
    assert (await trail.verify()).entries == 3
    watch.now += READ_AGAIN_SECONDS
    await read("wang", "case:1")
    assert (await trail.verify()).entries == 4


async def test_a_reader_who_leaves_takes_no_others_entry_with_him(database: Database) -> None:
    trail = Trail(database)
    leaving = asyncio.create_task(trail.note(Entry("case.read", "case:1", actor="leaving")))
    staying = asyncio.create_task(trail.note(Entry("case.read", "case:2", actor="staying")))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving
    found = await trail.page(TrailFilter(actor="staying"), before=None, limit=10)
    assert len(found) == 1


async def test_filters_and_pages(database: Database) -> None:
    trail = await noted(database, 5)
    await trail.note(Entry("seat.changed", "seat:8001", actor="li"))
    assert [one.seq for one in await trail.page(ALL, before=4, limit=2)] == [3, 2]
    assert [one.seq for one in await trail.page(TrailFilter(actor="li"), before=None, limit=9)] == [
        6
    ]
    wanted = TrailFilter(action="case.read", subject="case:2", at_from=NOON)
    assert [one.seq for one in await trail.page(wanted, before=None, limit=9)] == [2]
    assert await trail.page(TrailFilter(at_to=NOON), before=None, limit=9) == []
