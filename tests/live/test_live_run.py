"""``callcenter run``: the line `ready`, what it starts again, and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from callcenter.platform.config import Settings
from callcenter.setup.deployment import REPOSITORY
from callcenter.setup.keeper import MARK, find
from callcenter.setup.toolbox import Toolbox
from tests.live.live_system import SINGLES, port_block, short_home

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

READY_SECONDS = 60


class Instance:
    """One `callcenter run` and what it says."""

    def __init__(self, home: Path, process: asyncio.subprocess.Process) -> None:
        self.home = home
        self.process = process
        self.said: list[str] = []

    async def until(self, pattern: str, seconds: float = READY_SECONDS) -> str:
        """The next line that begins with `pattern`."""
        assert self.process.stdout is not None
        async with asyncio.timeout(seconds):
            while line := (await self.process.stdout.readline()).decode():
                self.said.append(line)
                if re.match(pattern, line):
                    return line
        raise AssertionError("it ended: " + "".join(self.said))

    def programs(self) -> list[psutil.Process]:
        """What runs for this home, but for the command itself."""
        found = []
        for process in psutil.process_iter():
            try:
                mine = process.environ().get(MARK) == str(self.home)
            except (psutil.Error, OSError):
                continue
            if mine and process.pid != self.process.pid:
                found.append(process)
        return found

    def one(self, name: str) -> int:
        """The pid of the program `name`, 0 while it does not run."""
        return find(self.home, name) or 0


@asynccontextmanager
async def running(cache: Path) -> AsyncIterator[Instance]:
    home = short_home()
    with port_block() as base:
        ports = {
            f"CALLCENTER_{name.upper()}_PORT": str(base + at) for at, name in enumerate(SINGLES)
        }
        environment = {
            **{key: value for key, value in os.environ.items() if "CALLCENTER" not in key},
            **ports,
            "CALLCENTER_RTP_START": str(base + 20),
            "CALLCENTER_RTP_END": str(base + 99),
            "CALLCENTER_HOME": str(home),
            "CALLCENTER_CACHE": str(cache),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "callcenter.cli.main", "run",
            cwd=REPOSITORY,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        instance = Instance(home, process)
        try:
            yield instance
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                await process.wait()


def passwords(home: Path) -> list[str]:
    """Every secret in the home that people or phones log in with."""
    found = [(home / "api-token").read_text().strip()]
    lines = (home / "secrets.env").read_text().splitlines()
    found += [line.split("=", 1)[1] for line in lines if "=" in line]
    with contextlib.closing(sqlite3.connect(home / "callcenter.db")) as database:
        found += [secret for (secret,) in database.execute("SELECT secret FROM seat")]
    assert len(found) > 8
    return found


STRANGER = 65534
"""`nobody`: a user of the machine who is not ours."""
AS_A_STRANGER = """
import os, sys
home = sys.argv[1]
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
print([name for name, _, files in os.walk(home) for name in (name, *files)])
"""


async def stranger_sees(home: Path) -> str:
    """What a walk through the home shows to a user who is not ours (root alone can become one)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", AS_A_STRANGER, str(home), str(STRANGER),
        stdout=asyncio.subprocess.PIPE,
        cwd="/",
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().strip()


def open_to_others(home: Path) -> list[str]:
    """Files and folders of the home whose own mode lets others in; links have none."""
    return [
        f"{path.relative_to(home)} {stat.S_IMODE(path.lstat().st_mode):o}"
        for path in (home, *home.rglob("*"))
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    ]


async def test_it_says_ready_starts_again_what_dies_and_stops_all_of_it(toolbox: Toolbox) -> None:
    async with running(Settings(_env_file=None).cache) as instance:
        await instance.until("ready")
        said = "".join(instance.said)
        for secret in passwords(instance.home):
            assert secret not in said
        assert open_to_others(instance.home) == []
        if os.geteuid() == 0:
            assert await stranger_sees(instance.home) == "[]"
        for name in ("asterisk", "agi", "callcenter"):
            before = instance.one(name)
            os.kill(before, signal.SIGKILL)
            async with asyncio.timeout(30):
                while instance.one(name) in (0, before):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)  # another process starts it
        instance.process.send_signal(signal.SIGINT)
        await instance.until("stopped", 40)
        assert await instance.process.wait() == 0
        assert instance.programs() == []


async def test_a_second_one_of_the_same_home_is_told_so(toolbox: Toolbox) -> None:
    async with running(Settings(_env_file=None).cache) as instance:
        await instance.until("ready")
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "callcenter.cli.main", "run",
            cwd=REPOSITORY,
            env={**os.environ, "CALLCENTER_HOME": str(instance.home)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await second.communicate()
        assert second.returncode == 2
        assert "runs already" in output.decode()
