"""The one listener that says of both databases, in the same errors, that they cannot be used.

Whatever the driver raises and whatever was being done (connecting, a statement, the commit), it
leaves as `DatabaseUnavailable` if the same again will do later, as `ValueRefused` if it is the
value's fault, and as it is if it is ours. What SQLite and PostgreSQL say is known by their modules.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine, event
from sqlalchemy.engine import Dialect, ExceptionContext

from callcenter.platform.db import postgresql, sqlite
from callcenter.platform.db.url import POSTGRESQL, place_of
from callcenter.platform.errors import CallcenterError

AT_ONCE = "at_once"
"""The execution option of a connection whose unit of work runs in its thread, where nothing can be
closed: whoever began it closes what is unusable (`leaves_unusable`)."""


def leaves_unusable(error: BaseException) -> bool:
    """Whether the connection that met `error` must not be used again."""
    return error.__cause__ is not None and sqlite.must_reopen(error.__cause__)


def tell_faults(engine: Engine, url: URL) -> None:
    """Have `engine` raise our errors in place of the driver's."""
    place = place_of(url)
    fault_of = postgresql.fault_of if url.drivername == POSTGRESQL else sqlite.fault_of

    def connect(dialect: Dialect, _record: Any, cargs: list[Any], cparams: dict[str, Any]) -> Any:
        # Before there is a connection not every error reaches `handle_error`.
        try:
            return dialect.connect(*cargs, **cparams)
        except Exception as error:
            raise fault_of(error, place, connecting=True) or error from error

    def failed(context: ExceptionContext) -> BaseException | None:
        error = context.original_exception
        found: CallcenterError | None = fault_of(error, place)
        if found is not None and found is not error:
            found.__cause__ = error
            connection = context.connection
            at_once = connection is not None and connection.get_execution_options().get(AT_ONCE)
            if sqlite.must_reopen(error) and not at_once:
                context.is_disconnect = True
        return found

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "handle_error", failed)
