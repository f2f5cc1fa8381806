"""Signals: what a case's clocks say at a moment.

A signal is a fact, reckoned from the clock, its rule and the moment, and the same whenever it is
reckoned. Its key names it for good, so whoever sends it can see whether it was sent: after an
outage nothing is lost and nothing comes twice. Signals of a clock come one after the other and do
not go again while its facts stay; what is merged says nothing, the case that it follows speaks.

The ladder of a unit that is late: urged when it is warned (yellow); on the first worked day after
the deadline red, urged in writing and a supervision slip; urged again; and five working days after
the red card named in a circular.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callcenter.casework.domain.clock_rules import (
    ClockRule,
    reckoned,
    red_at,
    rule_for,
    warns_at,
)
from callcenter.casework.domain.folded import CaseClock, FoldedCase
from callcenter.casework.domain.states import CaseState, ClockKind
from callcenter.casework.domain.working_time import Limit, Measure, Office, Start, reckon
from callcenter.people.domain.permissions import Role


class SignalKind(StrEnum):
    """What is signalled."""

    YELLOW = "yellow"
    """A warning before the deadline."""
    URGING = "urging"
    OVERDUE = "overdue"
    """The deadline has passed; who is escalated to is told."""
    RED = "red"
    SUPERVISION_SLIP = "supervision_slip"
    CIRCULAR = "circular"


@dataclass(frozen=True, slots=True)
class Rung:
    """One degree of the ladder: so many working days after the red card."""

    kind: SignalKind
    level: int
    days: int


LADDER: tuple[Rung, ...] = (
    Rung(SignalKind.URGING, 2, 0),
    Rung(SignalKind.SUPERVISION_SLIP, 1, 0),
    Rung(SignalKind.URGING, 3, 3),
    Rung(SignalKind.CIRCULAR, 1, 5),
)
"""What follows a red card."""
SILENT = frozenset({ClockKind.RETURN})
"""Clocks whose end is the end of a right, and nobody's delay."""
LADDERED = frozenset({ClockKind.HANDLING, ClockKind.REDO, ClockKind.SUPERVISION})
"""Clocks on which a unit is urged; the others only warn."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal, since when, and whom it concerns."""

    kind: SignalKind
    level: int
    """Of an urging: 1 to 3."""
    clock: ClockKind
    count: int
    """Which clock of its kind."""
    unit: str
    since: datetime
    tell: Role | None = None
    """Beside the unit."""

    @property
    def key(self) -> str:
        """``handling/1/urging/2``: once in a case."""
        return f"{self.clock}/{self.count}/{self.kind}/{self.level}"


def signals(
    case: FoldedCase,
    rules: Sequence[ClockRule],
    office: Office,
    now: datetime,
    ladder: Sequence[Rung] = LADDER,
) -> tuple[Signal, ...]:
    """What the clocks of `case` signal at `now`, in the order in which it came to be.

    Only clocks that run signal: what was done in time, or late, is told by the reports.
    """
    if case.state is CaseState.MERGED:
        return ()
    found = [
        signal
        for clock in case.clocks
        if clock.runs
        for signal in _of(clock, case, rules, office, ladder)
        if signal.since <= now
    ]
    return tuple(sorted(found, key=lambda signal: (signal.since, signal.key)))


def next_signal(
    case: FoldedCase,
    rules: Sequence[ClockRule],
    office: Office,
    after: datetime,
    ladder: Sequence[Rung] = LADDER,
) -> datetime | None:
    """The first moment later than `after` at which something more is signalled, if all stays."""
    if case.state is CaseState.MERGED:
        return None
    coming = [
        signal.since
        for clock in case.clocks
        if clock.runs
        for signal in _of(clock, case, rules, office, ladder)
        if signal.since > after
    ]
    return min(coming, default=None)


def _of(
    clock: CaseClock,
    case: FoldedCase,
    rules: Sequence[ClockRule],
    office: Office,
    ladder: Sequence[Rung],
) -> Iterator[Signal]:
    """Everything that `clock` will signal, if it goes on as it does."""
    rule = rule_for(rules, clock.kind, case, clock.started)
    if rule is None or clock.kind in SILENT:
        return

    def signal(kind: SignalKind, level: int, since: datetime, tell: Role | None = None) -> Signal:
        return Signal(kind, level, clock.kind, clock.count, clock.unit, since, tell)

    warning = warns_at(clock, rule, office)
    if warning is not None:
        yield signal(SignalKind.YELLOW, 1, warning)
    reckoning = reckoned(clock, rule, office)
    red = red_at(reckoning, rule, office)
    if reckoning.deadline is None or red is None:
        return
    yield signal(SignalKind.OVERDUE, 1, reckoning.deadline, rule.escalate_to)
    yield signal(SignalKind.RED, 1, red, rule.escalate_to)
    if clock.kind not in LADDERED:
        return
    yield signal(SignalKind.URGING, 1, warning or reckoning.deadline)
    for rung in ladder:
        limit = Limit(rung.days, Measure.WORKING_DAYS, Start.NOW)
        since = reckon(limit, red, (), office).deadline
        if since is not None:
            yield signal(rung.kind, rung.level, since)
