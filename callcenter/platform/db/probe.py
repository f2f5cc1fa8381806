"""Writing a row, to know that the database can be written."""

from __future__ import annotations

from callcenter.platform.clock import utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.db.models import HealthProbe

LOCK_MS = 2000
"""What health waits for another writer: no step of ours keeps the others waiting for a second."""


def probe_of(database: Database) -> Database:
    """`database` as health asks it: over a connection that no request can take away, and with less
    patience than whoever asks for health."""
    return database.apart(lock_ms=LOCK_MS)


async def write_probe(database: Database) -> None:
    """Write the row; `DatabaseUnavailable` if it cannot be."""
    async with database.writing() as session:
        await session.merge(HealthProbe(name="health", at=utc_now()))
