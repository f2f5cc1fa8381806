"""A PostgreSQL server of the tests' own: one per session, a fresh database per test.

It needs no root and nothing installed by hand (`callcenter.setup.postgresql`), listens on loopback
alone with a password of its own, and its folder is gone with it. It is deliberately not like
SQLite: text is sorted by the rules of a language, its clock is not UTC's, and who uses it is no
superuser.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

import asyncpg  # type: ignore[import-untyped]

from callcenter.platform.config import Settings
from callcenter.platform.db.migrate import upgrade_async
from callcenter.setup.postgresql import PostgresqlPrograms, ensure_postgresql, private_programs
from callcenter.setup.private_root import PrivateRoot, host_architecture

START_SECONDS = 60.0
USER = "callcenter"
TEMPLATE = "head"
"""The database of which each test gets a copy: migrated once."""
LIKE_NO_OTHER = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # Nothing but us: no process that wakes up in the middle of a measurement.
    "autovacuum": "off",
    "timezone": "Asia/Shanghai",
    "logging_collector": "off",
}

Found = TypeVar("Found")


class PostgresqlServer:
    """A running server. Its questions run in a thread of their own, so tests of any kind of loop,
    or of none, may ask."""

    def __init__(self, programs: PostgresqlPrograms) -> None:
        self._password = secrets.token_hex(16)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._admin: Any = None
        self._count = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="callcenter-pg-"))
        self._uid = _unprivileged()
        if self._uid is not None:
            self.folder.chmod(0o711)
            programs = _entered_by_others(programs, self.folder)
        self._programs = programs
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]

    @classmethod
    def made(cls) -> Self:
        """A server as `Settings` finds the programs, started, with its template."""
        server = cls(ensure_postgresql(Settings(_env_file=None), print))
        try:
            server._initialise()
            server.start()
            server._ask(server._make_template())
        except BaseException:
            server.remove()
            raise
        return server

    # -- life ---------------------------------------------------------------------------------

    @property
    def data(self) -> Path:
        """Its files."""
        return self.folder / "data"

    @property
    def runs(self) -> bool:
        """Whether it was started and not stopped."""
        return self._process is not None

    def _run_as(self) -> dict[str, Any]:
        """Arguments of `subprocess` that make a child nobody's, if we are root."""
        if self._uid is None:
            return {}
        return {"user": self._uid, "group": pwd.getpwuid(self._uid).pw_gid, "extra_groups": []}

    def _initialise(self) -> None:
        secret = self.folder / "password"
        secret.touch(0o600)
        secret.write_text(self._password, encoding="ascii")
        self.data.mkdir(0o700)
        if self._uid is not None:
            os.chown(self.data, self._uid, -1)
            os.chown(secret, self._uid, -1)
        done = subprocess.run(
            [
                *self._programs.initdb_command,
                f"--pgdata={self.data}",
                "--username=postgres",
                f"--pwfile={secret}",
                "--auth=password",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=icu",
                "--icu-locale=zh",
                "--no-sync",
                "--no-instructions",
            ],
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
            **self._run_as(),
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {
            **LIKE_NO_OTHER,
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.data),
        }
        words = [f"--{name}={value}" for name, value in settings.items()]
        self._process = self._ask(
            self._spawn([*self._programs.server_command, "-D", str(self.data), *words])
        )
        self._admin = self._ask(self._until_it_answers())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends sessions in order, SIGQUIT as a power cut would."""
        if self._admin is not None:
            self._admin.terminate()
            self._admin = None
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Stop it and delete its folder."""
        if self._process is not None:
            self.stop(signal.SIGQUIT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """What it said."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    # -- databases ----------------------------------------------------------------------------

    def url(self, database: str, *, user: str = USER, password: str | None = None) -> str:
        """As a person would write it."""
        word = self._password if password is None else password
        return f"postgresql://{user}:{word}@127.0.0.1:{self.port}/{database}"

    def copy(self, template: str = TEMPLATE) -> str:
        """A new database as `template` is (``template1``: empty); its name."""
        self._count += 1
        name = f"test_{self._count}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {USER}")
        return name

    def drop(self, name: str) -> None:
        """Delete a database, whoever still uses it."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run one statement as the superuser."""
        self._ask(self._admin.execute(statement))

    def fetch(self, statement: str) -> list[Any]:
        """Rows, as the superuser sees them."""
        return list(self._ask(self._admin.fetch(statement)))

    # -- inside -------------------------------------------------------------------------------

    def _ask(self, work: Coroutine[Any, Any, Found]) -> Found:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    async def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        """In our thread, which lives as long as we do: the server dies with the one that made it,
        also if the tests are killed."""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(  # noqa: ASYNC220
                command,
                cwd="/",
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509
                **self._run_as(),
            )

    async def _until_it_answers(self) -> Any:
        while True:
            assert self._process is not None
            assert self._process.poll() is None, self.log()
            try:
                return await asyncpg.connect(
                    host="127.0.0.1",
                    port=self.port,
                    user="postgres",
                    password=self._password,
                    database="postgres",
                )
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.02)  # another process starts

    async def _make_template(self) -> None:
        await self._admin.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{self._password}'")
        await self._admin.execute(f"CREATE DATABASE {TEMPLATE} OWNER {USER}")
        await upgrade_async(self.url(TEMPLATE))


_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """SIGQUIT for the child when the thread that made it is gone (Linux, prctl(2))."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)


def _unprivileged() -> int | None:
    """Whose process the server must be: PostgreSQL refuses to be root's. None: ours."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _entered_by_others(programs: PostgresqlPrograms, folder: Path) -> PostgresqlPrograms:
    """`programs` where an unprivileged process can reach them: below root's home it cannot, so
    they are linked, or copied if that is another file system."""
    place = programs.folder
    if all(path.stat().st_mode & stat.S_IXOTH for path in (place, *place.parents)):
        return programs

    def bring(source: str, target: str) -> None:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    shutil.copytree(place, folder / "root", symlinks=True, copy_function=bring)
    (folder / "root").chmod(0o755)
    return private_programs(PrivateRoot(folder / "root", host_architecture()))
