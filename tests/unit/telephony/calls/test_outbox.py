"""What follows from the ledger: nobody who follows can undo, delay or stop it, and a process that
is killed at any instant loses nothing and doubles nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.casework.cases.service import CaseService
from callcenter.platform.broadcast import Change
from callcenter.platform.clock import utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db import outbox as of_outbox
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.db.models import OutboxEntry
from callcenter.platform.db.outbox import Outbox, retry, untaken
from callcenter.platform.db.unavailable import DatabaseUnavailable
from callcenter.platform.health import HealthStatus
from callcenter.telephony.calls.audience import Audience
from callcenter.telephony.calls.following import LEDGER
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.calls.service import CallService
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.telephony.health import outbox_health
from tests.unit.traces import NAMES, journal, ledger_of

STORIES = sorted(set(NAMES) - {"nobody_there_message"}, key=lambda name: name == "pbx_killed")
CALLS = sorted(
    (call for name in STORIES for call in ledger_of(journal(name)).calls), key=lambda one: one.id
)
POISON = CALLS[3].id


class Killed(BaseException):
    """The process is gone: nothing catches this."""


@dataclass
class Diary:
    """A feature that writes a line for every form of a call that it is told of."""

    breaks_on: str = ""
    """A call that it cannot take."""
    error: BaseException = field(default_factory=lambda: RuntimeError("cannot be read"))
    told: list[str] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    async def on_ledger(self, session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
        self.before()
        for call in changes.calls:
            await session.execute(
                text("INSERT INTO diary (call, form) VALUES (:call, :form)"),
                {"call": call.id, "form": f"{call.outcome}/{call.ended_at}"},
            )
            if call.id == self.breaks_on:
                raise self.error
            self.told.append(call.id)
        return [Change("diary", {"call": call.id}) for call in changes.calls]


@dataclass
class House:
    settings: Settings
    database: Database
    published: list[Change] = field(default_factory=list)
    now: datetime = field(default_factory=utc_now)

    def begin(
        self, diary: Diary, *, joins: bool = False, wants: bool = True, attempts: int = 3
    ) -> tuple[JournalReader, Outbox]:
        """The parts as a new process makes them."""
        outbox = Outbox(
            self.database,
            attempts=attempts,
            publish=self.published.append,
            clock=lambda: self.now,
        )
        audience = Audience(outbox)
        audience.join("cases", CaseService(self.database, self.settings))
        if joins:
            audience.join("diary", diary)
        else:
            audience.follow("diary", diary, wants=lambda _changes: wants)
        reader = JournalReader(
            self.database, self.settings, audience=audience, publish=self.published.append
        )
        return reader, outbox

    def append(self, *stories: str) -> None:
        self.settings.journal_dir.mkdir(parents=True, exist_ok=True)
        with self.settings.journal_file.open("ab") as stream:
            stream.write(b"".join(journal(name) for name in stories))

    async def lines(self) -> list[tuple[str, str]]:
        async with self.database.reading() as session:
            found = await session.execute(text("SELECT call, form FROM diary ORDER BY id"))
            return [tuple(row) for row in found]

    async def entries(self) -> int:
        async with self.database.reading() as session:
            return await session.scalar(select(func.count()).select_from(OutboxEntry)) or 0

    async def ledger_is_whole(self) -> None:
        books = await CallService(self.database).books()
        assert sorted(books.calls, key=lambda one: one.id) == CALLS
        cases = await CaseService(self.database, self.settings).counts_by_call()
        assert set(cases.values()) == {1}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    settings = Settings(_env_file=None, home=tmp_path)
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    serial = "SERIAL" if "postgresql" in settings.db_url else "INTEGER"
    async with database.writing() as session:
        await session.execute(
            text(f"CREATE TABLE diary (id {serial} PRIMARY KEY, call TEXT, form TEXT)")
        )
    yield House(settings, database)
    await database.close()


def test_what_is_put_in_comes_out_as_it_was() -> None:
    for name in NAMES:
        changes = ledger_of(journal(name))
        assert LEDGER.decode(LEDGER.encode(changes)) == changes
        parts = LEDGER.parts(changes)
        assert (
            LedgerChanges.of(
                row for kind in LedgerChanges.__slots__ for row in getattr(changes, kind)
            )
            == changes
        )
        assert sum(len(part.calls) for part in parts.values()) == len(changes.calls)


async def test_who_follows_hears_of_every_call_once_and_nothing_is_left(house: House) -> None:
    diary = Diary()
    reader, outbox = house.begin(diary)
    for name in STORIES:
        house.append(name)
        await reader.catch_up() if name == STORIES[0] else await reader.read_once()
        await outbox.take_all()
    await house.ledger_is_whole()
    lines = await house.lines()
    assert len(set(lines)) == len(lines)
    assert {call for call, _ in lines} == {call.id for call in CALLS}
    assert await house.entries() == 0
    told = [change.data["call"] for change in house.published if change.topic == "diary"]
    assert told == [call for call, _ in lines]


async def test_nothing_is_written_when_nobody_follows(house: House) -> None:
    house.append(*STORIES)
    reader, _ = house.begin(Diary(), wants=False)
    await reader.catch_up()
    await house.ledger_is_whole()
    assert await house.entries() == 0


@pytest.mark.parametrize("joins", [False, True], ids=["follows", "joins"])
@pytest.mark.parametrize(
    "error",
    [RuntimeError("cannot be read"), ZeroDivisionError(), OSError(5, "gone")],
    ids=["runtime", "division", "os"],
)
async def test_who_fails_stops_nobody_and_is_parked_with_the_reason(
    house: House, joins: bool, error: Exception
) -> None:
    diary = Diary(breaks_on=POISON, error=error)
    house.append(*STORIES)
    reader, outbox = house.begin(diary, joins=joins)
    await reader.catch_up()
    await house.ledger_is_whole()
    for _ in range(5):
        await outbox.take_all()
        house.now += timedelta(minutes=5)
    assert {call for call, _ in await house.lines()} == {call.id for call in CALLS} - {POISON}
    assert len(await house.lines()) == len(CALLS) - 1
    (parked,) = await untaken(house.database)
    assert (parked.consumer, parked.key, parked.attempts) == ("diary", POISON, 3)
    assert parked.parked_at is not None
    assert parked.problem == f"{type(error).__name__}: {error}"
    health = await outbox_health(outbox)
    assert health.status is HealthStatus.DEGRADED
    assert "diary" in health.message
    assert str(error) in health.message
    # Mended, and said to try again.
    diary.breaks_on = ""
    assert await retry(house.database, None) == 1
    await outbox.load()
    await outbox.take_all()
    assert {call for call, _ in await house.lines()} == {call.id for call in CALLS}
    assert await house.entries() == 0
    assert (await outbox_health(outbox)).status is HealthStatus.OK


async def test_what_comes_of_a_call_waits_behind_what_failed_of_it(house: House) -> None:
    """Each call is told in its order, whatever fails, and calls wait for no other."""
    data = b"".join(journal(name) for name in STORIES)
    diary = Diary(breaks_on=POISON)
    reader, outbox = house.begin(diary, attempts=10_000)
    house.append()
    ends = [*[at + 1 for at, byte in enumerate(data) if byte == 10][::7], len(data)]
    begun = 0
    for end in ends:
        with house.settings.journal_file.open("ab") as stream:
            stream.write(data[begun:end])
        begun = end
        await reader.catch_up()
        await outbox.take_all()
        house.now += timedelta(minutes=10)
    diary.breaks_on = ""
    for _ in range(4):
        await outbox.load()
        await outbox.take_all()
        house.now += timedelta(minutes=10)
    await house.ledger_is_whole()
    assert await house.entries() == 0
    whole = House(house.settings, house.database)
    forms: dict[str, list[str]] = {}
    for call, form in await whole.lines():
        forms.setdefault(call, []).append(form)
    for one in CALLS:
        assert forms[one.id][-1] == f"{one.outcome}/{one.ended_at}"
        ended = [not form.endswith("/None") for form in forms[one.id]]
        assert ended == sorted(ended)


@pytest.mark.parametrize("when", ["before", "within", "after"])
async def test_killed_anywhere_nothing_is_lost_and_nothing_doubled(
    house: House, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Between the ledger's commit and the work, in its middle, and when it is committed."""
    diary = Diary()
    house.append(*STORIES)
    reader, outbox = house.begin(diary)
    await reader.catch_up()
    if when == "within":
        diary.breaks_on, diary.error = POISON, Killed()
    if when == "after":
        monkeypatch.setattr(outbox, "_done", _dies)
    if when != "before":
        with suppress(Killed):
            await outbox.take_all()
    diary.breaks_on = ""
    reader, outbox = house.begin(diary)
    await reader.catch_up()
    await outbox.take_all()
    await house.ledger_is_whole()
    assert sorted(call for call, _ in await house.lines()) == [call.id for call in CALLS]
    assert await house.entries() == 0


def _dies(*_what: object) -> None:
    raise Killed


class SaysNothing(Database):
    """The server commits, and the word of it is lost on the way."""

    lost = 0

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        async with super().writing() as session:
            yield session
        if self.lost:
            self.lost -= 1
            raise DatabaseUnavailable("the connection was cut")


async def test_a_commit_that_turns_out_done_is_published_and_followed_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callcenter.telephony.calls.ingest.FIRST_RETRY_SECONDS", 0.01)
    database = SaysNothing(house.settings.db_url)
    deaf = House(house.settings, database)
    diary = Diary()
    reader, outbox = deaf.begin(diary)
    house.append("answered")
    database.lost = 1
    await reader.catch_up()
    assert [change.topic for change in deaf.published].count("case.opened") == 1
    await outbox.take_all()
    assert len(diary.told) == 1
    assert await house.entries() == 0
    await database.close()


async def test_a_database_that_is_away_is_nobodys_fault(house: House) -> None:
    house.append("answered")
    away = [DatabaseUnavailable("away"), DatabaseUnavailable("away")]

    def before() -> None:
        if away:
            raise away.pop()

    diary = Diary(before=before)
    reader, outbox = house.begin(diary, attempts=1)
    await reader.catch_up()
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            await outbox.take_all()
    await outbox.take_all()
    assert len(diary.told) == 1
    assert await untaken(house.database) == []


async def test_it_runs_by_itself_and_takes_what_is_said_to_try_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_outbox, "LOOK_SECONDS", 0.02)
    failed, told = asyncio.Event(), asyncio.Event()
    diary = Diary(breaks_on=POISON)
    reader, outbox = house.begin(diary, attempts=1)
    look = outbox._look

    def looked(split: Sequence[OutboxEntry]) -> None:
        look(split)
        if outbox.state.parked or not split:
            (failed if split else told).set()

    monkeypatch.setattr(outbox, "_look", looked)
    running = asyncio.create_task(outbox.run())
    house.append(*STORIES)
    await reader.catch_up()
    async with asyncio.timeout(30):
        await failed.wait()
        told.clear()
        diary.breaks_on = ""
        (parked,) = await untaken(house.database)
        assert await retry(house.database, parked.id, clock=lambda: house.now) == 1
        await told.wait()
    running.cancel()
    assert sorted(call for call, _ in await house.lines()) == [call.id for call in CALLS]
    assert await house.entries() == 0
