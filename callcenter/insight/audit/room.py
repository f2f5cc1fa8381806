"""Calls whose recording there was no room for on the disk.

No fault of the books, but what they lack must be seen by whoever answers for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from callcenter.insight.audit.compare import Difference, Kind
from callcenter.telephony.domain.media import MediaStatus


class JudgedFile(Protocol):
    """What the recordings' service says of one file."""

    @property
    def call_id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def expected_ms(self) -> int | None: ...
    @property
    def duration_ms(self) -> int | None: ...


_KINDS = {
    MediaStatus.LEFT_OUT.value: Kind.RECORDING_LEFT_OUT,
    MediaStatus.CUT.value: Kind.RECORDING_CUT,
}


def without_room(files: Iterable[JudgedFile]) -> Iterator[Difference]:
    """One difference for each recording that was left out or cut for want of room."""
    for file in files:
        kind = _KINDS.get(file.status)
        if kind is not None:
            talked, there = (file.expected_ms or 0) / 1000, (file.duration_ms or 0) / 1000
            yield Difference(kind, file.call_id, f"{talked:.1f} s talked, {there:.1f} s recorded")
