"""Asterisk's own queue_log, as the oracle that `callcenter audit` compares the ledger with.

Nothing else may read it (see the import contract): the record of a call is the journal's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from callcenter.telephony.pbx.old_logs import with_old


@dataclass(frozen=True, slots=True)
class QueueLogEntry:
    """One line: ``time|callid|queue|agent|event|data…``."""

    at: int
    """POSIX seconds."""
    channel: str
    """Uniqueid of who waited."""
    queue: str
    agent: str
    event: str
    data: tuple[str, ...]


def read_queue_log(path: Path) -> Iterator[QueueLogEntry]:
    """The entries about callers of `path` and those put aside before it, in their order; nothing if
    there is no file.

    A line that is not whole (a PBX that was killed) is passed over.
    """
    for file in with_old(path):
        try:
            stream = file.open(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        with stream:
            yield from _entries(stream)


def _entries(stream: Iterable[str]) -> Iterator[QueueLogEntry]:
    for line in stream:
        fields = line.rstrip("\n").split("|")
        if not line.endswith("\n") or len(fields) < 5 or not fields[0].isdecimal():
            continue
        if fields[1] in ("NONE", "MANAGER", "REALTIME"):
            continue
        at, channel, queue, agent, event, *data = fields
        yield QueueLogEntry(int(at), channel, queue, agent, event, tuple(data))
