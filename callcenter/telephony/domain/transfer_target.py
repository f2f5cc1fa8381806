"""Where a seat may send a citizen: a seat, a queue, an allowed outside number. Nowhere else.

The dialplan holds every transfer to the same places whoever asks for it; this is the same rule
said earlier, so that the one who asks hears it in words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from callcenter.platform.domain.dialling import matches
from callcenter.telephony.domain.seating import is_seat_extension

_DIALLED = re.compile(r"[0-9]{1,20}", re.ASCII)
"""A consult's target is typed as DTMF: digits, and no number is longer than 20."""


class TargetKind(StrEnum):
    SEAT = "seat"
    QUEUE = "queue"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class DialPlaces:
    """What can be dialled from a seat."""

    first_seat: int
    queues: frozenset[str]
    """What a seat dials for a queue."""
    outbound_patterns: tuple[str, ...]
    """Asterisk patterns of outside numbers, see `domain.dialling`."""

    def kind_of(self, target: str) -> TargetKind | None:
        """What `target` is, or None if nobody may be sent there.

        A queue's number and a seat's digits come before outside patterns, as in the dialplan:
        a pattern too wide does not turn seats into paid calls.
        """
        if _DIALLED.fullmatch(target) is None:
            return None
        if target in self.queues:
            return TargetKind.QUEUE
        if is_seat_extension(target, self.first_seat):
            return TargetKind.SEAT
        if allowed(self.outbound_patterns, target):
            return TargetKind.OUTSIDE
        return None


def allowed(patterns: Iterable[str], number: str) -> bool:
    """Whether any of `patterns` allows `number`."""
    return any(matches(pattern, number) for pattern in patterns)


def dial_places(
    first_seat: int, queues: Collection[str], outbound_patterns: Sequence[str]
) -> DialPlaces:
    """The places of one deployment; `queues` are what a seat dials for them."""
    return DialPlaces(first_seat, frozenset(queues), tuple(outbound_patterns))
