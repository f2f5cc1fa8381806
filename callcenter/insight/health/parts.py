"""How one part of the system does, and the checks that need nothing of the running service."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from agi.client import AgiUnanswered, probe_agi
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import head_revision, present_revision
from callcenter.platform.db.unavailable import DatabaseUnavailable
from callcenter.workforce.opening.workdays import WorkdayService


class HealthStatus(StrEnum):
    """How well a part is."""

    OK = "ok"
    DEGRADED = "degraded"
    """It works, but somebody should look."""
    DOWN = "down"

    @property
    def severity(self) -> int:
        """0 is well."""
        return tuple(HealthStatus).index(self)


@dataclass(frozen=True, slots=True)
class PartHealth:
    """One part, and a sentence that says what to do if it is not well."""

    name: str
    status: HealthStatus
    message: str

    @property
    def ok(self) -> bool:
        """Whether nobody has to look."""
        return self.status is HealthStatus.OK


def well(name: str, message: str) -> PartHealth:
    """A part that is well."""
    return PartHealth(name, HealthStatus.OK, message)


def degraded(name: str, message: str) -> PartHealth:
    """A part that somebody should look at."""
    return PartHealth(name, HealthStatus.DEGRADED, message)


def down(name: str, message: str) -> PartHealth:
    """A part that does not work."""
    return PartHealth(name, HealthStatus.DOWN, message)


async def database_health(database: Database) -> PartHealth:
    """Whether the database answers and has the schema that this code needs."""
    try:
        present = await database.read(present_revision)
    except DatabaseUnavailable as error:
        return down("database", error.message)
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error)
        return down("database", f"cannot be read ({reason}); see that it is there and run setup")
    needed = await asyncio.to_thread(_needed_revision)
    if present != needed:
        return down(
            "database",
            f"schema is {present or 'empty'}, {needed} is needed; run `callcenter setup`",
        )
    return well("database", f"answers, schema {present}")


async def agi_health(settings: Settings) -> PartHealth:
    """Whether the AGI server answers as a call would ask it.

    Never `down`: without it every call takes the dialplan's default and still reaches a seat.
    """
    try:
        seconds = await probe_agi(settings)
    except AgiUnanswered as error:
        return degraded(
            "agi",
            f"does not answer ({error}): calls take the dialplan's defaults, without blocklist"
            " and calendar; see the agi log",
        )
    return well("agi", f"answered in {seconds * 1000:.1f} ms")


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


async def recordings_health(settings: Settings) -> PartHealth:
    """Whether files can be written where recordings and voice messages go."""
    for folder in (settings.recordings_dir, settings.voice_messages_dir):
        try:
            await asyncio.to_thread(_probe_write, folder)
        except OSError as error:
            if error.errno in _NO_ROOM:
                return degraded("recordings", f"there is no room for them in {folder}; see disk")
            return down(
                "recordings", f"{folder} cannot be written ({error.strerror}); mend its rights"
            )
    return well("recordings", "folders can be written")


HOLIDAYS_LAST_DAY = (12, 16)
"""From this day on (month, day) a missing list of the next year is no reminder any more: the State
Council publishes it in November, and two weeks are left to enter it."""


async def holidays_health(workdays: WorkdayService) -> PartHealth:
    """Whether the public holidays are known that opening hours and deadlines go by.

    Never `down`: days that are not known pass for what their weekday is.
    """
    status = await workdays.status()
    if not status.warnings:
        return well("holidays", "known as far as they matter now")
    first, today = status.warnings[0], status.today.day
    message = "; ".join(warning.message for warning in status.warnings)
    late = (today.month, today.day) >= HOLIDAYS_LAST_DAY
    return (degraded if first.year <= today.year or late else well)("holidays", message)


@cache
def _needed_revision() -> str:
    return head_revision()


def _probe_write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".probe-", dir=folder)
    try:
        os.write(descriptor, b"x")
    finally:
        os.close(descriptor)
        os.unlink(name)
