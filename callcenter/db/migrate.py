"""Brings a database to the newest schema.

The whole upgrade is one transaction that begins by taking the write lock, so two processes that
start together do it once, and one that is killed half-way leaves the old schema behind.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from callcenter.db.engine import make_engine

SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"


def alembic_config() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


def head_revision() -> str:
    """The revision that this code needs."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise RuntimeError(f"{SCRIPTS} holds no migrations")
    return head


def present_revision(connection: Connection) -> str | None:
    """The revision that the database has; None if it was never migrated."""
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def upgrade_async(url: str) -> None:
    """Bring the database at `url` to the newest schema; nothing is done if it has it."""
    engine = make_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.execution_options(writing=True)
            async with connection.begin():
                await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def upgrade(url: str) -> None:
    """`upgrade_async` for code without an event loop."""
    asyncio.run(upgrade_async(url))
