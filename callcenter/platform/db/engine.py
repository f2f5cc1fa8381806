"""The engine and the unit of work. What PostgreSQL needs for it stands in `postgresql`.

SQLite runs in WAL mode: readers never wait for the writer. A writing unit of work begins with
``BEGIN IMMEDIATE``, so that two writers queue at the start (`busy_timeout`) instead of failing
half-way. `synchronous=NORMAL` in WAL loses no transaction when a process is killed; only a power
cut can lose the last ones, and the journal brings those back.

Who holds a connection never waits for another one:

- A unit of work inside another one of the same task is refused: as many tasks as there are
  connections, each waiting for its second, would wait for each other.
- Writers of one process queue before they take a connection, so that those who only read go on
  while somebody keeps the database locked.
- What must go on whatever the others do has connections `apart`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolProxiedConnection

from callcenter.platform.config import Settings
from callcenter.platform.db.faults import AT_ONCE, leaves_unusable, tell_faults
from callcenter.platform.db.one_step import OneStepConnection
from callcenter.platform.db.postgresql import READING, make_postgresql_engine
from callcenter.platform.db.sqlite import is_file, make_sqlite_engine
from callcenter.platform.db.unavailable import DatabaseUnavailable
from callcenter.platform.db.url import POSTGRESQL, parse_url

T = TypeVar("T")

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for the other: a batch of 4,000 journal rows takes well under 1 s."""
CONNECTIONS = 20
"""Of who has no settings: a command, a test."""


_WHOLE: WeakKeyDictionary[Engine, Engine] = WeakKeyDictionary()


def whole(engine: Engine) -> Engine:
    """The engine of the database that `engine` was taken apart from; itself if it was not: what is
    known of a database by its engine holds for its connections `apart` too."""
    return _WHOLE.get(engine, engine)


class UnitInUnit(RuntimeError):
    """A unit of work was begun inside another one by the same task: a fault of ours."""

    def __init__(self) -> None:
        super().__init__(
            "a unit of work inside another one: it would wait for a second connection while it"
            " holds the first; pass the session on, or begin after the other has ended"
        )


class _Pool(AsyncAdaptedQueuePool):
    """Connections that are waited for, and an error of the database if that takes too long."""

    def connect(self) -> PoolProxiedConnection:
        """A connection; `DatabaseUnavailable` if none came back in time."""
        try:
            return super().connect()
        except PoolTimeout as error:
            raise DatabaseUnavailable(
                f"All {self.size()} connections to the database are in use, and none came back"
                f" within {self._timeout:g} s: try again in a moment; if that goes on, raise"
                " CALLCENTER_DATABASE_CONNECTIONS."
            ) from error


def make_engine(
    url: str,
    *,
    patience_ms: int | None = None,
    lock_ms: int = BUSY_TIMEOUT_MS,
    connections: int = CONNECTIONS,
    wait_seconds: float = BUSY_TIMEOUT_MS / 1000,
    exists: bool = False,
) -> AsyncEngine:
    """An engine for `url` (``sqlite://`` or ``postgresql://``); `SetupError` if it is none.

    At most `connections`, for one of which `wait_seconds` are waited; a writer queues for
    `lock_ms`. `patience_ms` bounds every step on PostgreSQL, see there; `exists`: no file is made.
    """
    parsed = parse_url(url)
    pool: dict[str, Any] = {
        "poolclass": _Pool,
        "pool_size": connections,
        "max_overflow": 0,
        "pool_timeout": wait_seconds,
        # The one that was used last: its statements are prepared, and its thread is awake.
        "pool_use_lifo": True,
    }
    if parsed.drivername == POSTGRESQL:
        engine = make_postgresql_engine(parsed, lock_ms=lock_ms, patience_ms=patience_ms, **pool)
    else:
        pool = pool if is_file(parsed) else {}
        engine = make_sqlite_engine(parsed, lock_ms=lock_ms, exists=exists, **pool)
    tell_faults(engine.sync_engine, parsed)
    return engine


async def _at_once(connection: AsyncConnection, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` comes to, in one step, in the thread of `connection`."""
    driver = (await connection.get_raw_connection()).driver_connection
    if not isinstance(driver, OneStepConnection):
        raise AssertionError("only SQLite's driver has a thread")
    await connection.execution_options(**{AT_ONCE: True})
    try:
        return await driver.at_once(work)
    except BaseException as error:
        if leaves_unusable(error):
            await connection.invalidate()
        raise


async def _looked(connection: AsyncConnection, work: Callable[[Connection], T]) -> T:
    try:
        return await connection.run_sync(work)
    finally:
        await connection.rollback()


async def _read(connection: AsyncConnection, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    session = AsyncSession(connection, expire_on_commit=False)
    try:
        return await work(session)
    finally:
        await session.close()


async def _written(connection: AsyncConnection, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    session = AsyncSession(connection, expire_on_commit=False)
    try:
        await session.connection()
        result = await work(session)
        await session.commit()
        return result
    except BaseException:
        await session.rollback()
        raise
    finally:
        await session.close()


class Database:
    """Makes units of work; one per process."""

    def __init__(
        self,
        url: str,
        *,
        patience_ms: int | None = None,
        lock_ms: int = BUSY_TIMEOUT_MS,
        connections: int = CONNECTIONS,
        wait_seconds: float = BUSY_TIMEOUT_MS / 1000,
        exists: bool = False,
    ) -> None:
        self._url = url
        self._exists = exists
        self._lock_ms = lock_ms
        self.engine = make_engine(
            url,
            patience_ms=patience_ms,
            lock_ms=lock_ms,
            connections=connections,
            wait_seconds=wait_seconds,
            exists=exists,
        )
        postgresql = self.engine.dialect.name == "postgresql"
        self._has_threads = not postgresql
        """Each connection has one, in which a whole unit of work can run."""
        self._read_engine = self.engine.execution_options(**READING) if postgresql else self.engine
        self._writers = async_sessionmaker(self.engine, expire_on_commit=False)
        self._readers = async_sessionmaker(self._read_engine, expire_on_commit=False)
        self._writers_turn = asyncio.Lock()
        self._at_work: set[asyncio.Task[Any] | None] = set()
        """Tasks that are in a unit of work; shared with those `apart`."""
        self._apart: list[Database] = []

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As `settings` say; set-up has made it."""
        return cls(
            settings.db_url,
            connections=settings.database_connections,
            lock_ms=round(settings.database_lock_seconds * 1000),
            wait_seconds=settings.database_wait_seconds,
            exists=True,
        )

    def apart(self, *, lock_ms: int | None = None) -> Database:
        """The same database over one connection that nobody else can take, for a task that must go
        on whatever the others do. It ends with this one."""
        if not is_file(parse_url(self._url)):
            return self  # In memory there is one connection, and all there is lies behind it.
        made = Database(
            self._url,
            lock_ms=self._lock_ms if lock_ms is None else min(lock_ms, self._lock_ms),
            connections=1,
            exists=self._exists,
        )
        made._at_work = self._at_work
        _WHOLE[made.engine.sync_engine] = whole(self.engine.sync_engine)
        self._apart.append(made)
        return made

    @contextmanager
    def _unit(self) -> Iterator[None]:
        """By task and not by context: a task that was begun inside a unit of work has a copy of
        its context, and may well begin one of its own when this has ended."""
        task = asyncio.current_task()
        if task in self._at_work:
            raise UnitInUnit
        self._at_work.add(task)
        try:
            yield
        finally:
            self._at_work.discard(task)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` reads from one consistent state.

        For what a caller waits for: SQL without the ORM, in as few steps as the driver allows.
        """
        with self._unit():
            return await self._read(work)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        """A process that lives by such reads may carry them out in its own way (`agi.database`)."""
        async with self._read_engine.connect() as connection:
            if not self._has_threads:
                return await connection.run_sync(work)
            return await _at_once(connection, lambda: _looked(connection, work))

    async def read_at_once(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """What `work` reads from one consistent state, in as few steps as the driver allows.

        On SQLite it runs in the connection's thread: it awaits nothing but its session, and what it
        touches besides is touched by nobody else meanwhile.
        """
        if not self._has_threads:
            async with self.reading() as session:
                return await work(session)
        with self._unit():
            async with self._read_engine.connect() as connection:
                return await _at_once(connection, lambda: _read(connection, work))

    async def write_at_once(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """`writing` around `work`, in as few steps as the driver allows; see `read_at_once`."""
        if not self._has_threads:
            async with self.writing() as session:
                return await work(session)
        with self._unit():
            await self._take_turn()
            try:
                async with self.engine.connect() as connection:
                    await connection.execution_options(writing=True)
                    return await _at_once(connection, lambda: _written(connection, work))
            finally:
                self._writers_turn.release()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for reading; sees one consistent state and changes nothing."""
        with self._unit():
            async with self._readers() as session:
                yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A unit of work: committed when the block ends, rolled back when it raises.

        Nothing inside the block commits by itself.
        """
        with self._unit():
            await self._take_turn()
            try:
                async with self._writers() as session:
                    await session.connection(execution_options={"writing": True})
                    try:
                        yield session
                    except BaseException:
                        await session.rollback()
                        raise
                    await session.commit()
            finally:
                self._writers_turn.release()

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(self._lock_ms / 1000):
                await self._writers_turn.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable(
                "The database cannot be used (those who write queue, and the first does not come to"
                " an end); another process writes for long: try again in a moment."
            ) from error

    async def close(self) -> None:
        """Close all connections."""
        for one in self._apart:
            await one.close()
        await self.engine.dispose()
