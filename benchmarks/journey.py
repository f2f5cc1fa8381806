"""A call's moments in the product's journal, by the PBX's clock, which is this machine's.

INBOUND and ROUTED stand right before and after the AGI step, so their distance is what the caller
waits for it: connection, question, answer, and two rows of the journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from callcenter.telephony.domain.journal import Event, JournalRow


@dataclass(slots=True)
class Journey:
    """Moments of one inbound call, in seconds since 1970; None has not come."""

    number: str
    inbound: float
    routed: float | None = None
    by_agi: bool = False
    answered: float | None = None
    """The caller was bridged with a seat."""


@dataclass(slots=True)
class Journeys:
    """Every inbound call that was read, by the uniqueid of its channel."""

    calls: dict[str, Journey] = field(default_factory=dict)

    def apply(self, rows: Iterable[JournalRow]) -> list[str]:
        """Take `rows`; the uniqueids of the calls that were answered in them."""
        answered: list[str] = []
        for row in rows:
            call = self.calls.get(row.uniqueid)
            moment = row.at.timestamp()
            if row.event == Event.INBOUND:
                self.calls.setdefault(row.uniqueid, Journey(row.number, moment))
            elif call is None:
                continue
            elif row.event == Event.ROUTED and call.routed is None:
                call.routed = moment
                call.by_agi = row.fact("by") == "agi"
            elif row.event == Event.BRIDGE_ENTER and call.answered is None:
                call.answered = moment
                answered.append(row.uniqueid)
        return answered

    def agi_seconds(self) -> list[float]:
        """How long each call waited for an answer of the AGI server that came."""
        return [
            call.routed - call.inbound
            for call in self.calls.values()
            if call.routed is not None and call.by_agi
        ]

    def defaults(self) -> int:
        """Calls for which the dialplan took its default."""
        return sum(call.routed is not None and not call.by_agi for call in self.calls.values())
