"""``/api/recordings``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from callcenter.access import requires
from callcenter.api import Config, Page, decode_cursor, encode_cursor, error_body
from callcenter.citizens import CitizensOf
from callcenter.domain.ledger import CallRow
from callcenter.domain.media import MediaKind, MediaStatus
from callcenter.domain.permissions import Permission
from callcenter.errors import BadInput
from callcenter.moments import Moment
from callcenter.recordings.repository import MediaFilter
from callcenter.recordings.schemas import (
    RECORDING_EXAMPLE,
    REMOVAL_EXAMPLE,
    RecordingOut,
    RemovalOut,
)
from callcenter.recordings.service import Media, MediaService
from callcenter.recordings.serving import (
    AUDIO_RESPONSES,
    Conditions,
    Wav,
    describe_audio,
    serve_audio,
)

PREFIX = "/api/recordings"

router = APIRouter(prefix=PREFIX, tags=["recordings"])


def _service(request: Request) -> MediaService:
    service: MediaService = request.app.state.media
    return service


Service = Annotated[MediaService, Depends(_service)]
READ = [requires(Permission.RECORDING_READ)]
LISTEN = [requires(Permission.RECORDING_LISTEN)]
Listening = Annotated[Conditions, Depends()]
RecordingId = Annotated[
    str,
    Path(
        pattern=r"^[a-z0-9_]{1,16}:[A-Za-z0-9_.-]{1,40}/[a-z]{1,4}[0-9]{1,6}$",
        max_length=72,
        examples=["pbx1:1795407499.12/rec1"],
        description="The id of a list; its slash may be written as it is.",
    ),
]
Cursor = Annotated[
    str | None, Query(max_length=300, description="The `next` of the previous page.")
]
Limit = Annotated[int, Query(ge=1, description="The setting page_size_max is the most.")]


def _answer(description: str, example: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"example": example}}}


def _page_of(example: Any) -> dict[int | str, dict[str, Any]]:
    return {200: _answer("One page.", {"items": [example], "next": None})}


_ONE: dict[int | str, dict[str, Any]] = {
    200: _answer("The recording.", RECORDING_EXAMPLE),
    404: _answer(
        "No such recording.",
        error_body("recording_not_found", "there is no recording pbx1:1795407499.99/rec1"),
    ),
}


@router.get(
    "",
    summary="List recordings, newest first",
    responses=_page_of(RECORDING_EXAMPLE),
    dependencies=READ,
)
async def list_recordings(
    service: Service,
    config: Config,
    citizens: CitizensOf,
    call_id: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
    status: Annotated[MediaStatus | None, Query()] = None,
    started_from: Annotated[Moment | None, Query(description="Not before.")] = None,
    started_to: Annotated[Moment | None, Query(description="Before.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[RecordingOut]:
    """Filters narrow together. A recording is listed once its call is over."""
    wanted = MediaFilter(
        kind=MediaKind.RECORDING,
        call_id=call_id,
        status=status.value if status else None,
        started_from=started_from,
        started_to=started_to,
    )
    limit = min(limit, config.page_size_max)
    before = None if cursor is None else media_key(cursor)
    found = await service.page(wanted, before=before, limit=limit + 1)
    shown = found[:limit]
    calls = await service.calls_of(shown)
    secret = await citizens.confidential({media.call_id for media in shown})
    following = None
    if len(found) > limit:
        following = encode_cursor(shown[-1].started_at.isoformat(), shown[-1].id)
    items = [
        _recording(media, calls.get(media.call_id), media.call_id in secret) for media in shown
    ]
    await citizens.was_listed(
        "recording.listed", number=None, cursor=cursor, ids=[media.id for media in shown]
    )
    return Page[RecordingOut](items=items, next=following)


@router.get(
    "/removals",
    summary="What retention removed, newest first",
    responses=_page_of(REMOVAL_EXAMPLE),
    dependencies=READ,
)
async def list_removals(
    service: Service, config: Config, cursor: Cursor = None, limit: Limit = 50
) -> Page[RemovalOut]:
    """Recordings and voice messages, with the reason: their age, or the room on the disk."""
    before = None
    if cursor is not None:
        (before,) = decode_cursor(cursor, 1)
        if not (type(before) is int and 0 < before < 2**63):
            raise _bad_cursor()
    limit = min(limit, config.page_size_max)
    found = await service.removals(before_id=before, limit=limit + 1)
    items = [RemovalOut.model_validate(removal) for removal in found[:limit]]
    following = encode_cursor(items[-1].id) if len(found) > limit else None
    return Page[RemovalOut](items=items, next=following)


@router.get(
    "/{recording_id:path}/audio",
    summary="Listen to a recording",
    response_class=Response,
    responses=AUDIO_RESPONSES,
    dependencies=LISTEN,
)
async def recording_audio(
    request: Request,
    recording_id: RecordingId,
    service: Service,
    citizens: CitizensOf,
    conditions: Listening,
    wav: Wav = False,
) -> Response:
    """Stereo: the caller left, the seat right. Who listens is written down first. The call of a
    confidential case is for those who may see who the citizen is."""
    await citizens.may_listen(call_of(recording_id))
    return await serve_audio(
        request, service, MediaKind.RECORDING, recording_id, conditions, wav=wav
    )


@router.head(
    "/{recording_id:path}/audio",
    summary="Size and ETag of a recording",
    response_class=Response,
    responses=AUDIO_RESPONSES,
    dependencies=LISTEN,
)
async def recording_audio_facts(
    recording_id: RecordingId, service: Service, wav: Wav = False
) -> Response:
    """The headers of the whole file."""
    return await describe_audio(service, MediaKind.RECORDING, recording_id, wav=wav)


@router.get("/{recording_id:path}", summary="One recording", responses=_ONE, dependencies=READ)
async def read_recording(
    recording_id: RecordingId, service: Service, citizens: CitizensOf
) -> RecordingOut:
    """What became of it, and where to listen. Who reads is noted."""
    media = await service.get(MediaKind.RECORDING, recording_id)
    calls = await service.calls_of([media])
    confidential = bool(await citizens.confidential([media.call_id]))
    await citizens.was_shown("recording.read", f"recording:{media.id}", confidential=confidential)
    return _recording(media, calls.get(media.call_id), confidential)


def call_of(media_id: str) -> str:
    """The call that an audio file's id hangs on."""
    return media_id.partition("/")[0]


def media_key(cursor: str) -> tuple[datetime, str]:
    """The key (moment of beginning, id) in `cursor`; `BadInput` ``bad_cursor``."""
    moment, media_id = decode_cursor(cursor, 2)
    try:
        started_at = datetime.fromisoformat(moment)
        if started_at.tzinfo is None or not isinstance(media_id, str) or "\0" in media_id:
            raise _bad_cursor()
        media_id.encode()
        return started_at.astimezone(UTC), media_id
    except (TypeError, ValueError, OverflowError) as error:
        raise _bad_cursor() from error


def audio_facts(media: Media) -> dict[str, Any]:
    """The fields of `AudioFacts`."""
    return {
        "status": media.status,
        "duration_ms": media.duration_ms,
        "format": media.format,
        "channels": media.channels,
        "bytes": media.bytes,
        "sha256": media.sha256,
        "wav_kept": media.wav_kept,
        "attempts": media.attempts,
        "error": media.error,
        "finished_at": media.finished_at,
        "removed_at": media.removed_at,
    }


def _recording(media: Media, call: CallRow | None, confidential: bool) -> RecordingOut:
    return RecordingOut(
        confidential=confidential,
        **audio_facts(media),
        id=media.id,
        call_id=media.call_id,
        started_at=media.started_at,
        expected_ms=media.expected_ms,
        caller_number=call.citizen_number if call else None,
        queue=call.queue if call else None,
        seat=call.own_seat if call else None,
        audio=f"{PREFIX}/{media.id}/audio" if media.audible else None,
    )


def _bad_cursor() -> BadInput:
    return BadInput("cursor: pass the `next` of a previous page", code="bad_cursor")
