"""How one part of the system does: the words of it, and the checks of what all contexts stand on.

Each context checks its own parts; its `wiring` hands them on, and insight shows them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from sqlalchemy.exc import SQLAlchemyError

from callcenter.platform.db.engine import Database
from callcenter.platform.db.probe import write_probe
from callcenter.platform.db.revisions import head_revision, present_revision
from callcenter.platform.db.unavailable import DatabaseUnavailable
from callcenter.platform.supervised import Supervised


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


Check = Callable[[], Awaitable[PartHealth]]
"""Asks one part how it does."""


async def database_health(probe: Database) -> PartHealth:
    """Whether the database (a `probe_of` it) has the schema that this code needs, and can be
    written: it writes a row, for a database that is locked, full or read-only reads well."""
    try:
        present = await probe.read(present_revision)
        needed = await asyncio.to_thread(_needed_revision)
        if present != needed:
            return down(
                "database",
                f"schema is {present or 'empty'}, {needed} is needed; run `callcenter setup`",
            )
        await write_probe(probe)
    except DatabaseUnavailable as error:
        return down("database", error.message)
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error)
        return down("database", f"cannot be used ({reason}); see that it is there and run setup")
    return well("database", f"can be read and written, schema {present}")


async def tasks_health(tasks: Supervised) -> PartHealth:
    """Whether the background tasks run."""
    for state in tasks.states:
        if state.problem:
            again = "runs again" if state.running else "is being started again"
            return degraded("tasks", f"{state.name} {again} after: {state.problem}; see the log")
    return well("tasks", f"{len(tasks.states)} run")


@cache
def _needed_revision() -> str:
    return head_revision()
