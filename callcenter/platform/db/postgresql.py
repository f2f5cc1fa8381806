"""What PostgreSQL needs so that our units of work mean the same as on SQLite.

- A writing unit of work first takes one lock of the whole database, as ``BEGIN IMMEDIATE`` does:
  writers queue at the start, each sees what all before him committed, and whatever it reads stays
  so until it commits (decision 18). It is READ COMMITTED, since each of its statements must see
  what was committed while it queued.
- A reading one is REPEATABLE READ and READ ONLY: one consistent state, and a write is refused.
- A connection that the server has closed is not handed out again. asyncpg notices that by itself,
  so it costs no question to the server.
- Whatever says that the server is away, in whichever of a dozen forms, leaves as
  `DatabaseUnavailable`.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from callcenter.platform.db.unavailable import (
    DatabaseFull,
    DatabaseUnavailable,
    ReferenceLost,
    ValueRefused,
)
from callcenter.platform.errors import CallcenterError

WRITERS_LOCK = 12345
"""The key of the one advisory lock; the database is ours alone, so any number will do."""
CONNECT_SECONDS = 5.0
"""A server in the same building answers in milliseconds; behind this lies a firewall."""
IDLE_IN_TRANSACTION_MS = 120_000
"""A process that stopped in the middle gives the writers' lock back. Between two statements of
ours lie at most some seconds, of parsing."""
DEAD_PEER_SECONDS = 30
"""A server's machine that vanished without a word is noticed so soon; the system's own patience is
a quarter of an hour, in which no journal would be read."""

READING = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Execution options of a reading unit of work."""


def make_postgresql_engine(
    url: URL, *, lock_ms: int, patience_ms: int | None, **pool: Any
) -> AsyncEngine:
    """An engine for `url` with the `pool`.

    A writer queues for at most `lock_ms`. `patience_ms` bounds every step, connecting too, for
    who would rather have no answer than a late one; None: statements may take what they take.
    """
    server_settings = {
        "application_name": "callcenter",
        "timezone": "UTC",
        # Our statements are short: compiling one takes longer than running it.
        "jit": "off",
        "lock_timeout": str(lock_ms),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
        # The same from the other side: the server lets go of who vanished, and of his locks.
        "tcp_keepalives_idle": str(DEAD_PEER_SECONDS // 3),
        "tcp_keepalives_interval": str(DEAD_PEER_SECONDS // 3),
        "tcp_keepalives_count": "2",
        "tcp_user_timeout": str(DEAD_PEER_SECONDS * 1000),
    }
    arguments: dict[str, Any] = {"timeout": CONNECT_SECONDS, "server_settings": server_settings}
    if patience_ms is not None:
        server_settings["statement_timeout"] = str(patience_ms)
        arguments["timeout"] = arguments["command_timeout"] = patience_ms / 1000
    engine = create_async_engine(
        url,
        isolation_level="READ COMMITTED",
        connect_args=arguments,
        **pool,
    )
    event.listen(engine.sync_engine, "connect", _notice_dead_peers)
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    event.listen(engine.sync_engine, "begin", _queue_writers)
    return engine


def _queue_writers(connection: Connection) -> None:
    if connection.get_execution_options().get("writing", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")


def _refuse_closed(dbapi_connection: Any, _record: Any, _proxy: Any) -> None:
    if dbapi_connection.driver_connection.is_closed():
        raise InvalidatePoolError("the server has closed the connection")


def _notice_dead_peers(dbapi_connection: Any, _record: Any) -> None:
    """Say to the system how long to wait for a peer that says nothing (Linux, tcp(7))."""
    # asyncpg has no public name for it; without one the system's own patience holds.
    transport = getattr(dbapi_connection.driver_connection, "_transport", None)
    found = None if transport is None else transport.get_extra_info("socket")
    if found is None or found.family == socket.AF_UNIX:
        return
    with suppress(OSError), socket.socket(fileno=os.dup(found.fileno())) as twin:
        third = DEAD_PEER_SECONDS // 3
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        twin.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, third)
        twin.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, third)
        twin.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
        twin.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_SECONDS * 1000)


# -- what went wrong ------------------------------------------------------------------------------

_MENDS = {
    "28": "mend the user or the password in CALLCENTER_DATABASE_URL",
    "3D": "create it with `createdb`, or mend CALLCENTER_DATABASE_URL",
    "53100": "make room on the server's disk",
    "53": "raise max_connections of the server, or stop what else uses it",
    "55P03": "another process writes for long, a rebuild or an upgrade: try again when it is over",
    "57P03": "it is starting or stopping: try again in a moment",
    "57": "start it again",
    "08": "start it, or mend CALLCENTER_DATABASE_URL",
    "42P01": "its tables are not those that are needed: run `callcenter setup`",
    "42703": "its tables are not those that are needed: run `callcenter setup`",
    "58": "see its log and its disk",
    "XX001": "its data is damaged: see its log, and bring it back from a backup",
    "XX002": "an index is damaged: see its log, then REINDEX it",
    "25006": "it only lets read: it is a standby, or its disk is; see its log",
    "42501": "give the user in CALLCENTER_DATABASE_URL the right to it",
    "40P01": "another process writes for long: try again in a moment",
    "25P03": "our own process stood still in the middle of a step: try again",
}
"""By SQLSTATE or its first two characters (PostgreSQL's manual, appendix A); the longest fits."""
_DISK_FULL = "53100"
_REFERENCES = {"23001", "23503"}
_NO_ANSWER = "start it, or mend CALLCENTER_DATABASE_URL"
_CLOSED = ("connection is closed", "connection was closed", "connection has been released")


def fault_of(
    error: BaseException, place: str, *, connecting: bool = False
) -> CallcenterError | None:
    """`error` as the one of ours that says what is wrong with the server or the value; None if it
    is neither's."""
    return _refused(error) or _unavailable(error, place, connecting=connecting)


def _unavailable(
    error: BaseException, place: str, *, connecting: bool = False
) -> DatabaseUnavailable | None:
    """`error` as the one error that says so, if it means that the server cannot be used."""
    if isinstance(error, DatabaseUnavailable):
        return error
    state = str(getattr(error, "sqlstate", None) or "")
    reason = _first_line(error)
    mend = _MENDS.get(state) or _MENDS.get(state[:2])
    if mend is None:
        away = isinstance(error, OSError) or any(words in reason for words in _CLOSED)
        if not away and not connecting:
            return None
        mend = _NO_ANSWER
    said = f"{place[0].upper()}{place[1:]} cannot be used ({reason}); {mend}."
    return DatabaseFull(said) if state == _DISK_FULL else DatabaseUnavailable(said)


def _refused(error: BaseException) -> ValueRefused | ReferenceLost | None:
    """`error` as one of the value that was given: class 22, or asyncpg's own DataError; or of what
    it names."""
    state = str(getattr(error, "sqlstate", None) or "")
    if state in _REFERENCES:
        return ReferenceLost()
    if not state.startswith("22") and type(error.__cause__).__name__ != "DataError":
        return None
    return ValueRefused(f"a value cannot be stored ({_first_line(error)})")


def _first_line(error: BaseException) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    # SQLAlchemy puts the driver's class before the driver's words.
    return text.splitlines()[0].rpartition(">: ")[2].rstrip(".")
