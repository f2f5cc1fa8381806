"""Audio over HTTP: the one way out of the house for recordings and voice messages.

Before the first byte the database has a row that says who asked. A file is read in threads, piece
by piece, so that a slow disk holds up nobody else; the descriptor is given back whatever happens.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from callcenter.platform.http.api import error_body
from callcenter.platform.http.etags import is_known
from callcenter.telephony.domain.media import MediaKind
from callcenter.telephony.recordings.ranges import (
    ByteRange,
    Unsatisfiable,
    range_applies,
    wanted_range,
)
from callcenter.telephony.recordings.service import MEDIA_TYPES, Audio, MediaService

PIECE_BYTES = 64 * 1024
"""13 s of Opus: small enough for hundreds of listeners, large enough for few threads."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a request says about the bytes that it wants."""

    wanted: str | None = None
    if_range: str | None = None
    if_none_match: str | None = None


_Range = Annotated[
    str | None,
    Header(alias="Range", description="One range of bytes, such as `bytes=0-65535`."),
]
_IfRange = Annotated[
    str | None,
    Header(alias="If-Range", description="The range counts only for the file of this ETag."),
]
_IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", description="ETags of files that you have.")
]


async def conditions(
    wanted: _Range = None, if_range: _IfRange = None, if_none_match: _IfNoneMatch = None
) -> Conditions:
    """The dependency that reads them."""
    return Conditions(wanted, if_range, if_none_match)


Wav = Annotated[
    bool, Query(description="The WAV, if the setting CALLCENTER_RECORDING_KEEP_WAV kept it.")
]

_BINARY = {
    media_type: {"schema": {"type": "string", "format": "binary"}}
    for media_type in sorted(set(MEDIA_TYPES.values()))
}
_HEADERS = {
    "ETag": {"schema": {"type": "string"}, "description": "SHA-256 of the file."},
    "Accept-Ranges": {"schema": {"type": "string"}},
    "Content-Disposition": {"schema": {"type": "string"}},
}


def _error(description: str, code: str, message: str, **details: Any) -> dict[str, Any]:
    example = error_body(code, message, details)
    return {"description": description, "content": {"application/json": {"example": example}}}


AUDIO_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole file.", "content": _BINARY, "headers": _HEADERS},
    206: {
        "description": "The range that was asked for.",
        "content": _BINARY,
        "headers": {**_HEADERS, "Content-Range": {"schema": {"type": "string"}}},
    },
    304: {"description": "You have it: your ETag is the file's."},
    403: _error(
        "Codes `forbidden`, `citizen_hidden`.",
        "citizen_hidden",
        "the call is about a confidential case: its voice is for those who may see who the citizen"
        " is",
    ),
    404: _error(
        "No such thing, or nothing to hear: `recording_not_found`, `voice_message_not_found`,"
        " `recording_missing`, `wav_not_kept`.",
        "recording_missing",
        "there is no audio: details.status says what became of it",
        status="missing",
    ),
    409: _error(
        "Not finished yet.",
        "recording_not_ready",
        "the audio is not finished yet: ask again in a moment",
        status="pending",
    ),
    410: _error("Retention has removed it.", "gone", "retention has removed the audio"),
    416: _error(
        "The range begins behind the end.",
        "range_not_satisfiable",
        "the file has 730112 bytes",
        size=730112,
    ),
}
"""For the API's description of every ``…/audio``."""


async def serve_audio(
    request: Request,
    service: MediaService,
    kind: MediaKind,
    media_id: str,
    conditions: Conditions,
    *,
    wav: bool,
) -> Response:
    """The answer to GET; errors as `MediaService.open_audio` has them."""
    audio = await service.open_audio(kind, media_id, wav=wav)
    answer: Response | None = None
    try:
        answer = _answer(audio, conditions)
        if answer.status_code < 400:
            await service.note_access(media_id, actor=_actor(request), address=_address(request))
        return answer
    except BaseException:
        answer = None
        raise
    finally:
        if not isinstance(answer, _Pieces):
            audio.close()


async def describe_audio(
    service: MediaService, kind: MediaKind, media_id: str, *, wav: bool
) -> Response:
    """The answer to HEAD: no byte of sound leaves, so nobody is written down."""
    audio = await service.open_audio(kind, media_id, wav=wav)
    audio.close()
    return Response(headers={**_headers(audio), "Content-Length": str(audio.size)})


def _answer(audio: Audio, conditions: Conditions) -> Response:
    headers = _headers(audio)
    if is_known(conditions.if_none_match, audio.etag):
        return Response(status_code=304, headers=headers)
    applies = range_applies(conditions.if_range, audio.etag)
    try:
        part = wanted_range(conditions.wanted if applies else None, audio.size)
    except Unsatisfiable:
        body = error_body(
            "range_not_satisfiable", f"the file has {audio.size} bytes", {"size": audio.size}
        )
        return JSONResponse(
            body, status_code=416, headers={"Content-Range": f"bytes */{audio.size}"}
        )
    if part is None:
        return _Pieces(audio, ByteRange(0, audio.size - 1), status_code=200, headers=headers)
    headers["Content-Range"] = f"bytes {part.first}-{part.last}/{audio.size}"
    return _Pieces(audio, part, status_code=206, headers=headers)


def _headers(audio: Audio) -> dict[str, str]:
    return {
        "Content-Type": audio.media_type,
        "Accept-Ranges": "bytes",
        "ETag": audio.etag,
        "Content-Disposition": f'inline; filename="{audio.file_name}"',
        # To be asked again each time: else a browser would play it without a row here.
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }


class _Pieces(StreamingResponse):
    """Sends a part of an open file and closes it."""

    def __init__(
        self, audio: Audio, part: ByteRange, *, status_code: int, headers: dict[str, str]
    ) -> None:
        self._audio = audio
        super().__init__(
            _pieces(audio.descriptor, part),
            status_code=status_code,
            headers={**headers, "Content-Length": str(part.length)},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; the file is closed also when the client goes away."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._audio.close()


async def _pieces(descriptor: int, part: ByteRange) -> AsyncIterator[bytes]:
    at, left = part.first, part.length
    while left:
        piece = await asyncio.to_thread(os.pread, descriptor, min(PIECE_BYTES, left), at)
        if not piece:
            raise OSError("the file became shorter while it was sent")
        yield piece
        at += len(piece)
        left -= len(piece)


def _actor(request: Request) -> str:
    return str(getattr(request.state, "actor", "system"))


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
