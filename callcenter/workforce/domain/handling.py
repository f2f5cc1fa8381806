"""How long a call binds an agent, and how patient callers are: measured, or else as it is set.

A queue's own measure counts if it stands on enough; else that of the whole line does, and else the
setting. Every answer says which it was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from callcenter.workforce.domain.staffing import mean_patience

BEFORE = timedelta(seconds=1)
"""The floor may see a talk end a little before the journal says it did."""
AFTER = timedelta(seconds=30)
"""A wrap-up that begins later than this after a talk is not that talk's: a restart of ours in
between delays it by seconds."""


class Source(StrEnum):
    """Where a number comes from."""

    REQUEST = "request"
    MEASURED = "measured"
    MEASURED_OVERALL = "measured_overall"
    """The queue's own measure stands on too little: that of the whole line."""
    SETTING = "setting"
    """Nothing was measured, or too little."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A mean time, and what it stands on."""

    seconds: float
    source: Source
    count: int = 0
    """So many were measured, whether or not they are enough: of the queue, for a line of one."""


@dataclass(frozen=True, slots=True)
class Sum:
    """Seconds of some things together, and how many things."""

    seconds: float = 0.0
    count: int = 0

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.seconds + other.seconds, self.count + other.count)

    @property
    def mean(self) -> float:
        """0 of nothing."""
        return self.seconds / self.count if self.count else 0.0


def best_mean(own: Sum, overall: Sum, enough: int, setting: float) -> Measure:
    """The mean of `own` if it is of `enough` things, else of `overall`, else `setting`."""
    if own.count >= enough:
        return Measure(own.mean, Source.MEASURED, own.count)
    if overall.count >= enough:
        return Measure(overall.mean, Source.MEASURED_OVERALL, own.count)
    return Measure(setting, Source.SETTING, own.count)


@dataclass(frozen=True, slots=True)
class Waits:
    """All waits of a queue that are over."""

    seconds: float = 0.0
    waits: int = 0
    gave_up: int = 0

    def __add__(self, other: Waits) -> Waits:
        return Waits(
            self.seconds + other.seconds, self.waits + other.waits, self.gave_up + other.gave_up
        )


def best_patience(own: Waits, overall: Waits, enough: int, setting: float) -> Measure:
    """Mean patience (`staffing.mean_patience`), at least 1 s, from the waits of the queue if
    `enough` have given up, else from those of the line, else `setting`."""
    for waits, source in ((own, Source.MEASURED), (overall, Source.MEASURED_OVERALL)):
        mean = mean_patience(waits.seconds, waits.gave_up)
        if mean is not None and waits.gave_up >= enough:
            return Measure(max(mean, 1.0), source, own.gave_up)
    return Measure(setting, Source.SETTING, own.gave_up)


def wrap_ups_by_queue(
    talk_ends: Iterable[tuple[str, datetime, str]],
    wrap_ups: Iterable[tuple[str, datetime, datetime]],
) -> Mapping[str, Sum]:
    """Wrap-ups by the queue of the talk that each followed.

    `talk_ends` are seat, moment and queue; `wrap_ups` are seat, begin and end. A wrap-up belongs to
    the last talk at its seat that ended no more than `AFTER` before it began; one that follows no
    talk of a caller (a call that the agent made) is left out. One that the agent ended at once
    counts with the little that it took.
    """
    ends: dict[str, list[tuple[datetime, str]]] = {}
    for seat, at, queue in talk_ends:
        ends.setdefault(seat, []).append((at, queue))
    for of_seat in ends.values():
        of_seat.sort()
    moments = {seat: [at for at, _ in of_seat] for seat, of_seat in ends.items()}
    # Plain numbers: a large centre has half a million of them.
    seconds: dict[str, float] = {}
    counts: dict[str, int] = {}
    for seat, begun, ended in wrap_ups:
        if seat not in ends:
            continue
        place = bisect_right(moments[seat], begun + BEFORE) - 1
        if place < 0 or begun - moments[seat][place] > AFTER:
            continue
        queue = ends[seat][place][1]
        seconds[queue] = seconds.get(queue, 0.0) + max((ended - begun).total_seconds(), 0.0)
        counts[queue] = counts.get(queue, 0) + 1
    return {queue: Sum(seconds[queue], count) for queue, count in counts.items()}
