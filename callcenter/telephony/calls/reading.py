"""SQL that reads the ledger: lists, one call with all that hangs on it, the whole books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.telephony.calls.models import (
    Call,
    QueueVisit,
    Rating,
    Recording,
    Ring,
    Talk,
    Transfer,
    VoiceMessage,
)
from callcenter.telephony.domain.ledger import Direction, Outcome, RingEnd


@dataclass(frozen=True, slots=True)
class CallFilter:
    """What a list is narrowed to; None leaves it as wide as it is."""

    direction: str | None = None
    outcome: str | None = None
    caller_number: str | None = None
    seat: str | None = None
    """Who talked last."""
    queue: str | None = None
    case_number: str | None = None
    """The case that an outbound call is about."""
    open: bool | None = None
    started_from: datetime | None = None
    """Inclusive."""
    started_to: datetime | None = None
    """Exclusive."""


async def newest_first(
    session: AsyncSession,
    wanted: CallFilter,
    *,
    before: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Call]:
    """Up to `limit` calls, newest first, older than the key `before`."""
    statement = select(Call).order_by(Call.started_at.desc(), Call.id.desc()).limit(limit)
    if wanted.caller_number is not None:
        statement = statement.where(Call.caller_number == wanted.caller_number)
    for column, value, left_out in (
        (Call.direction, wanted.direction, Direction.INBOUND.value),
        (Call.outcome, wanted.outcome, Outcome.ANSWERED.value),
        (Call.seat, wanted.seat, ""),
        (Call.queue, wanted.queue, ""),
        (Call.case_number, wanted.case_number, ""),
    ):
        if value is None:
            continue
        statement = statement.where(column == value)
        if value != left_out:
            # What its index holds is said in so many words (see `models`): a database that is not
            # told so leaves the index aside.
            statement = statement.where(column != literal(left_out, literal_execute=True))
    if wanted.open is not None:
        statement = statement.where(
            Call.ended_at.is_(None) if wanted.open else Call.ended_at.is_not(None)
        )
    if wanted.started_from is not None:
        statement = statement.where(Call.started_at >= wanted.started_from)
    if wanted.started_to is not None:
        statement = statement.where(Call.started_at < wanted.started_to)
    if before is not None:
        statement = statement.where(tuple_(Call.started_at, Call.id) < tuple_(*before))
    return (await session.scalars(statement)).all()


async def one(session: AsyncSession, call_id: str) -> Call | None:
    """One call."""
    found: Call | None = await session.get(Call, call_id)
    return found


async def of_call(session: AsyncSession, table: Any, call_id: str) -> Sequence[Any]:
    """The rows of `table` that hang on the call, in the order of their numbers."""
    rows = (await session.scalars(select(table).where(table.call_id == call_id))).all()
    return sorted(rows, key=lambda row: (len(row.id), row.id))


PARTS = (QueueVisit, Ring, Talk, Transfer, Recording, VoiceMessage, Rating)
"""What hangs on a call, in the order of `service.CallDetail`."""


async def refused_legs(session: AsyncSession) -> frozenset[str]:
    """Uniqueids of the legs that were rung and did not come to a talk by their own doing."""
    ends = (RingEnd.REFUSED.value, RingEnd.NO_SOUND.value)
    statement = select(Ring.channel).where(Ring.how.in_(ends))
    return frozenset((await session.scalars(statement)).all())


async def everything(session: AsyncSession, table: Any) -> Sequence[Any]:
    """All rows of `table`."""
    return (await session.execute(select(table.__table__))).all()
