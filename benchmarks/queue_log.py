"""What Asterisk's own queue_log says about a load: the same witness for both sides.

Rows are ``time|callid|queue|agent|event|data…`` (Asterisk, doc of app_queue); waits are whole
seconds there. The product itself never reads this file but in its audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Calls of one load in the queue."""

    entered: int
    connected: int
    """Calls that got a seat."""
    abandoned: int
    not_answered: int
    """Offers that a seat let ring."""
    waits: Sequence[int]
    """Whole seconds until the seat answered, of every connected call."""


def read_queue_log(text: str) -> QueueCounts:
    """The counts in `text`; rows that are none are passed over."""
    entered: set[str] = set()
    waits: dict[str, int] = {}
    abandoned: set[str] = set()
    not_answered = 0
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) < 6:
            continue
        call, event, data = fields[1], fields[4], fields[5:]
        match event:
            case "ENTERQUEUE":
                entered.add(call)
            case "CONNECT" if data[0].isdigit():
                waits.setdefault(call, int(data[0]))
            case "ABANDON":
                abandoned.add(call)
            case "RINGNOANSWER":
                not_answered += 1
    return QueueCounts(len(entered), len(waits), len(abandoned), not_answered, list(waits.values()))


def size_of(path: Path) -> int:
    """Bytes in the file at `path`; 0 if there is none yet."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def read_from(path: Path, start: int) -> bytes:
    """What was appended to `path` after its first `start` bytes."""
    try:
        with path.open("rb") as stream:
            stream.seek(start)
            return stream.read()
    except FileNotFoundError:
        return b""
