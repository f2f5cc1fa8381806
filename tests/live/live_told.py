"""What the product told about one caller's calls: the ledger, the cases, the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from sqlalchemy import select

from callcenter.casework.cases.models import Case
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.simulator.sound import CALLER_HZ, RATE, SEAT_HZ, Samples, power_at, resampled
from callcenter.telephony.calls import models as ledger
from callcenter.telephony.recordings.models import MediaFile

HEARD = 0.015
"""A third of the marker tone's level: there, though compressed and cut."""
NOT_HEARD = 0.008


@dataclass(slots=True)
class Told:
    """Everything about the newest call of one number."""

    call: Any
    visits: list[Any] = field(default_factory=list)
    rings: list[Any] = field(default_factory=list)
    talks: list[Any] = field(default_factory=list)
    transfers: list[Any] = field(default_factory=list)
    recordings: list[Any] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    ratings: list[Any] = field(default_factory=list)
    cases: list[Any] = field(default_factory=list)
    media: list[Any] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """The call is over and its files are judged."""
        expected = len(self.recordings) + len(self.messages)
        judged = [file for file in self.media if file.status != "pending"]
        return self.call.ended_at is not None and len(judged) == expected

    @property
    def seats(self) -> list[str]:
        """Who talked with the caller, in order."""
        return [talk.seat for talk in self.talks]


async def told_about(
    database: Database, number: str | None, direction: str = "inbound"
) -> list[Told]:
    """The calls of `number`, or of anybody, newest first; five at most."""
    wanted = [ledger.Call.direction == direction]
    if number is not None:
        wanted.append(ledger.Call.caller_number == number)
    async with database.reading() as session:

        async def rows(table: Any, call_id: str) -> list[Any]:
            found = await session.scalars(
                select(table).where(table.call_id == call_id).order_by(table.id)
            )
            return list(found)

        calls = await session.scalars(
            select(ledger.Call).where(*wanted).order_by(ledger.Call.started_at.desc()).limit(5)
        )
        return [
            Told(
                call,
                await rows(ledger.QueueVisit, call.id),
                await rows(ledger.Ring, call.id),
                await rows(ledger.Talk, call.id),
                await rows(ledger.Transfer, call.id),
                await rows(ledger.Recording, call.id),
                await rows(ledger.VoiceMessage, call.id),
                await rows(ledger.Rating, call.id),
                await rows(Case, call.id),
                await rows(MediaFile, call.id),
            )
            for call in list(calls)
        ]


def sound_of(settings: Settings, file: Any) -> tuple[Samples, Samples]:
    """Left and right of a finished file, or the one side twice."""
    folder = settings.recordings_dir if file.kind == "recording" else settings.voice_messages_dir
    return read_sides(folder / file.path)


def read_sides(path: Path) -> tuple[Samples, Samples]:
    """Left and right of a sound file at 8 kHz."""
    data, rate = soundfile.read(path, dtype="int16", always_2d=True)
    sides: Sequence[Any] = [
        resampled(np.ascontiguousarray(data[:, at]), int(rate)) for at in (0, -1)
    ]
    return sides[0], sides[1]


def loudest(samples: Samples, frequency: float) -> float:
    """`power_at` in the half second in which it is greatest: nobody speaks all the time."""
    piece = RATE // 2
    starts = range(0, max(1, samples.size - piece), piece)
    return max(power_at(samples[start : start + piece], frequency) for start in starts)


def assert_sides(left: Samples, right: Samples) -> None:
    """The caller is left and the seat right, and neither is in the other's place."""
    levels = {
        "caller left": loudest(left, CALLER_HZ),
        "seat right": loudest(right, SEAT_HZ),
        "seat left": loudest(left, SEAT_HZ),
        "caller right": loudest(right, CALLER_HZ),
    }
    assert levels["caller left"] > HEARD, levels
    assert levels["seat right"] > HEARD, levels
    assert levels["seat left"] < NOT_HEARD, levels
    assert levels["caller right"] < NOT_HEARD, levels
