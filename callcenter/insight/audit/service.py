"""``callcenter audit``: reads what the ledger, the cases, the queue_log and the disk say.

The oracle is Asterisk's queue_log, which no production code reads. Calls that are still open, and
what the journal reader has not read yet, are left out: they are not wrong, only not over.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Protocol

from callcenter.casework.cases.service import CaseService
from callcenter.insight.audit.compare import (
    Difference,
    Kind,
    compare_cases,
    compare_parties,
    compare_queues,
)
from callcenter.insight.audit.order import TOLERANCE, Offer, Stay, overtakings
from callcenter.insight.audit.room import JudgedFile, without_room
from callcenter.insight.audit.voices import Recorded, compare_voices
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.telephony.calls.service import Books, CallService
from callcenter.telephony.calls.status import status
from callcenter.telephony.calls.stays import StayOfCall
from callcenter.telephony.domain.ledger import VisitEnd
from callcenter.telephony.domain.media import MediaKind, MediaStatus
from callcenter.telephony.pbx.queue_log import QueueLogEntry, read_queue_log
from callcenter.telephony.recordings.service import MediaService

_BLOCK = 1 << 20
LONGEST_WAIT_SECONDS = 7200
"""No queue's limit is longer (`config.queue_wait_limit_seconds`)."""


class AudioFile(JudgedFile, Recorded, Protocol):
    """What the recordings' service says of one file."""

    @property
    def kind(self) -> str: ...
    @property
    def source_path(self) -> str: ...
    @property
    def path(self) -> str | None: ...
    @property
    def wav_kept(self) -> bool: ...
    @property
    def bytes(self) -> int | None: ...
    @property
    def sha256(self) -> str | None: ...


class AudioFiles(Protocol):
    """The recordings' service."""

    async def all_files(self) -> Sequence[AudioFile]: ...


class CaseCounts(Protocol):
    """The cases' service."""

    async def counts_by_call(self) -> Mapping[str, int]: ...


class Audit:
    """Compares everything; takes a read of the whole ledger and of every file's bytes."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        calls: CallService,
        cases: CaseCounts,
        audio: AudioFiles,
    ) -> None:
        self._settings = settings
        self._database = database
        self._calls = calls
        self._cases = cases
        self._audio = audio

    async def differences(self) -> list[Difference]:
        """Every difference; empty if the books balance."""
        entries = await asyncio.to_thread(
            lambda: list(read_queue_log(self._settings.queue_log_file))
        )
        journal = await status(self._settings, self._database)
        # The ledger last: what it says is then not older than what it is compared with.
        books = await self._calls.books()
        cases = await self._cases.counts_by_call()
        files = await self._audio.all_files()
        limit = (
            journal.last_row_at.timestamp()
            if journal.behind_bytes and journal.last_row_at
            else None
        )
        found = list(self._queues(entries, books, limit))
        over = [call for call in books.calls if call.ended_at is not None]
        picked_up = {row.call_id for row in books.visits if row.how is VisitEnd.CONNECTED}
        found += compare_cases(over, books.message_calls, cases, picked_up)
        found += compare_parties(books.talks)
        found += _states(books, files)
        found += compare_voices(files)
        found += without_room(files)
        if journal.last_row_at is not None:
            found += await self._order(journal.last_row_at)
        found += await asyncio.to_thread(lambda: list(self._disk(files, books)))
        return found

    # -- queues ---------------------------------------------------------------------------------

    @staticmethod
    def _queues(
        entries: Sequence[QueueLogEntry], books: Books, read_to: float | None
    ) -> Iterator[Difference]:
        if not entries:
            return iter(())
        begun = datetime.fromtimestamp(entries[0].at, UTC)
        still_open = {call.id for call in books.calls if call.ended_at is None}
        passed_over = {
            visit.channel
            for visit in books.visits
            if visit.joined_at < begun or visit.call_id in still_open
        }
        whole = {entry.channel for entry in entries if entry.event == "ENTERQUEUE"}
        passed_over |= {entry.channel for entry in entries} - whole
        if read_to is not None:
            passed_over |= {entry.channel for entry in entries if entry.at >= int(read_to)}
        return compare_queues(
            [entry for entry in entries if entry.channel not in passed_over],
            [visit for visit in books.visits if visit.channel not in passed_over],
            books.talks,
            books.refused,
        )

    # -- the order -----------------------------------------------------------------------------

    async def _order(self, read_to: datetime) -> list[Difference]:
        """Who was overtaken in the last days, up to what has been read of the journal.

        One day is read at a time, and before it those who may wait into it.
        """
        end = read_to - TOLERANCE
        begin = end - timedelta(days=self._settings.audit_order_days)
        longest = timedelta(seconds=LONGEST_WAIT_SECONDS)
        found: list[Difference] = []
        while begin < end:
            until = min(begin + timedelta(days=1), end)
            rows = await self._calls.stays(begin - longest, until + TOLERANCE)
            found += await asyncio.to_thread(_overtakings, rows, begin, until)
            begin = until
        return found

    # -- files ----------------------------------------------------------------------------------

    def _disk(self, files: Collection[AudioFile], books: Books) -> Iterator[Difference]:
        folders = {
            MediaKind.RECORDING.value: self._settings.recordings_dir,
            MediaKind.VOICE_MESSAGE.value: self._settings.voice_messages_dir,
        }
        known: set[Path] = {folders["recording"] / path for path in books.recording_paths}
        known |= {folders["voice_message"] / path for path in books.message_paths}
        for file in files:
            folder = folders[file.kind]
            known.add(folder / file.source_path)
            if file.path is None:
                continue
            path = folder / file.path
            known |= {path, path.with_suffix(".wav")}
            if MediaStatus(file.status).audible:
                yield from _check_file(file, path)
        for folder in folders.values():
            yield from _unknown_files(folder, known)


def _overtakings(rows: Sequence[StayOfCall], begin: datetime, until: datetime) -> list[Difference]:
    return list(overtakings(map(_stay, rows), begin, until))


def _stay(row: StayOfCall) -> Stay:
    offers = tuple(Offer(ring.seat, ring.rang_at, ring.ended_at) for ring in row.rings)
    return Stay(
        row.call_id, row.queue, row.priority, row.came_at, row.joined_at, row.left_at, offers
    )


def _states(books: Books, files: Collection[AudioFile]) -> Iterator[Difference]:
    stated = {file.id for file in files}
    for audio in chain(books.ended_recordings, books.ended_messages):
        if audio not in stated:
            yield Difference(Kind.AUDIO_WITHOUT_STATE, audio, "no state")


def _check_file(file: AudioFile, path: Path) -> Iterator[Difference]:
    try:
        size, digest = path.stat().st_size, _sha256(path)
    except OSError as error:
        yield Difference(Kind.FILE_MISSING, file.id, f"{file.path}: {error.strerror}")
        return
    if size != file.bytes or digest != file.sha256:
        yield Difference(Kind.FILE_CHANGED, file.id, f"{file.path}: {size} bytes, {digest}")


def _unknown_files(folder: Path, known: set[Path]) -> Iterator[Difference]:
    for path in sorted(folder.rglob("*")):
        # A call that nobody answered leaves an empty file until the sweeper comes; names that
        # begin with a dot are files that are being written.
        if path in known or path.name.startswith(".") or not path.is_file():
            continue
        if path.stat().st_size:
            yield Difference(Kind.FILE_UNKNOWN, str(path.relative_to(folder)), "no row")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def make_audit(settings: Settings, database: Database) -> Audit:
    """The audit of this instance, over services of its own."""
    return Audit(
        settings,
        database,
        CallService(database),
        CaseService(database, settings),
        MediaService(database, settings),
    )
