"""A talk as its seat's own figures need it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SeatTalk:
    """One talk at a seat."""

    call_id: str
    seat: str
    via: str
    """`domain.ledger.Via`."""
    started_at: datetime
    ended_at: datetime | None
    """None: it goes on."""
    joined_at: datetime | None
    """When its caller entered his first queue; None if he entered none."""
    score: int | None
    """What the caller gave this seat."""
