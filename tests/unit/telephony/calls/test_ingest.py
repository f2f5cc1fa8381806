"""The journal reader on a real database: one transaction, nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.casework.cases.service import CaseService
from callcenter.insight.audit.compare import compare_cases
from callcenter.platform.broadcast import Change
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.errors import SetupError
from callcenter.tables import metadata
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.calls.models import JournalReject
from callcenter.telephony.calls.rebuild import rebuild
from callcenter.telephony.calls.service import CallService
from callcenter.telephony.calls.status import status
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.telephony.recordings.service import MediaService
from tests.unit.traces import NAMES, journal, ledger_of

STORIES = [name for name in NAMES if name != "nobody_there_message"]
"""All of one run of the PBX, in which the killed one comes last."""


@dataclass
class House:
    """One instance's journal and database."""

    settings: Settings
    database: Database
    published: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cases = CaseService(self.database, self.settings)
        self.media = MediaService(self.database, self.settings)

    def reader(self, *more: Any) -> JournalReader:
        """A reader as a new process would make it."""
        return JournalReader(
            self.database,
            self.settings,
            (self.cases, self.media, *more),
            publish=self.published.append,
        )

    def append(self, data: bytes) -> None:
        self.settings.journal_dir.mkdir(parents=True, exist_ok=True)
        with self.settings.journal_file.open("ab") as stream:
            stream.write(data)

    async def rows(self, *but: str) -> dict[str, list[Any]]:
        """Every table but those that say when something was written."""
        found: dict[str, list[Any]] = {}
        async with self.database.reading() as session:
            for name, table in metadata.tables.items():
                if name in ("journal_offset", *but):
                    continue
                columns = [c for c in table.columns if c.name not in ("updated_at", "due_at")]
                rows = await session.execute(select(*columns).order_by(*table.primary_key.columns))
                found[name] = [tuple(row) for row in rows]
        return found


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    settings = Settings(_env_file=None, home=tmp_path)
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    yield House(settings, database)
    await database.close()


def all_stories() -> bytes:
    return b"".join(journal(name) for name in sorted(STORIES, key=lambda n: n == "pbx_killed"))


def expected_calls() -> list[Any]:
    return sorted(
        (call for name in STORIES for call in ledger_of(journal(name)).calls),
        key=lambda call: call.id,
    )


async def test_stories_become_ledger_cases_and_files(house: House) -> None:
    house.append(all_stories())
    reader = house.reader()
    await reader.catch_up()
    assert reader.state.rejects == 0
    assert reader.state.open_calls == 0
    books = await CallService(house.database).books()
    assert sorted(books.calls, key=lambda call: call.id) == expected_calls()
    cases = await house.cases.counts_by_call()
    assert list(compare_cases(books.calls, books.message_calls, cases)) == []
    assert len(cases) == sum(
        call.direction == "inbound" and call.answered_at is not None for call in books.calls
    ) + len(books.message_calls)
    opened = [change for change in house.published if change.topic == "case.opened"]
    assert len(opened) == len(cases)
    files = await house.media.all_files()
    assert {file.id for file in files} == {*books.ended_recordings, *books.ended_messages}


async def test_what_nobody_waits_for_is_gathered_and_an_answer_takes_it_along(
    tmp_path: Path, house: House
) -> None:
    patient = House(Settings(_env_file=None, home=tmp_path, journal_gather_ms=5000), house.database)
    reader = patient.reader()
    await reader.catch_up()
    before = reader.state.batches
    house.append(journal("abandoned_waiting"))
    for _ in range(3):
        assert not await reader.read_once(gather=True)
    assert reader.state.batches == before
    house.append(journal("answered"))
    await reader.read_once(gather=True)
    assert reader.state.batches == before + 1
    assert len((await CallService(house.database).books()).calls) == 2
    house.append(journal("blocked"))
    impatient = House(Settings(_env_file=None, home=tmp_path, journal_gather_ms=0), house.database)
    reader = impatient.reader()
    await reader.catch_up()
    assert len((await CallService(house.database).books()).calls) == 3


@pytest.mark.parametrize("seed", range(8))
async def test_a_reader_killed_at_any_moment_goes_on_where_it_was(house: House, seed: int) -> None:
    """Bytes come in any pieces; the process dies in between, also with its commit undone."""
    chance = random.Random(seed)
    data = all_stories()
    at = 0
    while at < len(data):
        size = chance.choice((200, 1500, 9000, 40000))
        house.append(data[at : at + size])
        at += size
        reader = house.reader(Dying()) if chance.random() < 0.4 else house.reader()
        with suppress(Killed):
            await reader.catch_up()
    await house.reader().catch_up()
    books = await CallService(house.database).books()
    assert sorted(books.calls, key=lambda call: call.id) == expected_calls()
    cases = await house.cases.counts_by_call()
    assert list(compare_cases(books.calls, books.message_calls, cases)) == []


class Killed(BaseException):
    """The process is gone: nothing catches this."""


class Dying:
    """A feature in whose step the process dies, before the commit."""

    async def on_ledger(self, session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
        raise Killed


class Locked:
    """A feature that meets a locked database `times` times."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def on_ledger(self, session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
        if self.times:
            self.times -= 1
            raise OperationalError("INSERT", {}, Exception("database is locked"))
        return ()


async def test_a_locked_database_is_waited_for_and_nothing_is_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callcenter.telephony.calls.ingest.FIRST_RETRY_SECONDS", 0.001)
    house.append(journal("answered"))
    locked = Locked(3)
    reader = house.reader(locked)
    await reader.catch_up()
    assert locked.times == 0
    assert reader.state.problem == ""
    assert len(await house.cases.counts_by_call()) == 1


async def test_what_is_no_record_is_kept_counted_and_stops_nothing(house: House) -> None:
    house.append(b"what is this\n" + journal("answered") + b'"HANGUP","torn\n')
    house.append(journal("rated"))
    reader = house.reader()
    await reader.catch_up()
    async with house.database.reading() as session:
        rejects = (await session.scalars(select(JournalReject))).all()
        assert await session.scalar(select(func.count()).select_from(JournalReject)) == 2
    assert rejects[0].line == "what is this"
    assert reader.state.rejects == 2
    assert len(await house.cases.counts_by_call()) == 2
    told = await status(house.settings, house.database)
    assert (told.rejects, told.behind_bytes, told.open_calls) == (2, 0, 0)


async def test_the_status_says_how_far_behind_the_ledger_is(house: House) -> None:
    house.append(journal("answered"))
    await house.reader().catch_up()
    house.append(journal("rated"))
    told = await status(house.settings, house.database)
    assert told.behind_bytes == len(journal("rated"))
    assert told.position == len(journal("answered"))


async def test_a_rebuild_ends_with_identical_rows(house: House) -> None:
    house.append(all_stories())
    await house.reader().catch_up()
    before = await house.rows()
    said: list[str] = []
    result = await rebuild(house.settings, house.database, said.append, (house.cases, house.media))
    assert await house.rows() == before
    assert result.rows == all_stories().count(b"\n")


async def test_a_rebuild_keeps_nobody_waiting_and_shows_whole_calls_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two of its steps others write, the reader among them; what the ledger has too much
    goes, and what it lacks is made."""
    monkeypatch.setattr("callcenter.telephony.calls.rebuild.HOLD_SECONDS", 0)  # The least step.
    monkeypatch.setattr("callcenter.telephony.calls.rebuild.FIRST_CALLS", 1)
    house.append(all_stories())
    reader = house.reader()
    await reader.catch_up()
    before = await house.rows()
    other = Database(house.settings.db_url)
    async with other.writing() as session:
        talk, call = metadata.tables["talk"], metadata.tables["call"]
        some = (await session.execute(select(call).limit(1))).mappings().one()
        await session.execute(call.insert(), [dict(some) | {"id": "pbx1:0.0"}])
        held = (await session.execute(select(talk).limit(1))).mappings().one()
        await session.execute(talk.insert(), [dict(held) | {"id": held["call_id"] + "/t99"}])
        await session.execute(talk.delete().where(talk.c.id == before["talk"][-1][0]))
    steps: list[int] = []

    class Between:
        """Writes as the others do while the rebuild is at work."""

        async def on_ledger(
            self, session: AsyncSession, changes: LedgerChanges
        ) -> Sequence[Change]:
            steps.append(len(changes.calls))
            others.append(asyncio.create_task(write()))
            return ()

    async def write() -> None:
        async with other.writing() as session:
            await session.execute(select(func.count()).select_from(call))

    others: list[asyncio.Task[None]] = []
    result = await rebuild(house.settings, house.database, lambda _line: None, (Between(),))
    await asyncio.gather(*others)
    await other.close()
    assert await house.rows() == before
    assert len(steps) >= result.calls - 1
    assert max(steps) == 1


async def test_what_the_reader_takes_meanwhile_is_not_put_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls that were open when the rebuild began end while it is at work."""
    monkeypatch.setattr("callcenter.telephony.calls.rebuild.FIRST_CALLS", 1)
    data = all_stories()
    first = data[: data.index(b"\n", len(data) // 2) + 1]
    house.append(first)
    reader = house.reader()
    await reader.catch_up()
    ended = asyncio.Event()

    class Meanwhile:
        async def on_ledger(
            self, session: AsyncSession, changes: LedgerChanges
        ) -> Sequence[Change]:
            if not ended.is_set():
                ended.set()
                house.append(data[len(first) :])
                tasks.append(asyncio.create_task(reader.read_once()))
            return ()

    tasks: list[asyncio.Task[bool]] = []
    await rebuild(house.settings, house.database, lambda _line: None, (Meanwhile(),))
    await asyncio.gather(*tasks)
    await reader.catch_up()
    books = await CallService(house.database).books()
    assert sorted(books.calls, key=lambda call: call.id) == expected_calls()


async def test_a_rebuild_that_is_killed_leaves_whole_calls_and_the_next_makes_the_rest(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callcenter.telephony.calls.rebuild.FIRST_CALLS", 1)
    house.append(all_stories())
    await house.reader().catch_up()
    before = await house.rows()
    with suppress(Killed):
        await rebuild(house.settings, house.database, lambda _line: None, (Dying(),))
    assert await house.rows() == before
    await rebuild(house.settings, house.database, lambda _line: None)
    assert await house.rows() == before


async def test_a_rebuild_stops_where_the_reader_is_and_opens_lost_cases(house: House) -> None:
    house.append(journal("answered"))
    await house.reader().catch_up()
    async with house.database.writing() as session:
        for name in ("case_event", "case"):
            await session.execute(metadata.tables[name].delete())
    house.append(journal("rated"))
    await rebuild(house.settings, house.database, lambda _line: None, (house.cases, house.media))
    assert len(await house.cases.counts_by_call()) == 1
    await house.reader().catch_up()
    assert len(await house.cases.counts_by_call()) == 2


async def test_a_rebuild_of_kept_files_leaves_older_calls_alone(house: House) -> None:
    house.append(journal("answered"))
    await house.reader().catch_up()
    old = await CallService(house.database).books()
    house.settings.journal_file.unlink()
    house.append(journal("rated"))
    await house.reader().catch_up()
    both = await house.rows()
    await rebuild(house.settings, house.database, lambda _line: None, (house.cases, house.media))
    assert await house.rows() == both
    assert old.calls[0].id in {
        call.id for call in (await CallService(house.database).books()).calls
    }


async def test_without_a_journal_there_is_nothing_to_rebuild_from(house: House) -> None:
    with pytest.raises(SetupError) as refused:
        await rebuild(house.settings, house.database, lambda _line: None)
    assert refused.value.error_code == "no_journal"
