"""Ledger rows of voice messages, for the list of their audio. Read only.

A message that is still being spoken is not listed: there is nothing to hear yet.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.telephony.calls.models import VoiceMessage
from callcenter.telephony.domain.ledger import VoiceMessageRow

CHUNK = 500
"""Ids per statement, well below the number of parameters that any database takes."""


@dataclass(frozen=True, slots=True)
class VoiceMessageFilter:
    """What a list is narrowed to; None leaves it as wide as it is."""

    call_id: str | None = None
    reason: str | None = None
    started_from: datetime | None = None
    """Inclusive."""
    started_to: datetime | None = None
    """Exclusive."""


async def voice_message_rows(
    session: AsyncSession, ids: Collection[str]
) -> dict[str, VoiceMessageRow]:
    """The voice messages of `ids` that the ledger knows, as this transaction sees them."""
    wanted = sorted(ids)
    found: dict[str, VoiceMessageRow] = {}
    for start in range(0, len(wanted), CHUNK):
        statement = select(VoiceMessage.__table__).where(
            VoiceMessage.id.in_(wanted[start : start + CHUNK])
        )
        for row in (await session.execute(statement)).mappings():
            found[row["id"]] = VoiceMessageRow(**row)
    return found


async def newest_voice_messages(
    session: AsyncSession,
    wanted: VoiceMessageFilter,
    *,
    before: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[VoiceMessageRow]:
    """Up to `limit` messages that are over, newest first, older than the key `before` (moment of
    beginning, id)."""
    statement = voice_message_statement(wanted, before=before, limit=limit)
    return [VoiceMessageRow(**row) for row in (await session.execute(statement)).mappings()]


def voice_message_statement(
    wanted: VoiceMessageFilter, *, before: tuple[datetime, str] | None, limit: int
) -> Any:
    """The statement of `newest_voice_messages`."""
    statement = (
        select(VoiceMessage.__table__)
        .where(VoiceMessage.ended_at.is_not(None))
        .order_by(VoiceMessage.started_at.desc(), VoiceMessage.id.desc())
        .limit(limit)
    )
    if wanted.call_id is not None:
        statement = statement.where(VoiceMessage.call_id == wanted.call_id)
    if wanted.reason is not None:
        statement = statement.where(VoiceMessage.reason == wanted.reason)
    if wanted.started_from is not None:
        statement = statement.where(VoiceMessage.started_at >= wanted.started_from)
    if wanted.started_to is not None:
        statement = statement.where(VoiceMessage.started_at < wanted.started_to)
    if before is not None:
        statement = statement.where(
            tuple_(VoiceMessage.started_at, VoiceMessage.id) < tuple_(*before)
        )
    return statement
