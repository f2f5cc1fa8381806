"""A full disk, a dead supervisor, nothing left to be had of anything: see `on_a_small_disk`."""

from __future__ import annotations

from pathlib import Path

import pytest

from callcenter.setup.toolbox import Toolbox
from tests.live.live_disk import in_a_namespace

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


def test_what_watches_outlives_what_it_watches(toolbox: Toolbox) -> None:
    in_a_namespace(Path(__file__).with_name("on_a_small_disk.py"))
