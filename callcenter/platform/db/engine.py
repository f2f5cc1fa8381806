"""The engine and the unit of work. What PostgreSQL needs for it stands in `postgresql`.

SQLite runs in WAL mode: readers never wait for the writer. A writing unit of work begins with
``BEGIN IMMEDIATE``, so that two writers queue at the start (`busy_timeout`) instead of failing
half-way. `synchronous=NORMAL` in WAL loses no transaction when a process is killed; only a power
cut can lose the last ones, and the journal brings those back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from callcenter.platform.db.one_step import OneStepConnection
from callcenter.platform.db.postgresql import READING, make_postgresql_engine
from callcenter.platform.db.sqlite import unusable
from callcenter.platform.db.url import POSTGRESQL, parse_url

T = TypeVar("T")

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for the other: a batch of 4,000 journal rows takes well under 1 s."""


def make_engine(url: str, *, patience_ms: int | None = None) -> AsyncEngine:
    """An engine for `url` (``sqlite://`` or ``postgresql://``); `SetupError` if it is none.

    `patience_ms` bounds every step on PostgreSQL, see there.
    """
    parsed = parse_url(url)
    if parsed.drivername == POSTGRESQL:
        return make_postgresql_engine(parsed, lock_ms=BUSY_TIMEOUT_MS, patience_ms=patience_ms)
    engine = create_async_engine(parsed, async_creator=_sqlite_creator(parsed))
    event.listen(engine.sync_engine, "connect", _sqlite_connect)
    event.listen(engine.sync_engine, "begin", _sqlite_begin)
    event.listen(engine.sync_engine, "handle_error", unusable)
    return engine


def _sqlite_creator(url: URL) -> Callable[[], Awaitable[OneStepConnection]]:
    (path,), options = url.get_dialect()().create_connect_args(url)

    async def connect() -> OneStepConnection:
        connection = OneStepConnection(lambda: sqlite3.connect(path, **dict(options)))
        await connection
        return connection

    return connect


def _sqlite_connect(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: `_sqlite_begin` says which kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA cache_size=-65536")
    cursor.close()


def _sqlite_begin(connection: Any) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN DEFERRED")


class Database:
    """Makes units of work; one per process."""

    def __init__(self, url: str, *, patience_ms: int | None = None) -> None:
        self.engine = make_engine(url, patience_ms=patience_ms)
        postgresql = self.engine.dialect.name == "postgresql"
        self._read_engine = self.engine.execution_options(**READING) if postgresql else self.engine
        self._writers = async_sessionmaker(self.engine, expire_on_commit=False)
        self._readers = async_sessionmaker(self._read_engine, expire_on_commit=False)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` reads from one consistent state.

        For what a caller waits for: SQL without the ORM, in as few steps as the driver allows.
        A process that lives by such reads may carry them out in its own way (`agi.database`).
        """
        async with self._read_engine.connect() as connection:
            return await connection.run_sync(work)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for reading; sees one consistent state and changes nothing."""
        async with self._readers() as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A unit of work: committed when the block ends, rolled back when it raises.

        Nothing inside the block commits by itself.
        """
        async with self._writers() as session:
            await session.connection(execution_options={"writing": True})
            try:
                yield session
            except BaseException:
                await session.rollback()
                raise
            await session.commit()

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()
