"""A program outlives its keeper; the next keeper takes it up; a stop stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from callcenter.setup.deployment import REPOSITORY
from callcenter.setup.keeper import Kept, find, plan_file, plan_text

LOYAL = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); " + LOYAL


class Home:
    """A home with one program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keepers: list[subprocess.Popen[bytes]] = []

    def plan(self, code: str, stop_seconds: int = 5) -> None:
        plan_file(self.folder).parent.mkdir(exist_ok=True)
        kept = Kept("it", [sys.executable, "-c", code], stop_seconds, 0)
        plan_file(self.folder).write_text(plan_text([kept]), encoding="utf-8")

    def keep(self) -> subprocess.Popen[bytes]:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "callcenter.setup.keeper", str(self.folder), "it"],
            cwd=REPOSITORY,
        )
        self.keepers.append(keeper)
        return keeper

    def running(self) -> int:
        """The program's pid, once it runs and has said so."""
        said = os.open(self.folder / "run" / "said" / "it", os.O_RDWR)
        try:
            while b"up" not in os.read(said, 4096):
                pass
        finally:
            os.close(said)
        pid = find(self.folder, "it")
        assert pid is not None
        return pid


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = Home(tmp_path)
    (tmp_path / "run" / "said").mkdir(parents=True)
    os.mkfifo(tmp_path / "run" / "said" / "it")
    yield found
    for keeper in found.keepers:
        keeper.kill()
        keeper.wait()
    pid = find(tmp_path, "it")
    if pid is not None:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def test_it_outlives_its_keeper_and_is_taken_up_and_stopped(home: Home) -> None:
    home.plan(LOYAL)
    first = home.keep()
    pid = home.running()
    first.kill()
    first.wait()
    assert find(home.folder, "it") == pid
    second = home.keep()
    said = os.open(home.folder / "run" / "said" / "it", os.O_RDWR)
    heard = b""
    while b"taken up" not in heard:  # what the program itself had still to say may come first
        heard += os.read(said, 4096)
    os.close(said)
    second.terminate()
    assert second.wait(20) == 0
    assert find(home.folder, "it") is None


def test_one_that_does_not_stop_is_killed_with_what_it_started(home: Home) -> None:
    code = (
        "import subprocess, sys; "
        f"subprocess.Popen([sys.executable, '-c', {LOYAL.replace('print', 'repr')!r}]); " + STUBBORN
    )
    home.plan(code, stop_seconds=1)
    keeper = home.keep()
    pid = home.running()
    children = psutil.Process(pid).children()
    keeper.terminate()
    assert keeper.wait(20) == 0
    _, alive = psutil.wait_procs(
        [psutil.Process(pid), *children] if psutil.pid_exists(pid) else children, 10
    )
    assert not alive


def test_its_end_is_its_keepers_end_with_its_code(home: Home) -> None:
    home.plan("raise SystemExit(3)")
    assert home.keep().wait(20) == 3
