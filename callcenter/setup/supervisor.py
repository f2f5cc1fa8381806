"""The kept process supervisor: its configuration, its child process, and what it says.

supervisord runs in a session of its own, so that Ctrl-C reaches `callcenter run` alone, which
stops everything in order. If `callcenter run` itself is killed, supervisord and the calls go on;
the next `run` of the same home finds what runs by its environment and stops it (`stop_leftovers`).

supervisord may die at any moment, too: the programs outlive it (`keeper`), `callcenter run` starts
it again, and what it starts takes them up as they run. It writes no file: what it and the programs
say goes through pipes that never make anybody wait to one process that may die as well
(`log_pump`), since a full disk had ended supervisord, and with it all calls (decision 21).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
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
from callcenter.platform.room import plan as room_plan
from callcenter.platform.secrets import Secrets, write_private
from callcenter.setup import keeper
from callcenter.setup.deployment import REPOSITORY
from callcenter.setup.keeper import MARK, Kept
from callcenter.setup.limits import open_files
from callcenter.setup.toolbox import Toolbox
from callcenter.setup.watching import plan_of

RPC_SECONDS = 5.0
STOP_SECONDS = 50.0
"""The sum of all `stop_seconds` and margins: supervisord stops one after the other."""
STOP_MARGIN_SECONDS = 2
"""supervisord's patience above the keeper's, which kills a program that does not stop."""
SELF = "supervisord"
"""Under this name supervisord's own words are logged."""


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
    oom_score_adj: int = 0
    """Above 0: rather this than another, for want of memory. A caller hears the PBX's end, and
    that of nobody else."""


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
        Program("asterisk", [*start, "--", *pbx], 10, 10, -500),
        Program("agi", [sys.executable, "-m", "agi"], 6, 20, 200),
        Program("callcenter", [sys.executable, "-m", "callcenter.server"], 15, 30, 400),
    ]


def watchers(settings: Settings, toolbox: Toolbox) -> list[Program]:
    """What runs beside them and holds nothing: it is started before them, and stopped after."""
    names = [program.name for program in programs(settings, toolbox)]
    home = str(settings.home)
    pump = [sys.executable, "-m", "callcenter.setup.log_pump", home, *names, "guard", SELF]
    guard = [sys.executable, "-m", "callcenter.setup.disk_guard", home]
    return [Program("logs", pump, 2, 1), Program("guard", guard, 2, 2)]


def kept(settings: Settings, toolbox: Toolbox) -> list[Kept]:
    """The programs as their keepers are told of them."""
    return [
        Kept(one.name, list(one.command), one.stop_seconds, one.oom_score_adj)
        for one in programs(settings, toolbox)
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


def _keep(settings: Settings, name: str) -> list[str]:
    return [sys.executable, "-m", "callcenter.setup.keeper", str(settings.home), name]


def render_config(settings: Settings, secrets: Secrets, toolbox: Toolbox) -> str:
    """The text of ``supervisord.conf``."""
    run = run_dir(settings)
    lines = [
        "; Generated at every start; changes here are lost.",
        "[supervisord]",
        "nodaemon = true",
        f"directory = {_value(REPOSITORY)}",
        f"pidfile = {_value(run / 'supervisord.pid')}",
        # Its own words go to its stdout alone: what it cannot write to a file ends it.
        "logfile = /dev/null",
        "logfile_maxbytes = 0",
        f"childlogdir = {_value(run)}",
        f"minfds = {open_files()}",
        "silent = false",
        # In the foreground it is not applied: our own is inherited (platform/private).
        "umask = 077",
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
    commands = [
        *((one, one.command) for one in watchers(settings, toolbox)),
        *((one, _keep(settings, one.name)) for one in programs(settings, toolbox)),
    ]
    for program, command in commands:
        lines += [
            f"[program:{program.name}]",
            f"command = {_value(shlex.join(command))}",
            f"priority = {program.priority}",
            "autostart = true",
            "autorestart = true",
            "startsecs = 2",
            # About a minute of trying, at growing distance, before it is called FATAL.
            "startretries = 10",
            "stopsignal = TERM",
            f"stopwaitsecs = {program.stop_seconds + STOP_MARGIN_SECONDS}",
            "killasgroup = true",
            "redirect_stderr = true",
            # What is said goes to the log pump.
            "stdout_logfile = NONE",
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
        self._plan = keeper.plan_text(kept(settings, toolbox))
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
        write_private(run_dir(self._settings) / "supervisord.conf", self._text)
        write_private(keeper.plan_file(self._settings.home), self._plan)
        room = room_plan.text_of(plan_of(self._settings))
        write_private(room_plan.plan_file(self._settings.home), room)
        self._settings.log_dir.mkdir(parents=True, exist_ok=True)
        self.start_again()

    def start_again(self) -> None:
        """Start supervisord after it has died: it takes up what runs. Writes nothing; `OSError` if
        there is no process to be had."""
        said = keeper.open_pipe(keeper.pipe_of(self._settings.home, SELF))
        configuration = run_dir(self._settings) / "supervisord.conf"
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=environment(self._settings, os.environ),
                cwd=REPOSITORY,
                start_new_session=True,
            )
        finally:
            os.close(said)

    def ended(self) -> int | None:
        """supervisord's exit code if it has ended."""
        return None if self._process is None else self._process.poll()

    def kill(self) -> None:
        """End supervisord alone, at once: its programs outlive it."""
        if self._process is not None:
            self._process.kill()

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
        return tail(program_log(self._settings, SELF), 6)


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
