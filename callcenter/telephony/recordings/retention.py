"""Removes audio that is too old, and the oldest when the disk becomes full.

- Oldest first, in batches; never a file that still waits for the worker.
- First the row is `removed` and the log has why, in one transaction with the case's history; then
  the files go. Killed in between, the media worker finds `source_left` and deletes them.
- For room no more is removed in one pass than is missing: file systems may give room back late,
  and a disk that others fill must not cost all recordings at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from threading import Event

from callcenter.platform.broadcast import Change
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.telephony.domain.media import MediaKind, MediaNote, MediaStatus
from callcenter.telephony.recordings import repository
from callcenter.telephony.recordings.files import Folders, Unusable, below, size_of
from callcenter.telephony.recordings.finishing import clear, stored_files
from callcenter.telephony.recordings.models import MediaFile
from callcenter.telephony.recordings.worker import NoteMedia

_log = logging.getLogger(__name__)

PASS_SECONDS = 60.0
"""500 calls at once write 1 GB in a minute: half of the usual floor."""
BATCH = 50
"""Files per transaction: the journal's reader does not wait noticeably."""
AFRESH = timedelta(hours=24)
"""So often the search begins at the very oldest row again: a rebuild may have brought older ones.
In between it goes on where the last file was removed."""
QUIET_FOLDER = timedelta(days=2)
"""The PBX writes no new file into a folder of so long ago, so it may go when it is empty."""

_MIB = 1024 * 1024


class Reason(StrEnum):
    """Why a file was removed."""

    AGE = "age"
    FREE_SPACE = "free_space"


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A file and what it takes on the disk."""

    file: MediaFile
    path: str
    bytes: int


def free_bytes(folder: Path) -> int:
    """Bytes that may be written below `folder`."""
    return shutil.disk_usage(folder).free


class Retention:
    """Keeps one node's audio within its limits."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        note_media: NoteMedia,
        publish: Callable[[Change], None],
        free: Callable[[Path], int] = free_bytes,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._node = settings.node
        self._folders = Folders.of(settings)
        self._keep = timedelta(days=settings.recording_keep_days)
        self._floor = settings.recording_free_floor_mib * _MIB
        self._note_media = note_media
        self._publish = publish
        self._free = free
        self._clock = clock
        self._since: dict[frozenset[MediaKind], datetime] = {}
        self._afresh_at: datetime | None = None
        self.removed = 0
        """Files removed since this process began."""
        self.removed_bytes = 0
        """What they took on the disk."""

    async def run(self) -> None:
        """One pass after another, until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(PASS_SECONDS)

    async def once(self) -> None:
        """One pass: by age, then for room on each disk."""
        now = self._clock()
        if self._afresh_at is None or now >= self._afresh_at:
            self._since.clear()
            self._afresh_at = now + AFRESH
        for kinds in await asyncio.to_thread(self._disks):
            await self._by_age(kinds, now - self._keep)
            await self._for_room(kinds)

    async def _by_age(self, kinds: frozenset[MediaKind], before: datetime) -> None:
        while batch := await self._oldest(kinds, before):
            await self._remove(await asyncio.to_thread(self._weigh, batch), Reason.AGE)

    async def _for_room(self, kinds: frozenset[MediaKind]) -> None:
        folder = self._folders.of_kind(min(kinds))
        missing = self._floor - await asyncio.to_thread(self._free, folder)
        while missing > 0 and (batch := await self._oldest(kinds, None)):
            chosen: list[_Weighed] = []
            for one in await asyncio.to_thread(self._weigh, batch):
                if missing > 0:
                    chosen.append(one)
                    missing -= one.bytes
            await self._remove(chosen, Reason.FREE_SPACE)

    async def _oldest(
        self, kinds: frozenset[MediaKind], before: datetime | None
    ) -> Sequence[MediaFile]:
        async with self._database.reading() as session:
            found = await repository.oldest_on_disk(
                session,
                self._node,
                kinds,
                since=self._since.get(kinds),
                before=before,
                limit=BATCH,
            )
        if found:
            self._since[kinds] = found[0].started_at
        elif before is not None:
            self._since[kinds] = before
        return found

    async def _remove(self, batch: Collection[_Weighed], reason: Reason) -> None:
        now = self._clock()
        marked: list[_Weighed] = []
        async with self._database.writing() as session:
            for one in batch:
                file = one.file
                values = {
                    "status": MediaStatus.REMOVED.value,
                    "removed_at": now,
                    "source_left": True,
                    "due_at": now,
                }
                was = MediaStatus(file.status)
                if not await repository.change(session, file.id, values, was=was):
                    continue
                row = {
                    "media_id": file.id,
                    "kind": file.kind,
                    "path": one.path,
                    "sha256": file.sha256,
                    "bytes": one.bytes,
                    "reason": reason.value,
                    "at": now,
                }
                await repository.add_removal(session, row)
                marked.append(one)
            told = await self._note_media(
                session,
                [MediaNote(one.file.call_id, one.file.id, MediaStatus.REMOVED) for one in marked],
            )
        for change in told:
            self._publish(change)
        gone = await asyncio.to_thread(self._delete, [one.file for one in marked], now)
        async with self._database.writing() as session:
            for media_id in gone:
                await repository.change(
                    session, media_id, {"source_left": False}, was=MediaStatus.REMOVED
                )
        self.removed += len(marked)
        self.removed_bytes += sum(one.bytes for one in marked)
        _log.info("removed %d files (%s)", len(marked), reason.value)

    # -- in a thread -------------------------------------------------------------------------

    def _disks(self) -> list[frozenset[MediaKind]]:
        """The kinds by disk; a kind whose folder is not there has no files."""
        found: dict[int, set[MediaKind]] = {}
        for kind in MediaKind:
            try:
                device = os.stat(self._folders.of_kind(kind)).st_dev
            except FileNotFoundError:
                continue
            found.setdefault(device, set()).add(kind)
        return [frozenset(kinds) for kinds in found.values()]

    def _weigh(self, files: Collection[MediaFile]) -> list[_Weighed]:
        weighed: list[_Weighed] = []
        for file in files:
            kind = MediaKind(file.kind)
            folder = self._folders.of_kind(kind)
            stored = stored_files(kind, folder, file.source_path, file.path, wav_kept=file.wav_kept)
            size = sum(size_of(path) for path in stored)
            weighed.append(_Weighed(file, file.path or file.source_path, size))
        return weighed

    def _delete(self, files: Collection[MediaFile], now: datetime) -> list[str]:
        """Delete what the rows of `files` name; ids of those that left nothing."""
        gone: list[str] = []
        for file in files:
            kind = MediaKind(file.kind)
            folder = self._folders.of_kind(kind)
            try:
                clear(
                    kind,
                    folder,
                    status=MediaStatus.REMOVED,
                    source_path=file.source_path,
                    path=file.path,
                    wav_kept=file.wav_kept,
                    stop=Event(),
                )
            except OSError as error:
                _log.warning("%s: its files cannot be deleted yet: %s", file.id, error)
                continue
            gone.append(file.id)
            if now - file.started_at > QUIET_FOLDER:
                _prune(folder, file.path or file.source_path)
        return gone


def _prune(folder: Path, relative: str) -> None:
    """Remove the folders above `relative` that are empty now, but not `folder` itself."""
    try:
        place = below(folder, relative).parent
        while place != folder.resolve():
            place.rmdir()
            place = place.parent
    except (OSError, Unusable):
        return
