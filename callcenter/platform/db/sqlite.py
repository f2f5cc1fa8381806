"""What SQLite needs so that a unit of work means the same as on PostgreSQL, and what it cannot do,
said as the errors of ours that say so.

Only set-up makes the file (`migrate`): a service that finds none must not go on with an empty one,
so it has the file opened as one that `exists`. A file that was taken away, or put in the place of
another, while we run is noticed by its inode when a connection is handed out: what is open still
writes to the file that has no name any more.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from callcenter.platform.db.one_step import OneStepConnection
from callcenter.platform.db.unavailable import DatabaseFull, DatabaseUnavailable, ReferenceLost
from callcenter.platform.errors import CallcenterError

_FILE = "file"
"""Where a connection's record keeps which file it has opened."""
CACHE_KIB = 8192
"""Of each connection: the pages that a call touches are far fewer, and what else is read lies in
the system's own cache of the file; twenty connections with 64 MiB each would be more than all the
rest."""


def is_file(url: URL) -> bool:
    """Whether the database outlives its connection: all but one in memory."""
    return url.drivername.startswith("postgresql") or url.database not in (None, "", ":memory:")


def make_sqlite_engine(url: URL, *, lock_ms: int, exists: bool, **pool: Any) -> AsyncEngine:
    """An engine for `url` with the `pool`; a writer queues for at most `lock_ms`. With `exists` a
    file that is not there is an error."""
    creator = _creator(url, exists=exists and is_file(url))
    engine = create_async_engine(url, async_creator=creator, **pool)

    def connected(connection: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: `_begin` says which kind.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={lock_ms}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA cache_size={-CACHE_KIB}")
        cursor.close()

    event.listen(engine.sync_engine, "connect", connected)
    event.listen(engine.sync_engine, "begin", _begin)
    leave_replaced_file(engine.sync_engine, url)
    return engine


def leave_replaced_file(engine: Engine, url: URL) -> None:
    """Have `engine` open the file anew once another one, or none, is in its place."""
    if not is_file(url):
        return

    def connected(_connection: Any, record: Any) -> None:
        record.info[_FILE] = _identity(url)

    def handed_out(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info.get(_FILE) != _identity(url):
            raise InvalidatePoolError("the file is another one")

    event.listen(engine, "connect", connected)
    event.listen(engine, "checkout", handed_out)


def _creator(url: URL, *, exists: bool) -> Callable[[], Awaitable[OneStepConnection]]:
    (path,), options = url.get_dialect()().create_connect_args(url)
    if exists and not options.get("uri"):
        path, options = f"file:{quote(str(path))}?mode=rw", {**options, "uri": True}

    async def connect() -> OneStepConnection:
        connection = OneStepConnection(lambda: sqlite3.connect(path, **dict(options)))
        await connection
        return connection

    return connect


def _identity(url: URL) -> tuple[int, ...] | None:
    """Which file is there, and who may do what with it: what is open was asked once only."""
    try:
        found = os.stat(url.database or "")
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_gid


def _begin(connection: Any) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN DEFERRED")


# -- what went wrong ------------------------------------------------------------------------------

_LOCKED = "another process writes for long: try again in a moment"
_DAMAGED = (
    "it is damaged: stop the service, look at it with `PRAGMA integrity_check`, and bring it back"
    " from a backup"
)
_RIGHTS = "mend its rights, or see whether its disk was mounted read-only"
_SCHEMA = "its tables are not those that are needed: run `callcenter setup`"

_MENDS = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_NOMEM: "the machine has no memory left: stop what else uses it",
    sqlite3.SQLITE_IOERR: "see its disk",
    sqlite3.SQLITE_NOLFS: "see its disk",
    sqlite3.SQLITE_CANTOPEN: "see that it is there, its rights, and how many files are open",
    sqlite3.SQLITE_READONLY: _RIGHTS,
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_AUTH: _RIGHTS,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FORMAT: _DAMAGED,
    sqlite3.SQLITE_SCHEMA: _SCHEMA,
    sqlite3.SQLITE_INTERRUPT: "it was interrupted: try again",
}
"""By primary result code (sqlite.org/rescode.html)."""
_PASS = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT})
_NO_TABLE = ("no such table", "no such column", "has no column named")


def fault_of(
    error: BaseException, place: str, *, connecting: bool = False
) -> CallcenterError | None:
    """`error` as the one of ours that says what is wrong with the file; None if nothing is."""
    if isinstance(error, DatabaseUnavailable):
        return error
    if not isinstance(error, sqlite3.Error):
        return None
    extended = getattr(error, "sqlite_errorcode", None) or 0
    code = extended & 0xFF
    if extended == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return ReferenceLost()
    if code == sqlite3.SQLITE_FULL:
        return DatabaseFull("There is no room on the database's disk: make room and try again.")
    mend = _MENDS.get(code)
    if mend is None and any(words in str(error) for words in _NO_TABLE):
        mend = _SCHEMA
    if mend is None and connecting:
        mend = "see that it is there, and its rights"
    if mend is None:
        return None
    return DatabaseUnavailable(f"{place[0].upper()}{place[1:]} cannot be used ({error}); {mend}.")


def must_reopen(error: BaseException) -> bool:
    """Whether the connection that met `error` stays as it is after the mend: one that was opened
    without the right to write never writes, and what it holds of a damaged file is damaged."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    return code in _MENDS and code not in _PASS
