"""The database that a unit test uses: SQLite, and PostgreSQL too where `ON_BOTH` says so."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Connection, create_engine

from callcenter.platform.db import migrate
from callcenter.platform.db.revisions import present_revision
from tests.postgresql_server import PostgresqlServer

FOLDER = Path(__file__).parent
SQLITE, POSTGRESQL = "sqlite", "postgresql"

ON_BOTH = frozenset(
    {
        "workforce/agents/test_agent_api.py",
        "telephony/calls/test_ingest.py",
        "telephony/calls/test_outbox.py",
        "casework/cases/test_case_api.py",
        "casework/cases/test_case_intake.py",
        "platform/db/test_races.py",
        "platform/db/test_sql.py",
        "platform/db/test_units.py",
        "people/tokens/test_tokens.py",
        "people/trail/test_trail.py",
        "telephony/voicemail/test_voice_message_api.py",
    }
)
"""Modules whose tests run on both: those that hold what the SQL must do. A test is given its
database by the settings' environment, as an instance is; nothing else in it differs.
``TEST_DATABASE=postgresql`` runs every unit test on PostgreSQL instead: some minutes."""

OF_SQLITE = frozenset(
    {
        "test_a_calendar_that_cannot_be_written_leaves_the_old_one",
        "test_a_database_that_hangs_gives_the_default_and_then_the_answer",
        "test_a_database_that_is_not_there_is_not_made_and_is_used_once_it_is",
        "test_a_hash_of_other_parameters_is_renewed_at_the_next_login",
        "test_a_hostile_path_leads_nowhere",
        "test_a_locked_database_gives_the_default_and_then_the_answer",
        "test_a_user_disabled_while_his_password_is_checked_does_not_get_in",
        "test_every_filter_is_in_an_index",
        "test_every_list_is_in_an_index",
        "test_killed_anywhere_while_finishing",
        "test_killed_anywhere_while_retention_removes",
        "test_the_caller_who_waits_is_looked_up_in_an_index",
        "test_the_server_cannot_write",
        "test_the_workers_questions_are_in_indices",
    }
)
"""Tests of what only SQLite has: its plans, its locks, its file, a NUL character in a text; and
those that speak its SQL, or make an instance for each of a hundred moments."""

THE_LONG_WAY = frozenset({"test_migrations.py", "test_ids_once.py"})
"""Modules whose databases go over every migration."""

MISSING = sorted(name for name in ON_BOTH if not (FOLDER / name).exists())
assert not MISSING, f"no such modules: {MISSING}"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """The session's server; made when the first test asks for it."""
    server = PostgresqlServer.made()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def newest_schema() -> Callable[[], Sequence[str]]:
    """What makes an empty SQLite file one that all migrations went over; made for the first test
    that has a database: those of a domain have none."""
    over_every_migration = migrate._upgrade

    @cache
    def made() -> Sequence[str]:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "newest.db"
            engine = create_engine(f"sqlite:///{path}")
            with engine.begin() as connection:
                over_every_migration(connection)
            engine.dispose()
            with closing(sqlite3.connect(path)) as made:
                script = list(made.iterdump())
        return [one for one in script if one not in {"BEGIN TRANSACTION;", "COMMIT;"}]

    return made


@pytest.fixture(autouse=True)
def made_at_once(
    request: pytest.FixtureRequest,
    newest_schema: Callable[[], Sequence[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A new SQLite database gets the newest schema in one go: a thousand tests make one each, and
    going over all migrations takes half a second. Those who test migrations go over them."""
    if Path(str(request.node.path)).name in THE_LONG_WAY:
        return
    upgrade = migrate._upgrade

    def shortened(connection: Connection) -> None:
        if connection.dialect.name != "sqlite" or present_revision(connection) is not None:
            upgrade(connection)
            return
        for statement in newest_schema():
            connection.exec_driver_sql(statement)

    monkeypatch.setattr(migrate, "_upgrade", shortened)


@pytest.fixture(autouse=True)
def database_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Which database this test's instance has; a migrated one of its own if it is PostgreSQL."""
    kind: str = getattr(request, "param", SQLITE)
    if kind == SQLITE:
        yield kind
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    name = server.copy()
    monkeypatch.setenv("CALLCENTER_DATABASE_URL", server.url(name))
    yield kind
    server.drop(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both databases for the modules of `ON_BOTH`."""
    path = Path(metafunc.module.__file__)
    if not path.is_relative_to(FOLDER) or metafunc.function.__name__ in OF_SQLITE:
        return
    if os.environ.get("TEST_DATABASE") == POSTGRESQL:
        metafunc.parametrize("database_kind", (POSTGRESQL,), indirect=True)
    elif path.relative_to(FOLDER).as_posix() in ON_BOTH:
        metafunc.parametrize("database_kind", (SQLITE, POSTGRESQL), indirect=True)
