"""SQL that a transfer needs: whether the call goes on, and who has talked with the caller."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.telephony.calls.models import Call, Talk


async def call_by_id(session: AsyncSession, call_id: str) -> Call | None:
    """One call."""
    return await session.get(Call, call_id)


async def open_talks(session: AsyncSession, call_id: str) -> Sequence[Talk]:
    """The call's talks that are not over, newest first. A seat that only consults is in one."""
    query = (
        select(Talk)
        .where(Talk.call_id == call_id, Talk.ended_at.is_(None))
        .order_by(Talk.started_at.desc(), Talk.id.desc())
    )
    return (await session.execute(query)).scalars().all()
