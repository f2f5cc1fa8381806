"""``ping``: is anybody there? Touches nothing, so it answers also without a database."""

from __future__ import annotations

from collections.abc import Mapping

from agi.protocol import Request


async def ping(_request: Request) -> Mapping[str, str]:
    """Nothing but the complete answer."""
    return {}
