"""What the tests of recordings share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from tests.unit.telephony.recordings.house import House

Build = Callable[..., Awaitable[House]]


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    """Makes the house, with settings that differ from the usual."""
    opened: list[Database] = []

    async def make(**changes: Any) -> House:
        changes = {"recording_format": "opus", **changes}  # unless the test is about it
        settings = Settings(_env_file=None, home=tmp_path, **changes)
        settings.recordings_dir.mkdir(exist_ok=True)
        settings.voice_messages_dir.mkdir(exist_ok=True)
        await upgrade_async(settings.db_url)
        database = Database(settings.db_url)
        opened.append(database)
        return House(settings, database)

    yield make
    for database in opened:
        await database.close()


@pytest.fixture
async def house(build: Build) -> House:
    """The usual house."""
    return await build()
