"""What one agent did on one day: his own figures, and nobody else's.

A talk is his if he sat at its seat as it began. A call counts once, however often it came back to
him; who was put through to him by a colleague did not wait for him, so a wait is of a talk that
came out of a queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from callcenter.telephony.domain.ledger import Via
from callcenter.telephony.domain.seat_talks import SeatTalk
from callcenter.workforce.domain.agent_sums import Interval
from callcenter.workforce.domain.agents import AgentState

ZERO = timedelta()


@dataclass(frozen=True, slots=True)
class OwnFigures:
    """Of one agent and one day."""

    calls: int
    talk: timedelta
    """Together; a talk that goes on counts until now."""
    waits: tuple[timedelta, ...]
    """Of his callers, in the order in which he answered."""
    scores: tuple[int, ...]
    """In the order of his talks."""

    @property
    def average_talk(self) -> timedelta | None:
        """Per call; None without one."""
        return self.talk / self.calls if self.calls else None

    @property
    def average_wait(self) -> timedelta | None:
        """None if nobody came out of a queue."""
        return sum(self.waits, ZERO) / len(self.waits) if self.waits else None

    @property
    def longest_wait(self) -> timedelta | None:
        """None if nobody came out of a queue."""
        return max(self.waits, default=None)

    @property
    def average_score(self) -> float | None:
        """None without one."""
        return sum(self.scores) / len(self.scores) if self.scores else None


def own_figures(talks: Sequence[SeatTalk], sat: Sequence[Interval], now: datetime) -> OwnFigures:
    """The figures of whoever sat as `sat` says, out of `talks` of those seats."""
    own = [talk for talk in talks if any(_is_his(talk, one) for one in sat)]
    spans = ((talk.ended_at or now) - talk.started_at for talk in own)
    waits: dict[str, timedelta] = {}
    scores: dict[str, int] = {}
    for talk in own:
        if talk.via == Via.QUEUE and talk.joined_at is not None:
            waits.setdefault(talk.call_id, max(talk.started_at - talk.joined_at, ZERO))
        if talk.score is not None:
            scores[talk.call_id] = talk.score
    return OwnFigures(
        calls=len({talk.call_id for talk in own}),
        talk=sum((max(span, ZERO) for span in spans), ZERO),
        waits=tuple(waits.values()),
        scores=tuple(scores.values()),
    )


def _is_his(talk: SeatTalk, sat: Interval) -> bool:
    return (
        sat.state is not AgentState.OFFLINE
        and talk.seat == sat.seat
        and sat.begun_at <= talk.started_at
        and (sat.ended_at is None or talk.started_at < sat.ended_at)
    )
