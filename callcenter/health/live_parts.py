"""Checks of what only the running service knows: its links, its background tasks."""

from __future__ import annotations

from callcenter.asterisk.ami.link import AmiLink, LinkState
from callcenter.health.parts import PartHealth, degraded, down, well
from callcenter.supervised import Supervised


async def link_health(link: AmiLink) -> PartHealth:
    """Whether the AMI link is up. Calls go on without it; transfers and seats do not."""
    if link.state is LinkState.UP:
        return well("ami", "logged in")
    return down("ami", link.problem or link.state.value)


async def tasks_health(tasks: Supervised) -> PartHealth:
    """Whether the background tasks run."""
    for state in tasks.states:
        if state.problem:
            again = "runs again" if state.running else "is being started again"
            return degraded("tasks", f"{state.name} {again} after: {state.problem}; see the log")
    return well("tasks", f"{len(tasks.states)} run")
