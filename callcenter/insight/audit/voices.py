"""The rule of both voices: what was sent while caller and seat were together is in the recording.

What was sent is the PBX's own count of packets, in the journal; what is in the file was measured
when it was finished (decision 20). Files from before both were known are not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from callcenter.insight.audit.compare import Difference, Kind
from callcenter.telephony.domain.media import MediaStatus


class Recorded(Protocol):
    """What the recordings' service says of one file; milliseconds."""

    @property
    def id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def expected_left_ms(self) -> int | None: ...
    @property
    def expected_right_ms(self) -> int | None: ...
    @property
    def left_ms(self) -> int | None: ...
    @property
    def right_ms(self) -> int | None: ...


def compare_voices(files: Iterable[Recorded]) -> Iterator[Difference]:
    """Every recording that was found to lack a voice."""
    for file in files:
        if file.status == MediaStatus.ONE_SIDED.value:
            left = f"left {file.left_ms} of {file.expected_left_ms} ms sent"
            right = f"right {file.right_ms} of {file.expected_right_ms} ms sent"
            yield Difference(Kind.VOICE_MISSING, file.id, f"{left}, {right}")
