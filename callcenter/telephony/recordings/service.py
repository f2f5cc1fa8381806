"""Recordings and the audio of voice messages: what there is, what became of it, who listened.

A file's row is made in the transaction that writes the end of its call to the ledger, so that none
is forgotten; the media worker goes on from there. After a rebuild every row comes again: what is
known is left alone, but for what the ledger says of a file that still waits.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.trail.service import Entry, record
from callcenter.platform.broadcast import Change
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import AudioFormat, Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import CallcenterError, Conflict, Gone, NotFound
from callcenter.telephony.calls.lookup import call_rows
from callcenter.telephony.domain.ledger import (
    CallRow,
    LedgerChanges,
    NoRoom,
    RecordingRow,
    VoiceMessageRow,
)
from callcenter.telephony.domain.media import MediaKind, MediaStatus
from callcenter.telephony.domain.voices import RENEWAL_MS
from callcenter.telephony.recordings import repository
from callcenter.telephony.recordings.files import (
    WAV_SUFFIX,
    Folders,
    Unusable,
    below,
    open_file,
    renamed,
)
from callcenter.telephony.recordings.models import MediaAccess, MediaFile, MediaRemoval
from callcenter.telephony.recordings.repository import MediaFilter
from callcenter.telephony.recordings.waiting import WaitingFile

_log = logging.getLogger(__name__)

MEDIA_TYPES = {
    AudioFormat.OPUS.value: "audio/ogg",  # RFC 7845: Opus is in an Ogg container
    AudioFormat.FLAC.value: "audio/flac",
    "wav": "audio/wav",
}
"""By format."""


@dataclass(frozen=True, slots=True)
class Media:
    """One audio file; what is not known before it is finished is None."""

    id: str
    kind: str
    call_id: str
    status: str
    started_at: datetime
    expected_ms: int | None
    expected_left_ms: int | None
    expected_right_ms: int | None
    left_ms: int | None
    right_ms: int | None
    """How long the caller was bridged; None for a voice message."""
    duration_ms: int | None
    format: str | None
    channels: int | None
    bytes: int | None
    sha256: str | None
    wav_kept: bool
    attempts: int
    error: str | None
    finished_at: datetime | None
    removed_at: datetime | None

    @property
    def audible(self) -> bool:
        """Whether there is something to listen to."""
        return MediaStatus(self.status).audible


@dataclass(frozen=True, slots=True)
class Removal:
    """One file that retention removed."""

    id: int
    media_id: str
    kind: str
    path: str
    sha256: str | None
    bytes: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Audio:
    """An open audio file. Whoever has it must close `descriptor`."""

    descriptor: int
    size: int
    media_type: str
    etag: str
    """Quoted, strong (RFC 9110, section 8.8.3)."""
    file_name: str

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)


class MediaService:
    """Keeps the rows of audio files; a `calls.listener.LedgerListener` and the cases'
    `MediaLookup`."""

    def __init__(self, database: Database, settings: Settings, clock: Clock = utc_now) -> None:
        self._database = database
        self._folders = Folders.of(settings)
        self._settle = timedelta(milliseconds=settings.recording_settle_ms)
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []
        self._fresh: Sequence[WaitingFile] = ()
        self._changed: set[str] = set()
        self.lost = 0
        """Finished files that somebody asked for and that were not on the disk as they were
        finished."""

    def on_work(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit by which a person gave the media worker work."""
        self._listeners.append(listener)

    # -- what the ledger tells -------------------------------------------------------------

    async def on_ledger(self, session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
        """Have a waiting file for every recording and voice message that is over.

        After the commit the media worker must be woken.
        """
        told = {row["id"]: row for row in self._over(changes)}
        self._fresh, self._changed = (), set()
        if not told:
            return ()
        present = await repository.ledger_facts(session, told)
        fresh = [_new(row) for key, row in told.items() if key not in present]
        await repository.add_files(session, fresh)
        for media_id, file in present.items():
            facts = {name: told[media_id][name] for name in repository.FROM_LEDGER}
            if any(file[name] != value for name, value in facts.items()):
                await repository.change(session, media_id, facts, was=MediaStatus.PENDING)
                self._changed.add(media_id)
        self._fresh = [_waiting(row) for row in fresh]
        return ()

    def take_fresh(self) -> tuple[Sequence[WaitingFile], Collection[str]]:
        """The files whose rows the last batch of the ledger made, and the ids of those whose rows
        it changed; to be asked for once it is committed."""
        fresh, changed = self._fresh, self._changed
        self._fresh, self._changed = (), set()
        return fresh, changed

    def _over(self, changes: LedgerChanges) -> list[dict[str, Any]]:
        # From now and not from the end of the call: clocks may have been set meanwhile.
        due_at = self._clock() + self._settle
        rows: list[tuple[MediaKind, RecordingRow | VoiceMessageRow, dict[str, int | None]]] = [
            *((MediaKind.RECORDING, row, _expected(row)) for row in changes.recordings),
            *(
                (MediaKind.VOICE_MESSAGE, row, {**_NOTHING, "expected_ms": _time_of(row)})
                for row in changes.voice_messages
            ),
        ]
        return [
            {
                "id": row.id,
                "kind": kind.value,
                "call_id": row.call_id,
                "source_path": row.path,
                **expected,
                "started_at": row.started_at,
                "no_room": NoRoom(row.no_room).value,
                "due_at": due_at,
            }
            for kind, row, expected in rows
            if row.ended_at is not None
        ]

    # -- reading ---------------------------------------------------------------------------

    async def for_calls(
        self, session: AsyncSession, call_ids: Collection[str]
    ) -> Mapping[str, Sequence[Media]]:
        """The files of each of `call_ids`, oldest first; a call without any is left out."""
        found: dict[str, list[Media]] = defaultdict(list)
        for row in await repository.of_calls(session, call_ids):
            found[row.call_id].append(_media(row))
        return found

    async def by_ids(self, ids: Collection[str]) -> Mapping[str, Media]:
        """The files of `ids` that there are."""
        async with self._database.reading() as session:
            return {
                key: _media(row) for key, row in (await repository.by_ids(session, ids)).items()
            }

    async def page(
        self, wanted: MediaFilter, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Media]:
        """Up to `limit` files, newest first, after the key `before` (moment of beginning, id)."""
        async with self._database.reading() as session:
            rows = await repository.newest_first(session, wanted, before=before, limit=limit)
        return [_media(row) for row in rows]

    async def get(self, kind: MediaKind, media_id: str) -> Media:
        """One file; `NotFound` ``recording_not_found`` or ``voice_message_not_found``."""
        return _media(await self._row(kind, media_id))

    async def calls_of(self, files: Collection[Media]) -> Mapping[str, CallRow]:
        """The calls of `files` that the ledger knows (it may be being rebuilt), by id."""
        async with self._database.reading() as session:
            return await call_rows(session, {file.call_id for file in files})

    async def removals(self, *, before_id: int | None, limit: int) -> Sequence[Removal]:
        """Up to `limit` removals, newest first, with ids below `before_id`."""
        async with self._database.reading() as session:
            rows = await repository.removals(session, before_id=before_id, limit=limit)
        return [_removal(row) for row in rows]

    async def all_files(self) -> Sequence[MediaFile]:
        """Every row as it is stored, for the audit."""
        async with self._database.reading() as session:
            return await repository.everything(session)

    async def without_room(self, start: datetime, end: datetime) -> tuple[int, int]:
        """Recordings begun in [`start`, `end`) that were left out, and cut, for want of room."""
        async with self._database.reading() as session:
            found = await repository.count_by_status(
                session, start, end, (MediaStatus.LEFT_OUT, MediaStatus.CUT)
            )
        return found[MediaStatus.LEFT_OUT], found[MediaStatus.CUT]

    async def pending_count(self) -> int:
        """Files that wait for the worker, of all nodes."""
        async with self._database.reading() as session:
            return await repository.count_pending(session)

    # -- trying again ----------------------------------------------------------------------

    async def retry(self, kind: MediaKind, media_id: str, *, actor: str) -> Media:
        """Have the worker look again for a file that was missing or given up, with all attempts:
        the disk is mended, or the file was brought back from a backup.

        Errors: `NotFound` as of `open_audio`; `Conflict` ``nothing_to_retry``.
        """
        row = await self._row(kind, media_id)
        was = MediaStatus(row.status)
        values = {
            "status": MediaStatus.PENDING.value,
            "attempts": 0,
            "error": None,
            "due_at": self._clock(),
            "source_left": False,
            "finished_at": None,
        }
        async with self._database.writing() as session:
            if was not in _RETRYABLE or not await repository.change(
                session, media_id, values, was=was
            ):
                raise Conflict(
                    f"{media_id} is {was.value}: only what is missing or failed is tried again",
                    code="nothing_to_retry",
                    id=media_id,
                    status=was.value,
                )
            entry = Entry(f"{kind.value}.retried", f"{kind.value}:{media_id}", {"was": was}, actor)
            await record(session, entry, now=self._clock())
        _log.info("%s is tried again by=%s", media_id, actor)
        for listener in self._listeners:
            listener()
        return _media(await self._row(kind, media_id))

    # -- listening -------------------------------------------------------------------------

    async def open_audio(self, kind: MediaKind, media_id: str, *, wav: bool = False) -> Audio:
        """The finished file, or with `wav` the WAV kept beside it; the caller must close it.

        Errors: `NotFound` ``recording_not_found`` / ``voice_message_not_found``; `Conflict`
        ``recording_not_ready`` while it waits for the worker; `NotFound` ``recording_missing`` if
        there is nothing to hear (``details.status`` says why); `NotFound` ``wav_not_kept``; `Gone`
        once retention has removed it.
        """
        row = await self._row(kind, media_id)
        if not MediaStatus(row.status).audible or row.path is None or row.sha256 is None:
            raise _not_audible(row)
        if wav and not row.wav_kept:
            raise NotFound("no WAV was kept; ask without `wav`", code="wav_not_kept", id=media_id)
        if wav and row.source_left:
            raise _not_ready(row)
        path = renamed(row.source_path, WAV_SUFFIX) if wav else row.path
        form = "wav" if wav else row.format or ""
        try:
            descriptor, size = await asyncio.to_thread(self._open, kind, path)
        except (OSError, Unusable) as error:
            raise self._lost(row, str(error)) from error
        if not wav and size != row.bytes:
            os.close(descriptor)
            raise self._lost(row, f"it has {size} bytes and should have {row.bytes}")
        return Audio(
            descriptor=descriptor,
            size=size,
            media_type=MEDIA_TYPES[form],
            etag=f'"{row.sha256}-wav"' if wav else f'"{row.sha256}"',
            file_name=f"{_safe(media_id)}.{form}",
        )

    async def note_access(self, media_id: str, *, actor: str, address: str) -> None:
        """Write down, committed, that `actor` at `address` listens; before the first byte."""
        row = MediaAccess(
            media_id=media_id, actor=actor[:64], address=address[:64], at=self._clock()
        )
        async with self._database.writing() as session:
            await repository.add_access(session, row)
            noted = Entry(
                "recording.listened", f"recording:{media_id}", {"address": address}, actor
            )
            await record(session, noted, now=row.at)

    async def _row(self, kind: MediaKind, media_id: str) -> MediaFile:
        async with self._database.reading() as session:
            row = (await repository.by_ids(session, [media_id])).get(media_id)
        if row is not None and row.kind == kind.value:
            return row
        if kind is MediaKind.VOICE_MESSAGE:
            raise NotFound(
                f"there is no voice message {media_id}",
                code="voice_message_not_found",
                id=media_id,
            )
        raise NotFound(f"there is no recording {media_id}", code="recording_not_found", id=media_id)

    def _open(self, kind: MediaKind, path: str) -> tuple[int, int]:
        descriptor = open_file(below(self._folders.of_kind(kind), path))
        return descriptor, os.fstat(descriptor).st_size

    def _lost(self, row: MediaFile, problem: str) -> NotFound:
        self.lost += 1
        _log.error("the finished file of %s is not as it was: %s", row.id, problem)
        return NotFound(
            "the finished file is not on the disk as it was finished: see the service's log",
            code="recording_missing",
            id=row.id,
            status=row.status,
        )


_RETRYABLE = frozenset({MediaStatus.MISSING, MediaStatus.FAILED})
_NOTHING: dict[str, int | None] = {
    "expected_ms": None,
    "expected_left_ms": None,
    "expected_right_ms": None,
}
"""What is expected of a voice message."""


def _expected(row: RecordingRow) -> dict[str, int | None]:
    return {
        "expected_ms": max(0, row.bridged_ms - row.renewed * RENEWAL_MS),
        "expected_left_ms": row.left_sent_ms,
        "expected_right_ms": row.right_sent_ms,
    }


def _time_of(row: VoiceMessageRow) -> int | None:
    """How long the message took, if the disk may have cut it; else its length is the caller's."""
    if row.no_room == NoRoom.NOWHERE or row.ended_at is None:
        return None
    return round((row.ended_at - row.started_at).total_seconds() * 1000)


def _new(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "status": MediaStatus.PENDING.value,
        "source_left": False,
        "wav_kept": False,
        "attempts": 0,
    }


def _waiting(row: dict[str, Any]) -> WaitingFile:
    return WaitingFile(**{name: row[name] for name in _FOR_THE_WORKER})


_FOR_THE_WORKER = frozenset(field.name for field in fields(WaitingFile)) - {"error", "path"}


def _not_audible(row: MediaFile) -> CallcenterError:
    status = MediaStatus(row.status)
    if status is MediaStatus.PENDING:
        return _not_ready(row)
    if status is MediaStatus.REMOVED:
        return Gone("retention has removed the audio", id=row.id, status=status.value)
    return NotFound(
        "there is no audio: details.status says what became of it",
        code="recording_missing",
        id=row.id,
        status=status.value,
        error=row.error,
    )


def _not_ready(row: MediaFile) -> Conflict:
    return Conflict(
        "the audio is not finished yet: ask again in a moment",
        code="recording_not_ready",
        id=row.id,
        status=row.status,
    )


def _safe(media_id: str) -> str:
    """A file name of `media_id` that no system and no header takes amiss."""
    return "".join(
        char if char.isascii() and (char.isalnum() or char in "._") else "-" for char in media_id
    )


def _media(row: MediaFile) -> Media:
    return Media(
        id=row.id,
        kind=row.kind,
        call_id=row.call_id,
        status=row.status,
        started_at=row.started_at,
        expected_ms=row.expected_ms,
        expected_left_ms=row.expected_left_ms,
        expected_right_ms=row.expected_right_ms,
        left_ms=row.left_ms,
        right_ms=row.right_ms,
        duration_ms=row.duration_ms,
        format=row.format,
        channels=row.channels,
        bytes=row.bytes,
        sha256=row.sha256,
        wav_kept=row.wav_kept,
        attempts=row.attempts,
        error=row.error,
        finished_at=row.finished_at,
        removed_at=row.removed_at,
    )


def _removal(row: MediaRemoval) -> Removal:
    return Removal(
        id=row.id,
        media_id=row.media_id,
        kind=row.kind,
        path=row.path,
        sha256=row.sha256,
        bytes=row.bytes,
        reason=row.reason,
        at=row.at,
    )
