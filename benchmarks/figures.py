"""Many values as a few: the quantiles that goals are set in."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution, in the unit of its values; all 0 when there were none."""

    count: int
    p50: float
    p99: float
    longest: float


def spread(values: Iterable[float]) -> Spread:
    """The spread of `values`; a quantile is a value that occurred (nearest rank), never a mean."""
    ordered = sorted(values)
    if not ordered:
        return Spread(0, 0.0, 0.0, 0.0)

    def rank(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return Spread(len(ordered), rank(0.5), rank(0.99), ordered[-1])
