"""What there is no room for, looked at from outside: holds with the service and the guard dead."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from callcenter.platform.config import Settings
from callcenter.platform.health import PartHealth, degraded, down, well
from callcenter.platform.room.disks import ahead_of, free_of
from callcenter.platform.room.plan import plan_file
from callcenter.platform.room.rules import Recording
from callcenter.platform.room.state import Flag, RoomState, read_state

_MIB = 1024 * 1024

JOURNAL_LAST = _MIB
"""A hundred calls: below it, with nothing free, the next row may be lost."""


async def disk_health(settings: Settings) -> PartHealth:
    """Whether there is room for the journal, the recordings and the rest, each on its own disk.

    `down` only when calls could not be told of any more: calls that are not recorded are calls.
    """
    return await asyncio.to_thread(_look, settings, time.time())


def _look(settings: Settings, now: float) -> PartHealth:
    places = {
        "recordings": settings.recordings_dir,
        "voice messages": settings.voice_messages_dir,
        "the journal": settings.journal_dir,
        "logs": settings.log_dir,
        "the home": settings.home,
    }
    try:
        free = {name: free_of(place).bytes for name, place in places.items()}
    except OSError as error:
        return down("disk", f"{settings.home} cannot be asked ({error.strerror})")
    if free["the journal"] < JOURNAL_LAST and ahead_of(settings.journal_file) < JOURNAL_LAST:
        return down("disk", "the journal has no room left: calls will be lost; make room now")
    state = read_state(settings.room_state_file)
    started = plan_file(settings.home).exists()
    found = [*_without(settings, state, free), *_guard(state, now, started=started)]
    if found:
        return degraded("disk", "; ".join(found) + "; make room")
    least = min(free, key=lambda name: free[name])
    amount = free[least] // _MIB
    floor = settings.recording_free_floor_mib
    if free["recordings"] < floor * _MIB:
        return degraded(
            "disk", f"{amount} MiB free, below {floor} MiB: the oldest recordings go; make room"
        )
    return well("disk", f"{amount} MiB free")


def _without(settings: Settings, state: RoomState | None, free: dict[str, int]) -> list[str]:
    """Who goes without now."""
    found: list[str] = []
    if (settings.room_dir / Flag.RECORDINGS).exists():
        ended = state is not None and state.recordings is Recording.NONE
        since = ""
        if state is not None and state.since:
            since = f" since {datetime.fromtimestamp(state.since, UTC):%Y-%m-%d %H:%M:%S}Z"
        what = "no call is recorded, those under way no further" if ended else "no new recording"
        found.append(f"{what}{since}: {free['recordings'] // _MIB} MiB free")
    if (settings.room_dir / Flag.VOICE_MESSAGES).exists():
        amount = free["voice messages"] // _MIB
        found.append(f"no voice message is taken: {amount} MiB free")
    if state is None:
        return found
    if not state.logs_kept:
        found.append("logs are dropped")
    if settings.reserve_mib and not all(state.reserves.values()):
        found.append("the reserve is given free")
    owned = state.ahead.get(settings.journal_file.name)
    if owned is not None and owned < settings.journal_ahead_mib * _MIB // 2:
        found.append(f"the journal lives on the {owned // _MIB} MiB that are kept for it")
    return found


def _guard(state: RoomState | None, now: float, *, started: bool) -> list[str]:
    """An instance that was never `started` by `callcenter run` has none."""
    if not started or (state is not None and state.fresh(now)):
        return []
    return ["the guard of the disks does not run (log/guard.log): recordings stay as they were"]
