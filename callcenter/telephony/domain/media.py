"""What became of an audio file, and the rules that judge its length and its sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from callcenter.telephony.domain.ledger import NoRoom


class MediaKind(StrEnum):
    """What the file holds."""

    RECORDING = "recording"
    VOICE_MESSAGE = "voice_message"


class MediaStatus(StrEnum):
    """State of one audio file."""

    PENDING = "pending"
    """The call is over; the file waits for the media worker."""
    READY = "ready"
    SHORT = "short"
    """Shorter than the time the caller was bridged; what there is can be heard."""
    ONE_SIDED = "one_sided"
    """On one side less is to be heard than was sent there, by far; what there is can be heard."""
    TOO_SHORT = "too_short"
    """A voice message below the minimum: most likely a slip. It can be heard."""
    EMPTY = "empty"
    """Nothing was recorded, and nothing should have been: bridged for no time to speak of."""
    MISSING = "missing"
    """The PBX wrote no file, or an empty one, although there was something to record."""
    LEFT_OUT = "left_out"
    """There was no room on the disk to record it; the call went on without."""
    CUT = "cut"
    """There was room for its beginning alone, which can be heard."""
    FAILED = "failed"
    """The file could not be finished, for good; `error` says why. The PBX's file is kept."""
    REMOVED = "removed"
    """Taken away by retention."""

    @property
    def audible(self) -> bool:
        """Whether there is a finished file to listen to."""
        return self in _AUDIBLE


_AUDIBLE = frozenset(
    {
        MediaStatus.READY,
        MediaStatus.SHORT,
        MediaStatus.ONE_SIDED,
        MediaStatus.TOO_SHORT,
        MediaStatus.CUT,
    }
)


@dataclass(frozen=True, slots=True)
class MediaNote:
    """What became of one audio file of a call, for whoever keeps the call's history."""

    call_id: str
    media_id: str
    status: MediaStatus


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a recording, the caller's or the other one; milliseconds."""

    sent: int | None
    """At least so much voice was sent there; None if it is not known."""
    found: int | None
    """So much of it is no digital silence; None if that cannot be seen in the file."""

    def lacks(self, short_ms: int, tolerance_ms: int) -> bool:
        """Whether more than `tolerance_ms` is missing beside what the whole file is short of."""
        if self.sent is None or self.found is None:
            return False
        return self.found < self.sent - max(0, short_ms) - tolerance_ms


def judge_recording(
    *,
    expected_ms: int,
    actual_ms: int,
    tolerance_ms: int,
    sides: Sequence[Side] = (),
    side_tolerance_ms: int = 0,
) -> MediaStatus:
    """The state of a recording of `actual_ms` when the caller was bridged for `expected_ms`.

    A file may fall short by `tolerance_ms`: MixMonitor begins with the first frame after the
    bridge, and the last frames of a phone that has hung up never come. Longer is no fault.
    Each of `sides` may lack `side_tolerance_ms` of what was sent there.
    """
    if actual_ms <= 0:
        return MediaStatus.EMPTY if expected_ms <= tolerance_ms else MediaStatus.MISSING
    if any(side.lacks(expected_ms - actual_ms, side_tolerance_ms) for side in sides):
        return MediaStatus.ONE_SIDED
    return MediaStatus.SHORT if actual_ms < expected_ms - tolerance_ms else MediaStatus.READY


def for_want_of_room(found: MediaStatus, no_room: NoRoom) -> MediaStatus:
    """The state of a recording that was `found` like that, when the disk was as `no_room` says.

    What is whole all the same is whole: it may have been ended a moment before its call.
    """
    if no_room is NoRoom.LEFT_OUT:
        return MediaStatus.LEFT_OUT
    if no_room is NoRoom.NOWHERE or found in (MediaStatus.READY, MediaStatus.EMPTY):
        return found
    return MediaStatus.CUT if found is MediaStatus.SHORT else MediaStatus.LEFT_OUT


def judge_voice_message(
    *, actual_ms: int, minimum_ms: int, at_least_ms: int | None = None
) -> MediaStatus:
    """The state of a voice message of `actual_ms`; below `minimum_ms` it is a slip.

    `at_least_ms` is how long it must be, where somebody may have cut it.
    """
    if at_least_ms is not None and 0 < actual_ms < at_least_ms:
        return MediaStatus.SHORT
    if actual_ms <= 0:
        return MediaStatus.MISSING
    return MediaStatus.TOO_SHORT if actual_ms < minimum_ms else MediaStatus.READY


def retry_delay_seconds(attempts: int, first: float, longest: float) -> float:
    """How long to wait after the `attempts`-th failed try (1, 2 …): doubling, bounded."""
    return float(min(longest, first * 2.0 ** min(attempts - 1, 60)))
