"""SQL of the seats' clocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.workforce.live.clocks import SeatClock
from callcenter.workforce.live.models import SeatClockRow
from callcenter.workforce.live.seat_state import SeatState


async def seat_clocks(session: AsyncSession) -> Mapping[str, SeatClock]:
    """As they were last written, by extension."""
    return {
        row.extension: SeatClock(SeatState(row.state), row.since)
        for row in (await session.execute(select(SeatClockRow))).scalars()
    }


async def keep_seat_clocks(session: AsyncSession, clocks: Mapping[str, SeatClock]) -> None:
    """Write `clocks`; those of other seats stay."""
    if not clocks:
        return
    table = cast(Table, SeatClockRow.__table__)
    connection = await session.connection()
    postgres = connection.dialect.name == "postgresql"
    made: Any = postgresql.insert(table) if postgres else sqlite.insert(table)
    changed = {name: made.excluded[name] for name in ("state", "since")}
    await connection.execute(
        made.on_conflict_do_update(index_elements=["extension"], set_=changed),
        [
            {"extension": extension, "state": clock.state.value, "since": clock.since}
            for extension, clock in clocks.items()
        ],
    )
