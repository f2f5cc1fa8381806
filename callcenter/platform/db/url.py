"""The database's URL, as people write it and as SQLAlchemy needs it.

``postgresql://user:password@host:port/name`` is what every manual of PostgreSQL shows; which driver
we use is no business of whoever writes it. libpq's ``sslmode`` is understood, as asyncpg calls it
``ssl``; what asyncpg does not know is refused with its name instead of failing at the first call.
"""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from callcenter.platform.errors import SetupError

SQLITE = "sqlite+aiosqlite"
POSTGRESQL = "postgresql+asyncpg"

_DRIVERS = {
    "sqlite": SQLITE,
    SQLITE: SQLITE,
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    POSTGRESQL: POSTGRESQL,
}
_OPTIONS = frozenset({"host", "port", "ssl", "sslmode"})
"""Of a PostgreSQL URL's query. `host` may be the folder of a Unix socket."""
_SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})


def parse_url(text: str) -> URL:
    """The URL with our driver; `SetupError` ``bad_setting`` says what is wrong with it.

    The message never holds the password.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise _bad(
            "it is no URL such as postgresql://user:password@host:5432/callcenter"
        ) from error
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise _bad(f"{url.drivername} is neither sqlite nor postgresql")
    url = url.set(drivername=driver)
    return _postgresql(url) if driver == POSTGRESQL else url


def _postgresql(url: URL) -> URL:
    if not url.database:
        raise _bad("it names no database; put its name behind the last slash")
    for name in url.query:
        if name not in _OPTIONS:
            raise _bad(f"the option {name} is not known; {', '.join(sorted(_OPTIONS))} are")
    mode = url.query.get("sslmode", url.query.get("ssl"))
    if mode is not None:
        if mode not in _SSL_MODES:
            raise _bad(f"sslmode must be one of {', '.join(sorted(_SSL_MODES))}")
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url


def place_of(url: URL) -> str:
    """Which database that is, for people: no password."""
    if url.drivername != POSTGRESQL:
        return f"the SQLite database {url.database}"
    host = url.host or str(url.query.get("host", "localhost"))
    port = url.port or url.query.get("port", 5432)
    return f"the PostgreSQL database {url.database} at {host}:{port}"


def _bad(why: str) -> SetupError:
    return SetupError(
        f"CALLCENTER_DATABASE_URL: {why}; set it in the environment or in callcenter.env, or leave"
        " it empty for SQLite in CALLCENTER_HOME.",
        code="bad_setting",
        setting="database_url",
    )
