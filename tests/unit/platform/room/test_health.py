"""Health says who goes without, by each disk, and is down only when calls would be lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from callcenter.platform.config import Settings
from callcenter.platform.health import HealthStatus
from callcenter.platform.room import health as room
from callcenter.platform.room.health import disk_health
from callcenter.platform.room.limits import limits_health
from callcenter.platform.room.plan import plan_file
from callcenter.platform.room.rules import Free, Recording
from callcenter.platform.room.state import Flag, RoomState, set_flag, write_state

MIB = 1024 * 1024


class Home:
    """A home whose disks are as a test says."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.free: dict[Path, int] = {}
        settings.room_dir.mkdir(parents=True)

    def measure(self, place: Path) -> Free:
        return Free(self.free.get(place, 9000) * MIB)

    def says(self, **facts: object) -> None:
        state = RoomState(**{"at": time.time(), **facts})  # type: ignore[arg-type]
        write_state(self.settings.room_state_file, state)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    found = Home(Settings(_env_file=None, home=tmp_path))
    monkeypatch.setattr(room, "free_of", found.measure)
    return found


async def test_with_room_everywhere_it_is_well(home: Home) -> None:
    assert (await disk_health(home.settings)).ok
    home.says(reserves={"x": True})
    assert (await disk_health(home.settings)).message == "9000 MiB free"


async def test_recordings_that_are_left_out_are_said_with_since_when(home: Home) -> None:
    home.free[home.settings.recordings_dir] = 300
    set_flag(home.settings.room_dir, Flag.RECORDINGS, True)
    home.says(recordings=Recording.NO_NEW, since=1795407500.0)
    part = await disk_health(home.settings)
    assert part.status is HealthStatus.DEGRADED
    assert "no new recording since 2026-11-23 " in part.message
    assert "300 MiB free" in part.message
    home.says(recordings=Recording.NONE)
    assert "those under way no further" in (await disk_health(home.settings)).message


async def test_it_is_down_only_when_calls_would_be_lost(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.free = dict.fromkeys((home.settings.journal_dir, home.settings.recordings_dir), 0)
    home.settings.journal_dir.mkdir(parents=True)
    home.settings.journal_file.write_bytes(b"row\n")
    assert (await disk_health(home.settings)).status is HealthStatus.DOWN
    monkeypatch.setattr(room, "ahead_of", lambda _path: 5 * MIB)
    home.says(ahead={"journal.csv": 5 * MIB}, reserves={"x": False}, logs_kept=False)
    part = await disk_health(home.settings)
    assert part.status is HealthStatus.DEGRADED
    for words in ("logs are dropped", "reserve is given free", "lives on the 5 MiB"):
        assert words in part.message


async def test_a_guard_that_is_silent_is_missed(home: Home) -> None:
    assert (await disk_health(home.settings)).ok  # never started by `callcenter run`
    plan_file(home.settings.home).touch()
    assert "guard" in (await disk_health(home.settings)).message
    home.says(at=time.time() - 60)
    part = await disk_health(home.settings)
    assert part.status is HealthStatus.DEGRADED
    assert "guard" in part.message


async def test_descriptors_and_memory_are_said_before_they_run_out(home: Home) -> None:
    assert (await limits_health(home.settings)).ok
    home.says(files={"asterisk": (100, 1000)}, memory=(900 * MIB, 8000 * MIB))
    assert "asterisk 100/1000" in (await limits_health(home.settings)).message
    home.says(files={"asterisk": (900, 1000)}, memory=(100 * MIB, 8000 * MIB))
    part = await limits_health(home.settings)
    assert part.status is HealthStatus.DEGRADED
    assert "asterisk has 900 of 1000" in part.message
    assert "100 MiB of memory" in part.message
