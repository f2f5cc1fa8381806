"""What SQLite cannot do, said as the errors of ours that say so: the disk is full, or it is away.

The same again will do later, so whoever tries again by itself (the journal reader, the media
worker) does, and the API answers 507 or 503 instead of an error of ours.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.engine import ExceptionContext

from callcenter.platform.db.unavailable import DatabaseFull, DatabaseUnavailable, ReferenceLost

_MENDS = {
    sqlite3.SQLITE_BUSY: "another process writes for long: try again in a moment",
    sqlite3.SQLITE_LOCKED: "another process writes for long: try again in a moment",
    sqlite3.SQLITE_NOMEM: "the machine has no memory left: stop what else uses it",
    sqlite3.SQLITE_IOERR: "see its disk",
    sqlite3.SQLITE_CANTOPEN: "see that it is there, its rights, and how many files are open",
    sqlite3.SQLITE_READONLY: "mend its rights, or see whether its disk was mounted read-only",
}
"""By primary result code (sqlite.org/rescode.html)."""


def unusable(context: ExceptionContext) -> BaseException | None:
    """The error in place of the driver's, for `handle_error`; None leaves it as it is."""
    error = context.original_exception
    if not isinstance(error, sqlite3.Error):
        return None
    extended = getattr(error, "sqlite_errorcode", None) or 0
    code = extended & 0xFF
    found: BaseException
    if extended == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        found = ReferenceLost()
    elif code == sqlite3.SQLITE_FULL:
        found = DatabaseFull("There is no room on the database's disk: make room and try again.")
    elif mend := _MENDS.get(code):
        found = DatabaseUnavailable(f"The database cannot be used ({error}); {mend}.")
    else:
        return None
    found.__cause__ = error
    return found
