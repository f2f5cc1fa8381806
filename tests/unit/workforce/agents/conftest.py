"""An office for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from tests.unit.rows import add_queues, add_users
from tests.unit.workforce.agents.office import LI, WANG, Office

MakeOffice = Callable[..., Awaitable[Office]]


@pytest.fixture
async def make_office(tmp_path: Path) -> AsyncIterator[MakeOffice]:
    """Opens an office with three seats; what is given differs from the usual settings."""
    databases: list[Database] = []

    async def make(**changes: Any) -> Office:
        settings = Settings(_env_file=None, home=tmp_path, seats=3, **changes)
        await upgrade_async(settings.db_url)
        databases.append(Database(settings.db_url))
        office = Office(databases[-1], settings)
        await office.seats.ensure_first()
        await add_users(office.database, {WANG: "王芳", LI: "李强"})
        await add_queues(office.database, "12345", "english")
        return office

    yield make
    for database in databases:
        await database.close()


@pytest.fixture
async def office(make_office: MakeOffice) -> Office:
    """The usual one."""
    return await make_office()
