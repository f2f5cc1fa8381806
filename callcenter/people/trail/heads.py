"""The chain's head goes out of the database by itself: each day, and when the service stops.

A chain alone cannot show that its end was cut off, or that all of it was written anew. So its head
is appended to a file that the database's owner need not reach, and told to syslog if a setting says
where; `callcenter trail verify` compares the chain with every head in the file.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from logging.handlers import SysLogHandler
from pathlib import Path

from callcenter.people.trail import repository
from callcenter.people.trail.chain import Head, parse_head
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, CallcenterError

_log = logging.getLogger(__name__)

EVERY = timedelta(days=1)
LOOK_SECONDS = 60.0
"""How often it is asked whether a day has passed: clocks are set, machines sleep."""


class Heads:
    """Writes heads; `run` it as a task, and `note` one more at the end."""

    def __init__(
        self,
        database: Database,
        path: Path,
        syslog: str = "",
        *,
        clock: Clock = utc_now,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`syslog` is a socket's path, or ``host:port`` (UDP); empty: nobody is told."""
        self._database = database
        self._path = path
        self._syslog = syslog
        self._clock = clock
        self._look_seconds = look_seconds

    async def note(self) -> None:
        """Write the present head, if it is another one than was written last."""
        async with self._database.reading() as session:
            head = await repository.head(session)
        known = await asyncio.to_thread(read_heads, self._path)
        if head.seq == 0 or (known and known[-1] == head):
            return
        now = self._clock()
        await asyncio.to_thread(_append, self._path, f"{now.isoformat()} {head}\n")
        if self._syslog:
            await asyncio.to_thread(_tell, self._syslog, f"callcenter trail head {head}")

    async def run(self) -> None:
        """A head at the start and each day, until cancelled."""
        while True:
            if await asyncio.to_thread(self._is_due):
                await self.note()
            await asyncio.sleep(self._look_seconds)

    async def close(self) -> None:
        """The last head of this run; what goes wrong now is said, for nothing can be mended."""
        try:
            await self.note()
        except (CallcenterError, OSError) as error:
            _log.error("the audit trail's head is not written: %s", error)

    def _is_due(self) -> bool:
        last = last_noted(self._path)
        return last is None or not timedelta(0) <= self._clock() - last < EVERY


def read_heads(path: Path) -> Sequence[Head]:
    """Every head in the file, oldest first; none if there is no file. A line that is none is left
    out: the last one may be half written."""
    return [head for _at, head in _lines(path)]


def last_noted(path: Path) -> datetime | None:
    """When a head was written last."""
    lines = _lines(path)
    return lines[-1][0] if lines else None


def _lines(path: Path) -> list[tuple[datetime, Head]]:
    found = []
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return []
    for line in text.splitlines():
        at, _, head = line.partition(" ")
        try:
            found.append((datetime.fromisoformat(at), parse_head(head)))
        except (ValueError, BadInput):
            continue
    return found


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="ascii") as stream:
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())


def _tell(where: str, line: str) -> None:
    host, colon, port = where.rpartition(":")
    address: str | tuple[str, int] = (host, int(port)) if colon and port.isdigit() else where
    try:
        handler = SysLogHandler(address, facility=SysLogHandler.LOG_AUTHPRIV)
    except OSError as error:
        _log.warning("syslog at %s cannot be reached: %s", where, error)
        return
    with_error = logging.LogRecord("callcenter", logging.INFO, "", 0, line, None, None)
    try:
        handler.emit(with_error)
    finally:
        handler.close()
