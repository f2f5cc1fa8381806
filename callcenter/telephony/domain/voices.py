"""How much of each side's voice must be in a recording: what was sent, as the PBX's RTP counted it.

The dialplan tells the counts of the citizen's leg (VOICE) when a recording begins, when it begins
anew and when the leg ends. What is reckoned here is a lower bound, so that nobody is blamed for a
silence of his own: a phone that sends nothing (silence suppression, hold) has sent nothing.
Decision 20.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

PACKET_MS, SHORT_PACKET_MS = 20, 10
"""What a packet holds: 20 ms as the PBX sends and nearly all phones do; a leg of which more come
than fit into its time has packets of 10. Longer ones only make the bound lower."""
RENEWAL_MS = 250
"""May be missing where a recording begins anew: what the PBX had not written yet (80 ms), a packet
of silence, and a new thread; 100 to 160 ms were seen, on a busy machine."""
JUDGED_CODEC = "(alaw)"
"""A-law has no zero: a digital zero in a recording is sound that never came. In mu-law a mute phone
sends zeros, so that nothing can be said there."""
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Count:
    """Packets of the citizen's leg up to a moment."""

    at: datetime
    together_us: int
    """How long the citizen had been together with somebody."""
    read: int
    """That came from him."""
    written: int
    """That went to him."""


@dataclass(frozen=True, slots=True)
class Sent:
    """At least so many milliseconds of voice must be in the recording."""

    left: int
    """The citizen's."""
    right: int
    """Of whoever spoke to him."""


def sent_at_least(counts: Iterable[Count], paused_ms: int) -> Sent:
    """What was sent while the citizen was together with somebody and nothing was paused.

    All the time in which he was with nobody is taken to have been full of music.
    """
    left = right = 0
    for before, after in pairwise(counts):
        span = (after.at - before.at) // _MS
        apart = span - (after.together_us - before.together_us) // 1000
        less = apart + RENEWAL_MS
        left += max(0, _milliseconds(before.read, after.read, span) - less)
        right += max(0, _milliseconds(before.written, after.written, span) - less)
    return Sent(max(0, left - paused_ms), max(0, right - paused_ms))


def _milliseconds(before: int, after: int, span: int) -> int:
    # A new source begins at 0 again (res_rtp_asterisk.c, SSRC change).
    packets = after - before if after >= before else after
    length = PACKET_MS if packets * PACKET_MS <= span * 1.2 + 200 else SHORT_PACKET_MS
    return min(packets * length, span)
