"""The console as set-up builds it, and its sources with their packages for whatever checks them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from callcenter.cli.instance import described_api
from callcenter.platform.config import Settings
from callcenter.setup.console import ensure_console, workshop
from callcenter.setup.node import Node


@pytest.fixture(scope="session")
def cache() -> Path:
    """Where set-up keeps what it makes."""
    return Settings(_env_file=None).cache


@pytest.fixture(scope="session")
def built(cache: Path) -> Path:
    """The console of this checkout: its types were checked when it was built."""
    return ensure_console(cache, described_api(cache), print)


@pytest.fixture(scope="module")
def sources(cache: Path) -> Iterator[tuple[Node, Path]]:
    """A copy to run tools in."""
    with workshop(cache, described_api(cache), print) as made:
        yield made
