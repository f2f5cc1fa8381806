"""Which PostgreSQL the tests' server is: the host's newest that will do, else a private one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from callcenter.platform.config import PrivateRootUse, Settings
from callcenter.platform.errors import SetupError
from callcenter.setup import postgresql
from callcenter.setup.postgresql import (
    ensure_postgresql,
    find_host_postgresql,
    private_programs,
)
from callcenter.setup.private_root import ARCHITECTURES, PrivateRoot


def install(folders: Path, version: str, *programs: str) -> Path:
    folder = folders / version / "bin"
    folder.mkdir(parents=True)
    for name in programs or ("initdb", "postgres"):
        (folder / name).write_text("a program", encoding="utf-8")
    return folder


def test_the_hosts_newest_is_taken(tmp_path: Path) -> None:
    install(tmp_path, "15")
    newest = install(tmp_path, "17")
    install(tmp_path, "18", "postgres")  # half of a package
    install(tmp_path, "9.6")
    found = find_host_postgresql(tmp_path)
    assert found is not None
    assert (found.version, found.server_command) == (17, [str(newest / "postgres")])


def test_an_old_one_is_not(tmp_path: Path) -> None:
    install(tmp_path, "14")
    assert find_host_postgresql(tmp_path) is None


def test_where_none_may_be_brought_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "find_host_postgresql", lambda: None)
    settings = Settings(_env_file=None, private_root=PrivateRootUse.NEVER)
    with pytest.raises(SetupError, match="the host lacks PostgreSQL 15"):
        ensure_postgresql(settings, print)


def test_a_private_server_is_started_through_its_own_loader_wherever_its_root_is(
    tmp_path: Path,
) -> None:
    architecture = ARCHITECTURES["amd64"]
    root = PrivateRoot(tmp_path / "a root", architecture)
    folder = install(root.path / "usr" / "lib" / "postgresql", "18")
    root.libraries.mkdir(parents=True)
    loader = root.libraries / architecture.loader
    loader.write_text('#!/bin/sh\nprintf "%s|" "$@"\n', encoding="utf-8")
    loader.chmod(0o755)
    for _ in range(2):  # the second time nothing is left to do
        programs = private_programs(root)
        said = subprocess.run(
            [*programs.server_command, "-D", "x y"], capture_output=True, text=True, check=True
        ).stdout.split("|")
        assert said[-4:] == [str(folder / "postgres.real"), "-D", "x y", ""]
        assert (folder / "postgres.real").read_text("utf-8") == "a program"
