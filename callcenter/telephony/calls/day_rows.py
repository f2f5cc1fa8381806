"""Ledger rows of the calls of a stretch of time, for the day's figures. Read only.

As much of each call as `domain.figures` counts: the call, its queue visits, talks and voice
messages, as this transaction sees them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.telephony.calls.models import (
    Call,
    JournalOffset,
    QueueVisit,
    Ring,
    Talk,
    VoiceMessage,
)
from callcenter.telephony.domain.ledger import (
    CallRow,
    Direction,
    EndedBy,
    LedgerChanges,
    Outcome,
    QueueVisitRow,
    RingEnd,
    RingRow,
    TalkRow,
    Via,
    VisitEnd,
    VoiceMessageRow,
)

CHUNK = 500
"""Ids per statement, well below the number of parameters that any database takes."""


async def rows_between(session: AsyncSession, start: datetime, end: datetime) -> LedgerChanges:
    """Everything of the inbound calls that began from `start` (inclusive) to `end` (exclusive)."""
    inbound = Call.direction == Direction.INBOUND.value
    return await _rows(session, inbound & (Call.started_at >= start) & (Call.started_at < end))


async def rows_of_open_calls(session: AsyncSession) -> LedgerChanges:
    """Everything of the calls in progress, of any direction; their rings, too."""
    going_on = Call.ended_at.is_(None)
    rows = await _rows(session, going_on)
    rings = await _parts(session, Ring, going_on)
    return replace(rows, rings=_typed(RingRow, rings, how=RingEnd))


async def ledger_generation(session: AsyncSession) -> int:
    """How often the ledger was derived anew: whoever holds rows of another one reads again."""
    # PostgreSQL's sum of 64-bit numbers is a Decimal.
    return int(await session.scalar(select(func.sum(JournalOffset.generation))) or 0)


async def queue_joins(session: AsyncSession, call_ids: Collection[str]) -> dict[str, datetime]:
    """When each of `call_ids` entered its first queue; those that entered none are left out."""
    wanted = sorted(call_ids)
    found: dict[str, datetime] = {}
    for start in range(0, len(wanted), CHUNK):
        statement = (
            select(QueueVisit.call_id, func.min(QueueVisit.joined_at))
            .where(QueueVisit.call_id.in_(wanted[start : start + CHUNK]))
            .group_by(QueueVisit.call_id)
        )
        found.update((row[0], row[1]) for row in await session.execute(statement))
    return found


async def _rows(session: AsyncSession, wanted: ColumnElement[bool]) -> LedgerChanges:
    calls = (await session.execute(select(Call.__table__).where(wanted))).mappings()
    return LedgerChanges(
        calls=_typed(CallRow, calls, direction=Direction, outcome=Outcome, ended_by=EndedBy),
        queue_visits=_typed(QueueVisitRow, await _parts(session, QueueVisit, wanted), how=VisitEnd),
        talks=_typed(TalkRow, await _parts(session, Talk, wanted), via=Via, ended_by=EndedBy),
        voice_messages=_typed(VoiceMessageRow, await _parts(session, VoiceMessage, wanted)),
    )


async def _parts(session: AsyncSession, table: Any, wanted: ColumnElement[bool]) -> Iterable[Any]:
    """The rows of `table` that hang on the wanted calls."""
    ids = select(Call.id).where(wanted)
    found = await session.execute(select(table.__table__).where(table.call_id.in_(ids)))
    return found.mappings()


def _typed(kind: Any, rows: Iterable[Any], **words: Any) -> tuple[Any, ...]:
    """Rows of the database as the domain's records, their words as enums."""
    found: list[Any] = []
    for row in rows:
        values = dict(row)
        for name, word in words.items():
            if values[name] is not None:
                values[name] = word(values[name])
        found.append(kind(**values))
    return tuple(found)


def joined(parts: Sequence[LedgerChanges]) -> LedgerChanges:
    """Several stretches as one, in their order."""
    return LedgerChanges(
        calls=tuple(row for part in parts for row in part.calls),
        queue_visits=tuple(row for part in parts for row in part.queue_visits),
        rings=tuple(row for part in parts for row in part.rings),
        talks=tuple(row for part in parts for row in part.talks),
        voice_messages=tuple(row for part in parts for row in part.voice_messages),
    )
