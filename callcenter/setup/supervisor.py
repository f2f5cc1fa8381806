"""The kept process supervisor: its configuration, its child process, and what it says.

supervisord runs in a session of its own, so that Ctrl-C reaches `callcenter run` alone, which
stops everything in order. If `callcenter run` itself is killed, supervisord and the calls go on;
the next `run` of the same home finds it by its pid file and stops it (`stop_leftovers`).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import resource
import shlex
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from callcenter.platform.config import Settings
from callcenter.platform.errors import SetupError
from callcenter.platform.secrets import Secrets, write_private
from callcenter.setup.deployment import REPOSITORY
from callcenter.setup.toolbox import Toolbox

MARK = "CALLCENTER_SUPERVISED"
"""In the environment of every program of an instance; its value is the home."""
OPEN_FILES = 65536
"""Wanted by the PBX: 1,500 channels of two sockets, a file or two and timers each; else what the
system allows."""
LOG_MIB = 20
LOG_BACKUPS = 5
"""120 MB a program at most."""
RPC_SECONDS = 5.0
STOP_SECONDS = 35.0
"""The sum of all `stop_seconds`: supervisord stops one after the other."""


class ProgramState(StrEnum):
    """supervisord's words for how a program is."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised program."""

    name: str
    command: Sequence[str]
    stop_seconds: int
    """After SIGTERM; then SIGKILL."""
    priority: int


@dataclass(frozen=True, slots=True)
class Status:
    """How one program is now; `pid` is 0 when it does not run."""

    name: str
    state: ProgramState
    pid: int
    said: str


def programs(settings: Settings, toolbox: Toolbox) -> list[Program]:
    """What runs under the supervisor, first to start first."""
    configuration = str(settings.asterisk_dir / "etc" / "asterisk.conf")
    # Says in the journal that the PBX starts, then becomes the PBX.
    says = "callcenter.telephony.pbx.journal.start"
    start = [sys.executable, "-m", says, str(settings.journal_file)]
    pbx = [*toolbox.asterisk_command, "-f", "-n", "-C", configuration]
    return [
        # SIGTERM ends the PBX and its calls at once: nobody can talk for a day to hold a stop.
        Program("asterisk", [*start, "--", *pbx], 10, 10),
        Program("agi", [sys.executable, "-m", "agi"], 6, 20),
        Program("callcenter", [sys.executable, "-m", "callcenter.server"], 15, 30),
    ]


def run_dir(settings: Settings) -> Path:
    """State of the running instance: lock, pid files, the supervisor's configuration."""
    return settings.home / "run"


def program_log(settings: Settings, name: str) -> Path:
    """The log of program `name`."""
    return settings.log_dir / f"{name}.log"


def _value(text: object) -> str:
    """`text` as supervisord's configuration gives it back; `SetupError` if it cannot."""
    value = str(text)
    # A per cent sign could be doubled, were it not that some values are expanded twice.
    if re.search(r"[\n\r%]|\s[;#]", value):
        raise SetupError(
            f"{value!r}: a path with a line break, a per cent sign, or a blank before ; or # cannot"
            " be used; choose another CALLCENTER_HOME or CALLCENTER_CACHE.",
            code="bad_setting",
        )
    return value


def _open_files() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)


def render_config(settings: Settings, secrets: Secrets, toolbox: Toolbox) -> str:
    """The text of ``supervisord.conf``."""
    run = run_dir(settings)
    lines = [
        "; Generated at every start; changes here are lost.",
        "[supervisord]",
        "nodaemon = true",
        f"directory = {_value(REPOSITORY)}",
        f"pidfile = {_value(run / 'supervisord.pid')}",
        f"logfile = {_value(settings.log_dir / 'supervisord.log')}",
        f"logfile_maxbytes = {LOG_MIB}MB",
        f"logfile_backups = {LOG_BACKUPS}",
        f"childlogdir = {_value(settings.log_dir)}",
        f"minfds = {_open_files()}",
        "silent = true",
        "umask = 027",
    ]
    if os.geteuid() == 0:
        # Said on purpose, else supervisord warns that nobody decided it.
        lines.append("user = root")
    lines += [
        "",
        "[inet_http_server]",
        f"port = 127.0.0.1:{settings.supervisor_port}",
        "username = callcenter",
        f"password = {_value(secrets.supervisor_password)}",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        "",
    ]
    for program in programs(settings, toolbox):
        lines += [
            f"[program:{program.name}]",
            f"command = {_value(shlex.join(program.command))}",
            f"priority = {program.priority}",
            "autostart = true",
            "autorestart = true",
            "startsecs = 2",
            # About a minute of trying, at growing distance, before it is called FATAL.
            "startretries = 10",
            "stopsignal = TERM",
            f"stopwaitsecs = {program.stop_seconds}",
            "killasgroup = true",
            "redirect_stderr = true",
            f"stdout_logfile = {_value(program_log(settings, program.name))}",
            f"stdout_logfile_maxbytes = {LOG_MIB}MB",
            f"stdout_logfile_backups = {LOG_BACKUPS}",
            "",
        ]
    return "\n".join(lines)


def environment(settings: Settings, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of supervisord and all its programs."""
    return {
        **base,
        "CALLCENTER_HOME": str(settings.home),
        "CALLCENTER_CACHE": str(settings.cache),
        MARK: str(settings.home),
        "PYTHONUNBUFFERED": "1",
    }


class _Transport(xmlrpc.client.Transport):
    """With a deadline: a supervisor that hangs must not hang us."""

    def make_connection(self, host: tuple[str, dict[str, str]] | str) -> object:  # type: ignore[override]
        connection = super().make_connection(host)
        connection.timeout = RPC_SECONDS
        return connection


class Supervisor:
    """The supervisord of one instance, as a child of ours."""

    def __init__(self, settings: Settings, secrets: Secrets, toolbox: Toolbox) -> None:
        self._settings = settings
        self._secrets = secrets
        self._text = render_config(settings, secrets, toolbox)
        self._names = [program.name for program in programs(settings, toolbox)]
        self._process: subprocess.Popen[bytes] | None = None
        self._rpc = xmlrpc.client.ServerProxy(
            f"http://callcenter:{secrets.supervisor_password}@127.0.0.1"
            f":{settings.supervisor_port}/RPC2",
            transport=_Transport(),
        )

    @property
    def names(self) -> list[str]:
        """The programs, first to start first."""
        return list(self._names)

    def start(self) -> None:
        """Start supervisord and with it every program; returns at once."""
        configuration = run_dir(self._settings) / "supervisord.conf"
        write_private(configuration, self._text)
        self._settings.log_dir.mkdir(parents=True, exist_ok=True)
        with (self._settings.log_dir / "supervisord.out").open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment(self._settings, os.environ),
                cwd=REPOSITORY,
                start_new_session=True,
            )

    def ended(self) -> int | None:
        """supervisord's exit code if it has ended."""
        return None if self._process is None else self._process.poll()

    def states(self) -> dict[str, Status]:
        """How every program is; empty while supervisord does not answer."""
        try:
            answer = self._rpc.supervisor.getAllProcessInfo()
        except (OSError, xmlrpc.client.Error, http.client.HTTPException):
            return {}
        found: dict[str, Status] = {}
        if isinstance(answer, list):
            for item in answer:
                state = ProgramState(item["statename"])
                said = str(item["spawnerr"] or item["description"])
                found[str(item["name"])] = Status(str(item["name"]), state, int(item["pid"]), said)
        return found

    def start_program(self, name: str) -> None:
        """Start `name` again after it was given up; quietly nothing if that fails."""
        with contextlib.suppress(OSError, xmlrpc.client.Error, http.client.HTTPException):
            self._rpc.supervisor.startProcess(name, False)

    def stop(self) -> None:
        """Stop every program in reverse order, then supervisord; returns when all are gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        stop_leftovers(self._settings)

    def log_tail(self, name: str, lines: int = 12) -> list[str]:
        """The last lines that program `name` wrote."""
        return tail(program_log(self._settings, name), lines)

    def own_log_tail(self) -> list[str]:
        """The last lines of supervisord itself, for when it ends by itself."""
        log_dir = self._settings.log_dir
        return tail(log_dir / "supervisord.out", 6) or tail(log_dir / "supervisord.log", 6)


def tail(file: Path, lines: int) -> list[str]:
    """The last `lines` of `file`, fewer if it is short, none if it cannot be read."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - 16384))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]


def leftovers(settings: Settings) -> Iterator[psutil.Process]:
    """Processes that an earlier `run` of this home left behind; supervisord first."""
    home = str(settings.home)
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == home:
                found.append((not _is_supervisor(process), process.pid, process))
        except (psutil.Error, OSError):
            continue
    for _, _, process in sorted(found, key=lambda item: item[:2]):
        yield process


def _is_supervisor(process: psutil.Process) -> bool:
    return "supervisor.supervisord" in process.cmdline()


def stop_leftovers(settings: Settings) -> int:
    """Stop what an earlier `run` left behind; how many processes there were."""
    found = list(leftovers(settings))
    # supervisord stops its own programs in order; the others are for when it is gone itself.
    heads = [process for process in found[:1] if _safely_supervisor(process)]
    _terminate(heads, STOP_SECONDS)
    _terminate(list(leftovers(settings)), 5.0)
    return len(found)


def _safely_supervisor(process: psutil.Process) -> bool:
    try:
        return _is_supervisor(process)
    except psutil.Error:
        return False


def _terminate(processes: Sequence[psutil.Process], seconds: float) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(list(processes), timeout=seconds)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5.0)
