"""Two processes at the same moment, on either database: what must hold when they meet.

Each has an engine of its own, as processes have; what they do is begun together and meets in the
database alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from callcenter.casework.cases.repository import CaseFilter
from callcenter.casework.cases.service import CaseChanges, CaseService
from callcenter.people.trail.service import Entry, Trail
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.errors import Conflict, VersionConflict
from callcenter.telephony.calls import repository as ledger
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.calls.service import CallService
from callcenter.telephony.domain.ledger import LedgerChanges, Outcome
from callcenter.workforce.steering import repository as switches
from callcenter.workforce.steering.models import SteeringSwitchRow
from tests.unit.rows import add_users
from tests.unit.traces import journal, ledger_of
from tests.unit.workforce.agents.office import FIRST, LI, WANG, Office
from tests.unit.workforce.callbacks.house import House

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
STORIES = ("answered", "rated", "blind_refer")


@dataclass
class Both:
    settings: Settings
    one: Database
    other: Database

    @property
    def processes(self) -> tuple[Database, Database]:
        return self.one, self.other


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    settings = Settings(_env_file=None, home=tmp_path, seats=3)
    await upgrade_async(settings.db_url)
    made = Both(settings, Database(settings.db_url), Database(settings.db_url))
    yield made
    for database in made.processes:
        await database.close()


async def test_what_a_writer_read_stays_so_until_he_commits(both: Both) -> None:
    """The law under all others: whoever reads, thinks and writes loses nobody's writing."""

    async def add_one(database: Database) -> None:
        async with database.writing() as session:
            row = await session.get(SteeringSwitchRow, "count")
            value = int(row.value) if row is not None else 0
            await asyncio.sleep(0)
            await switches.set_switch(session, "count", str(value + 1), by="test", at=NOON)

    await asyncio.gather(*(add_one(database) for database in both.processes * 15))
    async with both.one.reading() as session:
        rows = await switches.switches(session)
    assert [row.value for row in rows] == ["30"]


async def test_a_reader_sees_one_state_whatever_is_written_meanwhile(both: Both) -> None:
    names = select(SteeringSwitchRow.name)
    async with both.one.reading() as reading:
        assert (await reading.scalars(names)).all() == []
        async with both.other.writing() as session:
            await switches.set_switch(session, "late", "1", by="test", at=NOON)
        assert (await reading.scalars(names)).all() == []
    async with both.one.reading() as reading:
        assert (await reading.scalars(names)).all() == ["late"]


async def test_numbers_of_cases_have_no_gap_and_no_double(both: Both, tmp_path: Path) -> None:
    house = House(tmp_path)
    calls = [
        house.call(Outcome.ANSWERED, NOON + timedelta(seconds=at), f"1380013{at:04d}")
        for at in range(20)
    ]

    async def open_case(database: Database, at: int) -> None:
        changes = LedgerChanges(calls=(calls[at],))
        async with database.writing() as session:
            await ledger.write_changes(session, changes)
            await CaseService(database, both.settings).on_ledger(session, changes)

    # Every call is told by both: it opens its case once.
    await asyncio.gather(
        *(open_case(database, at) for at in range(20) for database in both.processes)
    )
    found = await CaseService(both.one, both.settings).page(CaseFilter(), before=None, limit=100)
    assert sorted(case.number for case in found) == [
        f"20261124-{count:05d}" for count in range(1, 21)
    ]
    assert {case.call_id for case in found} == {call.id for call in calls}
    await house.database.close()


async def test_two_readers_of_one_journal_tell_it_once(both: Both) -> None:
    """Somebody starts a second service by mistake."""
    both.settings.journal_dir.mkdir(parents=True)
    both.settings.journal_file.write_bytes(b"".join(journal(name) for name in STORIES))
    await asyncio.gather(
        *(
            JournalReader(
                database, both.settings, (CaseService(database, both.settings),)
            ).catch_up()
            for database in both.processes
        )
    )
    books = await CallService(both.one).books()
    expected = [call for name in STORIES for call in ledger_of(journal(name)).calls]
    assert {call.id: call for call in books.calls} == {call.id: call for call in expected}
    counts = await CaseService(both.one, both.settings).counts_by_call()
    assert sum(counts.values()) == len(counts) == len(STORIES)


async def test_of_two_who_save_the_same_case_one_is_told_to_read_it_again(
    both: Both, tmp_path: Path
) -> None:
    house = House(tmp_path)
    changes = LedgerChanges(calls=(house.call(Outcome.ANSWERED, NOON),))
    async with both.one.writing() as session:
        await ledger.write_changes(session, changes)
        await CaseService(both.one, both.settings).on_ledger(session, changes)

    async def save(database: Database, title: str) -> str:
        cases = CaseService(database, both.settings)
        try:
            await cases.edit("20261124-00001", CaseChanges(1, {"title": title}), actor=title)
        except VersionConflict:
            return "refused"
        return title

    said = await asyncio.gather(
        *(save(database, f"title {at}") for at, database in enumerate(both.processes * 3))
    )
    (won,) = [title for title in said if title != "refused"]
    detail = await CaseService(both.one, both.settings).get("20261124-00001")
    assert (detail.case.title, detail.case.version) == (won, 2)
    await house.database.close()


async def test_the_trail_stays_one_chain(both: Both) -> None:
    trails = [Trail(database) for database in both.processes]
    await asyncio.gather(
        *(
            trail.note(Entry("case.read", f"case:{serial}", actor=f"user{serial}"))
            for serial in range(20)
            for trail in trails
        )
    )
    verdict = await trails[0].verify()
    assert (verdict.entries, verdict.problem) == (40, None)


async def test_missed_calls_of_one_number_are_one_call_back(both: Both, tmp_path: Path) -> None:
    houses = [House(tmp_path), House(tmp_path)]
    for at, house in enumerate(houses):
        house._serials = iter(range(100 * at, 100 * at + 100))  # type: ignore[assignment]
    calls = [
        (house, house.call(Outcome.ABANDONED, NOON - timedelta(minutes=at + 1)))
        for at in range(6)
        for house in houses
    ]
    await asyncio.gather(*(house.tell(call, house.visit(call)) for house, call in calls))
    (task,) = await houses[0].tasks()
    assert (task.missed_count, task.status) == (12, "open")
    for house in houses:
        await house.database.close()


async def test_of_two_who_sit_down_at_one_seat_one_is_refused(both: Both) -> None:
    offices = [Office(database, both.settings) for database in both.processes]
    await offices[0].seats.ensure_first()
    await add_users(both.one, {WANG: "王芳", LI: "李静"})

    async def sit(office: Office, user_id: int) -> str:
        try:
            await office.agents.log_in(user_id, FIRST, actor="test")
        except Conflict as error:
            return error.error_code
        return "in"

    said = await asyncio.gather(sit(offices[0], WANG), sit(offices[1], LI))
    assert sorted(said) == ["in", "seat_taken"]
    fresh = Office(both.one, both.settings)
    await fresh.agents.load()
    assert fresh.agents.at(FIRST) == (WANG if said[0] == "in" else LI)
