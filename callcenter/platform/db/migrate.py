"""Brings a database to the newest schema.

The whole upgrade is one transaction that begins by taking the write lock, so two processes that
start together do it once, and one that is killed half-way leaves the old schema behind.

A new SQLite file is set to WAL before that, by itself. The switch needs the file for itself, and
SQLite does not wait for it as it waits for other locks: a connection that reads the file already
may not queue for writing (the two could wait for each other), so it is refused at once. It is
tried again here until the other process is through.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from time import monotonic, sleep

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from callcenter.platform.db.engine import BUSY_TIMEOUT_MS, make_engine
from callcenter.platform.db.revisions import SCRIPTS
from callcenter.platform.db.sqlite import fault_of
from callcenter.platform.db.url import SQLITE, parse_url, place_of
from callcenter.platform.errors import SetupError

WAL_AGAIN_S = 0.01
"""Between two tries to set a file to WAL: the other process holds it for a few milliseconds."""


def alembic_config() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> None:
    _check_text(connection)
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _check_text(connection: Connection) -> None:
    """`SetupError` if Chinese could not be stored."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise SetupError(
            f"The PostgreSQL database stores text as {encoding}, which cannot hold Chinese; make"
            " another one with `createdb --encoding=UTF8 --template=template0` and name it in"
            " CALLCENTER_DATABASE_URL.",
            code="bad_setting",
            setting="database_url",
        )


def _set_wal(path: str) -> None:
    """Set the SQLite file at `path` to WAL, which stays in the file.

    Raises `sqlite3.OperationalError` when another process keeps it from that for longer than a
    writer waits for the other.
    """
    until = monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or monotonic() > until:
                raise
        sleep(WAL_AGAIN_S)


async def upgrade_async(url: str) -> None:
    """Bring the database at `url` to the newest schema; nothing is done if it has it.

    `SetupError` says what is wrong with the URL or the database, `DatabaseUnavailable` that it does
    not answer.
    """
    place = parse_url(url)
    if place.drivername == SQLITE and place.database not in {None, "", ":memory:"}:
        try:
            await asyncio.to_thread(_set_wal, str(place.database))
        except sqlite3.Error as error:
            raise fault_of(error, place_of(place), connecting=True) or error from error
    engine = make_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.execution_options(writing=True)
            async with connection.begin():
                await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def upgrade(url: str) -> None:
    """`upgrade_async` for code without an event loop."""
    asyncio.run(upgrade_async(url))
