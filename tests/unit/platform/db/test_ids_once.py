"""No id is given twice, and whatever names a row is a foreign key or says why it is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Table, func, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import DropConstraint

from callcenter.platform.db.base import LOOSE, UtcDateTime, counted_id
from callcenter.platform.db.engine import Database, make_engine
from callcenter.platform.db.migrate import alembic_config, upgrade_async
from callcenter.platform.db.unavailable import ReferenceLost
from callcenter.tables import metadata
from tests.postgresql_server import PostgresqlServer
from tests.unit.rows import add_users

TABLES = [table for table in metadata.sorted_tables if counted_id(table) is not None]
NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)


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


def _values(table: Table, **given: Any) -> dict[str, Any]:
    """A row, with something in each column that needs it; unique texts differ by `given`."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.name in given:
            row[column.name] = given[column.name]
        elif column.nullable or column is counted_id(table):
            continue
        else:
            made: dict[type, Any] = {str: "x", int: 1, bool: True, date: NOON.date(), object: {}}
            moment = isinstance(column.type, UtcDateTime)
            row[column.name] = NOON if moment else made[column.type.python_type]
    return row


def _given_again(connection: Connection) -> list[str]:
    """Tables that give the id of a removed row to the next one."""
    if connection.dialect.name == "postgresql":
        for table in metadata.sorted_tables:
            for key in table.foreign_key_constraints:
                connection.execute(DropConstraint(key))
    again = []
    for table in TABLES:
        column = counted_id(table)
        assert column is not None
        values = _values(table)
        first = connection.execute(table.insert().values(values).returning(column)).scalar_one()
        connection.execute(table.delete())
        second = connection.execute(table.insert().values(values).returning(column)).scalar_one()
        connection.execute(table.delete())
        if second <= first:
            again.append(table.name)
    return again


async def test_the_id_of_a_removed_row_is_given_to_no_other(url: str) -> None:
    assert len(TABLES) > 15
    await upgrade_async(url)
    engine = make_engine(url)
    async with engine.connect() as connection:
        if engine.dialect.name == "sqlite":  # Not within a transaction.
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.execute("PRAGMA foreign_keys=OFF")
        assert await connection.run_sync(_given_again) == []
        await connection.rollback()
    await engine.dispose()


def test_what_names_a_row_is_a_foreign_key_or_says_why_not() -> None:
    silent = [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_id") and not column.foreign_keys and not column.info.get(LOOSE)
    ]
    assert silent == []


def test_what_goes_with_a_removed_row_is_found_in_an_index() -> None:
    """Else removing one row reads a whole table."""

    def begins(table: Table) -> set[str]:
        keys = [list(table.primary_key.columns), *(list(index.columns) for index in table.indexes)]
        keys += [list(one.columns) for one in table.constraints if hasattr(one, "columns")]
        return {key[0].name for key in keys if key}

    slow = [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        for key in column.foreign_keys
        if key.ondelete is not None and column.name not in begins(table)
    ]
    assert slow == []


async def test_the_database_has_the_keys_of_the_models_and_keeps_them(url: str) -> None:
    await upgrade_async(url)
    database = Database(url)

    def keys(connection: Connection) -> set[tuple[str, str, str, str | None]]:
        seen = inspect(connection)
        return {
            (
                table,
                key["constrained_columns"][0],
                key["referred_table"],
                key["options"].get("ondelete"),
            )
            for table in seen.get_table_names()
            for key in seen.get_foreign_keys(table)
        }

    async with database.engine.connect() as connection:
        found = await connection.run_sync(keys)
    assert found == {
        (table.name, column.name, key.column.table.name, key.ondelete)
        for table in metadata.sorted_tables
        for column in table.columns
        for key in column.foreign_keys
    }
    feed = metadata.tables["rota_feed"]
    with pytest.raises(ReferenceLost):
        async with database.writing() as session:
            await session.execute(feed.insert().values(_values(feed, user_id=99)))
    await add_users(database, {5: "王芳"})
    async with database.writing() as session:
        await session.execute(feed.insert().values(_values(feed, user_id=5)))
        await session.execute(text('DELETE FROM "user" WHERE id = 5'))
    async with database.reading() as session:
        assert (await session.execute(feed.select())).all() == []
    await database.close()


def _to(connection: Connection, revision: str) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    here = "0000" if revision == "base" else revision
    (command.downgrade if here < _present(connection) else command.upgrade)(config, revision)


async def _count(connection: AsyncConnection, table: str) -> Any:
    count = select(func.count()).select_from(metadata.tables[table])
    return (await connection.execute(count)).scalar_one()


def _present(connection: Connection) -> str:
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


OLD_USER = (
    'INSERT INTO "user" (id, login, name, roles, must_change_password, enabled, created_at,'
    " updated_at) VALUES ({0}, 'u{0}', 'x', 'operator', false, true, '2026-11-01', '2026-11-01')"
)
OLD_ROTA = (
    "INSERT INTO rota_entry (id, user_id, day, shift_id, starts, minutes, kind, source,"
    " rotation_id, planned_for, note, version, updated_by, updated_at) VALUES"
    " ({0}, {1}, '2026-11-24', 1, 480, 480, 'seat', 'manual', {2}, NULL, '', 1, 'x', '2026-11-01')"
)


async def test_the_migration_counts_on_and_takes_along_what_hangs_on_nothing(url: str) -> None:
    """Forward and back with rows in it; foreign keys are in force all the while."""
    await upgrade_async(url)
    engine = make_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(_to, "0015")
        for statement in (
            OLD_USER.format(3),
            "INSERT INTO shift (id, code, name, starts, minutes, kind, enabled, updated_by,"
            " updated_at) VALUES (1, 'early', 'x', 480, 480, 'seat', true, 'x', '2026-11-01')",
            "INSERT INTO shift_rotation (id, name, every_days, anchor, workdays_only, updated_by,"
            " updated_at) VALUES (2, 'x', 1, '2026-11-01', false, 'x', '2026-11-01')",
            "INSERT INTO rotation_member (rotation_id, user_id, place) VALUES (2, 3, 0)",
            OLD_ROTA.format(4, 3, 2),
            # Of a user and a rotation that are gone.
            OLD_ROTA.format(5, 17, "NULL"),
            OLD_ROTA.format(6, 3, 40).replace("11-24", "11-25"),
            "INSERT INTO callback_task (id, number, queue, reason, requested, joined_at,"
            " first_missed_at, last_missed_at, last_call_id, missed_count, status, attempts,"
            " taken_by, note) VALUES (8, '1', '', 'abandoned', false, '2026-11-01', '2026-11-01',"
            " '2026-11-01', 'c', 1, 'open', 0, '', '')",
            "INSERT INTO callback_missed (call_id, task_id, reason, at)"
            " VALUES ('c', 8, 'abandoned', '2026-11-01')",
            "INSERT INTO trail_entry (seq, at, actor, address, action, subject, data, previous,"
            " sha256) VALUES (1, '2026-11-01', 'x', '', 'rota.removed', 'rota:90', '{}', '', '')",
        ):
            await connection.exec_driver_sql(statement)
        await connection.run_sync(_to, "0016")
    async with engine.connect() as connection:
        entries = (
            await connection.execute(text("SELECT id, rotation_id FROM rota_entry ORDER BY id"))
        ).all()
        assert [tuple(one) for one in entries] == [(4, 2), (6, None)]
        for table in ("rotation_member", "callback_missed", "callback_task"):
            assert await _count(connection, table) == 1, table
        if engine.dialect.name == "sqlite":
            counted = text("SELECT name, seq FROM sqlite_sequence")
            seq: dict[str, int] = dict((await connection.execute(counted)).tuples().all())
            assert (seq["user"], seq["rota_entry"], seq["callback_task"]) == (17, 90, 8)
    async with engine.begin() as connection:
        await connection.run_sync(_to, "0015")
        await connection.run_sync(_to, "0016")
        for table, rows in {"rota_entry": 2, "callback_missed": 1, "user": 1}.items():
            assert await _count(connection, table) == rows, table
    await engine.dispose()
