"""What a number did lately: the ledger's answers to the questions that are asked while a caller
waits. Read only; each is one indexed query.

The ledger may be behind (the journal reader was down): then less is known, and the rules treat
the caller as one who never called.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select

from callcenter.calls.models import Call, Rating, VoiceMessage
from callcenter.db.engine import Database
from callcenter.domain.ledger import Direction, EndedBy, Outcome
from callcenter.domain.phone import MAX_LENGTH
from callcenter.domain.routing import EarlierCall

LONGEST_CALL = timedelta(hours=4)
"""How much earlier than the moment in question a call may have begun and still matter. It keeps
the queries inside a short piece of the index."""

NEWEST = 5
"""Calls looked at per number: the rules want the one that ended last, and a company's number may
have several at once."""


class RecentCalls:
    """Reads over the ledger by caller number (as `domain.phone.normalise` writes it)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def earlier_calls(
        self, number: str, *, since: datetime, but_not: str
    ) -> tuple[EarlierCall, ...]:
        """The newest inbound calls of `number` that may have ended after `since`, newest first.

        `but_not` is the id of the call that asks: the ledger may know it already.
        """
        query = (
            select(Call.started_at, Call.ended_at, Call.outcome, Call.ended_by, Call.answered_at)
            .add_columns(Call.queue)
            .where(
                _from(number, since - LONGEST_CALL),
                Call.direction == Direction.INBOUND.value,
                Call.id != but_not,
            )
            .order_by(Call.started_at.desc())
            .limit(NEWEST)
        )
        async with self._database.reading() as session:
            rows = (await session.execute(query)).all()
        return tuple(
            EarlierCall(
                started_at=row.started_at,
                ended_at=row.ended_at,
                outcome=Outcome(row.outcome),
                ended_by=EndedBy(row.ended_by) if row.ended_by else None,
                answered=row.answered_at is not None,
                queued=row.queue != "",
            )
            for row in rows
        )

    async def voice_messages(self, number: str, *, since: datetime) -> int:
        """How many voice messages calls of `number` began to leave since `since`.

        The empty number counts all callers without one together.
        """
        query = (
            select(func.count())
            .select_from(Call)
            .join(VoiceMessage, VoiceMessage.call_id == Call.id)
            .where(_from(number, since - LONGEST_CALL), VoiceMessage.started_at >= since)
        )
        async with self._database.reading() as session:
            return (await session.execute(query)).scalar_one()

    async def last_score_at(self, number: str, *, since: datetime) -> datetime | None:
        """When a caller from `number` last gave a score, if that was after `since`."""
        query = (
            select(func.max(Rating.at))
            .select_from(Call)
            .join(Rating, Rating.call_id == Call.id)
            .where(_from(number, since - LONGEST_CALL), Rating.at >= since)
        )
        async with self._database.reading() as session:
            return (await session.execute(query)).scalar_one()


def _from(number: str, since: datetime) -> ColumnElement[bool]:
    return (Call.caller_number == number[:MAX_LENGTH]) & (Call.started_at >= since)
