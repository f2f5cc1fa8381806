"""``/api/voice-messages``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from callcenter.access import requires
from callcenter.api import Config, Page, encode_cursor, error_body
from callcenter.calls.audio_rows import VoiceMessageFilter
from callcenter.citizens import CitizensOf
from callcenter.domain.media import MediaKind, MediaStatus
from callcenter.domain.permissions import Permission
from callcenter.moments import Moment
from callcenter.recordings.endpoints import audio_facts, call_of, media_key
from callcenter.recordings.service import MediaService
from callcenter.recordings.serving import (
    AUDIO_RESPONSES,
    Conditions,
    Wav,
    describe_audio,
    serve_audio,
)
from callcenter.voicemail.schemas import VOICE_MESSAGE_EXAMPLE, VoiceMessageOut
from callcenter.voicemail.service import Message, VoiceMessageService

PREFIX = "/api/voice-messages"

router = APIRouter(prefix=PREFIX, tags=["voice messages"])


def _service(request: Request) -> VoiceMessageService:
    service: VoiceMessageService = request.app.state.voice_messages
    return service


def _media(request: Request) -> MediaService:
    service: MediaService = request.app.state.media
    return service


Service = Annotated[VoiceMessageService, Depends(_service)]
MediaFiles = Annotated[MediaService, Depends(_media)]
READ = [requires(Permission.RECORDING_READ)]
LISTEN = [requires(Permission.RECORDING_LISTEN)]
Listening = Annotated[Conditions, Depends()]
MessageId = Annotated[
    str,
    Path(
        pattern=r"^[a-z0-9_]{1,16}:[A-Za-z0-9_.-]{1,40}/[a-z]{1,4}[0-9]{1,6}$",
        max_length=72,
        examples=["pbx1:1795407499.31/vm1"],
        description="The id of a list; its slash may be written as it is.",
    ),
]


def _answer(description: str, example: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"example": example}}}


_PAGE: dict[int | str, dict[str, Any]] = {
    200: _answer("One page.", {"items": [VOICE_MESSAGE_EXAMPLE], "next": None})
}
_ONE: dict[int | str, dict[str, Any]] = {
    200: _answer("The voice message.", VOICE_MESSAGE_EXAMPLE),
    404: _answer(
        "No such voice message.",
        error_body("voice_message_not_found", "there is no voice message pbx1:1795407499.99/vm1"),
    ),
}


@router.get("", summary="List voice messages, newest first", responses=_PAGE, dependencies=READ)
async def list_voice_messages(
    service: Service,
    config: Config,
    citizens: CitizensOf,
    call_id: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
    reason: Annotated[str | None, Query(min_length=1, max_length=32)] = None,
    status: Annotated[MediaStatus | None, Query()] = None,
    started_from: Annotated[Moment | None, Query(description="Not before.")] = None,
    started_to: Annotated[Moment | None, Query(description="Before.")] = None,
    cursor: Annotated[
        str | None, Query(max_length=300, description="The `next` of the previous page.")
    ] = None,
    limit: Annotated[int, Query(ge=1, description="The setting page_size_max is the most.")] = 50,
) -> Page[VoiceMessageOut]:
    """Filters narrow together. By `status` a page may have fewer items than `limit`, even none,
    and still a `next`. A message is listed once it is over."""
    wanted = VoiceMessageFilter(
        call_id=call_id, reason=reason, started_from=started_from, started_to=started_to
    )
    page = await service.page(
        wanted,
        status=status.value if status else None,
        before=None if cursor is None else media_key(cursor),
        limit=min(limit, config.page_size_max),
    )
    following = None
    if page.next is not None:
        following = encode_cursor(page.next[0].isoformat(), page.next[1])
    secret = await citizens.confidential({message.media.call_id for message in page.items})
    items = [_message(message, message.media.call_id in secret) for message in page.items]
    await citizens.was_listed(
        "voice_message.listed", number=None, cursor=cursor, ids=[item.id for item in items]
    )
    return Page[VoiceMessageOut](items=items, next=following)


@router.get(
    "/{message_id:path}/audio",
    summary="Listen to a voice message",
    response_class=Response,
    responses=AUDIO_RESPONSES,
    dependencies=LISTEN,
)
async def voice_message_audio(
    request: Request,
    message_id: MessageId,
    media: MediaFiles,
    citizens: CitizensOf,
    conditions: Listening,
    wav: Wav = False,
) -> Response:
    """Who listens is written down first. The call of a confidential case is for those who may see
    who the citizen is."""
    await citizens.may_listen(call_of(message_id))
    return await serve_audio(
        request, media, MediaKind.VOICE_MESSAGE, message_id, conditions, wav=wav
    )


@router.head(
    "/{message_id:path}/audio",
    summary="Size and ETag of a voice message",
    response_class=Response,
    responses=AUDIO_RESPONSES,
    dependencies=LISTEN,
)
async def voice_message_audio_facts(
    message_id: MessageId, media: MediaFiles, wav: Wav = False
) -> Response:
    """The headers of the whole file."""
    return await describe_audio(media, MediaKind.VOICE_MESSAGE, message_id, wav=wav)


@router.get("/{message_id:path}", summary="One voice message", responses=_ONE, dependencies=READ)
async def read_voice_message(
    message_id: MessageId, service: Service, citizens: CitizensOf
) -> VoiceMessageOut:
    """Who left it, why, what became of it, and where to listen. Who reads is noted."""
    message = await service.get(message_id)
    confidential = bool(await citizens.confidential([message.media.call_id]))
    await citizens.was_shown(
        "voice_message.read", f"voice_message:{message_id}", confidential=confidential
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
