"""Clears away recordings that never began, and reports sound that nobody knows of.

MixMonitor makes an empty file as soon as a call enters the queue; a call that is never answered
has no recording in the ledger and leaves that file behind. A file with sound in it that no row
speaks for is never removed here: it is counted, and a person must see why.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.telephony.domain.media import MediaKind
from callcenter.telephony.recordings import repository
from callcenter.telephony.recordings.files import SOURCE_SUFFIX, Folders

_log = logging.getLogger(__name__)

SAFE_AGE = timedelta(hours=24)
"""The file of a call that waits is empty and open: removed too early, its recording would be lost.
A call waits two hours at most (`queue_wait_limit_seconds`); a day is beyond every doubt."""
SWEEP_SECONDS = 6 * 3600.0
"""Empty files cost no room, only an entry in a folder each."""
REPORTED = 20
"""Names in one line of the log."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file of the PBX, or a half-written one of ours, that has not changed for `SAFE_AGE`."""

    path: Path
    relative: str
    size: int
    ours: bool
    """Whether it is a part that was being written when the process was killed."""


class OrphanSweeper:
    """Sweeps the folders of one node."""

    def __init__(self, database: Database, settings: Settings, clock: Clock = utc_now) -> None:
        self._database = database
        self._node = settings.node
        self._folders = Folders.of(settings)
        self._clock = clock
        self.orphaned = 0
        """Files with sound that no row speaks for, at the last sweep."""
        self.removed = 0
        """Empty files and half-written parts removed since this process began."""

    async def run(self) -> None:
        """Sweep now and then, until cancelled."""
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Go once through the folders."""
        before = self._clock() - SAFE_AGE
        folder, parts = self._folders.recordings, self._folders.voice_messages
        suffix = SOURCE_SUFFIX[MediaKind.RECORDING]
        found = await asyncio.to_thread(lambda: list(leftovers(folder, suffix, before)))
        # Of voice messages only our own parts: the ledger knows each from its beep on.
        found += await asyncio.to_thread(lambda: list(leftovers(parts, None, before)))
        if not found:
            self.orphaned = 0
            return
        async with self._database.reading() as session:
            known = await repository.open_sources(session, self._node, MediaKind.RECORDING)
        gone, orphans = await asyncio.to_thread(sort_out, found, known)
        self.removed += gone
        self.orphaned = len(orphans)
        if gone:
            _log.info("removed %d empty or half-written files", gone)
        if orphans:
            names = ", ".join(orphan.relative for orphan in orphans[:REPORTED])
            _log.error("%d recordings that no call in the ledger has: %s", len(orphans), names)


def leftovers(folder: Path, suffix: str | None, before: datetime) -> Iterator[Leftover]:
    """Files below `folder` that end in `suffix`, and parts, last changed before `before`."""
    limit = before.timestamp()
    for entry in _files(folder):
        ours = entry.name.startswith(".") and entry.name.endswith(".part")
        if not ours and (suffix is None or not entry.name.endswith(suffix)):
            continue
        try:
            facts = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if facts.st_mtime < limit:
            path = Path(entry.path)
            yield Leftover(path, str(path.relative_to(folder)), facts.st_size, ours)


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Regular files below `folder`, one folder after another; no link is followed."""
    open_folders = [str(folder)]
    while open_folders:
        try:
            entries = os.scandir(open_folders.pop())
        except (FileNotFoundError, NotADirectoryError):
            continue
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    open_folders.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry


def sort_out(found: Collection[Leftover], known: Collection[str]) -> tuple[int, list[Leftover]]:
    """Remove what is empty or ours and not `known`; how many, and the orphans with sound."""
    gone = 0
    orphans: list[Leftover] = []
    for one in found:
        if one.relative in known and not one.ours:
            continue
        try:
            if one.ours or one.path.stat().st_size == 0:
                one.path.unlink()
                gone += 1
            else:
                orphans.append(one)
        except FileNotFoundError:
            continue
        except OSError as error:
            _log.warning("%s cannot be removed: %s", one.path, error)
    return gone, orphans
