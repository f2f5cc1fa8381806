"""What every context's `wiring` is made of, and the parts that all of them stand on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

from fastapi import APIRouter

from callcenter.platform.broadcast import Broadcast
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.probe import probe_of
from callcenter.platform.health import Check, database_health, tasks_health
from callcenter.platform.http.given import Shelf
from callcenter.platform.room.health import disk_health
from callcenter.platform.room.limits import limits_health
from callcenter.platform.secrets import Secrets
from callcenter.platform.supervised import Supervised


@dataclass(frozen=True, slots=True, kw_only=True)
class Routers:
    """A context's endpoints, by the door that they stand behind."""

    guarded: Sequence[APIRouter] = ()
    """Under ``/api``, for whoever has a token or a session."""
    open: Sequence[APIRouter] = ()
    """Under ``/api``, for strangers: logging in."""
    plain: Sequence[APIRouter] = ()
    """Not under ``/api``: health, and addresses that are their own key."""


@dataclass(frozen=True, slots=True)
class Task:
    """Work that goes on in the background while the service runs."""

    name: str
    work: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Platform:
    """What all contexts are built on."""

    settings: Settings
    secrets: Secrets
    database: Database
    broadcast: Broadcast
    shelf: Shelf
    stack: AsyncExitStack
    """What must be closed at the end, the newest first."""
    supervised: Supervised = field(default_factory=Supervised)

    @property
    def checks(self) -> Mapping[str, Check]:
        """Of what all stand on."""
        return {
            "database": partial(database_health, probe_of(self.database)),
            "disk": partial(disk_health, self.settings),
            "limits": partial(limits_health, self.settings),
            "tasks": partial(tasks_health, self.supervised),
        }


def wire_platform(
    settings: Settings, secrets: Secrets, shelf: Shelf, stack: AsyncExitStack
) -> Platform:
    """The database, the broadcast, and room for what the contexts bring."""
    platform = Platform(settings, secrets, Database.of(settings), Broadcast(), shelf, stack)
    stack.push_async_callback(platform.database.close)
    shelf.put(settings, platform.database, platform.broadcast)
    return platform
