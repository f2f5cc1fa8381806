"""SQL of cases and their history."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, insert, literal, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.casework.cases.models import Case, CaseEvent
from callcenter.casework.domain.cases import CaseSource

CHUNK = 500
"""Ids per statement, well below the number of parameters that any database takes."""

NUMBER_LENGTH = 20
"""Of a case number, at most."""

CASE = cast(Table, Case.__table__)
EVENT = cast(Table, CaseEvent.__table__)


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """What a list is narrowed to; None leaves it as wide as it is."""

    number: str | None = None
    """A case number or its beginning."""
    call_id: str | None = None
    caller_number: str | None = None
    contact_number: str | None = None
    seat: str | None = None
    status: str | None = None
    source: str | None = None
    confidential: bool | None = None
    opened_from: datetime | None = None
    """Inclusive."""
    opened_to: datetime | None = None
    """Exclusive."""


# Of the tables and not of the classes, and made once: these are asked for every call, and to make
# a statement costs more than to carry it out.
_CALL_FIELDS = (
    "voice_message_id",
    "caller_number",
    "caller_name",
    "called_number",
    "queue",
    "seat",
    "first_seat",
    "call_started_at",
    "answered_at",
    "call_ended_at",
)
"""What follows the call."""
_OF_CALLS = select(
    CASE.c.id, CASE.c.number, CASE.c.call_id, CASE.c.version, *(CASE.c[n] for n in _CALL_FIELDS)
).where(CASE.c.call_id.in_(bindparam("ids", expanding=True)))
_CONFIDENTIAL_CALLS = select(CASE.c.call_id).where(
    CASE.c.call_id.in_(bindparam("ids", expanding=True)), CASE.c.confidential
)
_CONFIDENTIAL_NUMBERS = select(CASE.c.number).where(
    CASE.c.number.in_(bindparam("numbers", expanding=True)), CASE.c.confidential
)
_LAST_COUNT = select(func.max(CASE.c.day_count)).where(CASE.c.day == bindparam("of_day"))
_ADD = insert(CASE).returning(CASE.c.call_id, CASE.c.id)
_UPDATE = (
    update(CASE)
    .where(CASE.c.id == bindparam("case_id"))
    .values({name: bindparam(name) for name in (*_CALL_FIELDS, "updated_at")})
)
_ADD_EVENTS = {
    "sqlite": sqlite.insert(EVENT).on_conflict_do_nothing(index_elements=["key"]),
    "postgresql": postgresql.insert(EVENT).on_conflict_do_nothing(index_elements=["key"]),
}
_KEYS_TOLD = select(EVENT.c.key).where(EVENT.c.key.in_(bindparam("keys", expanding=True)))


async def of_calls(session: AsyncSession, call_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The call fields of the cases of `call_ids`, by call."""
    wanted = sorted(call_ids)
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(wanted), CHUNK):
        rows = await session.execute(_OF_CALLS, {"ids": wanted[start : start + CHUNK]})
        for row in rows.mappings():
            found[row["call_id"]] = dict(row)
    return found


async def confidential_calls(session: AsyncSession, call_ids: Collection[str]) -> set[str]:
    """Those of `call_ids` whose case is confidential."""
    wanted = sorted(call_ids)
    found: set[str] = set()
    for start in range(0, len(wanted), CHUNK):
        found.update(
            await session.scalars(_CONFIDENTIAL_CALLS, {"ids": wanted[start : start + CHUNK]})
        )
    return found


async def confidential_numbers(session: AsyncSession, numbers: Collection[str]) -> set[str]:
    """Those of the cases `numbers` that are confidential."""
    wanted = sorted(set(numbers))
    found: set[str] = set()
    for start in range(0, len(wanted), CHUNK):
        found.update(
            await session.scalars(_CONFIDENTIAL_NUMBERS, {"numbers": wanted[start : start + CHUNK]})
        )
    return found


async def counts_by_call(session: AsyncSession) -> dict[str, int]:
    """How many cases each call has."""
    statement = select(Case.call_id, func.count()).group_by(Case.call_id)
    return {row[0]: row[1] for row in await session.execute(statement)}


async def last_counts(session: AsyncSession, days: Collection[date]) -> dict[date, int]:
    """The highest count given on each of `days`; 0 if none. One step of an index per day."""
    counts: dict[date, int] = {}
    for day in days:
        highest = await session.scalar(_LAST_COUNT, {"of_day": day})
        counts[day] = highest or 0
    return counts


async def add_cases(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Insert `rows`; their ids, by call."""
    result = await session.execute(_ADD, rows)
    return {row.call_id: row.id for row in result}


async def update_cases(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Write call fields; each row holds ``case_id``, ``updated_at`` and all of them."""
    if rows:
        connection = await session.connection()
        await connection.execute(_UPDATE, rows)


async def add_events(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Append to histories; a `key` that is there already is not told again."""
    if not rows:
        return
    connection = await session.connection()
    await connection.execute(_ADD_EVENTS[connection.dialect.name], rows)


async def keys_told(session: AsyncSession, keys: Collection[str]) -> set[str]:
    """Those of `keys` that were told."""
    wanted = sorted(keys)
    found: set[str] = set()
    for start in range(0, len(wanted), CHUNK):
        found.update(await session.scalars(_KEYS_TOLD, {"keys": wanted[start : start + CHUNK]}))
    return found


async def by_number(session: AsyncSession, number: str) -> Case | None:
    """One case."""
    found: Case | None = await session.scalar(select(Case).where(Case.number == number))
    return found


async def edit(session: AsyncSession, case_id: int, version: int, values: dict[str, Any]) -> bool:
    """Write `values` if the case still has `version`; whether it had."""
    statement = (
        update(Case)
        .where(Case.id == case_id, Case.version == version)
        .values(version=version + 1, **values)
        .execution_options(synchronize_session=False)
    )
    result = await session.execute(statement.returning(Case.id))
    return result.first() is not None


async def newest_first(session: AsyncSession, statement: Any) -> Sequence[Case]:
    """The cases of a `list_statement`."""
    return (await session.scalars(statement)).all()


def list_statement(wanted: CaseFilter, *, before: tuple[datetime, int] | None, limit: int) -> Any:
    """Up to `limit` cases, newest first, older than the key `before`; for `newest_first`."""
    statement = select(Case).order_by(Case.opened_at.desc(), Case.id.desc()).limit(limit)
    if wanted.number is not None:
        # A range and not LIKE: it is in the index whatever the database's collation. Numbers hold
        # digits and a hyphen alone, which every language sorts before 9.
        end = wanted.number + "9" * NUMBER_LENGTH
        statement = statement.where(Case.number >= wanted.number, Case.number <= end)
    if wanted.call_id is not None:
        statement = statement.where(Case.call_id == wanted.call_id)
    if wanted.contact_number is not None:
        statement = statement.where(Case.contact_number == wanted.contact_number)
    if wanted.caller_number is not None:
        statement = statement.where(Case.caller_number == wanted.caller_number)
    if wanted.seat is not None:
        statement = statement.where(Case.seat == wanted.seat)
    if wanted.status is not None:
        statement = statement.where(Case.status == wanted.status)
    if wanted.source is not None:
        statement = statement.where(Case.source == wanted.source)
        if wanted.source != CaseSource.CALL:
            # What the index holds; a database that is not told so leaves it aside.
            statement = statement.where(Case.source != literal("call", literal_execute=True))
    if wanted.confidential is not None:
        statement = statement.where(
            Case.confidential if wanted.confidential else ~Case.confidential
        )
    if wanted.opened_from is not None:
        statement = statement.where(Case.opened_at >= wanted.opened_from)
    if wanted.opened_to is not None:
        statement = statement.where(Case.opened_at < wanted.opened_to)
    if before is not None:
        statement = statement.where(tuple_(Case.opened_at, Case.id) < tuple_(*before))
    return statement


async def events(
    session: AsyncSession, case_id: int, *, after_id: int, limit: int
) -> Sequence[CaseEvent]:
    """Up to `limit` steps of a history, in the order in which they were told."""
    statement = (
        select(CaseEvent)
        .where(CaseEvent.case_id == case_id, CaseEvent.id > after_id)
        .order_by(CaseEvent.id)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()
