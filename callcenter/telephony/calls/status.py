"""How far the journal is in the ledger: ``callcenter journal status``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from callcenter.platform.clock import utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.telephony.calls import repository
from callcenter.telephony.pbx.journal.files import JournalFiles, JournalPlace


@dataclass(frozen=True, slots=True)
class JournalStatus:
    """What an operator asks of the journal."""

    file: str
    """The journal that the PBX appends to."""
    file_id: str
    position: int
    """Byte up to which the ledger has it."""
    behind_bytes: int
    rows: int
    """Read since the ledger began."""
    rejects: int
    open_calls: int
    last_row_at: datetime | None
    read_at: datetime | None
    """When the last rows were committed."""
    seconds_since_read: float | None


async def status(settings: Settings, database: Database) -> JournalStatus:
    """Read from the database and the files alone, so it can be told while nothing runs."""
    async with database.reading() as session:
        offset = await repository.offset_of(session, settings.node)
        rejects = await repository.reject_count(session, settings.node)
        open_calls = len(await repository.open_call_ids(session, settings.node))
    files = JournalFiles(settings.journal_file)
    place = JournalPlace(offset.file_id, offset.position) if offset else None

    def behind() -> int:
        files.open_at(place)
        return files.behind()

    return JournalStatus(
        file=str(settings.journal_file),
        file_id=offset.file_id if offset else "",
        position=offset.position if offset else 0,
        behind_bytes=await asyncio.to_thread(behind),
        rows=offset.rows if offset else 0,
        rejects=rejects,
        open_calls=open_calls,
        last_row_at=offset.last_row_at if offset else None,
        read_at=offset.updated_at if offset else None,
        seconds_since_read=((utc_now() - offset.updated_at).total_seconds() if offset else None),
    )
