"""SQL of the ledger: writing what the journal tells, and the journal's offset beside it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.telephony.calls.models import (
    Call,
    JournalOffset,
    JournalReject,
    QueueVisit,
    Rating,
    Recording,
    Ring,
    Talk,
    Transfer,
    VoiceMessage,
)
from callcenter.telephony.domain.ledger import LedgerChanges

_TABLES: tuple[tuple[str, Table], ...] = tuple(
    (field.name, cast(Table, table.__table__))
    for field, table in zip(
        (field for field in fields(LedgerChanges) if field.name != "talks_taken_back"),
        (Call, QueueVisit, Ring, Talk, Transfer, Recording, VoiceMessage, Rating),
        strict=True,
    )
)
"""Field of `LedgerChanges` and its table; the columns are the fields of its rows."""


def _insert(table: Table, dialect: str) -> Any:
    """An INSERT that knows ON CONFLICT."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def _upsert(table: Table, dialect: str) -> Any:
    made = _insert(table, dialect)
    values = {name: made.excluded[name] for name in table.columns.keys() if name != "id"}  # noqa: SIM118
    return made.on_conflict_do_update(index_elements=["id"], set_=values)


def _save_offset(dialect: str) -> Any:
    table = cast(Table, JournalOffset.__table__)
    made = _insert(table, dialect).values(
        {name: bindparam(name) for name in ("node", *(field.name for field in fields(Offset)))}
    )
    changed = {field.name: made.excluded[field.name] for field in fields(Offset)}
    return made.on_conflict_do_update(index_elements=["node"], set_=changed)


_UPSERTS = {
    dialect: [(name, tuple(table.c.keys()), _upsert(table, dialect)) for name, table in _TABLES]
    for dialect in ("sqlite", "postgresql")
}
"""Built once: building a statement costs more than running it."""


@dataclass(frozen=True, slots=True)
class Offset:
    """How far the journal is in the ledger, see `models.JournalOffset`."""

    file_id: str
    position: int
    resume_file_id: str
    resume_position: int
    last_row_at: datetime | None
    rows: int
    updated_at: datetime


_SAVE_OFFSET = {dialect: _save_offset(dialect) for dialect in ("sqlite", "postgresql")}


async def write_changes(session: AsyncSession, changes: LedgerChanges) -> None:
    """Insert or replace every row of `changes`, and delete what it takes back."""
    connection = await session.connection()
    if changes.talks_taken_back:
        gone = [talk.id for talk in changes.talks_taken_back]
        await session.execute(delete(Talk).where(Talk.id.in_(gone)))
    for name, columns, statement in _UPSERTS[connection.dialect.name]:
        rows = getattr(changes, name)
        if rows:
            values = [{column: getattr(row, column) for column in columns} for row in rows]
            await connection.execute(statement, values)


async def offset_of(session: AsyncSession, node: str) -> Offset | None:
    """How far `node`'s journal was read."""
    row = await session.get(JournalOffset, node)
    if row is None:
        return None
    return Offset(**{field.name: getattr(row, field.name) for field in fields(Offset)})


async def save_offset(session: AsyncSession, node: str, offset: Offset) -> None:
    """Write how far `node`'s journal is read."""
    values = {"node": node} | {field.name: getattr(offset, field.name) for field in fields(Offset)}
    connection = await session.connection()
    await connection.execute(_SAVE_OFFSET[connection.dialect.name], values)


async def next_generation(session: AsyncSession, node: str) -> None:
    """The ledger of `node` is another one than it was: whoever holds rows of it reads them again.
    Where no reader has been yet nobody holds any."""
    await session.execute(
        update(JournalOffset)
        .where(JournalOffset.node == node)
        .values(generation=JournalOffset.generation + 1)
    )


async def add_rejects(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Keep lines that would not parse; one that is there already is not kept twice."""
    if not rows:
        return
    connection = await session.connection()
    table = cast(Table, JournalReject.__table__)
    made = _insert(table, connection.dialect.name)
    await connection.execute(made.on_conflict_do_nothing(), rows)


async def reject_count(session: AsyncSession, node: str) -> int:
    """How many lines of `node`'s journal would not parse."""
    statement = select(func.count()).select_from(JournalReject).where(JournalReject.node == node)
    return (await session.scalar(statement)) or 0


async def open_call_ids(session: AsyncSession, node: str) -> Sequence[str]:
    """Calls of `node` that the ledger holds for open."""
    statement = select(Call.id).where(Call.ended_at.is_(None), Call.node == node)
    return (await session.scalars(statement)).all()


async def calls_begun(
    session: AsyncSession, node: str, since: datetime, until: datetime | None
) -> set[str]:
    """Calls of `node` that began in [`since`, `until`)."""
    statement = select(Call.id).where(Call.node == node, Call.started_at >= since)
    if until is not None:
        statement = statement.where(Call.started_at < until)
    return set(await session.scalars(statement))


async def forget_parts(
    session: AsyncSession, call_ids: Collection[str], *, since: datetime
) -> None:
    """Delete what hangs on those of `call_ids` that began at `since` or later."""
    ids = list(call_ids)
    if not ids:
        return
    statement = select(Call.id).where(Call.id.in_(ids), Call.started_at >= since)
    found = (await session.scalars(statement)).all()
    for name, table in _TABLES:
        if name != "calls" and found:
            await session.execute(delete(table).where(table.c.call_id.in_(found)))


async def forget_calls(session: AsyncSession, call_ids: Collection[str]) -> None:
    """Delete the calls with all that hangs on them."""
    ids = list(call_ids)
    if not ids:
        return
    for name, table in _TABLES:
        if name != "calls":
            await session.execute(delete(table).where(table.c.call_id.in_(ids)))
    await session.execute(delete(Call).where(Call.id.in_(ids)))
