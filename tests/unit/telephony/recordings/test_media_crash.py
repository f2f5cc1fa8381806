"""Killed at any instant, the worker goes on from where it was.

Every effect on the disk and every commit is a point at which the process may die, just before it
or just after it. From then on the dead process changes nothing more, whatever its code still does.
Then a new one works to the end: there must be one whole file, told once, and nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import soundfile
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.casework.cases.models import CaseEvent
from callcenter.casework.cases.service import CaseService
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.telephony.domain.ledger import CallRow, Direction, LedgerChanges, Outcome
from tests.unit.telephony.recordings.house import NOON, House, stereo, wav

ROOT = Path(__file__).resolve().parents[4]


class Killed(BaseException):
    """The process is gone."""


class Fate:
    """Dies at effect number `at`, before it or `after` it; counts the effects if it does not."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at, self.after = at, after
        self.seen: list[str] = []
        self.dead = False

    def meet(self, name: str, effect: Callable[[], Any]) -> Any:
        if self.dead:
            raise Killed
        self.seen.append(name)
        struck = len(self.seen) - 1 == self.at
        if struck and not self.after:
            self.dead = True
            raise Killed
        result = effect()
        if struck:
            self.dead = True
            raise Killed
        return result

    def rule(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every effect goes through here."""
        for owner, name in (
            (os, "fsync"),
            (os, "replace"),
            (Path, "unlink"),
            (Path, "rmdir"),
            (soundfile.SoundFile, "write"),
        ):
            monkeypatch.setattr(owner, name, self._ruled(name, getattr(owner, name)))
        commit = AsyncSession.commit

        async def ruled(session: AsyncSession) -> None:
            if self.dead:
                raise Killed
            self.seen.append("commit")
            struck = len(self.seen) - 1 == self.at
            if struck and not self.after:
                self.dead = True
                raise Killed
            await commit(session)
            if struck:
                self.dead = True
                raise Killed

        monkeypatch.setattr(AsyncSession, "commit", ruled)

    def _ruled(self, name: str, effect: Callable[..., Any]) -> Callable[..., Any]:
        def ruled(*given: Any, **named: Any) -> Any:
            return self.meet(name, lambda: effect(*given, **named))

        return ruled


async def finishing(house: House) -> None:
    """What may be interrupted."""
    await house.worker.drain()


async def removing(house: House) -> None:
    """What may be interrupted."""
    await house.retention().once()


async def open_case(house: House) -> None:
    """A case of call 1, whose history hears of its audio."""
    house.cases = CaseService(house.database, house.settings)
    call = CallRow(
        id="pbx1:1795407499.1",
        node="pbx1",
        linkedid="1795407499.1",
        direction=Direction.INBOUND,
        caller_number="13800138000",
        caller_name="",
        called_number="12345",
        started_at=NOON,
        answered_at=NOON,
        ended_at=None,
        ended_by=None,
        outcome=Outcome.IN_PROGRESS,
        route="queue",
        queue="12345",
        seat="8001",
        first_seat="8001",
    )
    async with house.database.writing() as session:
        await house.cases.on_ledger(session, LedgerChanges(calls=(call,)))


async def history(house: House) -> list[str]:
    async with house.database.reading() as session:
        return list(await session.scalars(select(CaseEvent.kind).order_by(CaseEvent.id)))


async def new_house(home: Path, **changes: Any) -> House:
    changes = {"recording_format": "opus", **changes}
    settings = Settings(_env_file=None, home=home, **changes)
    settings.recordings_dir.mkdir(parents=True)
    settings.voice_messages_dir.mkdir()
    await upgrade_async(settings.db_url)
    return House(settings, Database(settings.db_url))


async def lives_through(
    house: House, work: Callable[[House], Awaitable[object]], at: int, *, after: bool
) -> tuple[bool, list[str]]:
    """Whether `work` came to its end, and the effects that it had."""
    fate = Fate(at, after=after)
    with pytest.MonkeyPatch.context() as monkeypatch:
        fate.rule(monkeypatch)
        with suppress(Killed):
            await work(house)
    # A dead process has no connections either.
    await house.database.close()
    house.database = Database(house.settings.db_url)
    if house.cases is not None:
        house.cases = CaseService(house.database, house.settings)
    house.__post_init__()
    return not fate.dead, fate.seen


def assert_whole(house: House, file: Any, duration_ms: int) -> None:
    """The finished file is the one of the row."""
    assert (file.status, file.source_left) == ("ready", False)
    assert file.duration_ms == duration_ms
    root = house.settings.home / ("recordings" if file.kind == "recording" else "voice-messages")
    data = (root / file.path).read_bytes()
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert file.bytes == len(data)
    info = soundfile.info(root / file.path)
    assert info.frames * 1000 // info.samplerate == duration_ms


@pytest.mark.parametrize("kept", [False, True], ids=["wav dropped", "wav kept"])
@pytest.mark.parametrize("kind", ["recording", "voice_message"])
async def test_killed_anywhere_while_finishing(tmp_path: Path, kind: str, *, kept: bool) -> None:
    points = 0
    for after in (False, True):
        at, whole = 0, False
        while not whole:
            house = await new_house(tmp_path / f"{at}-{after}", recording_keep_wav=kept)
            await open_case(house)
            row = house.recording(1, 4.0) if kind == "recording" else house.message(1)
            house.put(row.path, stereo(4.0) if kind == "recording" else wav(4.0, finished=False))
            await house.hear(row)

            whole, seen = await lives_through(house, finishing, at, after=after)
            await house.wait_through()

            (file,) = await house.files()
            assert_whole(house, file, 4000)
            assert await history(house) == ["opened", "recording_ready"], seen
            suffixes = sorted({Path(name).suffix for name in house.on_disk()})
            assert suffixes == ([".opus", ".wav"] if kept else [".opus"]), seen
            assert len(house.on_disk()) == len(suffixes)
            if kept:
                (wav_file,) = house.settings.home.rglob("*.wav")
                assert soundfile.info(wav_file).frames == 32_000, seen
            await house.database.close()
            at += 1
        points += at - 1
        assert {"write", "fsync", "replace", "commit"} <= set(seen)
        assert "unlink" in seen or (kept and kind == "voice_message")
    assert points >= 12


CHILD = """
import asyncio, sys
from pathlib import Path
from callcenter.telephony.recordings import finishing
from tests.unit.telephony.recordings.house import House
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database

def stuck(descriptor, samples, real=finishing.blocks):
    for block in real(descriptor, samples):
        yield block
        print("begun", flush=True)
        sys.stdin.read()

async def main():
    settings = Settings(_env_file=None, home=Path(sys.argv[1]), recording_format="opus")
    house = House(settings, Database(settings.db_url))
    house.later(hours=1)
    finishing.blocks = stuck
    await house.worker.run()

asyncio.run(main())
"""


async def test_a_real_sigkill_in_the_middle_of_a_file(tmp_path: Path) -> None:
    house = await new_house(tmp_path / "home")
    media_id = await house.recorded(1, seconds=25.0)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CHILD,
        str(house.settings.home),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert await child.stdout.readline() == b"begun\n"
        assert any(name.endswith(".part") for name in house.on_disk())
    finally:
        child.kill()
        await child.wait()
    assert (await house.file(media_id)).status == "pending"
    await house.worker.drain()
    assert_whole(house, await house.file(media_id), 25_000)
    assert len(house.on_disk()) == 1
    await house.database.close()


async def test_killed_anywhere_while_retention_removes(tmp_path: Path) -> None:
    points = 0
    for after in (False, True):
        at, whole = 0, False
        while not whole:
            house = await new_house(tmp_path / f"{at}-{after}", recording_keep_wav=True)
            old = [await house.recorded(serial, seconds=0.5) for serial in (1, 2)]
            await house.worker.drain()
            house.later(days=house.settings.recording_keep_days + 1)
            young = house.recording(3, 0.5)
            house.put(young.path.replace("2026", "2029"), stereo(0.5))
            whole, seen = await lives_through(house, removing, at, after=after)
            await house.retention().once()
            await house.wait_through()

            assert [file.status for file in await house.files()] == ["removed", "removed"], seen
            log = await house.media.removals(before_id=None, limit=10)
            assert sorted(one.media_id for one in log) == sorted(old), seen
            assert len(house.on_disk()) == 1, seen
            await house.database.close()
            at += 1
        points += at - 1
        assert {"commit", "unlink", "rmdir"} <= set(seen)
    assert points >= 12
