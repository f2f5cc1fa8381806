"""aiosqlite, with one step between threads for a statement instead of four.

aiosqlite has a thread for each connection, and every call of it is a step there and back: making
the cursor, the statement, its rows, closing the cursor. SQLAlchemy takes all of a statement's rows
at once, so the four are one here. At 10 calls a second these steps were a good part of the
service's CPU (docs/performance.md).

A whole unit of work can be one step, too (`OneStepConnection.at_once`): the coroutine that it is
runs in the connection's thread, where no statement has to wait for anything, so it comes to its end
without ever being put off.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

import aiosqlite

T = TypeVar("T")

_CHUNK = 64
"""aiosqlite's own; for iterating over its cursors, which nothing does here."""


class _GivenUp(Exception):
    """Nobody waits for it: no cancellation, which would cost the connection."""


class OneStepConnection(aiosqlite.Connection):
    """A connection whose cursors are `OneStepCursor`; its thread ends with the process."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, _CHUNK)
        self._thread.daemon = True
        self._left = False
        """A step was given up while the thread had it, so what it will do is not known."""
        self._given_up = False
        """Nobody waits any more for what runs `at_once`."""

    def cursor(self) -> OneStepCursor:  # type: ignore[override]
        """A cursor; costs no step."""
        return OneStepCursor(self)

    async def commit(self) -> None:
        """Commit, if there is anything to commit."""
        if self.in_transaction:
            await super().commit()

    async def rollback(self) -> None:
        """Roll back, if there is anything to roll back: a pool asks for it at every return."""
        if self.in_transaction or self._left:
            # The thread takes it after the step that was left: a BEGIN that still queues, say.
            self._left = False
            await super().rollback()

    async def at_once(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `work` comes to, which uses this connection and waits for nothing else, in one step.

        Whoever is cancelled meanwhile has it end with its next statement, and returns then: nobody
        else gets a connection that is still used.
        """
        self._given_up = False
        context = copy_context()
        running = asyncio.ensure_future(self._execute(context.run, _to_its_end, work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._given_up = True
            while not running.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({running})
            if not running.cancelled():
                running.exception()  # It is nobody's any more.
            raise

    async def _execute(self, fn: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """aiosqlite's way to its thread; who is there already goes on at once."""
        if threading.current_thread() is not self._thread:
            step: Any = super()._execute  # aiosqlite has not typed it
            return await step(fn, *args, **named)
        if self._given_up:
            self._given_up = False  # The roll-back that follows must be.
            raise _GivenUp
        return fn(*args, **named)

    async def one_step(self, work: Callable[[sqlite3.Connection], Sequence[Any]]) -> Sequence[Any]:
        """What `work` makes of the connection in its thread."""
        try:
            result: Sequence[Any] = await self._execute(work, self._conn)
        except asyncio.CancelledError:
            self._left = True
            raise
        return result


def _to_its_end(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    running = work()
    try:
        running.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    running.close()
    raise RuntimeError("a unit of work at once waits for something else than its statements")


class OneStepCursor:
    """What SQLAlchemy asks of a cursor. Its rows are here as soon as the statement is done."""

    arraysize = 1

    def __init__(self, connection: OneStepConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> OneStepCursor:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> OneStepCursor:
        """Carry out `sql`."""
        return await self._carry_out(lambda cursor: cursor.execute(sql, parameters))

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> OneStepCursor:
        """Carry out `sql` with each of `parameters`."""
        return await self._carry_out(lambda cursor: cursor.executemany(sql, parameters))

    async def fetchall(self) -> list[Any]:
        """The rows that have not been taken yet."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """The driver's cursor is closed already."""

    async def _carry_out(self, work: Callable[[sqlite3.Cursor], Any]) -> OneStepCursor:
        def step(connection: sqlite3.Connection) -> tuple[Any, list[Any], int, int | None]:
            cursor = connection.cursor()
            try:
                work(cursor)
                rows = cursor.fetchall() if cursor.description else []
                return cursor.description, rows, cursor.rowcount, cursor.lastrowid
            finally:
                cursor.close()

        done = await self._connection.one_step(step)
        self.description, self._rows, self.rowcount, self.lastrowid = done
        return self
