"""SQL of the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.trail.chain import START, Head
from callcenter.people.trail.models import TrailEntry

CLOCK_STEP = timedelta(days=1)
"""An entry's number tells its place, its moment nearly so: a clock that was put back by less than
this hides nothing from a list by time, which is then read along the numbers."""

ENTRY = cast(Table, TrailEntry.__table__)
_HEAD = select(TrailEntry.seq, TrailEntry.sha256).order_by(TrailEntry.seq.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """What a list is narrowed to; None leaves it as wide as it is."""

    actor: str | None = None
    kind: str | None = None
    """Of actor: a user and a token may have had the same name once."""
    action: str | None = None
    subject: str | None = None
    at_from: datetime | None = None
    """Inclusive."""
    at_to: datetime | None = None
    """Exclusive."""


async def head(session: AsyncSession) -> Head:
    """The end of the chain, as this transaction sees it."""
    row = (await session.execute(_HEAD)).first()
    return Head(0, START) if row is None else Head(row.seq, row.sha256)


async def append(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Add `rows`, whole and in order."""
    await session.execute(insert(ENTRY), rows)


async def following(session: AsyncSession, seq: int, limit: int) -> Sequence[TrailEntry]:
    """Up to `limit` entries after `seq`, in order."""
    statement = select(TrailEntry).where(TrailEntry.seq > seq).order_by(TrailEntry.seq).limit(limit)
    return (await session.scalars(statement)).all()


async def newest_first(
    session: AsyncSession, wanted: TrailFilter, *, before: int | None, limit: int
) -> Sequence[TrailEntry]:
    """Up to `limit` entries, newest first, below `before`."""
    statement = select(TrailEntry).order_by(TrailEntry.seq.desc()).limit(limit)
    for column, value in (
        (TrailEntry.actor, wanted.actor),
        (TrailEntry.actor_kind, wanted.kind),
        (TrailEntry.action, wanted.action),
        (TrailEntry.subject, wanted.subject),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.at_from is not None:
        first = (
            select(TrailEntry.seq)
            .where(TrailEntry.at >= wanted.at_from - CLOCK_STEP)
            .order_by(TrailEntry.at, TrailEntry.seq)
            .limit(1)
            .scalar_subquery()
        )
        statement = statement.where(TrailEntry.at >= wanted.at_from, TrailEntry.seq >= first)
    if wanted.at_to is not None:
        last = (
            select(TrailEntry.seq)
            .where(TrailEntry.at < wanted.at_to + CLOCK_STEP)
            .order_by(TrailEntry.at.desc(), TrailEntry.seq.desc())
            .limit(1)
            .scalar_subquery()
        )
        statement = statement.where(TrailEntry.at < wanted.at_to, TrailEntry.seq <= last)
    if before is not None:
        statement = statement.where(TrailEntry.seq < before)
    return (await session.scalars(statement)).all()
