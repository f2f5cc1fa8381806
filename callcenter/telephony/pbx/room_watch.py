"""Ends the recordings that run when the guard of the disks says that there is no room for any.

New ones are not begun by then: the dialplan asks the guard's own name for that, with nobody else
alive. If this here is dead, what runs goes on until the disk refuses it, which harms no call.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from callcenter.platform.room.rules import Recording
from callcenter.platform.room.state import read_state
from callcenter.telephony.pbx.ami.actions_steering import EndRecording
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import Done, Refused
from callcenter.telephony.pbx.live import LiveFloor

_log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""As often as the guard looks."""


class RoomWatch:
    """Follows the guard of one PBX's disks."""

    def __init__(self, state: Path, link: AmiLink, live: LiveFloor) -> None:
        self._state = state
        self._link = link
        self._live = live
        self._asked: set[str] = set()
        """Legs whose recording is ended, or that have none."""
        self.ended = 0
        """Recordings ended since this process began."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """End what runs, if it must be."""
        state = await asyncio.to_thread(read_state, self._state)
        if state is None or state.recordings is not Recording.NONE:
            self._asked.clear()
            return
        floor = self._live.floor
        if floor is None:
            return
        legs = [leg for leg in floor.channels.values() if leg.uniqueid not in self._asked]
        outcomes = await asyncio.gather(*(self._link.send(EndRecording(leg.name)) for leg in legs))
        ended = sum(isinstance(outcome, Done) for outcome in outcomes)
        self._asked.update(
            leg.uniqueid
            for leg, outcome in zip(legs, outcomes, strict=True)
            if isinstance(outcome, Done | Refused)
        )
        self.ended += ended
        if ended:
            _log.warning("no room on the recordings' disk: %d recordings were ended", ended)
