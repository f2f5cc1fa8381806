"""Puts the PBX's own logs aside before they grow without end: queue_log and the CDR file.

The journal's reader does so with the journal, the log pump with what programs say. These two are
written by the PBX alone: the CDR file is opened for each row, so a new name is all it takes;
queue_log is held open until the logger is read again (reload_logger of main/logger.c closes it, the
next line opens it). What is written in between goes to the old one. `callcenter audit` reads old
ones too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from callcenter.platform.clock import utc_now
from callcenter.platform.config import Settings
from callcenter.platform.errors import PbxRefused, PbxTimeout, PbxUnavailable
from callcenter.platform.room.disks import give_back
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import unwrap
from callcenter.telephony.pbx.ami.queue_actions import LoggerReload

_log = logging.getLogger(__name__)

LOOK_SECONDS = 600.0
"""At 10 calls a second they grow by less than 5 MB in between."""
RELOAD_SECONDS = 15.0


class OldLogs:
    """Of one PBX; `run` it as a task."""

    def __init__(
        self, link: AmiLink, settings: Settings, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._link = link
        self._queue_log = settings.queue_log_file
        self._cdr = settings.cdr_file
        self._limit = settings.pbx_log_rotate_mib * 1024 * 1024
        self._keep = timedelta(days=settings.journal_keep_days)
        self._clock = clock

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            try:
                await self.look(self._limit)
            except (OSError, PbxRefused, PbxTimeout, PbxUnavailable) as error:
                _log.warning("the PBX's logs cannot be put aside yet: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self, limit: int) -> None:
        """Put aside what has `limit` bytes or more, and delete what is older than it is kept."""
        now = self._clock()
        await asyncio.to_thread(put_aside, self._cdr, limit, now)
        aside = await asyncio.to_thread(put_aside, self._queue_log, limit, now)
        if aside is not None:
            unwrap(
                await self._link.send(LoggerReload(), timeout=RELOAD_SECONDS), "reading the logger"
            )
            await asyncio.to_thread(give_back, aside)
        for current in (self._cdr, self._queue_log):
            await asyncio.to_thread(remove_old, current, now - self._keep)


def put_aside(current: Path, limit: int, now: datetime) -> Path | None:
    """Rename `current` to ``NAME-MOMENT`` if it has `limit` bytes or more; its new place."""
    try:
        if current.stat().st_size < limit:
            return None
    except FileNotFoundError:
        return None
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%f")
    target = current.with_name(f"{current.stem}-{moment}{current.suffix}")
    current.rename(target)
    _log.info("put aside: %s", target.name)
    return target


def with_old(current: Path) -> Sequence[Path]:
    """`current` after all that were put aside before it, the oldest first."""
    return [*sorted(current.parent.glob(f"{current.stem}-*{current.suffix}")), current]


def remove_old(current: Path, before: datetime) -> None:
    """Delete what was put aside and last written before `before`."""
    for file in with_old(current)[:-1]:
        if file.stat().st_mtime < before.timestamp():
            file.unlink(missing_ok=True)
            _log.info("removed, older than it is kept: %s", file.name)
