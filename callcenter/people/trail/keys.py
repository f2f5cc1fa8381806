"""The chain's key: kept outside of the database, so that whoever can write there cannot make a
chain of his own.

The file says since which entry it is used; older ones are chained by their hash alone. Every
process that writes entries is given it (`use_key`); in one that was not, entries are written
without it, and `Trail.verify` finds them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.trail import repository
from callcenter.platform.db.engine import Database, whole
from callcenter.platform.errors import SetupError
from callcenter.platform.secrets import write_private

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class ChainKey:
    """What entries are signed with."""

    secret: bytes = field(repr=False)
    since: int
    """The first entry that is."""


_KEYS: WeakKeyDictionary[Engine, ChainKey] = WeakKeyDictionary()


def load_key(path: Path) -> ChainKey | None:
    """The key in `path`; None if there is no such file, `SetupError` if it cannot be read."""
    try:
        secret, since = path.read_text(encoding="ascii").split()
        return ChainKey(bytes.fromhex(secret), int(since))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SetupError(
            f"{path}: the audit trail's key cannot be read; bring it back from a backup"
        ) from error


def use_key(database: Database, path: Path) -> ChainKey | None:
    """Have what `database` writes signed with the key in `path`, if there is one."""
    key = load_key(path)
    if key is not None:
        _KEYS[whole(database.engine.sync_engine)] = key
    return key


async def ensure_key(database: Database, path: Path) -> None:
    """Make the key, from the next entry on, if there is none; and use it."""
    if load_key(path) is None:
        async with database.reading() as session:
            since = (await repository.head(session)).seq + 1
        write_private(path, f"{secrets.token_hex(KEY_BYTES)} {since}\n")
    use_key(database, path)


def key_of(session: AsyncSession) -> ChainKey | None:
    """The key for what `session` writes."""
    bind = session.get_bind()
    return _KEYS.get(whole(bind.engine))
