"""Ledger rows of calls by id, for features that point to a call."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from sqlalchemy import ColumnElement, Table, bindparam, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.telephony.calls.models import Call, Talk
from callcenter.telephony.domain.ledger import CallRow, Direction, EndedBy, Outcome

CHUNK = 500
"""Ids per statement, well below the number of parameters that any database takes."""


CALL = cast(Table, Call.__table__)
_BY_IDS = select(CALL).where(CALL.c.id.in_(bindparam("ids", expanding=True)))
"""Made once: to make a statement costs more than to carry it out."""


def talked_in(call_id: ColumnElement[str], seat: str) -> ColumnElement[bool]:
    """Whether `seat` took part in the call whose id is the column `call_id`: it talked in it, or
    made it."""
    # From the seat's calls to what hangs on them: the other way round everybody's are looked at.
    return call_id.in_(
        union_all(
            select(Talk.call_id).where(Talk.seat == seat),
            select(Call.id).where(
                Call.direction == Direction.OUTBOUND.value, Call.caller_number == seat
            ),
        )
    )


async def call_rows(session: AsyncSession, ids: Collection[str]) -> dict[str, CallRow]:
    """The calls of `ids` that the ledger knows, as this transaction sees them."""
    wanted = sorted(ids)
    found: dict[str, CallRow] = {}
    for start in range(0, len(wanted), CHUNK):
        rows = await session.execute(_BY_IDS, {"ids": wanted[start : start + CHUNK]})
        for row in rows.mappings():
            values = dict(row)
            values["direction"] = Direction(values["direction"])
            values["outcome"] = Outcome(values["outcome"])
            values["ended_by"] = EndedBy(values["ended_by"]) if values["ended_by"] else None
            call = CallRow(**values)
            found[call.id] = call
    return found
