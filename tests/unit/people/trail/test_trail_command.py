"""`callcenter trail verify`, and the other commands about people, on a home of their own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from callcenter.cli.main import app
from callcenter.platform.config import load_settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade
from callcenter.platform.errors import NotFound

RUN = CliRunner()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a database, and two entries in its trail."""
    monkeypatch.setenv("CALLCENTER_HOME", str(tmp_path))
    upgrade(load_settings().db_url)
    for name, role in (("wall", "analyst"), ("desk", "operator")):
        made = RUN.invoke(app, ["token", "create", name, "--role", role])
        assert made.exit_code == 0, made.output
        assert made.output.startswith("cc_")
    return tmp_path


def change(statement: str) -> None:
    async def run() -> None:
        database = Database(load_settings().db_url)
        async with database.writing() as session:
            await session.execute(text("DROP TRIGGER IF EXISTS trail_entry_no_update"))
            await session.execute(text("DROP TRIGGER IF EXISTS trail_entry_no_delete"))
            await session.execute(text(statement))
        await database.close()

    asyncio.run(run())


@pytest.mark.usefixtures("home")
def test_a_whole_chain_ends_well_and_says_its_head() -> None:
    said = RUN.invoke(app, ["trail", "verify"])
    assert said.exit_code == 0
    assert said.output.startswith("2 entries follow on one another; head 2:")
    head = said.output.split("head ")[1].strip()
    assert RUN.invoke(app, ["trail", "verify", "--noted", head]).exit_code == 0
    change("DELETE FROM trail_entry WHERE seq = 2")
    assert RUN.invoke(app, ["trail", "verify"]).exit_code == 0
    cut = RUN.invoke(app, ["trail", "verify", "--noted", head])
    assert cut.exit_code == 1
    assert "BROKEN: the end was cut off" in cut.output


@pytest.mark.usefixtures("home")
def test_a_broken_chain_ends_with_1_and_names_the_place() -> None:
    change("UPDATE trail_entry SET actor = 'nobody' WHERE seq = 1")
    said = RUN.invoke(app, ["trail", "verify", "--json"])
    assert said.exit_code == 1
    verdict = json.loads(said.output)
    assert verdict["entries"] == 0
    assert verdict["problem"] == "entry 1 was changed after it was written"


@pytest.mark.usefixtures("home")
def test_tokens_have_the_roles_that_were_named_and_else_an_admins() -> None:
    RUN.invoke(app, ["token", "create", "chief"])
    listed = RUN.invoke(app, ["token", "list", "--json"])
    roles = {row["name"]: row["roles"] for row in json.loads(listed.output)}
    assert roles == {"wall": ["analyst"], "desk": ["operator"], "chief": ["admin"]}


@pytest.mark.usefixtures("home")
def test_nobody_gets_a_password_who_does_not_exist() -> None:
    said = RUN.invoke(app, ["user", "password", "nobody"])
    assert isinstance(said.exception, NotFound)
