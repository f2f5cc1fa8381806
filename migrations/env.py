"""Runs the migrations: on the connection that `platform.db.migrate` hands over, or, called by
the `alembic` command itself, on the database of this instance's settings."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection

from callcenter.platform.config import load_settings
from callcenter.platform.db.engine import make_engine
from callcenter.tables import metadata


def run(connection: Connection) -> None:
    """Run them within the transaction that `connection` is in, or one of their own."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        # SQLite cannot alter most of a table; Alembic then copies it.
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_by_settings() -> None:
    """Run them on the database of the settings."""
    engine = make_engine(load_settings().db_url)
    try:
        async with engine.connect() as connection:
            await connection.execution_options(writing=True)
            async with connection.begin():
                await connection.run_sync(run)
    finally:
        await engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(run_by_settings())
