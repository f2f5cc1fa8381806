"""SQL of the switches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.workforce.steering.models import SteeringSwitchRow


async def switches(session: AsyncSession) -> Sequence[SteeringSwitchRow]:
    """All that were ever touched."""
    return (await session.scalars(select(SteeringSwitchRow))).all()


async def set_switch(
    session: AsyncSession, name: str, value: str, *, by: str, at: datetime
) -> SteeringSwitchRow:
    """Write one."""
    row = await session.get(SteeringSwitchRow, name)
    if row is None:
        row = SteeringSwitchRow(name=name, value=value, changed_by=by[:64], changed_at=at)
        session.add(row)
        return row
    row.value, row.changed_by, row.changed_at = value, by[:64], at
    return row
