"""The media worker: judges, compresses and hashes the file of every call that is over.

- One file at a time for each of `recording_workers` threads, which give way to calls. The event
  loop never waits for a disk.
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
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.broadcast import Change
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.telephony.domain.ledger import NoRoom
from callcenter.telephony.domain.media import (
    MediaKind,
    MediaStatus,
    for_want_of_room,
    retry_delay_seconds,
)
from callcenter.telephony.recordings import repository
from callcenter.telephony.recordings.files import Folders, Unusable
from callcenter.telephony.recordings.finishing import Job, Outcome, Rules, clear, finish
from callcenter.telephony.recordings.models import MediaFile

_log = logging.getLogger(__name__)

T = TypeVar("T")

LOOKS = 3
"""At a file that is not right: with the usual waits 15 s, far longer than the PBX needs to close
a file even when it is busy."""
LONGEST_RETRY_SECONDS = 3600.0
"""A disk that is mended is noticed within the hour."""
IDLE_SECONDS = 10.0
"""Look at least so often: what another process wrote (a rebuild) wakes nobody here."""
LEAST_PAUSE_SECONDS = 0.5
"""Between two looks for work: files of half a second are found by one look, and an idle thread does
not spin while others are busy."""
TOGETHER_SECONDS = 0.3
"""After a call has ended its file settles for longer than this anyway."""
AT_ONCE = 16
"""Files of one look; a second of the busiest hour."""
NICE = 10
"""Compressing gives way to calls and to the API; 19 would starve beside a busy neighbour."""
ERROR_MAX = 500
"""Characters of an error that are kept."""


class NoteMedia(Protocol):
    """`CaseService.note_media`: what became of a file goes into the case's history."""

    def __call__(
        self, session: AsyncSession, call_id: str, media_id: str, status: MediaStatus, /
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
        self._attempts = settings.recording_attempts
        self._first_wait = settings.recording_retry_seconds
        self._note_media = note_media
        self._publish = publish
        self._clock = clock
        self._wake = asyncio.Event()
        self._choosing = asyncio.Lock()
        self._busy: set[str] = set()
        self._ready: deque[MediaFile] = deque()
        """Due at the last look and not begun yet."""
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
        """Look for work now; to be called after each commit that may have made some."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled. When this ends no thread works on."""
        self._stop.clear()
        self._busy.clear()
        self._ready.clear()
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

    async def drain(self) -> int:
        """Work at what is due now, one file after another; how many were worked at."""
        self._stop.clear()
        self._ready.clear()
        count = 0
        while (file := await self._choose()) is not None:
            await self._work(file)
            count += 1
        await self._tell_cleared()
        return count

    async def _serve(self) -> None:
        while True:
            async with self._choosing:
                file = await self._next()
            await self._work(file)

    async def _next(self) -> MediaFile:
        """The next file that is due, as soon as there is one."""
        while True:
            self._wake.clear()
            file = await self._choose()
            if file is not None:
                return file
            await self._tell_cleared()
            with suppress(TimeoutError):
                async with asyncio.timeout(await self._pause()):
                    await self._wake.wait()
                    # Calls end one after the other: one look for several of them.
                    await asyncio.sleep(TOGETHER_SECONDS)

    async def _choose(self) -> MediaFile | None:
        """A due file that nobody works at; from now on somebody does."""
        if not self._ready:
            known = self._busy | self._cleared.keys()
            async with self._database.reading() as session:
                files = await repository.due(
                    session, self._node, self._clock(), limit=len(known) + AT_ONCE
                )
            self._ready.extend(file for file in files if file.id not in known)
        if not self._ready:
            return None
        file = self._ready.popleft()
        self._busy.add(file.id)
        return file

    async def _pause(self) -> float:
        """Seconds until something is due, `IDLE_SECONDS` at most."""
        async with self._database.reading() as session:
            moment = await repository.next_due(session, self._node)
        if moment is None:
            return IDLE_SECONDS
        # Not above 0: it became due since `_choose` looked, or somebody works at it.
        wait = (moment - self._clock()).total_seconds()
        return min(max(wait, LEAST_PAUSE_SECONDS), IDLE_SECONDS)

    async def _work(self, file: MediaFile) -> None:
        try:
            if file.status == MediaStatus.PENDING.value:
                await self._finish(file)
            else:
                await self._clear(file)
        finally:
            self._busy.discard(file.id)

    # -- a file that waits -------------------------------------------------------------------

    async def _finish(self, file: MediaFile) -> None:
        attempt = file.attempts + 1
        kind = MediaKind(file.kind)
        job = Job(
            kind,
            self._folders.of_kind(kind),
            file.source_path,
            file.expected_ms,
            (file.expected_left_ms, file.expected_right_ms),
        )
        no_room = NoRoom(file.no_room)
        # Of what was never begun nothing can come late.
        last_look = no_room is NoRoom.LEFT_OUT or attempt >= min(LOOKS, self._attempts)
        try:
            outcome = await self._in_thread(
                partial(finish, job, self._rules, last_look=last_look, stop=self._stop)
            )
        except Unusable as error:
            await self._give_up(file, attempt, str(error))
        except Exception as error:
            # Whatever it is, the other files must not wait for this one.
            problem = f"{type(error).__name__}: {error}"
            _log.warning("%s: attempt %d failed: %s", file.id, attempt, problem)
            if attempt >= self._attempts:
                await self._give_up(file, attempt, problem)
            else:
                await self._again(file, attempt, problem)
        else:
            outcome = replace(outcome, status=for_want_of_room(outcome.status, no_room))
            if outcome.status is MediaStatus.READY or last_look:
                await self._settle(file, attempt, outcome)
            else:
                await self._again(file, attempt, f"{outcome.status.value} so far")

    async def _settle(self, file: MediaFile, attempt: int, outcome: Outcome) -> None:
        """Say what became of the file, then clear away what it leaves."""
        found = outcome.finished
        values: dict[str, Any] = {
            "status": outcome.status.value,
            "attempts": attempt,
            "error": None,
            "source_left": True,
            "finished_at": self._clock(),
            **({} if found is None else asdict(found)),
        }
        if outcome.status is MediaStatus.MISSING:
            values["error"] = "the PBX wrote no sound"
        elif outcome.status is MediaStatus.ONE_SIDED and found is not None:
            values["error"] = (
                f"left {found.left_ms} of {file.expected_left_ms} ms that were sent,"
                f" right {found.right_ms} of {file.expected_right_ms} ms"
            )
        if not await self._write(file, outcome.status, values):
            return
        if outcome.status is not MediaStatus.READY:
            _log.warning("%s is %s (%s)", file.id, outcome.status.value, file.source_path)
        for name, value in values.items():
            setattr(file, name, value)
        await self._clear(file)

    async def _give_up(self, file: MediaFile, attempt: int, problem: str) -> None:
        _log.error("%s is given up after %d attempts: %s", file.id, attempt, problem)
        values = {
            "status": MediaStatus.FAILED.value,
            "attempts": attempt,
            "error": problem[:ERROR_MAX],
            "finished_at": self._clock(),
        }
        await self._write(file, MediaStatus.FAILED, values)

    async def _write(self, file: MediaFile, status: MediaStatus, values: dict[str, Any]) -> bool:
        """Commit the state of a file that waited, with its case's history, and tell of it."""
        async with self._database.writing() as session:
            if not await repository.change(session, file.id, values, was=MediaStatus.PENDING):
                return False
            told = await self._note_media(session, file.call_id, file.id, status)
            cleared = await self._write_cleared(session)
        self._forget_cleared(cleared)
        self.finished[status] += 1
        facts = {
            "id": file.id,
            "call_id": file.call_id,
            "kind": file.kind,
            "status": status.value,
        }
        for change in (Change("media.finished", facts), *told):
            self._publish(change)
        return True

    async def _again(self, file: MediaFile, attempt: int, problem: str) -> None:
        self.retries += 1
        values = {"attempts": attempt, "error": problem[:ERROR_MAX], "due_at": self._later(attempt)}
        async with self._database.writing() as session:
            await repository.change(session, file.id, values, was=MediaStatus.PENDING)

    # -- what a file leaves ------------------------------------------------------------------

    async def _clear(self, file: MediaFile) -> None:
        kind, status = MediaKind(file.kind), MediaStatus(file.status)
        work = partial(
            clear,
            kind,
            self._folders.of_kind(kind),
            status=status,
            source_path=file.source_path,
            path=file.path,
            wav_kept=file.wav_kept,
            stop=self._stop,
        )
        try:
            await self._in_thread(work)
        except Exception as error:
            self.retries += 1
            _log.warning("%s: its files cannot be cleared away: %s", file.id, error)
            attempt = file.attempts + 1
            values = {"attempts": attempt, "due_at": self._later(attempt)}
            async with self._database.writing() as session:
                await repository.change(session, file.id, values, was=status)
        else:
            self._cleared[file.id] = status

    async def _tell_cleared(self) -> None:
        """Have the rows say what was cleared away; before waiting for more work."""
        if self._cleared:
            async with self._database.writing() as session:
                cleared = await self._write_cleared(session)
            self._forget_cleared(cleared)

    async def _write_cleared(self, session: AsyncSession) -> dict[str, MediaStatus]:
        cleared = dict(self._cleared)
        for media_id, status in cleared.items():
            # Not if retention has been here meanwhile: then there is more to be cleared away.
            await repository.change(session, media_id, {"source_left": False}, was=status)
        return cleared

    def _forget_cleared(self, told: dict[str, MediaStatus]) -> None:
        for media_id in told:
            self._cleared.pop(media_id, None)

    def _later(self, attempt: int) -> Any:
        wait = retry_delay_seconds(attempt, self._first_wait, LONGEST_RETRY_SECONDS)
        return self._clock() + timedelta(seconds=wait)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _give_way() -> None:
    """Lower this thread's priority (Linux: each thread has its own)."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
