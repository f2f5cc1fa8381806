"""Voice messages as people read them: what the ledger says, and what became of the audio.

The list goes through the ledger, which has few messages, and not through the audio files, of which
nearly all are recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from callcenter.platform.db.engine import Database
from callcenter.telephony.calls.audio_rows import (
    VoiceMessageFilter,
    newest_voice_messages,
    voice_message_rows,
)
from callcenter.telephony.calls.lookup import call_rows
from callcenter.telephony.domain.ledger import CallRow, VoiceMessageRow
from callcenter.telephony.domain.media import MediaKind
from callcenter.telephony.recordings.service import Media, MediaService

LOOKED_AT = 2000
"""Messages that one page of a list by status looks at; then it ends early and says where to go
on. So a rare status costs no request more than some milliseconds."""
_STEP = 200


@dataclass(frozen=True, slots=True)
class Message:
    """One voice message."""

    media: Media
    row: VoiceMessageRow | None
    """None while the ledger is rebuilt."""
    call: CallRow | None


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A part of the list; `next` is the key to go on after, None at the end."""

    items: Sequence[Message]
    next: tuple[datetime, str] | None


class VoiceMessageService:
    """Reads voice messages."""

    def __init__(self, database: Database, media: MediaService) -> None:
        self._database = database
        self._media = media

    async def page(
        self,
        wanted: VoiceMessageFilter,
        *,
        status: str | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> MessagePage:
        """Up to `limit` messages, newest first, after the key `before` (moment of beginning, id).

        By `status` a page may be short although there are more.
        """
        found: list[tuple[VoiceMessageRow, Media]] = []
        looked_at = 0
        more = True
        while more and len(found) < limit and looked_at < LOOKED_AT:
            step = limit - len(found) if status is None else _STEP
            async with self._database.reading() as session:
                rows = await newest_voice_messages(session, wanted, before=before, limit=step + 1)
            media = await self._media.by_ids({row.id for row in rows})
            taken = 0
            for row in rows[:step]:
                if len(found) == limit:
                    break
                taken += 1
                before = row.started_at, row.id
                file = media.get(row.id)
                if file is not None and status in (None, file.status):
                    found.append((row, file))
            looked_at += taken
            more = taken < len(rows)
        async with self._database.reading() as session:
            calls = await call_rows(session, {row.call_id for row, _ in found})
        items = [Message(file, row, calls.get(row.call_id)) for row, file in found]
        return MessagePage(items, before if more else None)

    async def get(self, message_id: str) -> Message:
        """One message; `NotFound` ``voice_message_not_found``."""
        media = await self._media.get(MediaKind.VOICE_MESSAGE, message_id)
        async with self._database.reading() as session:
            rows = await voice_message_rows(session, [message_id])
            calls = await call_rows(session, [media.call_id])
        return Message(media, rows.get(message_id), calls.get(media.call_id))
