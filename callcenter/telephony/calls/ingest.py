"""The journal reader: from the journal's bytes to the ledger, in one transaction per read.

Rows of the ledger, cases and audio files, rejects and the journal's offset are committed together
or not at all. So a process killed at any instant goes on where the last commit was: nothing is lost
and nothing is doubled. Everything else follows from the outbox. Policy:

- What a batch changed is kept in memory until it is committed, and tried again as it is while the
  database is locked or full; no further row is taken meanwhile.
- Who of them fails by a fault of his own is left to the outbox with that batch: the others, and the
  journal, go on. Until he has taken it he is given what comes of the same calls there too.
- After a restart the rows since the oldest open call are read again, up to the offset, to know
  the open calls; nothing is written, for the ledger has it.
- A commit costs the same for one row as for twenty, so rows that nobody waits for are gathered for
  `journal_gather_ms`; a row that can be somebody's answer takes them with it at once.
- Parsing a large batch takes tens of milliseconds, so it is done in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.broadcast import Change
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.outbox import Entry
from callcenter.platform.db.unavailable import DatabaseUnavailable, ValueRefused
from callcenter.platform.errors import Conflict
from callcenter.platform.room.disks import free_of
from callcenter.telephony.calls import repository
from callcenter.telephony.calls.audience import Audience
from callcenter.telephony.calls.following import LEDGER, calls_in
from callcenter.telephony.calls.listener import LedgerListener
from callcenter.telephony.calls.repository import Offset
from callcenter.telephony.domain.callbook import CallBook
from callcenter.telephony.domain.journal import MAX_RECORD, Reject, parse
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.telephony.pbx.journal.files import Chunk, JournalFiles, JournalPlace

_log = logging.getLogger(__name__)

ROW_BYTES = 256
"""A journal row is about so long."""
FIRST_RETRY_SECONDS = 0.2
LONGEST_RETRY_SECONDS = 10.0
REJECT_BYTES = 4000
"""Of a line that is no record this much is kept to be looked at."""
URGENT = (b'"BRIDGE_ENTER"', b'"STEERED"', b'"PBX_START"')
"""Whoever answers wants his case, whoever steers sees what he did, and a new PBX ends the old one's
calls."""
HOUSEKEEPING_SECONDS = 60.0
_DAY_SECONDS = 86_400

Publish = Callable[[Change], None]


@dataclass(slots=True)
class ReaderState:
    """How the reader does; for health, metrics and `callcenter journal status`."""

    rows: int = 0
    """Taken since this process began."""
    rejects: int = 0
    batches: int = 0
    problem: str = ""
    """Why the last batch is not committed yet; '' when it is."""
    behind_bytes: int = 0
    last_row_at: datetime | None = None
    caught_up: bool = False
    """Everything that was written at the last look has been read."""
    open_calls: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """What one read came to."""

    changes: LedgerChanges
    rejects: Sequence[Reject]
    end: int
    rows: int
    last_row_at: datetime | None


def take_chunk(book: CallBook, chunk: Chunk) -> Batch:
    """Parse `chunk`, tell the book, and say what changed."""
    parsed = parse(chunk.data, chunk.start, finished=chunk.finished)
    for row in parsed.rows:
        book.apply(row, chunk.base + row.position)
    last = parsed.rows[-1].at if parsed.rows else None
    return Batch(book.take(), parsed.rejects, parsed.end, len(parsed.rows), last)


@dataclass(slots=True)
class _Told:
    """What is told of a commit."""

    published: list[Change] = field(default_factory=list)
    entry: Entry | None = None


class _StepFailed(Exception):
    """A step of the transaction failed, by no fault of the database."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


def _refuses(error: Exception) -> bool:
    """Whether the database answers, and will not have what it was given."""
    return isinstance(
        error, IntegrityError | DataError | ProgrammingError | ValueRefused | Conflict
    )


def _same_place(one: Offset | None, other: Offset) -> bool:
    return one is not None and (one.file_id, one.position) == (other.file_id, other.position)


class JournalReader:
    """Reads one PBX's journal into the ledger; `run` it as a task."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        listeners: Sequence[LedgerListener] = (),
        *,
        audience: Audience | None = None,
        publish: Publish = lambda _change: None,
        clock: Clock = utc_now,
    ) -> None:
        """`listeners` hear within the transaction, beside those of `audience`. Without an outbox
        nobody follows, and what a listener cannot take is tried until he can."""
        self._database = database
        self._settings = settings
        self._node = settings.node
        self._audience = audience or Audience()
        for one in listeners:
            self._audience.join(type(one).__name__, one)
        self._outbox = self._audience.outbox
        self._publish = publish
        self._attempt = _Told()
        """Of the last attempt to commit: what is told once it is done, or turns out to be."""
        self._clock = clock
        self._files = JournalFiles(settings.journal_file)
        self._book = CallBook(settings.node)
        self._offset: Offset | None = None
        self._gathering_since: float | None = None
        """When the rows that are left for now were seen first (the loop's clock)."""
        self.state = ReaderState()

    @property
    def _limit(self) -> int:
        # The parser must see more than the longest record, or it could not tell it from a torn one.
        return MAX_RECORD + self._settings.journal_batch_rows * ROW_BYTES

    async def run(self) -> None:
        """Read until cancelled."""
        await self._begin_at_last()
        poll = self._settings.journal_poll_ms / 1000
        loop = asyncio.get_running_loop()
        next_look = loop.time() + HOUSEKEEPING_SECONDS
        while True:
            if not await self.read_once(gather=True):
                await asyncio.sleep(poll)
            if loop.time() >= next_look:
                next_look = loop.time() + HOUSEKEEPING_SECONDS
                await self._keep_house()

    async def catch_up(self) -> None:
        """Read all there is now; for tests and tools."""
        await self._begin()
        while await self.read_once():
            pass

    # -- reading --------------------------------------------------------------------------------

    async def _begin_at_last(self) -> None:
        """`_begin`, as soon as the database lets us."""
        pause = FIRST_RETRY_SECONDS
        while True:
            try:
                await self._begin()
            except (SQLAlchemyError, OSError) as error:
                self._failed("not read", error)
            else:
                self.state.problem = ""
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_RETRY_SECONDS)

    def _failed(self, what: str, error: Exception) -> None:
        self.state.problem = str(getattr(error, "orig", None) or error)
        _log.error("journal: %s, trying again: %s", what, self.state.problem)

    async def _begin(self) -> None:
        """Find the place where the last commit was; a new book, for it must begin there too."""
        if self._outbox is not None:
            await self._outbox.load()
        async with self._database.reading() as session:
            self._offset = offset = await repository.offset_of(session, self._node)
        self._book = CallBook(self._node)
        place, since = None, 0.0
        if offset is not None:
            place = JournalPlace(offset.resume_file_id, offset.resume_position)
            since = offset.last_row_at.timestamp() if offset.last_row_at else 0.0
        if not await asyncio.to_thread(self._files.open_at, place, since):
            _log.error(
                "the journal file that was read last is gone; reading what was written since %s",
                offset.last_row_at if offset else None,
            )
        elif offset is not None:
            await self._remember(JournalPlace(offset.file_id, offset.position))

    async def _remember(self, offset: JournalPlace) -> None:
        """Tell the book what the ledger knows already, from the resume place to `offset`."""
        while self._files.place != offset:
            chunk = await asyncio.to_thread(self._files.read, self._limit)
            if chunk is None:
                return
            if chunk.file_id == offset.file_id and offset.position >= chunk.start:
                chunk = replace(chunk, data=chunk.data[: offset.position - chunk.start])
            batch = await asyncio.to_thread(take_chunk, self._book, chunk)
            if batch.end == chunk.start and not chunk.finished:
                return
            self._files.advance(chunk, batch.end)
        self.state.open_calls = self._book.open_calls

    async def read_once(self, *, gather: bool = False) -> bool:
        """Read and commit once; whether more may be waiting. `gather`: what nobody waits for is
        left until it is worth a commit."""
        chunk = None
        if not self._files.nothing_new():
            chunk = await asyncio.to_thread(self._files.read, self._limit)
        if chunk is None:
            self.state.behind_bytes = 0
            self.state.caught_up = True
            return False
        big = len(chunk.data) > self._settings.journal_batch_rows * ROW_BYTES // 8
        if gather and not big and not chunk.finished and self._can_wait(chunk):
            return False
        self._gathering_since = None
        if big:
            batch = await asyncio.to_thread(take_chunk, self._book, chunk)
        else:
            batch = take_chunk(self._book, chunk)
        if batch.end == chunk.start and not chunk.finished:
            return False  # A record that is not whole yet.
        self._files.advance(chunk, batch.end)
        await self._commit_until_done(chunk, batch)
        if big:
            self.state.caught_up = False
            self.state.behind_bytes = await asyncio.to_thread(self._files.behind)
        # A small read came to the end: the next rows are worth waiting for, so that they are
        # committed together.
        return big or chunk.finished

    def _can_wait(self, chunk: Chunk) -> bool:
        """Whether the rows of `chunk` are left where they are for now."""
        if any(word in chunk.data for word in URGENT):
            return False
        now = asyncio.get_running_loop().time()
        if self._gathering_since is None:
            self._gathering_since = now
        return now - self._gathering_since < self._settings.journal_gather_ms / 1000

    async def _commit_until_done(self, chunk: Chunk, batch: Batch) -> None:
        pause = FIRST_RETRY_SECONDS
        again = False
        deferred: set[str] = set()
        while True:
            try:
                await self._commit(chunk, batch, deferred, again=again)
                break
            except _StepFailed as failed:
                _log.exception("journal: %s is left to the outbox", failed.step)
                deferred.add(failed.step)
                continue
            except (SQLAlchemyError, OSError) as error:
                self._failed("not written", error)
                if self._outbox is not None and _refuses(error):
                    deferred.update(self._audience.listeners)
            again = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_RETRY_SECONDS)
        state = self.state
        state.problem = ""
        state.rows += batch.rows
        state.rejects += len(batch.rejects)
        state.batches += 1
        state.last_row_at = batch.last_row_at or state.last_row_at
        state.open_calls = self._book.open_calls
        told, self._attempt = self._attempt, _Told()
        if self._outbox is not None:
            self._outbox.committed(told.entry)
        if batch.changes:
            self._audience.committed(batch.changes)
        for change in told.published:
            self._publish(change)

    async def _commit(self, chunk: Chunk, batch: Batch, deferred: set[str], *, again: bool) -> None:
        """Commit what `batch` changed, but for the steps `deferred`, which the outbox is given."""
        now = self._clock()
        offset = self._next_offset(batch, now)

        async def written(session: AsyncSession) -> bool:
            # A connection that is cut while it commits leaves open whether it did. What the attempt
            # that turns out done had to tell is told now.
            if again and _same_place(await repository.offset_of(session, self._node), offset):
                return False
            self._attempt = _Told()
            if batch.changes:
                await self._write(session, batch.changes, deferred)
            await repository.add_rejects(
                session, [self._reject_row(chunk, one, now) for one in batch.rejects]
            )
            await repository.save_offset(session, self._node, offset)
            return True

        now_written = await self._database.write_at_once(written)
        self._offset = offset
        if not now_written:
            return
        for reject in batch.rejects:
            _log.warning("journal: %s at byte %d", reject.reason, reject.position)

    async def _write(
        self, session: AsyncSession, changes: LedgerChanges, deferred: set[str]
    ) -> None:
        """The steps of the transaction; who cannot take his is left out (`_StepFailed`), and so is
        who has something to take before."""
        outbox, calls = self._outbox, tuple(calls_in(changes))
        also: list[str] = []
        for name, listener in self._audience.listeners.items():
            if outbox is not None and (
                "ledger" in also or name in deferred or outbox.owes(name, calls)
            ):
                also.append(name)
                continue
            try:
                self._attempt.published += await listener.on_ledger(session, changes)
                await session.flush()
            except DatabaseUnavailable:
                raise
            except Exception as error:
                if outbox is None:
                    raise
                raise _StepFailed(name) from error
        if outbox is not None:
            self._attempt.entry = await outbox.put(session, LEDGER.name, changes, also=also)

    def _next_offset(self, batch: Batch, now: datetime) -> Offset:
        here = self._files.place
        if here is None:
            raise AssertionError("a chunk was read from no file")
        resume = self._book.resume_position()
        back = here if resume is None else self._files.place_of(resume)
        before = self._offset
        last = batch.last_row_at or (before.last_row_at if before else None)
        rows = (before.rows if before else 0) + batch.rows
        return Offset(
            here.file_id, here.position, back.file_id, back.position, last, rows, updated_at=now
        )

    def _reject_row(self, chunk: Chunk, reject: Reject, now: datetime) -> dict[str, object]:
        line = reject.line[:REJECT_BYTES].decode("utf-8", "backslashreplace").replace("\0", "\\x00")
        return {
            "node": self._node,
            "file_id": chunk.file_id,
            "position": reject.position,
            "line": line,
            "reason": reject.reason[:256],
            "seen_at": now,
        }

    # -- housekeeping ---------------------------------------------------------------------------

    async def _keep_house(self) -> None:
        """Rotate the journal, and delete what is older than it is kept."""
        now = self._clock()
        name = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%f")
        size = self._settings.journal_rotate_mib * 1024 * 1024
        try:
            rotated = await asyncio.to_thread(self._rotate, size, name)
            if rotated is not None:
                _log.info("journal rotated: %s", rotated.name)
            keep = {one.file_id for one in self._needed()}
            before = now.timestamp() - self._settings.journal_keep_days * _DAY_SECONDS
            removed = await asyncio.to_thread(self._files.remove_old, before, frozenset(keep))
            for path in removed:
                _log.info("journal removed, older than it is kept: %s", Path(path).name)
        except OSError as error:
            _log.error("journal: housekeeping failed: %s", error)

    def _rotate(self, size: int, name: str) -> Path | None:
        # A new file owns nothing behind its end until the guard of the disks comes by.
        room = free_of(self._settings.journal_dir).bytes
        if room < self._settings.journal_ahead_mib * 2 * 1024 * 1024:
            return None
        return self._files.rotate(size, name)

    def _needed(self) -> list[JournalPlace]:
        offset = self._offset
        if offset is None:
            return []
        return [
            JournalPlace(offset.file_id, offset.position),
            JournalPlace(offset.resume_file_id, offset.resume_position),
        ]
