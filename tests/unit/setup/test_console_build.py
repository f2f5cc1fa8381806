"""When the console is built again, and which Node builds it; nothing is built here."""

from __future__ import annotations

from pathlib import Path

import pytest

from callcenter.cli import instance
from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError
from callcenter.setup import console
from callcenter.setup.console import console_path, ensure_console, modules_path
from callcenter.setup.node import is_new_enough

API = b'{"paths": {}}'


@pytest.fixture
def web(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "src").mkdir(parents=True)
    for name in (*console.PACKAGES, "index.html", "src/main.ts"):
        (folder / name).write_text(name, encoding="utf-8")
    return folder


def test_the_same_content_is_the_same_console_wherever_it_lies(web: Path, tmp_path: Path) -> None:
    before = console_path(tmp_path, API, web)
    moved = web.rename(tmp_path / "elsewhere")
    assert console_path(tmp_path, API, moved) == before
    (moved / "node_modules").mkdir()
    (moved / "node_modules" / "x.js").write_text("x", encoding="utf-8")
    assert console_path(tmp_path, API, moved) == before


def test_whatever_it_is_made_from_has_it_built_again(web: Path, tmp_path: Path) -> None:
    before = {console_path(tmp_path, API, web)}
    before.add(console_path(tmp_path, b"{}", web))
    for name in ("src/main.ts", "package-lock.json"):
        (web / name).write_text("changed", encoding="utf-8")
        before.add(console_path(tmp_path, API, web))
    (web / "src" / "new.ts").write_text("", encoding="utf-8")
    before.add(console_path(tmp_path, API, web))
    assert len(before) == 5


def test_packages_are_brought_again_only_for_another_lock(web: Path, tmp_path: Path) -> None:
    before = modules_path(tmp_path, web)
    (web / "src" / "main.ts").write_text("changed", encoding="utf-8")
    assert modules_path(tmp_path, web) == before
    (web / "package-lock.json").write_text("changed", encoding="utf-8")
    assert modules_path(tmp_path, web) != before


def test_what_is_built_is_left_alone(
    web: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(console, "workshop")
    made = console_path(tmp_path, API, web)
    made.mkdir()
    assert ensure_console(tmp_path, API, pytest.fail, web) == made


@pytest.mark.parametrize(
    ("said", "enough"),
    [
        ("v22.12.0\n", True),
        ("v24.19.0", True),
        ("v22.11.9", False),
        ("v20.20.2", False),
        ("", False),
    ],
)
def test_a_node_that_the_builds_tools_can_use(said: str, enough: bool) -> None:
    assert is_new_enough(said) is enough


def test_calls_are_taken_without_a_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package registry that is away keeps nobody from starting."""

    def fails(*_arguments: object) -> Path:
        raise SetupError("the registry is away", code="no_packages")

    monkeypatch.setattr(instance, "ensure_console", fails)
    monkeypatch.setattr(instance, "described_api", lambda _cache: API)
    said = instance._bring_console(Settings(_env_file=None, home=tmp_path), print)
    assert "NOT BUILT" in said
    assert "the registry is away" in said
    assert not (tmp_path / "console").exists()


def test_the_console_in_place_is_the_one_of_this_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "described_api", lambda _cache: API)
    settings = Settings(_env_file=None, home=tmp_path)
    for name in ("one", "two", "two"):
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.setattr(instance, "ensure_console", lambda *_, name=name: tmp_path / name)
        instance._bring_console(settings, print)
        assert settings.console_dir.resolve() == (tmp_path / name).resolve()
