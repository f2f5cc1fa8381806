"""The only place that asks what time it is; everything else is given ``now``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present moment, aware, in UTC."""


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)
