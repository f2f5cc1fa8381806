"""How telephony's parts do: link, journal, seats, AGI server, and the folders of audio."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from pathlib import Path

from agi.client import AgiUnanswered, probe_agi
from callcenter.platform.config import Settings
from callcenter.platform.db.outbox import Outbox
from callcenter.platform.health import PartHealth, degraded, down, well
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.pbx.ami.link import AmiLink, LinkState
from callcenter.telephony.pbx.reconciler import Reconciler

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


async def link_health(link: AmiLink) -> PartHealth:
    """Whether the AMI link is up. Calls go on without it; transfers and seats do not."""
    if link.state is LinkState.UP:
        return well("ami", "logged in")
    return down("ami", link.problem or link.state.value)


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


async def outbox_health(outbox: Outbox) -> PartHealth:
    """Whether all that follows from the ledger could be done. Calls and cases go on without it."""
    state = outbox.state
    who = ", ".join(sorted(state.names))
    if state.parked:
        return degraded(
            "outbox",
            f"{state.parked} entries of {who} were given up ({state.problem}): see"
            " `callcenter outbox list`, then `callcenter outbox retry`",
        )
    if state.waiting:
        return degraded(
            "outbox", f"{state.waiting} entries of {who} are tried again ({state.problem})"
        )
    return well("outbox", f"{state.taken} entries taken, none waits")


async def seats_health(reconciler: Reconciler) -> PartHealth:
    """Whether the PBX has the seats that the database has.

    Down until that was so once: before, phones cannot register and nobody should be told ready.
    """
    if reconciler.in_step:
        return well("seats", "the PBX has every seat as it should be")
    if reconciler.counters.rounds == reconciler.counters.failed_rounds:
        return down("seats", reconciler.problem or "being brought into the PBX")
    return degraded("seats", reconciler.problem or "being brought into the PBX")


async def agi_health(settings: Settings) -> PartHealth:
    """Whether the AGI server answers as a call would ask it.

    Never `down`: without it every call takes the dialplan's default and still reaches a seat.
    """
    try:
        seconds = await probe_agi(settings)
    except AgiUnanswered as error:
        return degraded(
            "agi",
            f"does not answer ({error}): calls take the dialplan's defaults, without blocklist"
            " and calendar; see the agi log",
        )
    return well("agi", f"answered in {seconds * 1000:.1f} ms")


async def recordings_health(settings: Settings) -> PartHealth:
    """Whether files can be written where recordings and voice messages go."""
    for folder in (settings.recordings_dir, settings.voice_messages_dir):
        try:
            await asyncio.to_thread(_probe_write, folder)
        except OSError as error:
            if error.errno in _NO_ROOM:
                return degraded("recordings", f"there is no room for them in {folder}; see disk")
            return down(
                "recordings", f"{folder} cannot be written ({error.strerror}); mend its rights"
            )
    return well("recordings", "folders can be written")


def _probe_write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".probe-", dir=folder)
    try:
        os.write(descriptor, b"x")
    finally:
        os.close(descriptor)
        os.unlink(name)
