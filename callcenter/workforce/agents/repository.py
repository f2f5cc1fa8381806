"""SQL over agents, intervals, skills, reasons and facts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, column, delete, or_, select, table, update
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.workforce.agents.models import (
    AgentFact,
    AgentInterval,
    AgentRow,
    AgentSkill,
    BreakReason,
    WrapUpTime,
)
from callcenter.workforce.agents.records import encode
from callcenter.workforce.domain.agent_sums import Interval
from callcenter.workforce.domain.agents import Agent, AgentState, Changed

CHUNK = 500
"""Ids per statement, well below the number of parameters that any database takes."""
_PEOPLE = table("user", column("id"))
"""Everybody; whose intervals there are."""

# -- agents and intervals --------------------------------------------------------------------


async def agents(session: AsyncSession) -> dict[int, str]:
    """The machine's text of everybody who is logged in."""
    rows = await session.execute(select(AgentRow.user_id, AgentRow.machine))
    return {row.user_id: row.machine for row in rows}


async def save(session: AsyncSession, agents: Mapping[int, Agent], now: datetime) -> None:
    """Write `agents` as they are; one who has logged out has no row.

    Those who left go first: a seat may change hands within one transaction.
    """
    gone = [user_id for user_id, agent in agents.items() if agent.seat is None]
    if gone:
        await session.execute(delete(AgentRow).where(AgentRow.user_id.in_(gone)))
    for user_id, agent in agents.items():
        if agent.seat is None:
            continue
        values = {"seat": agent.seat, "machine": encode(agent), "updated_at": now}
        present = await session.get(AgentRow, user_id)
        if present is None:
            session.add(AgentRow(user_id=user_id, **values))
        else:
            for name, value in values.items():
                setattr(present, name, value)
    await session.flush()


async def turn(session: AsyncSession, user_id: int, change: Changed) -> None:
    """End the agent's interval and begin the next, in one moment."""
    at = change.after.since
    await session.execute(
        update(AgentInterval)
        .where(AgentInterval.user_id == user_id, AgentInterval.ended_at.is_(None))
        .values(ended_at=at)
    )
    if change.after.seat is not None:
        session.add(
            AgentInterval(
                user_id=user_id,
                seat=change.after.seat,
                state=change.after.state.value,
                reason=change.after.reason,
                begun_at=at,
                ended_at=None,
            )
        )
        await session.flush()


async def intervals(
    session: AsyncSession, begin: datetime, end: datetime, *, user_id: int | None, limit: int | None
) -> Sequence[Interval]:
    """Those that touch [begin, end), by beginning, up to `limit` (None: all of them); of every
    agent if `user_id` is None."""
    within = (
        select(AgentInterval)
        .where(AgentInterval.begun_at >= begin, AgentInterval.begun_at < end)
        .order_by(AgentInterval.begun_at, AgentInterval.id)
        .limit(limit)
    )
    # An agent is in one state at a time, so of those that began earlier only his last may go on:
    # one step of an index for each, however long he has been here.
    last = (
        select(AgentInterval.id)
        .where(AgentInterval.begun_at < begin)
        .order_by(AgentInterval.begun_at.desc(), AgentInterval.id.desc())
        .limit(1)
    )
    if user_id is not None:
        within = within.where(AgentInterval.user_id == user_id)
        asked: Any = last.where(AgentInterval.user_id == user_id)
    else:
        of_each = last.where(AgentInterval.user_id == _PEOPLE.c.id).scalar_subquery()
        asked = select(of_each).select_from(_PEOPLE)
    ids = [found for found in await session.scalars(asked) if found is not None]
    rows: list[AgentInterval] = []
    for start in range(0, len(ids), CHUNK):
        running = select(AgentInterval).where(
            AgentInterval.id.in_(ids[start : start + CHUNK]),
            or_(AgentInterval.ended_at.is_(None), AgentInterval.ended_at > begin),
        )
        rows += await session.scalars(running)
    rows.sort(key=lambda row: (row.begun_at, row.id))
    rows = [*rows, *(await session.scalars(within))][:limit]
    return [
        Interval(
            row.user_id,
            row.seat,
            AgentState(row.state),
            row.reason,
            row.begun_at,
            row.ended_at,
        )
        for row in rows
    ]


async def ended_of_state(
    session: AsyncSession, state: AgentState, begin: datetime, end: datetime
) -> Sequence[Interval]:
    """Those of `state` that began within [begin, end) and have ended, in no order."""
    query = select(
        AgentInterval.user_id,
        AgentInterval.seat,
        AgentInterval.reason,
        AgentInterval.begun_at,
        AgentInterval.ended_at,
    ).where(
        AgentInterval.begun_at >= begin,
        AgentInterval.begun_at < end,
        AgentInterval.ended_at.is_not(None),
        AgentInterval.state == state.value,
    )
    return [
        Interval(row.user_id, row.seat, state, row.reason, row.begun_at, row.ended_at)
        for row in await session.execute(query)
    ]


# -- facts of the ledger ---------------------------------------------------------------------


FACT = cast(Table, AgentFact.__table__)
_OLDEST_FACTS = select(FACT).order_by(FACT.c.at, FACT.c.id).limit(bindparam("most"))
"""Made once: they are asked for with every batch of the ledger, which mostly has none."""


async def add_facts(session: AsyncSession, rows: Iterable[AgentFact]) -> None:
    """Keep them until they are taken."""
    session.add_all(list(rows))


async def facts(session: AsyncSession, limit: int) -> Sequence[AgentFact]:
    """The oldest, as the ledger tells them."""
    rows = await session.execute(_OLDEST_FACTS, {"most": limit})
    return [AgentFact(**row) for row in rows.mappings()]


async def forget_facts(session: AsyncSession, ids: Collection[int]) -> None:
    """They are taken."""
    await session.execute(delete(AgentFact).where(AgentFact.id.in_(ids)))


# -- skills ----------------------------------------------------------------------------------


async def skills(session: AsyncSession, user_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """Levels by agent and queue."""
    query = select(AgentSkill).where(AgentSkill.user_id.in_(user_ids)).order_by(AgentSkill.queue)
    found: dict[int, dict[str, int]] = {}
    for row in (await session.execute(query)).scalars():
        found.setdefault(row.user_id, {})[row.queue] = row.level
    return found


async def all_skills(session: AsyncSession) -> dict[int, dict[str, int]]:
    """Levels by agent and queue, of everybody who has any."""
    found: dict[int, dict[str, int]] = {}
    for row in (await session.execute(select(AgentSkill))).scalars():
        found.setdefault(row.user_id, {})[row.queue] = row.level
    return found


async def set_skills(session: AsyncSession, user_id: int, levels: Mapping[str, int]) -> None:
    """In place of what there was."""
    await session.execute(delete(AgentSkill).where(AgentSkill.user_id == user_id))
    session.add_all(
        AgentSkill(user_id=user_id, queue=queue, level=level) for queue, level in levels.items()
    )


# -- break reasons and wrap-up times ---------------------------------------------------------


async def reasons(session: AsyncSession) -> Sequence[BreakReason]:
    """All, by code."""
    return (await session.execute(select(BreakReason).order_by(BreakReason.code))).scalars().all()


async def reason(session: AsyncSession, code: str) -> BreakReason | None:
    """One."""
    return await session.get(BreakReason, code)


async def reason_used(session: AsyncSession, code: str) -> bool:
    """Whether any break was ever taken for it."""
    query = select(AgentInterval.id).where(AgentInterval.reason == code).limit(1)
    return (await session.execute(query)).first() is not None


async def wrap_up_times(session: AsyncSession) -> dict[str, int]:
    """Seconds by queue."""
    rows = await session.execute(select(WrapUpTime).order_by(WrapUpTime.queue))
    return {row.queue: row.seconds for row in rows.scalars()}


async def set_wrap_up_times(session: AsyncSession, seconds: Mapping[str, int]) -> None:
    """In place of what there was."""
    await session.execute(delete(WrapUpTime))
    session.add_all(WrapUpTime(queue=queue, seconds=value) for queue, value in seconds.items())
