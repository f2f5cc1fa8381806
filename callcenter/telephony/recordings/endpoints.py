"""``/api/recordings``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from callcenter.people.citizens import CitizensOf
from callcenter.platform.http.api import Config, Page, error_body
from callcenter.platform.http.cursors import ID, Limit, cursor_of, encode_cursor
from callcenter.platform.texts import Line
from callcenter.telephony.domain.ledger import CallRow
from callcenter.telephony.domain.media import MediaKind, MediaStatus
from callcenter.telephony.recordings.audio_endpoints import (
    READ,
    Before,
    MediaFiles,
    MediaId,
    Span,
    add_audio,
    answer,
    audio_facts,
)
from callcenter.telephony.recordings.repository import MediaFilter
from callcenter.telephony.recordings.schemas import (
    RECORDING_EXAMPLE,
    REMOVAL_EXAMPLE,
    RecordingOut,
    RemovalOut,
)
from callcenter.telephony.recordings.service import Media

PREFIX = "/api/recordings"

router = APIRouter(prefix=PREFIX, tags=["recordings"])


BeforeRemoval = Annotated[tuple[int] | None, Depends(cursor_of(ID))]


def _page_of(example: Any) -> dict[int | str, dict[str, Any]]:
    return {200: answer("One page.", {"items": [example], "next": None})}


_ONE: dict[int | str, dict[str, Any]] = {
    200: answer("The recording.", RECORDING_EXAMPLE),
    404: answer(
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
    service: MediaFiles,
    config: Config,
    citizens: CitizensOf,
    span: Span,
    before: Before,
    call_id: Annotated[Line | None, Query(min_length=1, max_length=64)] = None,
    seat: Annotated[
        Line | None,
        Query(min_length=1, max_length=128, description="That took part in the call."),
    ] = None,
    status: Annotated[MediaStatus | None, Query()] = None,
    limit: Limit = 50,
) -> Page[RecordingOut]:
    """Filters narrow together. A recording is listed once its call is over."""
    citizens.may_search(None, seat)
    wanted = MediaFilter(
        kind=MediaKind.RECORDING,
        call_id=call_id,
        seat=seat,
        status=status.value if status else None,
        started_from=span.first,
        started_to=span.last,
    )
    limit = min(limit, config.page_size_max)
    found = await service.page(wanted, before=before, limit=limit + 1)
    shown = found[:limit]
    calls = await service.calls_of(shown)
    secret = await citizens.confidential({media.call_id for media in shown})
    following = None
    if len(found) > limit:
        following = encode_cursor(shown[-1].started_at, shown[-1].id)
    items = [
        _recording(media, calls.get(media.call_id), media.call_id in secret) for media in shown
    ]
    return Page[RecordingOut](items=items, next=following)


@router.get(
    "/removals",
    summary="What retention removed, newest first",
    responses=_page_of(REMOVAL_EXAMPLE),
    dependencies=READ,
)
async def list_removals(
    service: MediaFiles, config: Config, before: BeforeRemoval, limit: Limit = 50
) -> Page[RemovalOut]:
    """Recordings and voice messages, with the reason: their age, or the room on the disk."""
    limit = min(limit, config.page_size_max)
    found = await service.removals(before_id=before and before[0], limit=limit + 1)
    items = [RemovalOut.model_validate(removal) for removal in found[:limit]]
    following = encode_cursor(items[-1].id) if len(found) > limit else None
    return Page[RemovalOut](items=items, next=following)


add_audio(router, MediaKind.RECORDING)


@router.get("/{media_id:path}", summary="One recording", responses=_ONE, dependencies=READ)
async def read_recording(
    media_id: MediaId, service: MediaFiles, citizens: CitizensOf
) -> RecordingOut:
    """What became of it, and where to listen. Who reads is noted."""
    media = await service.get(MediaKind.RECORDING, media_id)
    calls = await service.calls_of([media])
    confidential = bool(await citizens.confidential([media.call_id]))
    await citizens.was_shown("recording.read", f"recording:{media.id}", confidential=confidential)
    return _recording(media, calls.get(media.call_id), confidential)


def _recording(media: Media, call: CallRow | None, confidential: bool) -> RecordingOut:
    return RecordingOut(
        confidential=confidential,
        **audio_facts(media),
        id=media.id,
        call_id=media.call_id,
        started_at=media.started_at,
        expected_ms=media.expected_ms,
        expected_left_ms=media.expected_left_ms,
        expected_right_ms=media.expected_right_ms,
        left_ms=media.left_ms,
        right_ms=media.right_ms,
        caller_number=call.citizen_number if call else None,
        queue=call.queue if call else None,
        seat=call.own_seat if call else None,
        audio=f"{PREFIX}/{media.id}/audio" if media.audible else None,
    )
