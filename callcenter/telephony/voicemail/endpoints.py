"""``/api/voice-messages``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from callcenter.people.citizens import CitizensOf
from callcenter.platform.http.api import Config, Page, error_body
from callcenter.platform.http.cursors import Limit, encode_cursor
from callcenter.platform.http.given import Given
from callcenter.platform.texts import Line
from callcenter.telephony.calls.audio_rows import VoiceMessageFilter
from callcenter.telephony.domain.media import MediaKind, MediaStatus
from callcenter.telephony.recordings.audio_endpoints import (
    READ,
    Before,
    MediaId,
    Span,
    add_audio,
    answer,
    audio_facts,
)
from callcenter.telephony.voicemail.schemas import VOICE_MESSAGE_EXAMPLE, VoiceMessageOut
from callcenter.telephony.voicemail.service import Message, VoiceMessageService

PREFIX = "/api/voice-messages"

router = APIRouter(prefix=PREFIX, tags=["voice messages"])


Service = Given[VoiceMessageService]

_PAGE: dict[int | str, dict[str, Any]] = {
    200: answer("One page.", {"items": [VOICE_MESSAGE_EXAMPLE], "next": None})
}
_ONE: dict[int | str, dict[str, Any]] = {
    200: answer("The voice message.", VOICE_MESSAGE_EXAMPLE),
    404: answer(
        "No such voice message.",
        error_body("voice_message_not_found", "there is no voice message pbx1:1795407499.99/vm1"),
    ),
}


@router.get("", summary="List voice messages, newest first", responses=_PAGE, dependencies=READ)
async def list_voice_messages(
    service: Service,
    config: Config,
    citizens: CitizensOf,
    span: Span,
    before: Before,
    call_id: Annotated[Line | None, Query(min_length=1, max_length=64)] = None,
    reason: Annotated[Line | None, Query(min_length=1, max_length=32)] = None,
    status: Annotated[MediaStatus | None, Query()] = None,
    limit: Limit = 50,
) -> Page[VoiceMessageOut]:
    """Filters narrow together. By `status` a page may have fewer items than `limit`, even none,
    and still a `next`. A message is listed once it is over."""
    wanted = VoiceMessageFilter(
        call_id=call_id, reason=reason, started_from=span.first, started_to=span.last
    )
    page = await service.page(
        wanted,
        status=status.value if status else None,
        before=before,
        limit=min(limit, config.page_size_max),
    )
    following = None
    if page.next is not None:
        following = encode_cursor(page.next[0], page.next[1])
    secret = await citizens.confidential({message.media.call_id for message in page.items})
    items = [_message(message, message.media.call_id in secret) for message in page.items]
    return Page[VoiceMessageOut](items=items, next=following)


add_audio(router, MediaKind.VOICE_MESSAGE)


@router.get("/{media_id:path}", summary="One voice message", responses=_ONE, dependencies=READ)
async def read_voice_message(
    media_id: MediaId, service: Service, citizens: CitizensOf
) -> VoiceMessageOut:
    """Who left it, why, what became of it, and where to listen. Who reads is noted."""
    message = await service.get(media_id)
    confidential = bool(await citizens.confidential([message.media.call_id]))
    await citizens.was_shown(
        "voice_message.read", f"voice_message:{media_id}", confidential=confidential
    )
    return _message(message, confidential)


def _message(message: Message, confidential: bool) -> VoiceMessageOut:
    media, row, call = message.media, message.row, message.call
    return VoiceMessageOut(
        confidential=confidential,
        **audio_facts(media),
        id=media.id,
        call_id=media.call_id,
        reason=row.reason if row else None,
        caller_number=call.caller_number if call else None,
        started_at=media.started_at,
        ended_at=row.ended_at if row else None,
        audio=f"{PREFIX}/{media.id}/audio" if media.audible else None,
    )
