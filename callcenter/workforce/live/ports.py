"""What the live floor asks of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from callcenter.workforce.live.view import Items

AgentItems = Callable[[], Awaitable[Items]]
"""The agents by their ids: JSON values, among them ``name``, ``seat``, ``state`` and ``since``."""

ConfidentialCalls = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Those of some calls whose case hides its citizen."""


async def no_agents() -> Items:
    """While nobody logs in."""
    return {}


async def none_confidential(_call_ids: Collection[str]) -> Collection[str]:
    """While no case can be confidential."""
    return ()
