"""The AGI server's view of the database: it reads, and never waits long.

A writer never makes a reader wait (WAL), but a migration or a repair may. Then the call must have
its default long before anybody notices, so the database's own patience is cut to a part of the
deadline.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sqlalchemy import event, make_url

from callcenter.config import Settings
from callcenter.db.engine import Database


def open_database(settings: Settings) -> Database:
    """The database, for reading. Nothing is opened or made yet."""
    url = make_url(settings.db_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return Database(settings.db_url)
    # mode=rw: a database that is not there is an error, not an empty file in its place.
    as_uri = url.set(
        database=f"file:{quote(url.database)}",
        query={"mode": "rw", "uri": "true", "timeout": "0.2"},
    )
    database = Database(as_uri.render_as_string(hide_password=False))
    patience_ms = max(1, settings.agi_deadline_ms // 4)

    def impatient(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={patience_ms}")
        cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    event.listen(database.engine.sync_engine, "connect", impatient)
    return database
