"""supervisord gets exactly the programs and words we mean, whatever the folders are called."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from supervisor.datatypes import RestartUnconditionally
from supervisor.options import ServerOptions

from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError
from callcenter.platform.secrets import Secrets
from callcenter.setup.keeper import MARK, plan_file, plan_text, read_plan
from callcenter.setup.run import alone, is_running
from callcenter.setup.supervisor import (
    Supervisor,
    environment,
    kept,
    leftovers,
    programs,
    render_config,
    stop_leftovers,
    tail,
    watchers,
)
from callcenter.setup.toolbox import Toolbox

SECRETS = Secrets("ami", "ari", "supervisor", "admin", "agi")
AWKWARD = ("plain", "with blank", "quote's", "semi;colon", "中文")


def a_toolbox(folder: Path) -> Toolbox:
    pbx = [str(folder / "lib/ld.so"), "--library-path", str(folder), str(folder / "asterisk")]
    return Toolbox(pbx, "22.10.1", folder, folder, ["sipp"], ["espeak-ng"])


def read_back(settings: Settings, toolbox: Toolbox) -> ServerOptions:
    """The configuration as supervisord itself reads it."""
    file = settings.home / "supervisord.conf"
    file.write_text(render_config(settings, SECRETS, toolbox), encoding="utf-8")
    options = ServerOptions()
    options.realize(["-c", str(file), "-n"])
    return options


@pytest.mark.parametrize("name", AWKWARD)
def test_supervisord_reads_what_was_meant(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    (home / "log").mkdir(parents=True)
    (home / "run").mkdir()
    settings = Settings(home=home, supervisor_port=30001)
    toolbox = a_toolbox(home)
    options = read_back(settings, toolbox)
    found = {group.name: group.process_configs[0] for group in options.process_group_configs}
    # What must outlive supervisord is started by a keeper, which is told the rest by a file.
    for program in programs(settings, toolbox):
        words = shlex.split(found[program.name].command)
        assert words[2:] == ["callcenter.setup.keeper", str(home), program.name]
        assert found[program.name].stopwaitsecs > program.stop_seconds
    for program in watchers(settings, toolbox):
        assert shlex.split(found[program.name].command) == list(program.command)
    for program in found.values():
        assert program.autorestart is RestartUnconditionally
    plan_file(home).write_text(plan_text(kept(settings, toolbox)), encoding="utf-8")
    for program in programs(settings, toolbox):
        assert read_plan(home, program.name).command == list(program.command)
    # Nothing that supervisord writes can be refused by a disk.
    assert options.logfile == os.devnull
    assert {program.stdout_logfile for program in found.values()} == {None}
    (server,) = options.server_configs
    assert (server["host"], server["port"]) == ("127.0.0.1", 30001)
    assert server["password"] == SECRETS.supervisor_password


@pytest.mark.parametrize("name", ["a ;b", "a #b", "a\nb", "100%"])
def test_a_path_that_supervisord_would_cut_is_refused(tmp_path: Path, name: str) -> None:
    settings = Settings(home=tmp_path / name)
    with pytest.raises(SetupError, match="CALLCENTER_HOME"):
        render_config(settings, SECRETS, a_toolbox(tmp_path))


def test_the_pbx_starts_first_and_stops_last(tmp_path: Path) -> None:
    order = [item.name for item in programs(Settings(home=tmp_path), a_toolbox(tmp_path))]
    priorities = [item.priority for item in programs(Settings(home=tmp_path), a_toolbox(tmp_path))]
    assert order[0] == "asterisk"
    assert priorities == sorted(priorities)


def test_programs_see_the_home_wherever_they_run(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "one", cache=tmp_path / "cache")
    seen = environment(settings, {"PATH": "/bin", "CALLCENTER_HOME": "relative"})
    assert seen["CALLCENTER_HOME"] == str(tmp_path / "one")
    assert seen["CALLCENTER_CACHE"] == str(tmp_path / "cache")
    assert seen["PATH"] == "/bin"


def _left_behind(settings: Settings) -> subprocess.Popen[str]:
    """A process as a killed `run` of this home leaves it."""
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"],
        env={**os.environ, MARK: str(settings.home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def test_only_this_homes_leftovers_are_stopped(tmp_path: Path) -> None:
    ours, other = Settings(home=tmp_path / "ours"), Settings(home=tmp_path / "other")
    mine, theirs = _left_behind(ours), _left_behind(other)
    try:
        assert [process.pid for process in leftovers(ours)] == [mine.pid]
        assert stop_leftovers(ours) == 1
        assert not psutil.pid_exists(mine.pid)
        assert theirs.poll() is None
        assert stop_leftovers(ours) == 0
    finally:
        for process in (mine, theirs):
            process.kill()
            process.communicate()


def test_a_home_is_run_once_at_a_time(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert not is_running(settings)
    with alone(settings):
        assert is_running(settings)
        with (
            pytest.raises(SetupError, match=rf"runs already \(pid {os.getpid()}\)"),
            alone(settings),
        ):
            pass
    assert not is_running(settings)
    with alone(settings):
        pass


def test_the_lock_of_a_dead_run_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.lock").write_text("999999\n", encoding="ascii")
    with alone(Settings(home=tmp_path)), (tmp_path / "run" / "run.lock").open() as stream:
        assert stream.read() == f"{os.getpid()}\n"
        with pytest.raises(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_tail_of_a_log_is_its_last_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"".join(b"line %d \xff\n" % number for number in range(10000)) + b"\n\n")
    assert [line.split()[1] for line in tail(log, 3)] == ["9997", "9998", "9999"]
    assert tail(tmp_path / "missing.log", 3) == []


def test_the_configuration_is_not_for_others(tmp_path: Path, monkeypatch: Any) -> None:
    settings = Settings(home=tmp_path)
    started: list[list[str]] = []
    monkeypatch.setattr(
        "callcenter.setup.supervisor.subprocess.Popen", lambda words, **_: started.append(words)
    )
    Supervisor(settings, SECRETS, a_toolbox(tmp_path)).start()
    file = tmp_path / "run" / "supervisord.conf"
    assert file.stat().st_mode & 0o777 == 0o600
    assert started
    assert started[0][-1] == str(file)
