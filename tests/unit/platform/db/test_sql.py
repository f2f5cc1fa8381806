"""What the SQL must say on either database, where the two are known to differ."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from callcenter.casework.cases.repository import CaseFilter
from callcenter.casework.cases.service import CaseChanges, CaseService
from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.service import Entry, Trail
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.faults import tell_faults
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.db.postgresql import make_postgresql_engine
from callcenter.platform.db.unavailable import DatabaseUnavailable
from callcenter.platform.db.url import parse_url
from callcenter.platform.errors import BadInput
from callcenter.tables import metadata
from callcenter.telephony.calls import repository as ledger
from callcenter.telephony.calls.arrivals import HALF_HOUR, Arrivals
from callcenter.telephony.calls.day_rows import ledger_generation, rows_between
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.calls.models import Call, JournalOffset
from callcenter.telephony.calls.reading import CallFilter
from callcenter.telephony.calls.service import CallService
from callcenter.telephony.domain.ledger import LedgerChanges, Outcome
from callcenter.telephony.recordings.models import MediaFile, MediaRemoval
from tests.unit.traces import NAMES, journal
from tests.unit.workforce.callbacks.house import House

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


@dataclass
class Place:
    settings: Settings
    database: Database
    kind: str

    @property
    def cases(self) -> CaseService:
        return CaseService(self.database, self.settings)

    async def tell(self, changes: LedgerChanges) -> None:
        """One batch of the journal reader."""
        async with self.database.writing() as session:
            await ledger.write_changes(session, changes)
            await self.cases.on_ledger(session, changes)


@pytest.fixture
async def place(tmp_path: Path, database_kind: str) -> AsyncIterator[Place]:
    settings = Settings(_env_file=None, home=tmp_path)
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    yield Place(settings, database, database_kind)
    await database.close()


def answered_calls(home: Path, *moments: datetime) -> LedgerChanges:
    house = House(home)
    return LedgerChanges(calls=tuple(house.call(Outcome.ANSWERED, at) for at in moments))


async def every_story(place: Place) -> None:
    place.settings.journal_dir.mkdir(parents=True)
    names = sorted(NAMES, key=lambda name: name == "pbx_killed")
    place.settings.journal_file.write_bytes(b"".join(journal(name) for name in names))
    await JournalReader(place.database, place.settings, (place.cases,)).catch_up()


async def test_the_forecast_counts_what_the_ledger_holds(place: Place) -> None:
    await every_story(place)
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    arrivals = Arrivals(place.database, place.settings.first_seat)
    books = await CallService(place.database).books()
    offered = [call for call in books.calls if call.direction == "inbound" and call.queue]
    wanted = Counter(int(call.started_at.timestamp()) // HALF_HOUR for call in offered)
    found = await arrivals.half_hours(start, end)
    counted: Counter[int] = Counter()
    for one in found:
        counted[int(one.starts.timestamp()) // HALF_HOUR] += one.offered
    assert counted == wanted
    assert sum(one.answered for one in found) == sum(
        call.answered_at is not None for call in offered
    )
    ids = {call.id for call in offered}
    talked = [
        (talk.ended_at - talk.started_at).total_seconds()
        for talk in books.talks
        if talk.call_id in ids and talk.ended_at and len(talk.seat) == 4 and talk.seat[0] == "8"
    ]
    seconds = sum(one.talk_seconds for one in found)
    assert seconds == pytest.approx(sum(talked), abs=len(talked))
    waits = [
        (visit.left_at - visit.joined_at).total_seconds()
        for visit in books.visits
        if visit.left_at is not None
    ]
    waiting = await arrivals.waiting(start, end)
    waited = sum(one.waited_seconds for one in waiting)
    assert waited == pytest.approx(sum(waits), abs=len(waits))
    gave_up = sum(visit.how == "abandoned" for visit in books.visits)
    assert sum(one.gave_up for one in waiting) == gave_up


async def test_a_ledger_told_twice_in_any_split_is_the_same(place: Place) -> None:
    await every_story(place)
    whole = await rows(place.database)
    place.settings.journal_file.rename(place.settings.journal_dir / "journal-1.csv")
    async with place.database.writing() as session:
        await session.execute(metadata.tables["journal_offset"].delete())
    small = place.settings.model_copy(update={"journal_batch_rows": 100})
    (place.settings.journal_dir / "journal-1.csv").rename(place.settings.journal_file)
    await JournalReader(place.database, small, (place.cases,)).catch_up()
    assert await rows(place.database) == whole


async def rows(database: Database) -> dict[str, list[Any]]:
    """Ledger and cases, but when something was written."""
    found = {}
    async with database.reading() as session:
        for name, table in metadata.tables.items():
            if name == "journal_offset":
                continue
            columns = [c for c in table.columns if c.name not in ("updated_at", "due_at")]
            told = await session.execute(select(*columns).order_by(*table.primary_key.columns))
            found[name] = [tuple(row) for row in told]
    return found


async def test_a_case_is_found_by_every_beginning_of_its_number_and_by_no_other(
    place: Place, tmp_path: Path
) -> None:
    """PostgreSQL sorts text by the rules of a language: there a tilde comes before a digit."""
    days = (date(2025, 12, 31), date(2026, 1, 9), date(2026, 1, 10), date(2026, 11, 24))
    noons = [datetime(day.year, day.month, day.day, 4, tzinfo=UTC) for day in days]
    await place.tell(answered_calls(tmp_path, *noons * 2))
    numbers = {f"{day:%Y%m%d}-{count:05d}" for day in days for count in (1, 2)}
    beginnings = {number[:length] for number in numbers for length in range(1, 15)}
    for beginning in sorted(beginnings | {"2027", "20260109-00003", "9"}):
        found = await place.cases.page(CaseFilter(number=beginning), before=None, limit=50)
        assert {case.number for case in found} == {
            number for number in numbers if number.startswith(beginning)
        }


@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_pages_join_also_where_moments_are_the_same(
    place: Place, tmp_path: Path, limit: int
) -> None:
    same = [NOON + timedelta(microseconds=at // 5) for at in range(15)]
    await place.tell(answered_calls(tmp_path, *same))
    calls = CallService(place.database)
    seen: list[str] = []
    before: Any = None
    while page := await calls.page(CallFilter(), before=before, limit=limit):
        seen += [call.id for call in page]
        before = (page[-1].started_at, page[-1].id)
    cases: list[str] = []
    before = None
    while found := await place.cases.page(CaseFilter(), before=before, limit=limit):
        cases += [case.number for case in found]
        before = (found[-1].opened_at, found[-1].id)
    assert len(seen) == len(set(seen)) == 15
    assert len(cases) == len(set(cases)) == 15


@pytest.mark.parametrize("hours", [-11, 0, 8, 14])
async def test_a_moment_is_the_same_moment_in_whatever_zone_it_was_given(
    place: Place, tmp_path: Path, hours: int
) -> None:
    zone = timezone(timedelta(hours=hours))
    # Sixteen hundred hours UTC is the city's midnight.
    midnight = datetime(2026, 11, 24, 16, tzinfo=UTC)
    last, first = midnight - timedelta(microseconds=1), midnight
    changes = answered_calls(tmp_path, last.astimezone(zone), first.astimezone(zone))
    await place.tell(changes)
    async with place.database.reading() as session:
        found = (await session.scalars(select(Call.started_at).order_by(Call.started_at))).all()
        day = await rows_between(session, midnight - timedelta(days=1), midnight)
    assert found == [last, first]
    assert [one.tzinfo for one in found] == [UTC, UTC]
    assert [call.started_at for call in day.calls] == [last]


async def test_numbers_beyond_32_bits_are_kept(place: Place) -> None:
    size, position = 5 << 30, 1 << 40
    async with place.database.writing() as session:
        session.add(
            MediaFile(
                id="x",
                kind="recording",
                call_id="x",
                source_path="x",
                started_at=NOON,
                status="removed",
                due_at=NOON,
                source_left=False,
                wav_kept=False,
                attempts=1,
            )
        )
        await session.flush()
        session.add(
            MediaRemoval(
                media_id="x", kind="recording", path="x", bytes=size, reason="age", at=NOON
            )
        )
        offset = ledger.Offset("f", position, "f", position, NOON, position, NOON)
        await ledger.save_offset(session, "pbx1", offset)
    async with place.database.reading() as session:
        assert await session.scalar(select(MediaRemoval.bytes)) == size
        assert (await ledger.offset_of(session, "pbx1")) == offset
        assert await session.get(MediaRemoval, 1 << 40) is None
        generation = await ledger_generation(session)
    assert (generation, type(generation)) == (0, int)


@pytest.mark.parametrize(
    "name", ["张三丰（市民）", "𠮷野家", "🚒", "'); DROP TABLE call;--", "100%_\\", "é\u0301"]
)
async def test_whatever_is_written_is_what_is_read(place: Place, tmp_path: Path, name: str) -> None:
    changes = answered_calls(tmp_path, NOON)
    call = replace(changes.calls[0], caller_name=name)
    await place.tell(LedgerChanges(calls=(call,)))
    (case,) = await place.cases.page(CaseFilter(), before=None, limit=1)
    assert case.caller_name == name
    edit = CaseChanges(1, {"title": name, "content": name * 500})
    detail, _ = await place.cases.edit(case.number, edit, actor="wang")
    assert detail.case.content == name * 500
    assert detail.events[-1].data["changes"]["title"]["to"] == name


async def test_capital_and_small_letters_are_not_the_same(place: Place) -> None:
    trail = Trail(place.database)
    await trail.note(Entry("case.read", "case:1", actor="Wang"))
    await trail.note(Entry("case.read", "case:2", actor="wang"))
    found = await trail.page(TrailFilter(actor="wang"), before=None, limit=9)
    assert [one.subject for one in found] == ["case:2"]


async def test_the_trail_is_not_emptied_either(place: Place) -> None:
    if place.kind != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    trail = Trail(place.database)
    await trail.note(Entry("case.read", "case:1"))

    async def empty() -> None:
        async with place.database.writing() as session:
            await session.execute(text("TRUNCATE trail_entry"))

    with pytest.raises(DBAPIError, match="append-only"):
        await empty()
    assert (await trail.verify()).entries == 1


async def test_what_postgresql_cannot_hold_is_the_askers_fault(
    place: Place, tmp_path: Path
) -> None:
    if place.kind != "postgresql":
        pytest.skip("SQLite holds it")
    await place.tell(answered_calls(tmp_path, NOON))
    for value in ("a\0b", "x" * 201):
        with pytest.raises(BadInput, match="cannot be stored"):
            await place.cases.edit("20261124-00001", CaseChanges(1, {"title": value}), actor="wang")
    with pytest.raises(BadInput, match="cannot be stored"):
        await place.cases.page(CaseFilter(), before=(NOON, 1 << 70), limit=1)


async def test_a_reading_step_cannot_write_and_a_queue_of_writers_is_not_endless(
    place: Place,
) -> None:
    if place.kind != "postgresql":
        pytest.skip("of PostgreSQL's own settings")

    async def write_reading() -> None:
        async with place.database.reading() as session:
            await session.execute(metadata.tables["call"].delete())

    with pytest.raises(DatabaseUnavailable, match="read-only transaction"):
        await write_reading()

    url = parse_url(place.settings.db_url)
    impatient = make_postgresql_engine(url, lock_ms=50, patience_ms=None)
    tell_faults(impatient.sync_engine, url)

    async def write_second() -> None:
        async with impatient.connect() as connection:
            await connection.execution_options(writing=True)
            await connection.execute(select(JournalOffset.node))

    async with place.database.writing():
        with pytest.raises(DatabaseUnavailable, match="another process writes for long"):
            await asyncio.wait_for(write_second(), 10)
    await write_second()
    await impatient.dispose()


async def test_a_damaged_row_stops_nothing_that_follows(place: Place) -> None:
    """A database that keeps to its columns' lengths refuses it: the reader would try for ever."""
    place.settings.journal_dir.mkdir(parents=True)
    # Moments have six digits behind the point, ids a few.
    damaged = re.sub(rb'"(\d{10}\.\d{1,3})"', b'"' + b"1" * 90 + rb'\1"', journal("rated"))
    place.settings.journal_file.write_bytes(damaged + journal("answered"))
    reader = JournalReader(place.database, place.settings, (place.cases,))
    await asyncio.wait_for(reader.catch_up(), 20)
    assert reader.state.rejects == damaged.count(b"\n")
    assert len(await place.cases.counts_by_call()) == 1
