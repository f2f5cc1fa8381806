"""What the ledger says of agents' seats: its rows as facts of the machine, by way of a table.

Written in the ledger's own transaction, so none is lost; read and taken right after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.telephony.calls.lookup import call_rows
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.domain.ledger import Direction, LedgerChanges, RingEnd
from callcenter.workforce.agents.models import AgentFact
from callcenter.workforce.domain.agents import Fact, RingEnded, TalkEnded

_RINGS = {
    RingEnd.ANSWERED: "ring_answered",
    RingEnd.NO_ANSWER: "ring_missed",
    RingEnd.REFUSED: "ring_refused",
}


async def facts_in(
    session: AsyncSession, changes: LedgerChanges, may_sit: Callable[[str], bool]
) -> Sequence[AgentFact]:
    """The rows to be kept of `changes`: of seats at which somebody may sit."""
    rows = [
        AgentFact(
            seat=ring.seat, kind=_RINGS[ring.how], leg=ring.channel, queue="", at=ring.ended_at
        )
        for ring in changes.rings
        if ring.how in _RINGS
        and ring.ended_at is not None
        and may_sit(ring.seat)
        # Whoever tells a colleague that he has no time has refused no caller.
        and not (ring.how is RingEnd.REFUSED and ring.visit_id is None)
        # That a caller out of the queue was really taken, his talk's end says: a phone that answers
        # and leaves at once has not.
        and not (ring.how is RingEnd.ANSWERED and ring.visit_id is not None)
    ]
    talks = [
        (talk, talk.ended_at)
        for talk in changes.talks
        if talk.ended_at is not None and may_sit(talk.seat)
    ]
    if talks:
        calls = await call_rows(session, {talk.call_id for talk, _ in talks})
        for talk, at in talks:
            call = calls.get(talk.call_id)
            # Colleagues' talks among themselves leave nothing to be written up.
            if call is not None and call.direction is not Direction.INTERNAL:
                rows.append(
                    AgentFact(
                        seat=talk.seat,
                        kind="talk_ended",
                        leg=talk.channel,
                        queue=call.queue,
                        at=at,
                    )
                )
    return rows


def fact_of(row: AgentFact) -> Fact:
    """The fact that a row holds."""
    if row.kind == "talk_ended":
        return TalkEnded(Uniqueid(row.leg), row.queue, row.at)
    return RingEnded(
        answered=row.kind == "ring_answered", refused=row.kind == "ring_refused", at=row.at
    )
