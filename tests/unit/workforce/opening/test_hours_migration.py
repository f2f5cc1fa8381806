"""Days that differ keep their hours when they come to have several spans, and when they go back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from callcenter.platform.db.engine import make_engine
from callcenter.platform.db.migrate import alembic_config
from tests.postgresql_server import PostgresqlServer

BEFORE, AFTER = "0021", "0022"


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


async def move(url: str, how: Callable[[Config, str], None], revision: str) -> None:
    """Bring the database there."""

    def work(connection: Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        how(config, revision)

    engine = make_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(work)
    finally:
        await engine.dispose()


async def ask(url: str, *statements: str) -> Sequence[Any]:
    """Say all of it, and read what the last one answers."""
    engine = make_engine(url)
    try:
        async with engine.begin() as connection:
            for statement in statements[:-1]:
                await connection.execute(text(statement))
            return list((await connection.execute(text(statements[-1]))).all())
    finally:
        await engine.dispose()


async def test_hours_survive_there_and_back(url: str) -> None:
    await move(url, command.upgrade, BEFORE)
    await ask(
        url,
        "INSERT INTO special_day (day, opens, closes, note, updated_at) VALUES"
        " ('2026-10-01', NULL, NULL, 'x', '2026-11-24'),"
        " ('2026-10-02', 540, 1020, '', '2026-11-24')",
        "INSERT INTO opening_period (first_day, last_day, opens, closes, note, updated_by,"
        " updated_at) VALUES ('2027-02-01', '2027-02-02', 0, 1440, '', 'a', '2026-11-24'),"
        " ('2027-02-03', '2027-02-04', NULL, NULL, '', 'a', '2026-11-24')",
        "INSERT INTO opening_rule (id, version, holidays, holiday_opens, holiday_closes,"
        " updated_at) VALUES (1, 7, 'hours', 600, 660, '2026-11-24')",
        "DELETE FROM opening_period WHERE id = 2 RETURNING id",
    )
    await move(url, command.upgrade, AFTER)
    assert await ask(url, "SELECT spans FROM special_day ORDER BY day") == [("",), ("540-1020",)]
    assert await ask(url, "SELECT spans FROM opening_period") == [("0-1440",)]
    assert await ask(url, "SELECT holiday_spans, version FROM opening_rule") == [("600-660", 7)]
    # Ids go on after the one that was removed.
    made = await ask(
        url,
        "INSERT INTO opening_period (first_day, last_day, spans, note, updated_by, updated_at)"
        " VALUES ('2027-03-01', '2027-03-01', '540-720 780-1020', '', 'a', '2026-11-24')"
        " RETURNING id",
    )
    assert made == [(3,)]
    await ask(
        url,
        "UPDATE special_day SET spans = '540-720 780-1020' WHERE spans <> ''",
        "SELECT 1",
    )
    await move(url, command.downgrade, BEFORE)
    found = await ask(url, "SELECT opens, closes FROM special_day ORDER BY day")
    assert found == [(None, None), (540, 1020)]
    found = await ask(url, "SELECT opens, closes FROM opening_period ORDER BY id")
    assert found == [(0, 1440), (540, 1020)]
    found = await ask(url, "SELECT holiday_opens, holiday_closes FROM opening_rule")
    assert found == [(600, 660)]
