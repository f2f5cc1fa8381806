"""What a number did lately: the ledger's answers to the questions that are asked while a caller
waits. Read only; each is one indexed query.

The ledger may be behind (the journal reader was down): then less is known, and the rules treat
the caller as one who never called.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, select

from callcenter.platform.db.engine import Database
from callcenter.platform.domain.numbers import MAX_LENGTH
from callcenter.telephony.calls.models import Call, Rating, VoiceMessage
from callcenter.telephony.domain.ledger import Direction, EndedBy, Outcome
from callcenter.telephony.domain.routing import EarlierCall

LONGEST_CALL = timedelta(hours=4)
"""How much earlier than the moment in question a call may have begun and still matter. It keeps
the queries inside a short piece of the index."""

NEWEST = 5
"""Calls looked at per number: the rules want the one that ended last, and a company's number may
have several at once."""


# Built once: building a statement costs more than running it.
_NUMBER_SINCE = and_(
    Call.caller_number == bindparam("number"), Call.started_at >= bindparam("started_since")
)
_EARLIER = (
    select(
        Call.started_at,
        Call.ended_at,
        Call.outcome,
        Call.ended_by,
        Call.answered_at,
        Call.queue,
    )
    .where(
        _NUMBER_SINCE,
        Call.direction == Direction.INBOUND.value,
        Call.id != bindparam("but_not"),
    )
    .order_by(Call.started_at.desc())
    .limit(NEWEST)
)
_VOICE_MESSAGES = (
    select(func.count())
    .select_from(Call)
    .join(VoiceMessage, VoiceMessage.call_id == Call.id)
    .where(_NUMBER_SINCE, VoiceMessage.started_at >= bindparam("since"))
)
_LAST_SCORE = (
    select(func.max(Rating.at))
    .select_from(Call)
    .join(Rating, Rating.call_id == Call.id)
    .where(_NUMBER_SINCE, Rating.at >= bindparam("since"))
)


class RecentCalls:
    """Reads over the ledger by caller number (as `platform.domain.numbers.normalise` writes it)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def earlier_calls(
        self, number: str, *, since: datetime, but_not: str
    ) -> tuple[EarlierCall, ...]:
        """The newest inbound calls of `number` that may have ended after `since`, newest first.

        `but_not` is the id of the call that asks: the ledger may know it already.
        """
        values = {**_values(number, since), "but_not": but_not}

        def work(connection: Connection) -> tuple[EarlierCall, ...]:
            return tuple(
                EarlierCall(
                    started_at=row.started_at,
                    ended_at=row.ended_at,
                    outcome=Outcome(row.outcome),
                    ended_by=EndedBy(row.ended_by) if row.ended_by else None,
                    answered=row.answered_at is not None,
                    queued=row.queue != "",
                )
                for row in connection.execute(_EARLIER, values)
            )

        return await self._database.read(work)

    async def voice_messages(self, number: str, *, since: datetime) -> int:
        """How many voice messages calls of `number` began to leave since `since`.

        The empty number counts all callers without one together.
        """
        values = {**_values(number, since), "since": since}
        return await self._database.read(
            lambda connection: connection.execute(_VOICE_MESSAGES, values).scalar_one()
        )

    async def last_score_at(self, number: str, *, since: datetime) -> datetime | None:
        """When a caller from `number` last gave a score, if that was after `since`."""
        values = {**_values(number, since), "since": since}
        return await self._database.read(
            lambda connection: connection.execute(_LAST_SCORE, values).scalar_one()
        )


def _values(number: str, since: datetime) -> dict[str, Any]:
    return {"number": number[:MAX_LENGTH], "started_since": since - LONGEST_CALL}
