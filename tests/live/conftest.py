"""Live tests: one whole instance per module, real SIP, real speech, and the audit after each test.

A module says with ``SETTINGS`` what differs from the usual. Two runs side by side do not meet:
folder and ports are each run's own. ``LIVE_KEEP=1`` keeps the folder.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from callcenter.platform.config import Settings
from callcenter.setup.toolbox import Toolbox, ensure_toolbox
from callcenter.simulator.speech import Speech
from tests.live.live_stories import Stories
from tests.live.live_system import System, port_block, short_home


@pytest.fixture(scope="session")
def toolbox() -> Toolbox:
    """The PBX and the tools, from the cache that set-up uses."""
    return ensure_toolbox(Settings(_env_file=None), print)


@pytest.fixture(scope="session")
def speech(toolbox: Toolbox) -> Speech:
    """Voices."""
    return Speech(toolbox.espeak_command)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(request: pytest.FixtureRequest, toolbox: Toolbox) -> AsyncIterator[System]:
    """A running instance of this module's settings."""
    changes: dict[str, Any] = getattr(request.module, "SETTINGS", {})
    home = short_home()
    with port_block() as base:
        instance = System(home, base, Settings(_env_file=None).cache, changes)
        async with instance:
            yield instance
    if request.session.testsfailed or os.environ.get("LIVE_KEEP"):
        print(f"kept: {home}")
    else:
        instance.remove()


@pytest_asyncio.fixture(loop_scope="module")
async def stories(system: System, speech: Speech) -> AsyncIterator[Stories]:
    """What people do; and afterwards the books must balance."""
    async with contextlib.AsyncExitStack() as stack:
        yield Stories(system, speech, stack)
    await system.settle()
    differences = await system.differences()
    assert not differences, "\n".join(str(difference) for difference in differences)
