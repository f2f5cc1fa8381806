"""Checks of what only the running service knows: its links, its background tasks."""

from __future__ import annotations

from callcenter.insight.health.parts import PartHealth, degraded, down, well
from callcenter.platform.supervised import Supervised
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.pbx.ami.link import AmiLink, LinkState
from callcenter.telephony.pbx.reconciler import Reconciler


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


async def journal_health(reader: JournalReader) -> PartHealth:
    """Whether the journal is being read. Calls go on without it; their cases come later."""
    state = reader.state
    if state.problem:
        return down(
            "journal",
            f"cannot be written to the database ({state.problem}): cases wait, nothing is lost;"
            " see the disk and the database",
        )
    if not state.caught_up:
        return degraded("journal", f"{state.behind_bytes} bytes behind, catching up")
    return well("journal", f"read to its end, {state.open_calls} calls open")


async def seats_health(reconciler: Reconciler) -> PartHealth:
    """Whether the PBX has the seats that the database has.

    Down until that was so once: before, phones cannot register and nobody should be told ready.
    """
    if reconciler.in_step:
        return well("seats", "the PBX has every seat as it should be")
    if reconciler.counters.rounds == reconciler.counters.failed_rounds:
        return down("seats", reconciler.problem or "being brought into the PBX")
    return degraded("seats", reconciler.problem or "being brought into the PBX")
