"""The rates by which units are judged: response, resolution, satisfaction, on time.

A definition says who is counted, who is left out and why, what is above the line and what below
it. It has a version, because a figure that was published keeps the meaning that it had.

- The population are cases that were dispatched to the unit and whose handling deadline lies in the
  period, less what was excluded: each exclusion names who made it and why.
- A rate is made of those whom the review has reached. Who was not reached is a column of its own
  and never counts as satisfied; so is who was not asked. The share that was asked stands beside it.
- Nothing divided by nothing is no rate: neither 0 % nor 100 %.
- A rate of a sample has an interval (Wilson 1927). Where a citizen's answer weighs less than one
  the interval is somewhat wide, never narrow.
- The first figure and the one after redoing are both kept; the definition says which is ranked.
- A unit of which too few were reached is listed without a rank.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from math import sqrt


class RateKind(StrEnum):
    """What is measured."""

    RESPONSE = "response"
    """Contacted by the unit within the contact limit, of those who were reached."""
    RESOLUTION = "resolution"
    """Resolved, of those who were reached, less what by law cannot be resolved."""
    SATISFACTION = "satisfaction"
    """The weights of the answers, of those who were reached and answered."""
    ON_TIME = "on_time"
    """Replied to by the deadline, of the whole population."""


class ExclusionReason(StrEnum):
    """Why a case is not counted."""

    WITHDRAWN = "withdrawn"
    """By the citizen."""
    MERGED = "merged"
    """Counted once, at the case that it follows."""
    RETURN_ACCEPTED = "return_accepted"
    """It was not the unit's."""
    NOT_EVALUATED = "not_evaluated"
    """Its class is not."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why a case is not counted, and who decided it."""

    reason: ExclusionReason
    who: str
    why: str = ""

    def __post_init__(self) -> None:
        if not self.who:
            raise ValueError("an exclusion names who made it")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a review has found."""

    reached: bool
    resolved: bool = False
    unresolvable: bool = False
    """By law, and that was accepted."""
    satisfied: str = "no_answer"
    """A code of `states.Field.SATISFIED`."""


@dataclass(frozen=True, slots=True)
class JudgedCase:
    """What is counted of one case for one unit."""

    number: str
    unit: str
    deadline: datetime | None
    """Of handling, extensions and pauses in it; None while it stands still."""
    replied: datetime | None = None
    extended: bool = False
    contacted_in_time: bool = False
    first: Verdict | None = None
    """Of the first review; None: not reviewed."""
    final: Verdict | None = None
    """Of the last one."""
    exclusions: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, slots=True)
class RatesDefinition:
    """One version of what the rates mean."""

    version: int
    valid_from: datetime
    ranked: str = "final"
    """Which review is ranked: first or final."""
    each_merged: bool = False
    """Whether merged cases count each."""
    minimum: int = 10
    """Reached ones below which a unit has no rank."""
    z: float = 1.959964
    """Of the interval: 95 %."""
    answers: Mapping[str, Fraction] = field(
        default_factory=lambda: {
            "very": Fraction(1),
            "satisfied": Fraction(1),
            "basically": Fraction(4, 5),
            "dissatisfied": Fraction(0),
        }
    )
    """What each answer weighs; one that is not here is no answer."""
    composite: Mapping[RateKind, Fraction] = field(
        default_factory=lambda: {
            RateKind.RESPONSE: Fraction(1, 5),
            RateKind.RESOLUTION: Fraction(2, 5),
            RateKind.SATISFACTION: Fraction(2, 5),
        }
    )

    def __post_init__(self) -> None:
        if self.ranked not in ("first", "final"):
            raise ValueError("ranked: first or final")
        if any(not 0 <= weight <= 1 for weight in self.answers.values()):
            raise ValueError("an answer weighs from 0 to 1")


DEFINITIONS: tuple[RatesDefinition, ...] = (RatesDefinition(1, datetime(2020, 1, 1, tzinfo=UTC)),)
"""What a new line begins with."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate."""

    numerator: Fraction
    denominator: int
    interval: tuple[float, float] | None = None
    """None: of a whole population, or of nobody."""

    @property
    def value(self) -> Fraction | None:
        """The rate from 0 to 1; None of nobody."""
        return self.numerator / self.denominator if self.denominator else None


Rates = Mapping[RateKind, Rate]


@dataclass(frozen=True, slots=True)
class UnitRates:
    """The figures of one unit in one period, and everything that they are made of."""

    unit: str
    population: tuple[str, ...]
    """The numbers of the cases."""
    excluded: tuple[tuple[str, Exclusion], ...]
    reached: int
    """At the ranked review."""
    unreached: int
    not_reviewed: int
    extended: int
    first: Rates
    final: Rates
    composite: Fraction | None
    """Of the ranked one; None if a part of it is none."""
    rank: int | None = None

    @property
    def sample(self) -> Fraction | None:
        """The share that was reviewed, reached or not."""
        of = len(self.population)
        return Fraction(self.reached + self.unreached, of) if of else None


def definition_at(definitions: Iterable[RatesDefinition], at: datetime) -> RatesDefinition | None:
    """The latest version that holds `at`."""
    valid = [one for one in definitions if one.valid_from <= at]
    return max(valid, key=lambda one: one.version, default=None)


def unit_rates(
    unit: str,
    cases: Iterable[JudgedCase],
    period: tuple[datetime, datetime],
    definition: RatesDefinition,
) -> UnitRates:
    """The figures of `cases`, in `period` (its end not included); they are all the unit's.

    For a whole tree or city its cases are given, so a total is reckoned as its parts are.
    """
    population: list[JudgedCase] = []
    excluded: list[tuple[str, Exclusion]] = []
    for case in cases:
        if case.deadline is None or not period[0] <= case.deadline < period[1]:
            continue
        reasons = [one for one in case.exclusions if _counts(one, definition)]
        if reasons:
            excluded.append((case.number, reasons[0]))
        else:
            population.append(case)
    first = _rates(population, [case.first for case in population], definition)
    final = _rates(population, [case.final for case in population], definition)
    ranked = definition.ranked == "final"
    verdicts = [case.final if ranked else case.first for case in population]
    seen = Counter(None if verdict is None else verdict.reached for verdict in verdicts)
    return UnitRates(
        unit=unit,
        population=tuple(case.number for case in population),
        excluded=tuple(excluded),
        reached=seen[True],
        unreached=seen[False],
        not_reviewed=seen[None],
        extended=sum(case.extended for case in population),
        first=first,
        final=final,
        composite=_composite(final if ranked else first, definition),
    )


def ranked(figures: Sequence[UnitRates], definition: RatesDefinition) -> list[UnitRates]:
    """`figures` with ranks, the best first, equal ones sharing a rank; then those without one."""
    ordered = sorted(
        (one for one in figures if _may_rank(one, definition)),
        key=lambda one: (-_score(one), one.unit),
    )
    found = [
        replace(one, rank=1 + sum(_score(other) > _score(one) for other in ordered))
        for one in ordered
    ]
    rest = [one for one in figures if not _may_rank(one, definition)]
    return [*found, *(replace(one, rank=None) for one in sorted(rest, key=lambda one: one.unit))]


def wilson(share: float, of: int, z: float) -> tuple[float, float]:
    """The interval of `share` found in a sample of `of` (E. B. Wilson, JASA 22, 1927)."""
    spread = z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def _counts(exclusion: Exclusion, definition: RatesDefinition) -> bool:
    return not (definition.each_merged and exclusion.reason is ExclusionReason.MERGED)


def _score(figures: UnitRates) -> Fraction:
    return Fraction(0) if figures.composite is None else figures.composite


def _may_rank(figures: UnitRates, definition: RatesDefinition) -> bool:
    return figures.composite is not None and figures.reached >= definition.minimum


def _rates(
    population: Sequence[JudgedCase],
    verdicts: Sequence[Verdict | None],
    definition: RatesDefinition,
) -> Rates:
    reached = [
        (case, verdict)
        for case, verdict in zip(population, verdicts, strict=True)
        if verdict is not None and verdict.reached
    ]
    resolvable = [verdict for _, verdict in reached if not verdict.unresolvable]
    answers = [
        definition.answers[verdict.satisfied]
        for _, verdict in reached
        if verdict.satisfied in definition.answers
    ]
    return {
        RateKind.RESPONSE: _sampled(
            sum(case.contacted_in_time for case, _ in reached), len(reached), definition
        ),
        RateKind.RESOLUTION: _sampled(
            sum(verdict.resolved for verdict in resolvable), len(resolvable), definition
        ),
        RateKind.SATISFACTION: _sampled(sum(answers, Fraction(0)), len(answers), definition),
        RateKind.ON_TIME: Rate(Fraction(sum(map(_on_time, population))), len(population)),
    }


def _on_time(case: JudgedCase) -> bool:
    return case.replied is not None and case.deadline is not None and case.replied <= case.deadline


def _sampled(numerator: int | Fraction, of: int, definition: RatesDefinition) -> Rate:
    above = Fraction(numerator)
    interval = wilson(float(above / of), of, definition.z) if of else None
    return Rate(above, of, interval)


def _composite(rates: Rates, definition: RatesDefinition) -> Fraction | None:
    total = Fraction(0)
    for kind, weight in definition.composite.items():
        value = rates[kind].value
        if value is None:
            return None
        total += weight * value
    return total
