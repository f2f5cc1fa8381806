"""From what is expected to how many people: one line's half-hours, pure.

The seats for the share within the time are reckoned by Erlang C, those for the connect rate by
Erlang A with the patience that callers showed (`domain.staffing`); people on the rota are more than
seats by the shrinkage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from callcenter.workforce.domain.forecast import Basis, Expected
from callcenter.workforce.domain.handling import Measure
from callcenter.workforce.domain.staffing import (
    Demand,
    SeatsNeeded,
    Service,
    Target,
    by_erlang_a,
    seats_needed,
    with_shrinkage,
)


class Staffing(StrEnum):
    """The rota against what is needed."""

    CLOSED = "closed"
    """The line is closed: nobody is needed."""
    UNKNOWN = "unknown"
    """Open, and there is no history to reckon with."""
    SHORT = "short"
    ENOUGH = "enough"
    SPARE = "spare"
    """More than needed."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One half-hour of a line, to be reckoned."""

    starts: datetime
    day: date
    expected: Expected
    open: bool
    rostered: int
    """The fewest at any moment of it, without those on leave."""


@dataclass(frozen=True, slots=True)
class Basics:
    """What holds for every half-hour of a line."""

    target: Target
    patience: Measure
    talk: Measure | None
    """For half-hours without enough talks of their own; None: nobody was ever answered."""
    wrap_up: Measure
    shrinkage: float
    least: int
    """People that it needs while it is open, whatever the load."""


@dataclass(frozen=True, slots=True)
class Interval:
    """One half-hour, reckoned."""

    starts: datetime
    day: date
    basis: Basis
    based_on_days: int
    calls: float
    talk_seconds: float | None
    handle_seconds: float | None
    """Talk and wrap-up."""
    erlangs: float
    needed: SeatsNeeded
    needed_seats: int
    """For both targets, and at least what an open line needs."""
    needed_people: int
    """On the rota, with shrinkage."""
    rostered: int
    staffing: Staffing
    expected: Service | None
    """By Erlang A, from the people that the rota gives; None without calls."""


def reckon(slots: Iterable[Slot], basics: Basics) -> Sequence[Interval]:
    """Each of `slots`; `ValueError` for a load that no number of seats carries."""
    # Days of a kind are alike: each load is reckoned once.
    known: dict[tuple[float, float], SeatsNeeded] = {}
    return [_interval(slot, basics, known) for slot in slots]


def _interval(
    slot: Slot, basics: Basics, known: dict[tuple[float, float], SeatsNeeded]
) -> Interval:
    expected, target = slot.expected, basics.target
    talk = expected.talk_seconds
    if talk is None and basics.talk is not None:
        talk = basics.talk.seconds
    handle = None if talk is None else max(talk + basics.wrap_up.seconds, 1.0)
    needed, service, erlangs = SeatsNeeded(0, 0), None, 0.0
    if handle is not None and expected.calls > 0:
        demand = Demand(expected.calls, handle)
        erlangs = demand.erlangs
        load = (expected.calls, handle)
        if load not in known:
            known[load] = seats_needed(demand, target, basics.patience.seconds)
        needed = known[load]
        there = int(slot.rostered * (1 - basics.shrinkage) + 1e-9)
        service = by_erlang_a(demand, there, target.within_seconds, basics.patience.seconds)
    # A half-hour that is closed now may have had calls under another calendar.
    seats = max(needed.seats, basics.least) if slot.open else 0
    shrunk = with_shrinkage(needed.seats, basics.shrinkage)
    people = max(shrunk, basics.least) if slot.open else 0
    unknown = expected.basis is Basis.NONE or (expected.calls > 0 and handle is None)
    return Interval(
        starts=slot.starts,
        day=slot.day,
        basis=expected.basis,
        based_on_days=expected.days,
        calls=expected.calls,
        talk_seconds=talk,
        handle_seconds=handle,
        erlangs=erlangs,
        needed=needed,
        needed_seats=seats,
        needed_people=people,
        rostered=slot.rostered,
        staffing=_staffing(slot, people, unknown),
        expected=service,
    )


def _staffing(slot: Slot, people: int, unknown: bool) -> Staffing:
    if not slot.open:
        return Staffing.CLOSED
    if slot.rostered < people:
        return Staffing.SHORT
    if unknown:
        return Staffing.UNKNOWN
    return Staffing.SPARE if slot.rostered > people else Staffing.ENOUGH
