"""PostgreSQL that is away: said in one sentence, waited for, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from agi.database import open_database
from callcenter.casework.cases.service import CaseService
from callcenter.people.tokens.service import TokenService
from callcenter.platform.broadcast import Change
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.db.revisions import SCRIPTS
from callcenter.platform.db.unavailable import DatabaseUnavailable
from callcenter.platform.db.url import parse_url, place_of
from callcenter.platform.errors import SetupError
from callcenter.platform.health import HealthStatus, database_health
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.calls.service import CallService
from callcenter.telephony.domain.ledger import LedgerChanges
from tests.postgresql_server import PostgresqlServer
from tests.unit.app.running import service
from tests.unit.traces import journal, ledger_of

STORIES = ("answered", "rated", "abandoned_waiting")


@dataclass
class Place:
    server: PostgresqlServer
    settings: Settings
    database: Database


@pytest.fixture
async def place(postgresql: PostgresqlServer, tmp_path: Path) -> AsyncIterator[Place]:
    """A database on the session's server, which runs again when the test is over."""
    name = await asyncio.to_thread(postgresql.copy)
    settings = Settings(_env_file=None, home=tmp_path, database_url=postgresql.url(name))
    database = Database(settings.db_url)
    yield Place(postgresql, settings, database)
    await database.close()
    if not postgresql.runs:
        await asyncio.to_thread(postgresql.start)
    await asyncio.to_thread(postgresql.drop, name)


async def ask(database: Database) -> Any:
    async with database.reading() as session:
        return await session.scalar(text("SELECT 1"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
async def test_a_server_that_is_away_is_said_and_used_again_once_it_is_back(
    place: Place, how: signal.Signals
) -> None:
    # Several connections of the pool die with it; none of them may be handed out again.
    await asyncio.gather(*(ask(place.database) for _ in range(5)))
    await asyncio.to_thread(place.server.stop, how)
    with pytest.raises(DatabaseUnavailable, match=r"at 127\.0\.0\.1:\d+ cannot be used") as away:
        await ask(place.database)
    assert "start it, or mend CALLCENTER_DATABASE_URL" in away.value.message
    health = await database_health(place.database)
    assert (health.status, health.message) == (HealthStatus.DOWN, away.value.message)
    await asyncio.to_thread(place.server.start)
    assert await asyncio.gather(*(ask(place.database) for _ in range(5))) == [1] * 5


async def test_a_step_that_the_server_leaves_in_the_middle_is_undone_and_said(
    place: Place,
) -> None:
    async def cut_off() -> None:
        async with place.database.writing() as session:
            await session.execute(text("DELETE FROM break_reason"))
            await asyncio.to_thread(place.server.stop, signal.SIGQUIT)
            await session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        await cut_off()
    await asyncio.to_thread(place.server.start)
    async with place.database.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM break_reason"))


class StopsServer:
    """A feature in whose step the server goes, `times` times."""

    def __init__(self, server: PostgresqlServer, times: int) -> None:
        self.server = server
        self.times = times
        self.gone = asyncio.Event()

    async def on_ledger(self, session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
        if self.times:
            self.times -= 1
            await asyncio.to_thread(self.server.stop, signal.SIGQUIT)
            self.gone.set()
        return ()


async def test_the_journal_reader_waits_for_the_server_and_loses_no_row(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callcenter.telephony.calls.ingest.FIRST_RETRY_SECONDS", 0.05)
    monkeypatch.setattr("callcenter.telephony.calls.ingest.LONGEST_RETRY_SECONDS", 0.05)
    cases = CaseService(place.database, place.settings)
    stops = StopsServer(place.server, 1)
    reader = JournalReader(place.database, place.settings, (cases, stops))
    place.settings.journal_dir.mkdir(parents=True)
    data = b"".join(journal(name) for name in STORIES)
    place.settings.journal_file.write_bytes(data)
    reading = asyncio.create_task(reader.catch_up())
    await stops.gone.wait()
    while not reader.state.problem:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # its next try comes in its own time
    assert "cannot be used" in reader.state.problem
    await asyncio.to_thread(place.server.start)
    await reading
    assert reader.state.problem == ""
    books = await CallService(place.database).books()
    expected = [call for name in STORIES for call in ledger_of(journal(name)).calls]
    assert {call.id: call for call in books.calls} == {call.id: call for call in expected}
    assert set((await cases.counts_by_call()).values()) == {1}


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


async def test_a_commit_whose_word_was_lost_is_not_made_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a seat's missed ring, say, counts twice, and its agent is set on a break for it."""
    monkeypatch.setattr("callcenter.telephony.calls.ingest.FIRST_RETRY_SECONDS", 0.01)
    database = SaysNothing(place.settings.db_url)
    seen = Counts()
    reader = JournalReader(database, place.settings, (CaseService(database, place.settings), seen))
    place.settings.journal_dir.mkdir(parents=True)
    place.settings.journal_file.write_bytes(journal("answered"))
    database.lost = 1
    await reader.catch_up()
    assert database.lost == 0
    assert (seen.times, reader.state.problem) == (1, "")
    with place.settings.journal_file.open("ab") as stream:
        stream.write(journal("rated"))
    while await reader.read_once():
        pass
    assert len((await CallService(database).books()).calls) == 2
    await database.close()


class Counts:
    """A feature that counts what it is told."""

    times = 0

    async def on_ledger(self, session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
        self.times += 1
        return ()


async def test_a_call_gets_its_default_at_once_while_the_server_is_away(place: Place) -> None:
    reads = open_database(place.settings)
    work: Any = lambda connection: connection.execute(text("SELECT 1")).scalar_one()  # noqa: E731
    assert await reads.read(work) == 1
    await asyncio.to_thread(place.server.stop)
    with pytest.raises(DatabaseUnavailable):
        await reads.read(work)
    await asyncio.to_thread(place.server.start)
    assert await reads.read(work) == 1
    await reads.close()


async def test_a_read_of_a_call_has_less_patience_than_the_call(place: Place) -> None:
    reads = open_database(place.settings.model_copy(update={"agi_deadline_ms": 400}))
    with pytest.raises(DatabaseUnavailable):
        await reads.read(lambda connection: connection.execute(text("SELECT pg_sleep(60)")))
    with pytest.raises(SQLAlchemyError, match="read-only"):
        await reads.read(lambda connection: connection.execute(text("DELETE FROM call")))
    await reads.close()


async def test_the_api_says_503_by_its_code(postgresql: PostgresqlServer, tmp_path: Path) -> None:
    name = await asyncio.to_thread(postgresql.copy)
    async with service(tmp_path, database_url=postgresql.url(name)) as running:
        token = await running.get(TokenService).create("machine")
        client = running.browser(Authorization=f"Bearer {token}")
        assert (await client.get("/api/cases")).status_code == 200
        await asyncio.to_thread(postgresql.stop)
        known = await client.get("/api/cases")
        stranger = await running.browser(Authorization="Bearer unknown").get("/api/cases")
        await asyncio.to_thread(postgresql.start)
        for answer in (known, stranger):
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "database_unavailable"
        assert (await client.get("/api/cases")).status_code == 200
    await asyncio.to_thread(postgresql.drop, name)


# -- the URL and the set-up -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgresql://u:p@db/callcenter", "postgresql+asyncpg"),
        ("postgres://u:p@db:5433/callcenter?sslmode=verify-full", "postgresql+asyncpg"),
        ("postgresql+asyncpg://u@/callcenter?host=/run/postgresql", "postgresql+asyncpg"),
        ("sqlite:////var/lib/x.db", "sqlite+aiosqlite"),
    ],
)
def test_a_url_is_written_as_people_write_it(given: str, driver: str) -> None:
    assert parse_url(given).drivername == driver


def test_sslmode_is_understood_and_no_password_is_shown() -> None:
    url = parse_url("postgres://u:geheim@db:5433/callcenter?sslmode=verify-full")
    assert dict(url.query) == {"ssl": "verify-full"}
    assert place_of(url) == "the PostgreSQL database callcenter at db:5433"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("callcenter", "no URL"),
        ("mysql://u:geheim@db/callcenter", "neither sqlite nor postgresql"),
        ("postgresql://u:geheim@db", "names no database"),
        ("postgresql://u:geheim@db/x?sslmode=maybe", "sslmode must be one of"),
        ("postgresql://u:geheim@db/x?target_session_attrs=any", "target_session_attrs"),
        ("postgresql://u:geheim@db:port/x", "no URL"),
    ],
)
def test_a_wrong_url_is_said_with_the_mend_and_without_the_password(
    given: str, problem: str
) -> None:
    with pytest.raises(SetupError, match=problem) as refused:
        parse_url(given)
    assert refused.value.message.startswith("CALLCENTER_DATABASE_URL: ")
    assert "geheim" not in refused.value.message


@pytest.mark.parametrize(
    ("changes", "mend"),
    [
        ({"database": "nowhere"}, "create it with `createdb`"),
        ({"password": "wrong"}, "mend the user or the password"),
        ({"user": "stranger"}, "mend the user or the password"),
    ],
)
async def test_what_the_server_refuses_is_said_with_the_mend(
    postgresql: PostgresqlServer, changes: dict[str, str], mend: str
) -> None:
    url = postgresql.url(**{"database": "head", **changes})
    with pytest.raises(DatabaseUnavailable, match=mend) as refused:
        await upgrade_async(url)
    assert "\n" not in refused.value.message
    assert "wrong" not in refused.value.message


async def test_a_database_that_cannot_hold_chinese_is_refused(
    postgresql: PostgresqlServer,
) -> None:
    await asyncio.to_thread(
        postgresql.execute,
        "CREATE DATABASE latin OWNER callcenter ENCODING 'LATIN1' LOCALE_PROVIDER libc"
        " LOCALE 'C' TEMPLATE template0",
    )
    with pytest.raises(SetupError, match="stores text as LATIN1"):
        await upgrade_async(postgresql.url("latin"))
    await asyncio.to_thread(postgresql.drop, "latin")


async def test_a_command_says_one_sentence_and_ends(place: Place) -> None:
    await asyncio.to_thread(place.server.stop)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "callcenter.cli.main",
        "seats",
        cwd=SCRIPTS.parent,
        env={
            "CALLCENTER_HOME": str(place.settings.home),
            "CALLCENTER_DATABASE_URL": place.settings.database_url,
        },
        stderr=asyncio.subprocess.PIPE,
    )
    _out, said = await process.communicate()
    assert process.returncode == 2
    assert said.count(b"\n") == 1
    assert b"start it, or mend CALLCENTER_DATABASE_URL" in said
