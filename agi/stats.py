"""Counters of the AGI server, and the file through which others read them.

A file, replaced whole once a second, and not a question of the AGI server: it can be read when
the server hangs or is at its connection cap, and reading it costs no call anything.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from callcenter.platform.config import Settings

BUCKETS_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Upper ends; 20 ms is the goal for 99 of 100, 0.8 s the default deadline."""


def stats_file(settings: Settings) -> Path:
    """Where the counters are."""
    return settings.home / "run" / "agi-stats.json"


class Stats:
    """What one server process has done since it began."""

    def __init__(self, started_at: datetime, restarts: int) -> None:
        self.started_at = started_at
        self.restarts = restarts
        self.open = 0
        """Connections and unfinished answers now."""
        self.accepted = 0
        self.answers: Counter[str] = Counter()
        """Complete answers, by question."""
        self.lost: Counter[str] = Counter()
        """Connections without a complete answer, by reason (`server.Loss`)."""
        self.bad_requests: Counter[str] = Counter()
        """Of these the bad requests, by fault (`protocol.Fault`)."""
        self._buckets = [0] * (len(BUCKETS_SECONDS) + 1)
        self._seconds = 0.0

    def answered(self, question: str, seconds: float) -> None:
        """An answer was given `seconds` after its request was read."""
        self.answers[question] += 1
        self._buckets[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self._seconds += seconds

    def snapshot(self, now: datetime) -> dict[str, Any]:
        """Everything, as JSON values."""
        return {
            "pid": os.getpid(),
            "started_at": self.started_at.isoformat(),
            "written_at": now.isoformat(),
            "restarts": self.restarts,
            "open": self.open,
            "accepted": self.accepted,
            "answers": dict(self.answers),
            "lost": dict(self.lost),
            "bad_requests": dict(self.bad_requests),
            "latency_buckets": self._buckets,
            "latency_seconds": self._seconds,
        }


def write_stats(path: Path, snapshot: dict[str, Any]) -> None:
    """Replace the file at `path`; blocking, so not for the event loop's thread."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(snapshot), encoding="utf-8")
    temporary.replace(path)


@dataclass(frozen=True, slots=True)
class AgiStats:
    """The counters as another process reads them."""

    pid: int
    started_at: datetime
    written_at: datetime
    """Older than a few seconds: the server hangs or is dead."""
    restarts: int
    """Times the watchdog started the server anew since it runs itself."""
    open: int
    accepted: int
    answers: dict[str, int]
    lost: dict[str, int]
    """By reason: refused, stranger, header_late, bad_request, unknown_question, deadline, failed,
    pbx_error, hung_up, gone, stopped."""
    bad_requests: dict[str, int]
    latency_buckets: tuple[tuple[float, int], ...]
    """(upper end in seconds, answers up to it), cumulative; the last upper end is infinite."""
    latency_seconds: float
    """Sum over all answers."""

    @property
    def deadline_misses(self) -> int:
        """Answers that were not ready in time; the dialplan took its default."""
        return self.lost.get("deadline", 0)

    @property
    def refused(self) -> int:
        """Connections above the cap."""
        return self.lost.get("refused", 0)


def parse_stats(text: str) -> AgiStats:
    """The counters in `text`; `ValueError` or `KeyError` if it is something else."""
    raw = json.loads(text)
    cumulative: list[tuple[float, int]] = []
    total = 0
    for end, count in zip((*BUCKETS_SECONDS, float("inf")), raw["latency_buckets"], strict=True):
        total += count
        cumulative.append((end, total))
    return AgiStats(
        pid=int(raw["pid"]),
        started_at=datetime.fromisoformat(raw["started_at"]),
        written_at=datetime.fromisoformat(raw["written_at"]),
        restarts=int(raw["restarts"]),
        open=int(raw["open"]),
        accepted=int(raw["accepted"]),
        answers=raw["answers"],
        lost=raw["lost"],
        bad_requests=raw["bad_requests"],
        latency_buckets=tuple(cumulative),
        latency_seconds=float(raw["latency_seconds"]),
    )
