"""The running service, for tests of people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.app.running import Service, service


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Service]:
    """The whole service without a PBX."""
    async with service(tmp_path) as made:
        yield made
