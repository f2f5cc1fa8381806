"""Sums over an agent's intervals: how long in which state, and occupancy.

Intervals tile time, so the sums of a day and an agent are exact to the microsecond, and the sum
of all states is the time logged in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from callcenter.workforce.domain.agents import AgentState

ZERO = timedelta()


@dataclass(frozen=True, slots=True)
class Interval:
    """An agent was in one state at one seat; [begun_at, ended_at)."""

    user_id: int
    seat: str
    state: AgentState
    reason: str
    begun_at: datetime
    ended_at: datetime | None
    """None: it goes on."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one agent, over one span of time."""

    by_state: Mapping[AgentState, timedelta] = field(default_factory=dict)
    by_reason: Mapping[str, timedelta] = field(default_factory=dict)
    """Breaks by their reasons; together they are the state break."""

    @property
    def logged_in(self) -> timedelta:
        """Time at a seat."""
        return sum(self.by_state.values(), ZERO)

    @property
    def occupancy(self) -> float | None:
        """Work on calls (ringing, talking, hold, wrap-up) over the time that was available for
        calls (that and ready); None if there was none."""
        busy = sum((span for state, span in self.by_state.items() if state.busy), ZERO)
        available = sum((span for state, span in self.by_state.items() if state.available), ZERO)
        return busy / available if available else None


def sums(
    intervals: Iterable[Interval], begin: datetime, end: datetime, now: datetime
) -> dict[int, Sums]:
    """The sums of each agent within [begin, end); an interval that goes on counts until `now`."""
    states: dict[int, dict[AgentState, timedelta]] = {}
    reasons: dict[int, dict[str, timedelta]] = {}
    for one in intervals:
        first = max(one.begun_at, begin)
        last = min(one.ended_at if one.ended_at is not None else now, end)
        if last <= first:
            continue
        by_state = states.setdefault(one.user_id, {})
        by_state[one.state] = by_state.get(one.state, ZERO) + (last - first)
        if one.state is AgentState.BREAK:
            by_reason = reasons.setdefault(one.user_id, {})
            by_reason[one.reason] = by_reason.get(one.reason, ZERO) + (last - first)
    return {
        user_id: Sums(by_state, reasons.get(user_id, {})) for user_id, by_state in states.items()
    }
