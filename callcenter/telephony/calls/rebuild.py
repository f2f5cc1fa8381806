"""``callcenter rebuild``: derive the ledger again from the journal files that are kept.

The system may run meanwhile, so nobody is kept waiting: calls are written some at a time, each
whole with all that hangs on it, in transactions of a fraction of a second with as long between
them. Who reads sees each call as it was or as it is derived; a rebuild that is killed leaves some
of both, and the next one makes the rest.

- A call is written once it has ended. What is open is written at the very end, in the transaction
  that finds the journal's offset where the derivation has come to: no form that the reader wrote is
  put back to an earlier one.
- Calls that the ledger has and the journal has not go as soon as no call that began before is still
  to come. Calls older than the oldest kept file stay as they are.
- At the end the ledger gets a new generation, by which a running service sees that what it holds in
  memory must be read again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import SetupError
from callcenter.telephony.calls import repository
from callcenter.telephony.calls.ingest import ROW_BYTES, take_chunk
from callcenter.telephony.calls.listener import LedgerListener
from callcenter.telephony.domain.callbook import CallBook
from callcenter.telephony.domain.journal import MAX_RECORD, parse
from callcenter.telephony.domain.ledger import CallRow, LedgerChanges, LedgerRow
from callcenter.telephony.pbx.journal.files import Chunk, JournalFiles, JournalPlace

SAY_EVERY_SECONDS = 2.0
HOLD_SECONDS = 0.25
"""A step that writes is made as large as it may be to take so long: a fourth of what nobody should
have to wait, for a disk that is slow at times."""
FIRST_CALLS, MOST_CALLS = 20, 1000
"""Calls in a step: the first one, before it is known how long they take; and at most."""
PASSES = 20
"""So often at most the reader is run after, before it is made to wait for the rest."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    files: int
    rows: int
    calls: int
    since: datetime | None
    """The oldest row that is kept; calls that began earlier were left as they were."""
    seconds: float
    rows_per_second: int


async def rebuild(
    settings: Settings,
    database: Database,
    say: Callable[[str], None],
    listeners: Sequence[LedgerListener] = (),
) -> Rebuilt:
    """Derive the ledger again; `SetupError` ``no_journal`` if there is nothing to derive it from.

    `listeners` hear every call again: cases that are missing are opened, none is opened twice.
    """
    begun = time.monotonic()
    work = _Rebuild(settings, database, say, listeners)
    await work.open()
    for _ in range(PASSES):
        stop = await work.reader_place()
        await work.derive(stop)
        await work.write_ended()
        if stop is None or await work.reader_place() == stop:
            break
    await work.finish()
    seconds = time.monotonic() - begun
    rate = round(work.rows / seconds)
    return Rebuilt(len(work.seen), work.rows, work.calls, work.since, round(seconds, 2), rate)


class _Rebuild:
    """One rebuild, and how far it has come."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        say: Callable[[str], None],
        listeners: Sequence[LedgerListener],
    ) -> None:
        self._settings = settings
        self._database = database
        self._say = say
        self._listeners = listeners
        self._files = JournalFiles(settings.journal_file)
        self._book = CallBook(settings.node)
        self._limit = MAX_RECORD + settings.journal_batch_rows * ROW_BYTES
        self._waiting: dict[str, dict[str, LedgerRow]] = {}
        """What is not written yet: rows in their newest form, by call."""
        self._began: dict[str, datetime] = {}
        """Calls that the journal has, as far back as the ledger was not compared with them."""
        self._written: set[str] = set()
        """Of those the ones that are written: what still comes of them is added."""
        self._at_once = FIRST_CALLS
        self._free_at = 0.0
        self._said = time.monotonic()
        self._since = self._compared_to = datetime.max.replace(tzinfo=UTC)
        self.seen: set[str] = set()
        self.rows = self.calls = 0

    async def open(self) -> None:
        """Find the oldest row; `SetupError` ``no_journal``."""
        await asyncio.to_thread(self._files.open_at, None)
        first = await asyncio.to_thread(self._files.read, self._limit)
        since = _first_moment(first)
        if first is None or since is None:
            raise SetupError(
                f"{self._settings.journal_dir} holds no journal to rebuild from.",
                code="no_journal",
            )
        self._since = self._compared_to = since

    @property
    def since(self) -> datetime:
        """The oldest row that is kept."""
        return self._since

    async def reader_place(self) -> JournalPlace | None:
        """How far the reader has come; None if there never was one."""
        async with self._database.reading() as session:
            return await self._place(session)

    async def derive(self, stop: JournalPlace | None) -> None:
        """Derive on to `stop`, or to the journal's end, writing what has ended."""
        while self._files.place != stop or stop is None:
            last = await self._take(stop)
            if last is None:
                return
            if sum(map(_ended, self._waiting.values())) >= self._at_once:
                await self.write_ended()
                await self._compare(last)
            if time.monotonic() - self._said >= SAY_EVERY_SECONDS:
                self._said = time.monotonic()
                self._say(f"{self.rows:,} rows, {self.calls:,} calls")

    async def _take(self, stop: JournalPlace | None) -> datetime | None:
        """Take the next rows; the moment of the last, or None at the end."""
        chunk = await asyncio.to_thread(self._files.read, self._limit)
        if chunk is None:
            return None
        chunk = _cut(chunk, stop)
        batch = await asyncio.to_thread(take_chunk, self._book, chunk)
        self.seen.add(chunk.file_id)
        self.rows += batch.rows
        self.calls += sum(call.ended_at is not None for call in batch.changes.calls)
        for name in (field.name for field in fields(LedgerChanges)):
            for row in getattr(batch.changes, name):
                call = row.id if isinstance(row, CallRow) else row.call_id
                self._waiting.setdefault(call, {})[row.id] = row
        for one in batch.changes.calls:
            self._began[one.id] = one.started_at
        self._files.advance(chunk, batch.end)
        if batch.end == chunk.start and not chunk.finished:
            return None  # A record that is not whole yet.
        return batch.last_row_at or self._compared_to

    # -- writing ------------------------------------------------------------------------------

    async def write_ended(self) -> None:
        """Write what waits and has ended, in steps."""
        ended = [call for call, rows in self._waiting.items() if _ended(rows)]
        while ended:
            step, ended = ended[: self._at_once], ended[self._at_once :]
            await self._in_step(len(step), partial(self._write, calls=step))

    async def _in_step(self, size: int, work: Callable[[AsyncSession], Awaitable[None]]) -> None:
        """Do `work` on `size` calls in a transaction, and let others in for as long after it."""
        await asyncio.sleep(self._free_at - time.monotonic())
        begun = time.monotonic()
        async with self._database.writing() as session:
            # Waiting for the lock kept nobody else waiting.
            begun = time.monotonic()
            await work(session)
        held = time.monotonic() - begun
        self._free_at = begun + 2 * held
        fitting = int(size * HOLD_SECONDS / max(held, 0.001))
        self._at_once = max(1, min(fitting, 2 * self._at_once, MOST_CALLS))

    async def _write(self, session: AsyncSession, calls: Collection[str]) -> None:
        changes = LedgerChanges.of(row for call in calls for row in self._waiting[call].values())
        whole = [call for call in calls if call not in self._written]
        await repository.forget_parts(session, whole, since=self._since)
        await repository.write_changes(session, changes)
        for listener in self._listeners:
            await listener.on_ledger(session, changes)
        for call in calls:
            del self._waiting[call]
        self._written.update(calls)

    async def _compare(self, last: datetime) -> None:
        """Have the calls go that the journal has not, as far as it is derived."""
        open_since = (self._began[call] for call in self._waiting if call in self._began)
        until = min((*open_since, last))
        if until <= self._compared_to:
            return
        async with self._database.reading() as session:
            found = await repository.calls_begun(
                session, self._settings.node, self._compared_to, until
            )
        unknown = sorted(found - self._began.keys())
        for at in range(0, len(unknown), FIRST_CALLS):
            some = unknown[at : at + FIRST_CALLS]
            await self._in_step(len(some), partial(repository.forget_calls, call_ids=some))
        self._began = {call: at for call, at in self._began.items() if at >= until}
        self._written &= self._began.keys()
        self._compared_to = until

    async def finish(self) -> None:
        """What is open, what the reader has taken meanwhile, and the new generation."""

        async def work(session: AsyncSession) -> None:
            stop = await self._place(session)
            while self._files.place != stop or stop is None:
                if await self._take(stop) is None:
                    break
            await self._write(session, list(self._waiting))
            found = await repository.calls_begun(
                session, self._settings.node, self._compared_to, None
            )
            await repository.forget_calls(session, found - self._began.keys())
            await repository.next_generation(session, self._settings.node)

        await self._in_step(1, work)

    async def _place(self, session: AsyncSession) -> JournalPlace | None:
        offset = await repository.offset_of(session, self._settings.node)
        return JournalPlace(offset.file_id, offset.position) if offset else None


def _ended(rows: dict[str, LedgerRow]) -> bool:
    return any(isinstance(row, CallRow) and row.ended_at is not None for row in rows.values())


def _cut(chunk: Chunk, stop: JournalPlace | None) -> Chunk:
    """`chunk` without what lies behind `stop`."""
    if stop is None or chunk.file_id != stop.file_id:
        return chunk
    return replace(chunk, data=chunk.data[: max(0, stop.position - chunk.start)], finished=False)


def _first_moment(chunk: Chunk | None) -> datetime | None:
    if chunk is None:
        return None
    rows = parse(chunk.data, chunk.start).rows
    return min((row.at for row in rows), default=None)
