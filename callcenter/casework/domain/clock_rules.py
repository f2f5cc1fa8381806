"""How long each clock of a case may run: rules as data, with versions.

A rule is for one clock, and for the cases that it names: by category (a code, or what codes below
it begin with), kind, urgency, and whether a leader signed it off. Of several the one holds that
names the urgency, then the deepest category, then the kind, then the sign-off: danger is not put
off by a signature. Of rules for the same the latest version holds. Which version that is is settled
by the moment at which the clock started, so a new one does not move what runs; whoever wants that
reckons anew with it and keeps the old value.

Deadlines and what warns of them are reckoned from the clock's facts each time (`working_time`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from callcenter.casework.domain.folded import CaseClock, FoldedCase
from callcenter.casework.domain.states import ClockKind
from callcenter.casework.domain.working_time import (
    Limit,
    Measure,
    Office,
    Reckoning,
    Start,
    earlier,
    reckon,
)
from callcenter.people.domain.permissions import Role


@dataclass(frozen=True, slots=True)
class ClockRule:
    """How long one clock may run, and who is told of it when."""

    clock: ClockKind
    limit: Limit
    version: int
    valid_from: datetime
    valid_until: datetime | None = None
    """From then on no clock starts by it; None: until a later version."""
    category: str = ""
    """A code: it and those below it (``water`` and ``water.leak``); '' for all."""
    kind: str = ""
    urgency: str = ""
    signed: bool | None = None
    warn: int = 0
    """So many of the measure before the deadline is warned; 0: not at all."""
    alarm: Start = Start.NEXT_WORKING_DAY
    """When overdue becomes a red card: at once, or on the next day that is worked."""
    escalate_to: Role = Role.SUPERVISOR
    """Who is told when it is overdue."""

    def names(self, category: str, kind: str, urgency: str, signed: bool) -> bool:
        """Whether the rule is for such a case."""
        below = f"{category}.".startswith(f"{self.category}.") or not self.category
        return (
            below
            and self.kind in ("", kind)
            and self.urgency in ("", urgency)
            and self.signed in (None, signed)
        )

    @property
    def weight(self) -> tuple[bool, int, bool, bool, int]:
        """What it names, by what that counts; last its version."""
        depth = len(self.category.split(".")) if self.category else 0
        return self.urgency != "", depth, self.kind != "", self.signed is not None, self.version

    def starts(self, at: datetime) -> bool:
        """Whether a clock that starts `at` starts by it."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)


def rule_for(
    rules: Iterable[ClockRule], clock: ClockKind, case: FoldedCase, at: datetime
) -> ClockRule | None:
    """The rule for `clock` of `case` if it started `at`; None if it has no limit."""
    fitting = [
        rule
        for rule in rules
        if rule.clock is clock
        and rule.starts(at)
        and rule.names(case.category, case.kind, case.urgency, case.signed)
    ]
    return max(fitting, key=lambda rule: rule.weight, default=None)


def reckoned(clock: CaseClock, rule: ClockRule, office: Office) -> Reckoning:
    """The deadline of `clock` by `rule`, with every day and pause that was counted."""
    return reckon(_extended(clock, rule), clock.started, clock.pauses, office)


def warns_at(clock: CaseClock, rule: ClockRule, office: Office) -> datetime | None:
    """When it is warned of the deadline; None if it is not, or if it stands still before."""
    if not rule.warn:
        return None
    limit = earlier(_extended(clock, rule), rule.warn)
    return reckon(limit, clock.started, clock.pauses, office).deadline


def red_at(reckoning: Reckoning, rule: ClockRule, office: Office) -> datetime | None:
    """The moment from which it is red; None while a pause keeps it from it."""
    if reckoning.deadline is None or rule.alarm is Start.NOW:
        return reckoning.deadline
    return office.moment(office.next_worked(reckoning.last_day))


def deadlines(
    case: FoldedCase, rules: Sequence[ClockRule], office: Office
) -> dict[ClockKind, datetime]:
    """Of the clocks that run and have a deadline: what a decision is told of them."""
    found = {}
    for clock in case.clocks:
        rule = rule_for(rules, clock.kind, case, clock.started) if clock.runs else None
        if rule is None:
            continue
        deadline = reckoned(clock, rule, office).deadline
        if deadline is not None:
            found[clock.kind] = deadline
    return found


def _extended(clock: CaseClock, rule: ClockRule) -> Limit:
    return replace(rule.limit, amount=rule.limit.amount + clock.extended)


def _first(
    clock: ClockKind,
    amount: int,
    measure: Measure,
    start: Start = Start.NOW,
    *,
    urgency: str = "",
    signed: bool | None = None,
    warn: int = 0,
) -> ClockRule:
    # What is reckoned in minutes cannot wait for a day that is worked.
    alarm = Start.NOW if measure is Measure.MINUTES else Start.NEXT_WORKING_DAY
    limit = Limit(amount, measure, start)
    return ClockRule(
        clock, limit, 1, datetime(2020, 1, 1, tzinfo=UTC), urgency=urgency, signed=signed,
        warn=warn, alarm=alarm,
    )  # fmt: skip


_DAYS, _HOURS, _MINUTES = Measure.WORKING_DAYS, Measure.WORKING_HOURS, Measure.MINUTES
_NEXT = Start.NEXT_WORKING_DAY

SHANDONG: tuple[ClockRule, ...] = (
    # Handling: 5 working days from the day after (Shandong, 2020); what a leader signed off, 7.
    _first(ClockKind.HANDLING, 5, _DAYS, _NEXT, warn=1),
    _first(ClockKind.HANDLING, 7, _DAYS, _NEXT, signed=True, warn=1),
    # Danger to life or property, and water, power, gas, heat: night and day.
    _first(ClockKind.HANDLING, 120, _MINUTES, urgency="danger", warn=60),
    _first(ClockKind.HANDLING, 1440, _MINUTES, urgency="urgent", warn=240),
    _first(ClockKind.SIGN_FOR, 1, _DAYS, _NEXT),
    _first(ClockKind.SIGN_FOR, 30, _MINUTES, urgency="urgent", warn=10),
    _first(ClockKind.SIGN_FOR, 15, _MINUTES, urgency="danger", warn=5),
    _first(ClockKind.RETURN, 2, _DAYS, _NEXT),
    _first(ClockKind.JUDGEMENT, 8, _HOURS),
    _first(ClockKind.DISPATCH, 2, _HOURS),
    _first(ClockKind.DISPATCH, 15, _MINUTES, urgency="urgent"),
    _first(ClockKind.DISPATCH, 5, _MINUTES, urgency="danger"),
    _first(ClockKind.CONTACT, 1, _DAYS, _NEXT),
    _first(ClockKind.CONTACT, 60, _MINUTES, urgency="urgent", warn=15),
    _first(ClockKind.CONTACT, 30, _MINUTES, urgency="danger", warn=10),
    _first(ClockKind.REVIEW, 1, _DAYS, _NEXT),
    _first(ClockKind.REDO, 3, _DAYS, _NEXT, warn=1),
    _first(ClockKind.SUPERVISION, 7, _DAYS, _NEXT, warn=1),
)
"""What a new line in Shandong begins with; the office changes it by versions of its own."""
