"""A voice that is lost while the talk goes on: heard in the file, and the recording begun anew.

The PBX may drop all that one side sends and say nothing of it (decision 20). What is not there is
digital zero, which a voice in A-law never is, while the packets of that side are counted on.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from callcenter.telephony.domain.ids import Uniqueid

_log = logging.getLogger(__name__)

LEAST_PACKETS = 35
"""Of the fifty that are sent in the second between two writings: the rest is what a busy PBX is
late."""
ATTEMPTS = 5
"""For one recording: what did not help so often helps no more."""

Counts = tuple[int, int]
"""Packets that came from the citizen, and that went to him."""


@dataclass(frozen=True, slots=True)
class Grown:
    """The file of leg `leg` has just grown from `before` to `size` bytes."""

    leg: Uniqueid
    path: Path
    before: int
    size: int


@dataclass(frozen=True, slots=True)
class _Look:
    counts: Counts
    attempts: int


class Ears:
    """Listens to what the PBX has just written."""

    def __init__(
        self,
        counts: Callable[[Uniqueid], Awaitable[Counts | None]],
        begin_anew: Callable[[Uniqueid], Awaitable[None]],
    ) -> None:
        self._counts = counts
        """Of a leg whose recording can be judged now; None: it is paused, or there is nobody."""
        self._begin_anew = begin_anew
        self._looks: dict[Uniqueid, _Look] = {}
        self.begun_anew = 0
        """Recordings begun anew since this process began."""

    async def listen(self, grown: Sequence[Grown]) -> None:
        """To the newest second of each."""
        silent = await asyncio.to_thread(lambda: [_silent_sides(one) for one in grown])
        for one, sides in zip(grown, silent, strict=True):
            last = self._looks.pop(one.leg, None)
            if not any(sides):
                continue
            counts = await self._counts(one.leg)
            if counts is None:
                continue
            attempts = last.attempts if last is not None else 0
            if last is not None and attempts < ATTEMPTS:
                came = [now - then for now, then in zip(counts, last.counts, strict=True)]
                if any(
                    is_silent and packets >= LEAST_PACKETS
                    for is_silent, packets in zip(sides, came, strict=True)
                ):
                    _log.warning("%s: a voice is lost; the recording begins anew", one.path.name)
                    await self._begin_anew(one.leg)
                    self.begun_anew += 1
                    attempts += 1
            self._looks[one.leg] = _Look(counts, attempts)

    def forget(self, legs: set[Uniqueid]) -> None:
        """Only `legs` are recorded still."""
        for leg in self._looks.keys() - legs:
            del self._looks[leg]


def _silent_sides(grown: Grown) -> tuple[bool, bool]:
    """Whether left and right of what was just written are digital zero."""
    begin = -(-grown.before // 4) * 4
    try:
        descriptor = os.open(grown.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            data = os.pread(descriptor, (grown.size - begin) // 4 * 4, begin)
        finally:
            os.close(descriptor)
    except OSError:
        return False, False
    sides = np.frombuffer(data[: len(data) // 4 * 4], dtype="<i2").reshape(-1, 2)
    if not len(sides):
        return False, False
    return not sides[:, 0].any(), not sides[:, 1].any()
