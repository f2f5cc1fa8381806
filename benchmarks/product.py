"""The product's side: everything that `callcenter run` starts, under its own supervisor.

Its settings are the defaults, but for what would make another call of it than the bare one's:
no recording notice, no seconds of wrap-up, no limit of waiting callers below the bare one's.
All seats register once, at the place where the seats' process then is.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import xmlrpc.client
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from pydantic import ValidationError
from sqlalchemy import func, select

from benchmarks.plan import FIRST_SEAT, HOTLINE, RING_MS, BenchFailed, Plan
from benchmarks.side import READY_SECONDS, seats_free
from benchmarks.usage import Usage, usage_of
from callcenter.casework.cases.models import Case
from callcenter.cli.instance import Prepared, prepare
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import CallcenterError
from callcenter.setup.ports import check_ports
from callcenter.setup.readiness import StartFailed, wait_ready
from callcenter.setup.run import clear_leftovers
from callcenter.setup.supervisor import Supervisor, run_dir
from callcenter.simulator.sipp import Sipp, SippProcess
from callcenter.telephony.calls.models import JournalOffset
from callcenter.telephony.recordings.models import MediaFile

SETTLE_SECONDS = 600.0
POLL_SECONDS = 0.25
PASSED_ON = ("CALLCENTER_CACHE", "CALLCENTER_PRIVATE_ROOT")
"""Settings of the environment that hold for the run; all others are set here."""


def forget_settings() -> None:
    """Take the caller's own instance out of the environment, which the programs would inherit."""
    for name in list(os.environ):
        if name.startswith("CALLCENTER_") and name not in PASSED_ON:
            del os.environ[name]


def make_settings(plan: Plan, home: Path) -> Settings:
    """The product's settings for this run, also written where its programs read them.

    `BenchFailed` if one of the plan's cannot be.
    """
    first_rtp, last_rtp = plan.ports.pbx_rtp
    values: dict[str, object] = {
        **plan.ports.of_product(),
        "sip_bind": "127.0.0.1",
        "rtp_start": first_rtp,
        "rtp_end": last_rtp,
        "seats": plan.seats,
        "first_seat": FIRST_SEAT,
        "hotline_number": HOTLINE,
        "recording_notice": False,
        "queue_wrapup_seconds": 0,
        "queue_max_waiting": 1000,
        **dict(plan.product_settings),
    }
    unknown = values.keys() - Settings.model_fields.keys()
    if unknown:
        raise BenchFailed(f"the product has no setting {', '.join(sorted(unknown))}")
    home.mkdir(parents=True, exist_ok=True)
    lines = [f"CALLCENTER_{name.upper()}={value}\n" for name, value in values.items()]
    (home / "callcenter.env").write_text("".join(lines), encoding="utf-8")
    try:
        return Settings(_env_file=home / "callcenter.env", home=home)
    except ValidationError as error:
        first = error.errors()[0]
        raise BenchFailed(f"--set {first['loc'][0]}: {first['msg']}") from error


class Product:
    """The whole product, running, and its seats."""

    name = "product"

    def __init__(self, plan: Plan, home: Path) -> None:
        self.settings = make_settings(plan, home)
        self.sip = ("127.0.0.1", self.settings.sip_port)
        self.queue_log = self.settings.queue_log_file
        self._plan = plan
        self._home = home
        self._prepared: Prepared | None = None
        self._supervisor: Supervisor | None = None
        self._farm: SippProcess | None = None
        self._database = Database(self.settings.db_url)

    @property
    def farm(self) -> SippProcess:
        """Its seats."""
        if self._farm is None:
            raise RuntimeError("not started")
        return self._farm

    async def start(self) -> None:
        """Returns when every seat is free; `BenchFailed` says which part keeps it from that."""
        try:
            clear_leftovers(self.settings, print)
            check_ports(self.settings)
            self._prepared = await asyncio.to_thread(prepare, self.settings)
            secrets, toolbox = self._prepared.secrets, self._prepared.toolbox
            self._supervisor = Supervisor(self.settings, secrets, toolbox)
            self._supervisor.start()
            await wait_ready(self.settings, secrets, self._supervisor, print)
        except StartFailed as error:
            raise BenchFailed("\n".join((error.message, *error.lines))) from error
        except CallcenterError as error:
            raise BenchFailed(f"the product does not start: {error.message}") from error
        except ModuleNotFoundError as error:
            raise BenchFailed(
                f"the product is not whole: {error.name} is missing; --only bare measures the"
                " other side alone"
            ) from error
        seats = self._prepared.seats
        if len(seats) != self._plan.seats:
            raise BenchFailed(f"the product made {len(seats)} seats instead of {self._plan.seats}")
        await self._seats_known()
        ports = self._plan.ports
        sipp = Sipp(toolbox.sipp_command, self._home / "sipp", self.sip)
        await sipp.register(seats, port=ports.seats(self.name))
        self._farm = await sipp.seats(
            port=ports.seats(self.name), echo_port=ports.echo(self.name), ring_ms=RING_MS
        )
        await self._seats_free()

    async def stop(self) -> None:
        """End seats and programs."""
        if self._farm is not None:
            await self._farm.stop()
        if self._supervisor is not None:
            await asyncio.to_thread(self._supervisor.stop)
        await self._database.close()

    def usage(self) -> dict[str, Usage]:
        """What each program has used, the supervisor itself too."""
        if self._supervisor is None:
            raise RuntimeError("not started")
        states = self._supervisor.states()
        used = {name: usage_of(status.pid) for name, status in states.items() if status.pid}
        pid = int((run_dir(self.settings) / "supervisord.pid").read_text(encoding="ascii"))
        return used | {"supervisor": usage_of(pid, alone=True)}

    async def settled(self) -> None:
        """Returns when no call is left, the journal is read and every recording is judged."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while await self._left():  # noqa: ASYNC110
                    await asyncio.sleep(POLL_SECONDS)  # another process changes it
        except TimeoutError:
            left = await self._left()
            raise BenchFailed(f"product: after {SETTLE_SECONDS:.0f} s {left} were left") from None
        await self._seats_free()

    async def _left(self) -> str:
        """What is still to be done, for people; empty when nothing is."""
        async with self._database.reading() as session:
            pending = await session.scalar(
                select(func.count()).select_from(MediaFile).where(MediaFile.status == "pending")
            )
            offset = await session.get(JournalOffset, self.settings.node)
        unread = self.settings.journal_file.stat().st_size - (offset.position if offset else 0)
        if unread > 0:
            return f"{unread} bytes of the journal"
        return f"{pending} recordings" if pending else ""

    async def _seats_known(self) -> None:
        """Returns when the PBX has every seat: the service may be ready a moment before."""
        part: dict[str, str] = {}
        async with self.api() as api:
            try:
                async with asyncio.timeout(READY_SECONDS):
                    while part.get("status") != "ok":
                        await asyncio.sleep(POLL_SECONDS)
                        part = (await api.get("/healthz")).json()["parts"]["seats"]
            except TimeoutError:
                message = part.get("message", "")
                raise BenchFailed(f"the PBX does not get its seats: {message}") from None

    async def _seats_free(self) -> None:
        if self._prepared is None:
            raise RuntimeError("not started")
        configuration = self.settings.asterisk_dir / "etc" / "asterisk.conf"
        command = self._prepared.toolbox.asterisk_command
        await seats_free(command, configuration, self._plan.seats, self.name)

    async def cases(self) -> int:
        """How many cases there are."""
        async with self._database.reading() as session:
            return await session.scalar(select(func.count()).select_from(Case)) or 0

    def api(self) -> httpx.AsyncClient:
        """A client of the API with the first token."""
        token = self.settings.token_file.read_text(encoding="ascii").strip()
        return httpx.AsyncClient(
            base_url=self.settings.api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=10.0,
            trust_env=False,
        )

    @contextlib.asynccontextmanager
    async def without_agi(self) -> AsyncIterator[None]:
        """The AGI server is stopped meanwhile, and answers again afterwards."""
        if self._prepared is None or self._supervisor is None:
            raise RuntimeError("not started")
        secrets = self._prepared.secrets
        rpc = xmlrpc.client.ServerProxy(
            f"http://callcenter:{secrets.supervisor_password}@127.0.0.1"
            f":{self.settings.supervisor_port}/RPC2"
        )
        try:
            await asyncio.to_thread(rpc.supervisor.stopProcess, "agi", True)
        except (OSError, xmlrpc.client.Error, http.client.HTTPException) as error:
            raise BenchFailed(f"the AGI server cannot be stopped: {error}") from error
        try:
            yield
        finally:
            await asyncio.to_thread(self._supervisor.start_program, "agi")
            await wait_ready(self.settings, secrets, self._supervisor, lambda _line: None)
