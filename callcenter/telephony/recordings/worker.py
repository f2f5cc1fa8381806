"""The media worker: judges, compresses and hashes the file of every call that is over.

- A file is told of by the commit of the journal that made its row; the database is asked only for
  what nobody told: at the beginning, and every `IDLE_SECONDS`.
- Files that are due together are worked at together, by one of `recording_workers` threads, which
  give way to calls: one step into the thread and one commit for all of them. The event loop never
  waits for a disk.
- What is not right at the first look (missing, empty, short) is looked at `LOOKS` times, for the
  PBX may write late under load; then it has its name. What fails (a full disk) is tried
  `recording_attempts` times with doubling waits; then it is `failed` and the PBX's file is kept.
- First the finished file is there, then the row says so together with the case's history, then
  the PBX's own file is cleared away, then the row says that. Killed between any two of these it
  goes on where it was: see `finishing`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.broadcast import Change
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.telephony.domain.media import (
    MediaKind,
    MediaNote,
    MediaStatus,
    retry_delay_seconds,
)
from callcenter.telephony.recordings import repository
from callcenter.telephony.recordings.files import Folders
from callcenter.telephony.recordings.finishing import Job, Outcome, Rules, clear, finish
from callcenter.telephony.recordings.verdicts import Judge, Verdict
from callcenter.telephony.recordings.waiting import Coming, WaitingFile

_log = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_RETRY_SECONDS = 3600.0
"""A disk that is mended is noticed within the hour."""
IDLE_SECONDS = 10.0
"""Look at least so often: what another process wrote (a rebuild) wakes nobody here."""
LEAST_PAUSE_SECONDS = 0.5
"""Between two looks for work: files of half a second are worked at together."""
AT_ONCE = 16
"""Files worked at together; a second of the busiest hour."""
WORK_MS = 600_000
"""Sound that is worked at together, unless it is one file: a file must not wait long for those
beside it (10 minutes are 0.2 s of CPU as FLAC, 6 s as Opus)."""
REMEMBERED = 1000
"""Files to come; of more than that the database is asked."""
NICE = 10
"""Compressing gives way to calls and to the API; 19 would starve beside a busy neighbour."""


class NoteMedia(Protocol):
    """`CaseService.note_media`: what became of files goes into their cases' histories."""

    def __call__(
        self, session: AsyncSession, files: Sequence[MediaNote], /
    ) -> Awaitable[Sequence[Change]]: ...


class MediaWorker:
    """Finishes the files of one node."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        note_media: NoteMedia,
        publish: Callable[[Change], None],
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._node = settings.node
        self._folders = Folders.of(settings)
        self._rules = Rules.of(settings)
        self._workers = settings.recording_workers
        self._first_wait = settings.recording_retry_seconds
        self._note_media = note_media
        self._publish = publish
        self._clock = clock
        self._judge = Judge(settings.recording_attempts, self._later, clock)
        self._wake = asyncio.Event()
        self._choosing = asyncio.Lock()
        self._busy: set[str] = set()
        self._ready: deque[WaitingFile] = deque()
        """Due, and not begun yet."""
        self._coming = Coming()
        self._look_at = 0.0
        """When the database is asked (the loop's clock)."""
        self._cleared: dict[str, MediaStatus] = {}
        """Files whose leftovers are gone and whose row does not say so yet: that goes along with
        the next file's commit. Whoever is killed before clears away again, which does nothing."""
        self._stop = threading.Event()
        self._pool: ThreadPoolExecutor | None = None
        self.finished: Counter[MediaStatus] = Counter()
        """Files judged since this process began, by state."""
        self.retries = 0
        """Looks and attempts that have to be made again, since this process began."""

    @property
    def failed(self) -> int:
        """Files given up since this process began."""
        return self.finished[MediaStatus.FAILED]

    @property
    def busy(self) -> int:
        """Files being worked at now."""
        return len(self._busy)

    def wake(self) -> None:
        """Ask the database for work now; to be called after a commit that may have made some."""
        self._look_at = 0.0
        self._wake.set()

    def expect(self, files: Iterable[WaitingFile], changed: Collection[str] = ()) -> None:
        """A commit has made the rows of `files`; it has changed those of the ids `changed`."""
        for media_id in changed:
            self._coming.forget(media_id)
        for file in files:
            self._coming.put(file)
        if changed or len(self._coming) > REMEMBERED:
            self._coming.keep(REMEMBERED)
            self._look_at = 0.0
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled. When this ends no thread works on."""
        self._begin()
        self._busy.clear()
        self._cleared.clear()
        self._pool = ThreadPoolExecutor(self._workers, "media", initializer=_give_way)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._serve())
        finally:
            # A thread that worked on could rename its file under a later run's row.
            self._stop.set()
            pool, self._pool = self._pool, None
            await asyncio.to_thread(pool.shutdown)

    def _begin(self) -> None:
        self._stop.clear()
        self._ready.clear()
        self._coming = Coming()
        self._look_at = 0.0

    async def drain(self) -> int:
        """Work at what is due now until nothing is; how many files were worked at."""
        self._begin()
        count = 0
        while files := await self._choose():
            await self._work(files)
            count += len(files)
            self._look_at = 0.0
        await self._tell_cleared()
        return count

    async def _serve(self) -> None:
        while True:
            async with self._choosing:
                files = await self._next()
            await self._work(files)

    async def _next(self) -> Sequence[WaitingFile]:
        """The next files that are due, as soon as there are any."""
        while True:
            self._wake.clear()
            if files := await self._choose():
                return files
            await self._tell_cleared()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()
            # Calls end one after the other: their files are worked at together.
            await asyncio.sleep(LEAST_PAUSE_SECONDS)

    async def _choose(self) -> Sequence[WaitingFile]:
        """Due files that nobody works at; from now on somebody does."""
        if not self._ready and asyncio.get_running_loop().time() >= self._look_at:
            await self._look()
        now = self._clock()
        while (file := self._coming.due(now)) is not None:
            if file.id not in self._busy:
                self._ready.append(file)
        chosen: list[WaitingFile] = []
        sound = 0
        while self._ready and len(chosen) < AT_ONCE:
            sound += self._ready[0].expected_ms or 0
            if chosen and sound > WORK_MS:
                break
            chosen.append(self._ready.popleft())
        self._busy.update(file.id for file in chosen)
        return chosen

    async def _look(self) -> None:
        """Ask the database for what is due now or soon."""
        loop = asyncio.get_running_loop()
        known = self._busy | self._cleared.keys()
        limit, until = len(known) + AT_ONCE, self._clock() + timedelta(seconds=IDLE_SECONDS)
        self._look_at = loop.time() + IDLE_SECONDS
        async with self._database.reading() as session:
            files = await repository.due(session, self._node, until, limit=limit)
        for file in files:
            if file.id not in known:
                self._coming.put(file)
        if len(files) == limit:
            self._look_at = 0.0  # As soon as these are done.

    def _pause(self) -> float:
        """Seconds until something is due."""
        waits = [self._look_at - asyncio.get_running_loop().time()]
        if (moment := self._coming.next_due()) is not None:
            waits.append((moment - self._clock()).total_seconds())
        return max(min(waits) - LEAST_PAUSE_SECONDS, 0.0)

    async def _work(self, files: Sequence[WaitingFile]) -> None:
        waiting = [file for file in files if file.status == MediaStatus.PENDING.value]
        try:
            if waiting:
                await self._finish(waiting)
            if left := [file for file in files if file not in waiting]:
                await self._clear(left)
        finally:
            self._busy.difference_update(file.id for file in files)

    # -- files that wait ---------------------------------------------------------------------

    async def _finish(self, files: Sequence[WaitingFile]) -> None:
        """Judge `files`, say what became of them, then clear away what they leave."""
        found = await self._in_thread(partial(_each, files, self._look_at_file))
        verdicts = [self._judge.verdict(*both) for both in zip(files, found, strict=True)]
        settled: list[WaitingFile] = []
        for one in await self._write(verdicts):
            file = one.after
            if one.status is None:
                self.retries += 1
                self._coming.put(file)
            elif one.status is not MediaStatus.FAILED:
                if one.status is not MediaStatus.READY:
                    _log.warning("%s is %s (%s)", file.id, file.status, file.source_path)
                settled.append(file)
        if settled:
            await self._clear(settled)

    def _look_at_file(self, file: WaitingFile) -> Outcome:
        kind = MediaKind(file.kind)
        sent = (file.expected_left_ms, file.expected_right_ms)
        job = Job(kind, self._folders.of_kind(kind), file.source_path, file.expected_ms, sent)
        return finish(job, self._rules, last_look=self._judge.is_last(file), stop=self._stop)

    async def _write(self, verdicts: Sequence[Verdict]) -> Sequence[Verdict]:
        """Commit what became of files that waited, with their cases' histories, and tell of it;
        those whose file still waited."""
        cleared = dict(self._cleared)

        async def write(
            session: AsyncSession,
        ) -> tuple[list[Verdict], list[MediaNote], Sequence[Change]]:
            written = [
                one
                for one in verdicts
                if await repository.change(
                    session, one.file.id, one.values, was=MediaStatus.PENDING
                )
            ]
            notes = [
                MediaNote(one.file.call_id, one.file.id, one.status)
                for one in written
                if one.status is not None
            ]
            told = await self._note_media(session, notes) if notes else ()
            await _write_cleared(session, cleared)
            return written, notes, told

        written, notes, told = await self._database.write_at_once(write)
        self._forget_cleared(cleared)
        kinds = {one.file.id: one.file.kind for one in written}
        for note in notes:
            self.finished[note.status] += 1
            facts = {
                "id": note.media_id,
                "call_id": note.call_id,
                "kind": kinds[note.media_id],
                "status": note.status.value,
            }
            self._publish(Change("media.finished", facts))
        for change in told:
            self._publish(change)
        return written

    # -- what files leave --------------------------------------------------------------------

    async def _clear(self, files: Sequence[WaitingFile]) -> None:
        results = await self._in_thread(partial(_each, files, self._clear_away))
        for file, result in zip(files, results, strict=True):
            status = MediaStatus(file.status)
            if not isinstance(result, Exception):
                self._cleared[file.id] = status
                continue
            self.retries += 1
            _log.warning("%s: its files cannot be cleared away: %s", file.id, result)
            attempt = file.attempts + 1
            values = {"attempts": attempt, "due_at": self._later(attempt)}
            async with self._database.writing() as session:
                await repository.change(session, file.id, values, was=status)

    def _clear_away(self, file: WaitingFile) -> None:
        kind = MediaKind(file.kind)
        clear(
            kind,
            self._folders.of_kind(kind),
            status=MediaStatus(file.status),
            source_path=file.source_path,
            path=file.path,
            wav_kept=file.wav_kept,
            stop=self._stop,
        )

    async def _tell_cleared(self) -> None:
        """Have the rows say what was cleared away; before waiting for more work."""
        if self._cleared:
            cleared = dict(self._cleared)
            await self._database.write_at_once(lambda session: _write_cleared(session, cleared))
            self._forget_cleared(cleared)

    def _forget_cleared(self, told: dict[str, MediaStatus]) -> None:
        for media_id in told:
            self._cleared.pop(media_id, None)

    def _later(self, attempt: int) -> Any:
        wait = retry_delay_seconds(attempt, self._first_wait, LONGEST_RETRY_SECONDS)
        return self._clock() + timedelta(seconds=wait)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _each(
    files: Sequence[WaitingFile], work: Callable[[WaitingFile], T]
) -> Sequence[T | Exception]:
    """What `work` makes of each of `files`, or why it cannot; none keeps another from it."""
    found: list[T | Exception] = []
    for file in files:
        try:
            found.append(work(file))
        except Exception as error:
            found.append(error)
    return found


async def _write_cleared(session: AsyncSession, cleared: Mapping[str, MediaStatus]) -> None:
    for media_id, status in cleared.items():
        # Not if retention has been here meanwhile: then there is more to be cleared away.
        await repository.change(session, media_id, {"source_left": False}, was=status)


def _give_way() -> None:
    """Lower this thread's priority (Linux: each thread has its own)."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
