"""Whether anything else than room is about to run out: descriptors, memory."""

from __future__ import annotations

import asyncio
import time

from callcenter.platform.config import Settings
from callcenter.platform.health import PartHealth, degraded, well
from callcenter.platform.room.state import read_state

_MIB = 1024 * 1024

NEARLY = 0.8
"""Of the descriptors: the last fifth is a few hundred calls."""
MEMORY_LEAST = 256 * _MIB
"""Below it the kernel is about to choose whom to kill: the service first, the PBX last."""


async def limits_health(settings: Settings) -> PartHealth:
    """What the guard counted last. Never `down`: calls go on until it runs out."""
    state = await asyncio.to_thread(read_state, settings.room_state_file)
    if state is None or not state.fresh(time.time()):
        return well("limits", "not watched: see disk" if state else "not watched")
    found = [
        f"{name} has {used} of {may} files open: raise its limit (ulimit -n, LimitNOFILE)"
        for name, (used, may) in state.files.items()
        if used > may * NEARLY
    ]
    if state.memory is not None and state.memory[0] < MEMORY_LEAST:
        amount = state.memory[0] // _MIB
        found.append(f"{amount} MiB of memory left: stop what else uses it, or add some")
    if found:
        return degraded("limits", "; ".join(found))
    open_now = ", ".join(f"{name} {used}/{may}" for name, (used, may) in state.files.items())
    return well("limits", f"files open: {open_now}" if open_now else "nothing counted yet")
