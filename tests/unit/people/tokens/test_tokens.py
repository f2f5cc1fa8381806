"""Who has a token, and for how long."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from callcenter.people.tokens.service import CACHE_SECONDS, TokenService
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.errors import BadInput, Conflict, NotFound


class Watch:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = Settings(_env_file=None, home=tmp_path).db_url
    await upgrade_async(url)
    made = Database(url)
    yield made
    await made.close()


async def test_a_token_is_known_by_its_name_and_only_its_hash_is_kept(database: Database) -> None:
    tokens = TokenService(database)
    token = await tokens.create("desk")
    assert await tokens.check(token) == "desk"
    assert await tokens.check(token[:-1]) is None
    assert await tokens.check("") is None
    async with database.reading() as session:
        kept = str((await session.execute(text("SELECT * FROM api_token"))).all())
    assert token not in kept


async def test_a_revoked_token_ends_at_once(database: Database) -> None:
    tokens = TokenService(database)
    token = await tokens.create("desk")
    assert await tokens.check(token) == "desk"
    await tokens.revoke("desk")
    assert await tokens.check(token) is None
    assert (await tokens.list())[0].revoked_at is not None


async def test_revoked_in_another_process_it_ends_within_the_time(database: Database) -> None:
    watch = Watch()
    here, elsewhere = TokenService(database, monotonic=watch), TokenService(database)
    token = await here.create("desk")
    assert await here.check(token) == "desk"
    await elsewhere.revoke("desk")
    watch.now += CACHE_SECONDS
    assert await here.check(token) is None


async def test_names(database: Database) -> None:
    tokens = TokenService(database)
    old = await tokens.create("小李 desk.3")
    with pytest.raises(Conflict):
        await tokens.create("小李 desk.3")
    await tokens.revoke("小李 desk.3")
    new = await tokens.create("小李 desk.3")
    assert await tokens.check(old) is None
    assert await tokens.check(new) == "小李 desk.3"
    for name in ("", " x", "a\nb", "x" * 65):
        with pytest.raises(BadInput):
            await tokens.create(name)
    with pytest.raises(NotFound):
        await tokens.revoke("nobody")


async def test_the_first_token_is_made_once_and_again_when_lost(
    database: Database, tmp_path: Path
) -> None:
    tokens, file = TokenService(database), tmp_path / "home" / "api-token"
    assert await tokens.ensure_first(file)
    first = file.read_text(encoding="utf-8").strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not await tokens.ensure_first(file)
    assert file.read_text(encoding="utf-8").strip() == first

    file.unlink()
    assert await tokens.ensure_first(file)
    assert await tokens.check(file.read_text(encoding="utf-8").strip()) == "first"
    assert await tokens.check(first) is None
