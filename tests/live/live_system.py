"""One whole instance with its own folder and ports: the PBX, the AGI server, the service.

The parts are children of the test, so that a test can kill each at the moment it likes and start
it again; how the supervisor does that by itself is tested with `callcenter run`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import wave
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO, Any, Self, TypeVar

import httpx
import psutil
from sqlalchemy import func, select

from callcenter.cli.instance import Prepared, prepare
from callcenter.insight.audit.service import make_audit
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.setup.deployment import REPOSITORY
from callcenter.setup.supervisor import programs
from callcenter.simulator.phone import Phone
from callcenter.simulator.sound import RATE, tone
from callcenter.telephony.calls.models import Call, JournalOffset
from callcenter.telephony.recordings.models import MediaFile

BLOCK = 400
"""Ports of one instance: 20 single ones, the rest for RTP (95 calls)."""
BLOCKS = range(20000, 32000, BLOCK)
"""Below the range that systems give to whoever asks for any port."""
READY_SECONDS = 60.0
POLL_SECONDS = 0.05
SINGLES = ("sip", "ami", "ari", "agi", "api", "supervisor", "sip_tls", "wss", "https")
PARTS = ("asterisk", "agi", "callcenter")

Found = TypeVar("Found")

_numbers = itertools.count(random.randrange(10**7))


def free_port(address: str) -> int:
    """A port of `address` that nobody has now, on that address or on all of them."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def new_number() -> str:
    """A mobile number that nobody had before in this run."""
    return f"139{next(_numbers) % 10**8:08d}"


def _block_is_free(base: int) -> bool:
    for port in range(base, base + BLOCK):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    return False
    return True


@contextlib.contextmanager
def port_block() -> Iterator[int]:
    """The first port of a free block, ours alone until the end: other runs see the lock."""
    blocks = list(BLOCKS)
    random.shuffle(blocks)
    for base in blocks:
        path = Path(tempfile.gettempdir()) / f"callcenter-live-{base}.lock"
        with path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if _block_is_free(base):
                yield base
                return
    raise RuntimeError("no free block of ports")


SHORT = (
    "all-busy", "blocked", "closed", "goodbye", "rating-thanks", "transfer-failed",
    "voicemail-greeting", "voicemail-thanks",
)  # fmt: skip
SHORT_HZ = 523.0
TOLD = (
    "press-1-voicemail", "press-2-callback", "queue-callswaiting", "queue-thankyou",
    "queue-thereare", "queue-youarenext",
)  # fmt: skip
TOLD_HZ, TOLD_SECONDS = 1423.0, 1.5
"""What waiting callers are told, each part: no note of the music, and none of the other markers."""


def shorten_prompts(settings: Settings) -> None:
    """Half a second of a tone in place of long prompts: nobody has to listen to them here, and
    that recorded files take their place is a promise of ours. And a tone in place of what waiting
    callers are told, so that it can be heard beside the music."""
    folder = settings.home / "prompts-custom" / settings.language
    folder.mkdir(parents=True, exist_ok=True)
    tones = dict.fromkeys(SHORT, (SHORT_HZ, 0.5)) | dict.fromkeys(TOLD, (TOLD_HZ, TOLD_SECONDS))
    for name, (frequency, seconds) in tones.items():
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(tone(frequency, seconds).tobytes())


class System:
    """A running instance. `seats` and `api` are there once it is started."""

    api: httpx.AsyncClient
    prepared: Prepared
    database: Database

    def __init__(self, home: Path, base: int, cache: Path, changes: dict[str, Any]) -> None:
        ports = {f"{name}_port": base + at for at, name in enumerate(SINGLES)}
        values = {
            "cache": cache,
            "rtp_start": base + 20,
            "rtp_end": base + BLOCK - 1,
            "sip_bind": "127.0.0.1",
            "https_bind": "127.0.0.1",
            "recording_notice": False,
            "queue_ring_seconds": 5,
            "queue_wrapup_seconds": 0,
            "transfer_ring_seconds": 5,
            "shortest_talk_ms": 200,
            "recording_settle_ms": 200,
            "recording_retry_seconds": 1,
            **ports,
            **changes,
        }
        home.mkdir(parents=True, exist_ok=True)
        lines = [f"CALLCENTER_{name.upper()}={value}\n" for name, value in values.items()]
        (home / "callcenter.env").write_text("".join(lines), encoding="utf-8")
        self.settings = Settings(_env_file=None, home=home, **values)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []
        self._stack = AsyncExitStack()
        self._rounds = itertools.count()

    # -- life ---------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        shorten_prompts(self.settings)
        self.prepared = await asyncio.to_thread(prepare, self.settings)
        self.database = Database(self.settings.db_url)
        self._stack.push_async_callback(self.database.close)
        for part in PARTS:
            self.begin(part)
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
        await self.ready()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()
        for part in reversed(PARTS):
            await asyncio.to_thread(self._end, part)
        for log in self._logs:
            log.close()

    def begin(self, part: str) -> None:
        """Start `part` as the supervisor would."""
        commands = {one.name: one.command for one in programs(self.settings, self.prepared.toolbox)}
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("CALLCENTER_")
        }
        environment |= {
            "CALLCENTER_HOME": str(self.settings.home),
            "PYTHONPATH": str(REPOSITORY),
        }
        self.settings.log_dir.mkdir(parents=True, exist_ok=True)
        log = (self.settings.log_dir / f"{part}.log").open("ab")
        self._logs.append(log)
        self._processes[part] = subprocess.Popen(
            commands[part],
            env=environment,
            cwd=self.settings.home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def process(self, part: str) -> int:
        """Its process id."""
        return self._processes[part].pid

    def kill(self, *parts: str) -> None:
        """SIGKILL to each of `parts` and what it started, in that moment."""
        for part in parts:
            process = self._processes.pop(part)
            with contextlib.suppress(psutil.NoSuchProcess):
                children = psutil.Process(process.pid).children(recursive=True)
                process.kill()
                for child in children:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        child.kill()
            process.wait()

    def _end(self, part: str) -> None:
        process = self._processes.pop(part, None)
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            self._processes[part] = process
            self.kill(part)

    async def ready(self) -> None:
        """Wait until a call can be taken and every seat is in the PBX."""

        async def probe() -> bool:
            for part, process in self._processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{part} ended by itself:\n{self.log_tail(part)}")
            with contextlib.suppress(httpx.HTTPError):
                answer = await self.api.get("/healthz/ready")
                parts = answer.json()["parts"]
                return answer.is_success and parts["seats"]["status"] == "ok"
            return False

        try:
            await self.until(probe, READY_SECONDS)
        except TimeoutError:
            raise RuntimeError(f"not ready:\n{self.log_tail('callcenter')}") from None

    @property
    def running(self) -> frozenset[str]:
        """The parts that nobody has ended."""
        return frozenset(self._processes)

    def next_round(self) -> int:
        """0, 1, 2 …: so that the same test's random moments differ each time."""
        return next(self._rounds)

    def log_tail(self, part: str, lines: int = 30) -> str:
        """The end of what `part` said."""
        text = (self.settings.log_dir / f"{part}.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    # -- the books ----------------------------------------------------------------------------

    async def settle(self, timeout: float = 15) -> None:
        """Wait until no call is open, neither in the PBX's journal nor in the ledger."""

        async def probe() -> bool:
            async with self.database.reading() as session:
                open_calls = await session.scalar(
                    select(func.count()).select_from(Call).where(Call.ended_at.is_(None))
                )
                pending = await session.scalar(
                    select(func.count()).select_from(MediaFile).where(MediaFile.status == "pending")
                )
                offset = await session.get(JournalOffset, self.settings.node)
            read = offset.position if offset is not None else 0
            return (
                not open_calls and not pending and read >= self.settings.journal_file.stat().st_size
            )

        await self.until(probe, timeout)

    async def differences(self) -> Sequence[object]:
        """What the audit finds."""
        return await make_audit(self.settings, self.database).differences()

    # -- people -------------------------------------------------------------------------------

    @property
    def sip(self) -> tuple[str, int]:
        """Where phones and callers reach the PBX."""
        return "127.0.0.1", self.settings.sip_port

    def caller(self, number: str | None = None, **options: Any) -> Phone:
        """A citizen's phone."""
        return Phone(*self.sip, new_number() if number is None else number, **options)

    def seat(self, index: int = 0) -> Phone:
        """The phone of a seat, not registered yet."""
        seat = self.prepared.seats[index]
        return Phone(*self.sip, seat.extension, seat.secret)

    # -- what came of it ----------------------------------------------------------------------

    async def until(self, probe: Callable[[], Awaitable[Found | None]], timeout: float) -> Found:
        """The first true answer of `probe`; `TimeoutError` after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while not (found := await probe()):  # noqa: ASYNC110
                await asyncio.sleep(POLL_SECONDS)  # another process changes it
            return found

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON at `path`; an error is an error."""
        answer = await self.api.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    async def post(self, path: str, **body: Any) -> Any:
        """The JSON answer to a POST."""
        answer = await self.api.post(path, json=body)
        assert answer.is_success, f"{answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def remove(self) -> None:
        """Delete the folder of the instance, once it has ended."""
        shutil.rmtree(self.settings.home, ignore_errors=True)


def short_home() -> Path:
    """A fresh folder whose path leaves room for the PBX's socket (108 bytes in all)."""
    return Path(tempfile.mkdtemp(prefix="cc-", dir="/tmp"))


def seed() -> int:
    """The seed of this run's random moments, from the environment to repeat one."""
    value = os.environ.get("LIVE_SEED")
    return int(value) if value else time.time_ns() % 10**9
