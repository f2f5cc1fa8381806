"""The chain against somebody who owns the database: the key and the heads are not in it. And names
that lie."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from callcenter.people.access.actor import acting
from callcenter.people.domain.names import alike, is_reserved
from callcenter.people.domain.permissions import Role
from callcenter.people.tokens.service import RENEWED_DAYS, TokenService
from callcenter.people.trail.chain import ActorKind, Head, Scheme, digest
from callcenter.people.trail.heads import Heads, read_heads
from callcenter.people.trail.keys import ensure_key, load_key, use_key
from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.service import Entry, Trail
from callcenter.people.users.service import UserService
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.errors import BadInput, SetupError
from tests.unit.app.running import service
from tests.unit.asking import person
from tests.unit.people.trail.test_trail import drop_triggers

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = Settings(_env_file=None, home=tmp_path).db_url
    await upgrade_async(url)
    made = Database(url)
    yield made
    await made.close()


async def tampered(database: Database, *statements: str) -> None:
    async with database.writing() as session:
        await drop_triggers(session)
        for statement in statements:
            await session.execute(text(statement))


async def written_anew(database: Database, seq: int, scheme: Scheme) -> None:
    """Entry `seq`, and what follows, made by somebody who knows the code and not the key."""
    trail = Trail(database)
    rows = sorted(await trail.page(TrailFilter(), before=None, limit=100), key=lambda one: one.seq)
    previous = "0" * 64
    async with database.writing() as session:
        await drop_triggers(session)
        for row in rows:
            if row.seq < seq:
                previous = row.sha256
                continue
            link = SimpleNamespace(
                seq=row.seq, at=row.at, actor="nobody.else", actor_kind=row.actor_kind,
                user_id=row.user_id, address=row.address, action=row.action, subject=row.subject,
                data="{}", previous=previous, scheme=int(scheme),
            )  # fmt: skip
            sha256 = digest(link, b"guessed")
            await session.execute(
                text(
                    "UPDATE trail_entry SET actor='nobody.else', data='{}', previous=:previous,"
                    " scheme=:scheme, sha256=:sha256 WHERE seq=:seq"
                ),
                {"previous": previous, "scheme": scheme, "sha256": sha256, "seq": row.seq},
            )
            previous = sha256


async def some(database: Database, count: int) -> Trail:
    trail = Trail(database, lambda: NOON)
    for serial in range(count):
        await trail.note(Entry("case.read", f"case:{serial}", {"serial": serial}))
    return trail


@pytest.mark.parametrize("scheme", list(Scheme))
async def test_nobody_writes_the_chain_anew_without_the_key(
    database: Database, tmp_path: Path, scheme: Scheme
) -> None:
    before = await some(database, 3)
    assert (await before.verify()).problem is None
    await ensure_key(database, tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    trail = await some(database, 3)
    verdict = await trail.verify()
    assert (verdict.entries, verdict.problem) == (6, None)
    # All of it, those from before the key as well, and the signed ones.
    await written_anew(database, 4, scheme)
    assert "entry 4" in str((await trail.verify()).problem)


async def test_a_process_without_the_key_writes_what_is_found(
    database: Database, tmp_path: Path
) -> None:
    await ensure_key(database, tmp_path / "key")
    trail = await some(database, 2)
    stranger = Database(Settings(_env_file=None, home=tmp_path).db_url)
    await some(stranger, 1)
    assert "entry 3 is not signed" in str((await trail.verify()).problem)
    assert "key that is not here" in str((await Trail(stranger).verify()).problem)
    await stranger.close()


async def test_the_key_is_made_once_and_a_broken_one_is_said(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    assert load_key(path) is None
    assert use_key(database, path) is None
    await ensure_key(database, path)
    made = path.read_text()
    await ensure_key(database, path)
    assert path.read_text() == made
    path.write_text("not a key")
    with pytest.raises(SetupError):
        load_key(path)


# -- heads -----------------------------------------------------------------------------------------


async def test_heads_go_out_each_day_and_show_a_chain_that_was_cut(
    database: Database, tmp_path: Path
) -> None:
    now = NOON
    path = tmp_path / "elsewhere" / "heads"
    heads = Heads(database, path, clock=lambda: now)
    await heads.note()
    assert read_heads(path) == []  # there is nothing yet
    trail = await some(database, 2)
    await heads.note()
    await heads.note()
    assert [one.seq for one in read_heads(path)] == [2]
    await some(database, 3)
    assert not heads._is_due()
    now += timedelta(days=1)
    assert heads._is_due()
    await heads.close()
    assert [one.seq for one in read_heads(path)] == [2, 5]
    assert path.stat().st_mode & 0o777 == 0o600
    assert (await trail.verify(*read_heads(path))).problem is None
    await tampered(database, "DELETE FROM trail_entry WHERE seq > 3")
    assert (await trail.verify()).problem is None
    assert "cut off" in str((await trail.verify(*read_heads(path))).problem)
    async with database.writing() as session:
        await session.execute(text("DELETE FROM trail_entry"))
    await some(database, 6)
    assert "another one" in str((await trail.verify(*read_heads(path))).problem)


async def test_a_line_that_is_half_written_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "heads"
    whole = f"{NOON.isoformat()} {Head(7, 'a' * 64)}"
    path.write_text(f"{whole}\n{whole[:40]}\nnonsense\n{NOON.isoformat()} {Head(9, 'b' * 64)}\n")
    assert [one.seq for one in read_heads(path)] == [7, 9]


async def test_the_service_writes_a_head_when_it_stops(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.machine(Role.ANALYST)
        path = running.settings.trail_heads_path
    assert read_heads(path)[-1].seq >= 1


# -- who acts --------------------------------------------------------------------------------------


async def test_every_entry_says_what_kind_of_actor_it_was(database: Database) -> None:
    trail = Trail(database)
    with acting(person("wang", user_id=12)):
        await trail.note(Entry("a", "x"))
    with acting(person("wall-board", user_id=None)):
        await trail.note(Entry("a", "x"))
        await trail.note(Entry("a", "x", actor="system"))
    await trail.note(Entry("a", "x"))
    await trail.note(Entry("a", "x", actor="command line"))
    found = await trail.page(TrailFilter(), before=None, limit=9)
    assert [one.actor_kind for one in reversed(found)] == [
        "user", "token", "system", "system", "command",
    ]  # fmt: skip
    only = await trail.page(TrailFilter(kind=ActorKind.TOKEN), before=None, limit=9)
    assert [one.actor for one in only] == ["wall-board"]


@pytest.mark.parametrize(
    "name",
    ["system", "System", "ＳＹＳＴＥＭ", "sys-tem", "s.y.s.t.e.m", "ѕуѕтем", "系统", "command line",
     "Command_Line", "callcenter", "c.l.i", "stranger"],
)  # fmt: skip
async def test_reserved_names_are_refused_however_they_are_written(
    database: Database, name: str
) -> None:
    assert is_reserved(name)
    with pytest.raises(BadInput) as refused:
        await TokenService(database).create(name)
    assert refused.value.error_code in ("reserved_name", "bad_token_name")


async def test_nobody_is_called_like_somebody_else(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.person("wang.fang", Role.OPERATOR)
        tokens, users = running.get(TokenService), running.get(UserService)
        for name in ("wang.fang", "Wang Fang", "ｗａｎｇ.fang", "wang-fang"):
            assert alike(name, "wang.fang")
            with pytest.raises(BadInput) as refused:
                await tokens.create(name)
            assert refused.value.error_code == "reserved_name"
        await tokens.create("wall-board")
        for login in ("wall.board", "wallboard", "system", "c-l-i"):
            roles = frozenset({Role.OPERATOR})
            with pytest.raises(BadInput) as refused:
                await users.create(login, name="x", roles=roles, actor="test")
            assert refused.value.error_code == "reserved_name"


# -- tokens end ------------------------------------------------------------------------------------


async def test_a_token_ends_by_itself(database: Database, tmp_path: Path) -> None:
    now = NOON

    def seconds() -> float:
        return now.timestamp()

    tokens = TokenService(database, lambda: now, seconds, days=30)
    short, usual = await tokens.create("short", days=1), await tokens.create("usual")
    assert [one.expires_at for one in await tokens.list()] == [
        NOON + timedelta(days=1), NOON + timedelta(days=30),
    ]  # fmt: skip
    assert await tokens.check(short) == "short"
    now += timedelta(days=1)
    assert await tokens.check(short) is None
    assert await tokens.named("short") is None
    assert set(await tokens.standing([short, usual])) == {usual}
    # Its name is free, as that of a revoked one is.
    assert await tokens.check(await tokens.create("short")) == "short"


async def test_the_first_token_is_made_anew_before_it_ends(
    database: Database, tmp_path: Path
) -> None:
    now, path = NOON, tmp_path / "token"
    tokens = TokenService(database, lambda: now, days=365)
    assert await tokens.ensure_first(path)
    assert not await tokens.ensure_first(path)
    now += timedelta(days=365 - RENEWED_DAYS)
    assert await tokens.ensure_first(path)
    assert await tokens.check(path.read_text().strip()) == "first"


async def test_entries_from_before_kinds_and_keys_stay_verifiable(
    database: Database, tmp_path: Path
) -> None:
    """As the schema before had them: chained by their hash alone, the columns' defaults."""
    previous = "0" * 64
    async with database.writing() as session:
        for seq in (1, 2):
            link = SimpleNamespace(
                seq=seq, at=NOON, actor="wang", actor_kind="", user_id=1, address="", action="a",
                subject="x", data="{}", previous=previous, scheme=int(Scheme.PLAIN),
            )  # fmt: skip
            sha256 = digest(link, None)
            await session.execute(
                text(
                    "INSERT INTO trail_entry (seq, at, actor, user_id, address, action, subject,"
                    " data, previous, sha256) VALUES (:seq, '2026-11-24 04:00:00.000000', 'wang',"
                    " 1, '', 'a', 'x', '{}', :previous, :sha256)"
                ),
                {"seq": seq, "previous": previous, "sha256": sha256},
            )
            previous = sha256
    await ensure_key(database, tmp_path / "key")
    trail = await some(database, 2)
    verdict = await trail.verify()
    assert (verdict.entries, verdict.problem) == (4, None)
    assert {one.actor_kind for one in await trail.page(TrailFilter(), before=None, limit=9)} == {
        "", "system",
    }  # fmt: skip
