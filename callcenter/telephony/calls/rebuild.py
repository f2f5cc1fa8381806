"""``callcenter rebuild``: derive the ledger again from the journal files that are kept.

One transaction: readers see the old ledger until the new one is whole, and a rebuild that is
killed has changed nothing. It goes up to the journal's offset and no further, so a service that
runs meanwhile (its reader waits for the lock and tries again) goes on as if nothing had happened.
Calls older than the oldest kept file stay as they are. The ledger gets a new generation with it,
by which a running service sees that what it holds in memory must be read again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import SetupError
from callcenter.telephony.calls import repository
from callcenter.telephony.calls.ingest import ROW_BYTES, take_chunk
from callcenter.telephony.calls.listener import LedgerListener
from callcenter.telephony.domain.callbook import CallBook
from callcenter.telephony.domain.journal import MAX_RECORD, parse
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.telephony.pbx.journal.files import Chunk, JournalFiles, JournalPlace

SAY_EVERY_SECONDS = 2.0


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
    """Throw the ledger away and derive it again; `SetupError` ``no_journal`` if there is none.

    `listeners` hear every row again: cases that are missing are opened, none is opened twice.
    """
    begun = time.monotonic()
    files = JournalFiles(settings.journal_file)
    await asyncio.to_thread(files.open_at, None)
    limit = MAX_RECORD + settings.journal_batch_rows * ROW_BYTES
    first = await asyncio.to_thread(files.read, limit)
    since = _first_moment(first)
    if first is None or since is None:
        raise SetupError(
            f"{settings.journal_dir} holds no journal to rebuild from.", code="no_journal"
        )
    book = CallBook(settings.node)
    rows = calls = 0
    seen: set[str] = set()
    said = begun
    async with database.writing() as session:
        offset = await repository.offset_of(session, settings.node)
        stop = JournalPlace(offset.file_id, offset.position) if offset else None
        await repository.empty_from(session, settings.node, since)
        await repository.next_generation(session, settings.node)
        chunk: Chunk | None = first
        while chunk is not None:
            chunk = _cut(chunk, stop)
            batch = await asyncio.to_thread(take_chunk, book, chunk)
            seen.add(chunk.file_id)
            rows += batch.rows
            calls += sum(call.ended_at is not None for call in batch.changes.calls)
            await _write(session, batch.changes, listeners)
            files.advance(chunk, batch.end)
            if batch.end == chunk.start and not chunk.finished:
                break
            if files.place == stop:
                break
            if time.monotonic() - said >= SAY_EVERY_SECONDS:
                said = time.monotonic()
                say(f"{rows:,} rows, {calls:,} calls")
            chunk = await asyncio.to_thread(files.read, limit)
    seconds = time.monotonic() - begun
    return Rebuilt(len(seen), rows, calls, since, round(seconds, 2), round(rows / seconds))


async def _write(
    session: AsyncSession, changes: LedgerChanges, listeners: Sequence[LedgerListener]
) -> None:
    if changes:
        await repository.write_changes(session, changes)
        for listener in listeners:
            await listener.on_ledger(session, changes)


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
