"""Ledger rows of calls by id, for features that point to a call."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.calls.models import Call
from callcenter.domain.ledger import CallRow, Direction, EndedBy, Outcome

CHUNK = 500
"""Ids per statement, well below the number of parameters that any database takes."""


async def call_rows(session: AsyncSession, ids: Collection[str]) -> dict[str, CallRow]:
    """The calls of `ids` that the ledger knows, as this transaction sees them."""
    wanted = sorted(ids)
    found: dict[str, CallRow] = {}
    for start in range(0, len(wanted), CHUNK):
        statement = select(Call.__table__).where(Call.id.in_(wanted[start : start + CHUNK]))
        for row in (await session.execute(statement)).mappings():
            values = dict(row)
            values["direction"] = Direction(values["direction"])
            values["outcome"] = Outcome(values["outcome"])
            values["ended_by"] = EndedBy(values["ended_by"]) if values["ended_by"] else None
            call = CallRow(**values)
            found[call.id] = call
    return found
