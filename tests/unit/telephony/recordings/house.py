"""A home with a database, the PBX's files and everything that works at them; time is the test's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import soundfile
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.casework.cases.service import CaseService
from callcenter.platform.broadcast import Change
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.simulator.sound import CALLER_HZ, RATE, SEAT_HZ, Samples, tone
from callcenter.telephony.domain.ledger import LedgerChanges, RecordingRow, VoiceMessageRow
from callcenter.telephony.domain.media import MediaNote
from callcenter.telephony.recordings.models import MediaFile
from callcenter.telephony.recordings.retention import Retention
from callcenter.telephony.recordings.service import MediaService
from callcenter.telephony.recordings.sweeper import OrphanSweeper
from callcenter.telephony.recordings.worker import MediaWorker

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
HOUR = "2026/11/24/12"


@dataclass
class House:
    settings: Settings
    database: Database
    now: datetime = NOON
    notes: list[tuple[str, str]] = field(default_factory=list)
    """What the cases were told: media id and state."""
    published: list[Change] = field(default_factory=list)
    cases: CaseService | None = None
    """Told too, if there are any."""

    def __post_init__(self) -> None:
        self.told = asyncio.Event()
        self.media = MediaService(self.database, self.settings, self.clock)
        self.worker = self.new_worker()
        self.sweeper = OrphanSweeper(self.database, self.settings, self.clock)

    def publish(self, change: Change) -> None:
        self.published.append(change)
        self.told.set()

    async def until_told(self, count: int) -> None:
        """Wait until `count` files have their state."""
        async with asyncio.timeout(60):
            while len(self.notes) < count:
                self.told.clear()
                await self.told.wait()

    def clock(self) -> datetime:
        return self.now

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    async def note(self, session: AsyncSession, files: Sequence[MediaNote], /) -> Sequence[Change]:
        self.notes += [(one.media_id, one.status.value) for one in files]
        if self.cases is not None:
            return await self.cases.note_media(session, files)
        return [Change("case.recording", {"media_id": one.media_id}) for one in files]

    def new_worker(self) -> MediaWorker:
        """As after a restart."""
        return MediaWorker(
            self.database,
            self.settings,
            note_media=self.note,
            publish=self.publish,
            clock=self.clock,
        )

    def retention(self, free: Callable[[Path], int] = lambda _folder: 2**50) -> Retention:
        return Retention(
            self.database,
            self.settings,
            note_media=self.note,
            publish=self.publish,
            free=free,
            clock=self.clock,
        )

    # -- the PBX's files -------------------------------------------------------------------

    def path(self, relative: str) -> Path:
        folder = self.settings.recordings_dir
        if relative.endswith(".wav") and not (folder / relative).exists():
            folder = self.settings.voice_messages_dir
        return folder / relative

    def put(self, relative: str, data: bytes = b"", *, age: timedelta | None = None) -> Path:
        root = self.settings.recordings_dir
        if relative.endswith(".wav"):
            root = self.settings.voice_messages_dir
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if age is not None:
            moment = (self.now - age).timestamp()
            os.utime(path, (moment, moment))
        return path

    # -- the ledger ------------------------------------------------------------------------

    def recording(
        self, serial: int, seconds: float, *, path: str | None = None, over: bool = True
    ) -> RecordingRow:
        call_id = f"pbx1:1795407499.{serial}"
        started = NOON + timedelta(minutes=serial)
        return RecordingRow(
            id=f"{call_id}/rec1",
            call_id=call_id,
            path=path or f"{HOUR}/pbx1-1795407499.{serial}.raw",
            started_at=started,
            ended_at=started + timedelta(seconds=seconds) if over else None,
            bridged_ms=round(seconds * 1000),
        )

    def message(self, serial: int, *, path: str | None = None) -> VoiceMessageRow:
        call_id = f"pbx1:1795407499.{serial}"
        started = NOON + timedelta(minutes=serial)
        return VoiceMessageRow(
            id=f"{call_id}/vm1",
            call_id=call_id,
            path=path or f"2026/11/24/pbx1-1795407499.{serial}.wav",
            reason="closed",
            started_at=started,
            ended_at=started + timedelta(seconds=10),
        )

    async def hear(self, *rows: RecordingRow | VoiceMessageRow) -> None:
        """The ledger tells of `rows`, and they are due."""
        changes = LedgerChanges(
            recordings=tuple(row for row in rows if isinstance(row, RecordingRow)),
            voice_messages=tuple(row for row in rows if isinstance(row, VoiceMessageRow)),
        )
        async with self.database.writing() as session:
            await self.media.on_ledger(session, changes)
        self.later(milliseconds=self.settings.recording_settle_ms)

    async def recorded(self, serial: int, seconds: float = 1.0) -> str:
        """Call `serial` is over and its file is whole; its recording's id."""
        row = self.recording(serial, seconds)
        self.put(row.path, stereo(seconds))
        await self.hear(row)
        return row.id

    async def file(self, media_id: str) -> MediaFile:
        async with self.database.reading() as session:
            found = await session.scalar(select(MediaFile).where(MediaFile.id == media_id))
        assert found is not None
        return found

    async def files(self) -> list[MediaFile]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(MediaFile).order_by(MediaFile.id)))

    async def wait_through(self) -> None:
        """Time goes on until nothing is left to be tried."""
        for _ in range(100):
            await self.worker.drain()
            if not any(file.status == "pending" or file.source_left for file in await self.files()):
                return
            self.later(hours=1)
        raise AssertionError("it never ends")

    def on_disk(self) -> list[str]:
        """Every file in the two folders, below the home."""
        home = self.settings.home
        return sorted(
            str(path.relative_to(home))
            for root in (self.settings.recordings_dir, self.settings.voice_messages_dir)
            for path in root.rglob("*")
            if path.is_file()
        )


def stereo(seconds: float) -> bytes:
    """What the PBX writes: the caller's tone left, the seat's right."""
    sides = [tone(CALLER_HZ, seconds), tone(SEAT_HZ, seconds)]
    return bytes(np.stack(sides, axis=1).astype("<i2").tobytes())


def wav(seconds: float, *, finished: bool = True) -> bytes:
    """A voice message: a WAV as the PBX writes it, or as it is when the PBX was killed."""
    sound = bytes(tone(CALLER_HZ, seconds).astype("<i2").tobytes())
    size = len(sound) if finished else 0
    numbers = [size + 36 if finished else 0, 16, 1, 1, RATE, 2 * RATE, 2, 16, size]
    widths = [4, 4, 2, 2, 4, 4, 2, 2, 4]
    parts = [
        number.to_bytes(width, "little") for number, width in zip(numbers, widths, strict=True)
    ]
    head = b"RIFF" + parts[0] + b"WAVEfmt " + b"".join(parts[1:8]) + b"data" + parts[8]
    return head + sound


def sides(path: Path) -> tuple[Samples, Samples]:
    """Left and right of a finished file."""
    data, rate = soundfile.read(path, dtype="int16", always_2d=True)
    assert rate == RATE
    return np.ascontiguousarray(data[:, 0]), np.ascontiguousarray(data[:, -1])
