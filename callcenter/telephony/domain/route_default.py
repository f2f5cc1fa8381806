"""What the PBX itself knows of the decision that our server makes for each caller.

When that server gives no answer, the dialplan decides by what stands here, so that its default is
the same decision and not an open door: the numbers that are blocked, under every writing that a
carrier uses, with the moment at which each is free again; and when the line is open: the usual
week, and every coming day that differs. So it stays right while days pass and nothing of ours
runs. What is beyond `DAYS_AHEAD` is taken to be an ordinary day.

The entries are those of the PBX's own database (astdb); dialplan/extensions_inbound.conf reads
them. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from callcenter.platform.domain.numbers import writings

BLOCKED = "callcenter-blocked"
"""Family of the blocked numbers: number to the second (Unix time) of its end, or `FOR_GOOD`."""
OPENING = "callcenter-opening"
"""Family of the hours: a day (``20261127``) or a weekday (1 Monday … 7) to its open spans."""
FOR_GOOD = "0"
CLOSED_ALL_DAY = "closed"
DAYS_AHEAD = 400
"""More than a year: an admin enters a year's holidays when they are published."""

_KEPT = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+*#._")
"""What the dialplan leaves of a caller's number (context clean-caller)."""

Minutes = tuple[int, int]
"""Open from the first to before the second, minutes after midnight."""


@dataclass(frozen=True, slots=True)
class BlockedUntil:
    """A blocked number in its one form."""

    number: str
    until: datetime | None
    """None: for good."""


@dataclass(frozen=True, slots=True)
class OpenHours:
    """When the line is open, on the city's clock."""

    week: Sequence[Sequence[Minutes]]
    """Monday … Sunday; a day without spans is closed."""
    days: Mapping[date, Sequence[Minutes]]
    """Days that differ."""


def blocked_entries(blocked: Iterable[BlockedUntil]) -> dict[str, str]:
    """The entries of `BLOCKED`."""
    entries: dict[str, str] = {}
    for one in blocked:
        # A part of a second too early would let him through.
        until = FOR_GOOD if one.until is None else str(int(one.until.timestamp()) + 1)
        for written in writings(one.number):
            key = "".join(char for char in written if char in _KEPT)
            if key:
                entries[key] = until
    return entries


def opening_entries(hours: OpenHours, today: date) -> dict[str, str]:
    """The entries of `OPENING`; `today` is the city's."""
    entries = {str(at): _spans(spans) for at, spans in enumerate(hours.week, 1)}
    last = today + timedelta(days=DAYS_AHEAD)
    for day, spans in hours.days.items():
        if today <= day <= last:
            entries[f"{day:%Y%m%d}"] = _spans(spans)
    return entries


def _spans(spans: Sequence[Minutes]) -> str:
    return "&".join(f"{opens}-{closes}" for opens, closes in spans) or CLOSED_ALL_DAY
