"""One whole instance as `callcenter run` keeps it, on a small disk of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from callcenter.platform.db.engine import Database
from callcenter.setup.deployment import REPOSITORY
from callcenter.setup.keeper import MARK, NAME
from callcenter.telephony.domain.seating import DesiredSeat
from callcenter.telephony.seats.service import SeatService
from tests.live.live_disk import SmallDisk
from tests.live.live_system import System, shorten_prompts

KEPT = ("asterisk", "agi", "callcenter")
SMALL_DISK = {
    "recording_short_tolerance_ms": 500,
    "recording_free_floor_mib": 0,
    "voice_message_free_floor_mib": 0,
    "recording_stop_free_mib": 20,
    "recording_end_free_mib": 12,
    "log_free_floor_mib": 6,
    "reserve_free_mib": 2,
    "reserve_mib": 4,
    "journal_ahead_mib": 4,
    "database_ahead_mib": 8,
}
"""Floors for a disk of `DISK_MIB`."""
DISK_MIB = 96


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What `System` needs of a set-up that another process did."""

    seats: list[DesiredSeat]


def _stop_with_parent() -> None:
    """SIGTERM for us when our parent dies (Linux, prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)


class RunSystem(System):
    """An instance whose parts are kept by `callcenter run`."""

    def __init__(self, disk: SmallDisk, base: int, cache: Path, changes: dict[str, Any]) -> None:
        super().__init__(disk.folder, base, cache, {**SMALL_DISK, **changes})
        self.disk = disk
        self._said = disk.folder.with_name(f"{disk.folder.name}.said")
        self.run: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        try:
            return await self._begun()
        except BaseException:
            await self.__aexit__()
            raise

    async def _begun(self) -> Self:
        shorten_prompts(self.settings)
        self.begin_run()
        self.database = Database(self.settings.db_url)
        self._stack.push_async_callback(self.database.close)
        await self.until(self.ready_said, 90)
        token = self.settings.token_file.read_text(encoding="ascii").strip()
        self.api = await self._stack.enter_async_context(
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{self.settings.api_port}",
                # Nobody else writes: whatever is there may be replaced.
                headers={"Authorization": f"Bearer {token}", "If-Match": "*"},
                timeout=10,
                trust_env=False,
            )
        )
        seats = await SeatService(self.database, self.settings).desired()
        self.prepared = _Prepared(list(seats))  # type: ignore[assignment]  # all that is asked for
        await self.ready()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()
        await self.stop_run()
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._said.unlink(missing_ok=True)

    def begin_run(self) -> None:
        """Start `callcenter run` inside."""
        environment = {key: it for key, it in os.environ.items() if "CALLCENTER" not in key}
        environment |= {"CALLCENTER_HOME": str(self.disk.folder), "PYTHONUNBUFFERED": "1"}
        # Its output lies on another disk, as a journal's or a terminal's would.
        with self._said.open("wb") as said:
            self.run = subprocess.Popen(
                [sys.executable, "-m", "callcenter.cli.main", "run"],
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                # A test that is killed leaves nothing running.
                preexec_fn=_stop_with_parent,  # noqa: PLW1509 (one system call, no lock)
            )

    async def stop_run(self) -> None:
        """Ctrl-C, and wait until all of it has ended."""
        if self.run is not None and self.run.poll() is None:
            self.run.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self.run.wait, 60)

    async def ready_said(self) -> bool:
        assert self.run is not None
        if self.run.poll() is not None:
            raise RuntimeError(f"`callcenter run` ended:\n{self.said}")
        return any(line.startswith("ready") for line in self.said.splitlines())

    @property
    def said(self) -> str:
        """All that `callcenter run` said."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    # -- what runs ----------------------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        """Whatever runs for this home below `callcenter run`."""
        return [process for process in psutil.process_iter() if self._env(process)]

    def program(self, name: str) -> psutil.Process:
        """The kept program `name`: the leader of its session."""
        for process in psutil.process_iter():
            if self._env(process).get(NAME) == name and os.getsid(process.pid) == process.pid:
                return process
        raise LookupError(f"{name} does not run")

    def watcher(self, module: str) -> psutil.Process:
        """The process of `module` (supervisor.supervisord, callcenter.setup.disk_guard …)."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if module in process.cmdline():
                    return process
        raise LookupError(f"{module} does not run")

    def pids(self) -> dict[str, int]:
        """Of the kept programs."""
        return {name: self.program(name).pid for name in KEPT}

    def _env(self, process: psutil.Process) -> dict[str, str]:
        try:
            found = process.environ()
        except (psutil.Error, OSError):
            return {}
        return found if found.get(MARK) == str(self.disk.folder) else {}

    async def all_well(self) -> bool:
        """Whether every part is well."""
        parts = await self.health()
        return bool(parts) and all(part["status"] == "ok" for part in parts.values())

    async def health(self) -> dict[str, Any]:
        """Every part as the service tells it; empty while it does not answer."""
        with contextlib.suppress(httpx.HTTPError):
            return dict((await self.api.get("/healthz")).json()["parts"])
        return {}
