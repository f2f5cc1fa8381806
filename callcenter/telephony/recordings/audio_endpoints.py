"""What recordings and voice messages have in common over HTTP: listening, and trying again.

`add_audio` gives a router the addresses ``/{id}/audio`` (GET, HEAD) and ``/{id}/retry``; add it
before ``/{id}``, whose ids have a slash of their own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, status
from fastapi.responses import Response

from callcenter.people.access.rights import Who, requires
from callcenter.people.citizens import CitizensOf
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.api import error_body
from callcenter.platform.http.cursors import MOMENT, TEXT, cursor_of
from callcenter.platform.http.given import Given
from callcenter.platform.http.queries import MomentSpan, moment_span
from callcenter.telephony.domain.media import MediaKind
from callcenter.telephony.recordings.schemas import AudioFacts
from callcenter.telephony.recordings.service import Media, MediaService
from callcenter.telephony.recordings.serving import (
    AUDIO_RESPONSES,
    Conditions,
    Wav,
    conditions,
    describe_audio,
    serve_audio,
)

MediaFiles = Given[MediaService]
READ = [requires(Permission.RECORDING_READ)]
LISTEN = [requires(Permission.RECORDING_LISTEN)]
RETRY = [requires(Permission.RECORDING_RETRY)]
Listening = Annotated[Conditions, Depends(conditions)]
MediaId = Annotated[
    str,
    Path(
        pattern=r"^[a-z0-9_]{1,16}:[A-Za-z0-9_.-]{1,40}/[a-z]{1,4}[0-9]{1,6}$",
        max_length=72,
        examples=["pbx1:1795407499.12/rec1"],
        description="The id of a list; its slash may be written as it is.",
    ),
]
Span = Annotated[MomentSpan, Depends(moment_span("started"))]
Before = Annotated[tuple[datetime, str] | None, Depends(cursor_of(MOMENT, TEXT))]
"""The moment of its beginning, and the id, of the last audio file of the previous page."""


def answer(description: str, example: Any) -> dict[str, Any]:
    """An answer of the API's description."""
    return {"description": description, "content": {"application/json": {"example": example}}}


def add_audio(router: APIRouter, kind: MediaKind) -> None:
    """Have `router` serve the audio of its files, and take the wish to try one again."""
    noun = kind.value.replace("_", " ")
    missing = f"{kind.value}_not_found"

    @router.get(
        "/{media_id:path}/audio",
        summary=f"Listen to a {noun}",
        response_class=Response,
        responses=AUDIO_RESPONSES,
        dependencies=LISTEN,
    )
    async def listen(
        request: Request,
        media_id: MediaId,
        media: MediaFiles,
        citizens: CitizensOf,
        conditions: Listening,
        wav: Wav = False,
    ) -> Response:
        """Of a recording stereo: the caller left, the seat right. Who listens is written down
        first. The call of a confidential case is for those who may see who the citizen is."""
        await citizens.may_listen(call_of(media_id))
        return await serve_audio(request, media, kind, media_id, conditions, wav=wav)

    @router.head(
        "/{media_id:path}/audio",
        summary=f"Size and ETag of a {noun}",
        response_class=Response,
        responses=AUDIO_RESPONSES,
        dependencies=LISTEN,
    )
    async def describe(
        media_id: MediaId, media: MediaFiles, citizens: CitizensOf, wav: Wav = False
    ) -> Response:
        """The headers of the whole file, for whoever may have it."""
        await citizens.may_listen(call_of(media_id))
        return await describe_audio(media, kind, media_id, wav=wav)

    @router.post(
        "/{media_id:path}/retry",
        status_code=status.HTTP_202_ACCEPTED,
        summary=f"Try a {noun} again",
        responses={
            404: answer(f"No such {noun}.", error_body(missing, f"there is no {noun} …")),
            409: answer(
                "There is nothing to try again.", error_body("nothing_to_retry", "… is ready")
            ),
        },
        dependencies=RETRY,
    )
    async def retry(media_id: MediaId, media: MediaFiles, who: Who) -> AudioFacts:
        """Of one that is `missing` or `failed`: once the disk is mended, or the PBX's file was
        brought back from a backup. It is `pending` again, with all its attempts."""
        found = await media.retry(kind, media_id, actor=who.name)
        return AudioFacts.model_validate(audio_facts(found))


def call_of(media_id: str) -> str:
    """The call that an audio file's id hangs on."""
    return media_id.partition("/")[0]


def audio_facts(media: Media) -> dict[str, Any]:
    """The fields of `AudioFacts`."""
    return {name: getattr(media, name) for name in AudioFacts.model_fields}
