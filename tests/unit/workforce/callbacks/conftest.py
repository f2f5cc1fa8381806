"""What the tests of call-backs share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.workforce.callbacks.house import House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """One instance."""
    made = House(tmp_path)
    await made.make()
    yield made
    await made.database.close()
