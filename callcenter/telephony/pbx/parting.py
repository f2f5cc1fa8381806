"""The second line behind the dialplan: citizens whom a seat leaves alone with each other.

The dialplan parts them where the PBX tells a citizen's leg who is on the other side now
(extensions_legs.conf, other-side). Of three in one talk it tells nobody when the seat goes; that is
seen here, on the live floor, and each of them is sent where the dialplan sends them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from callcenter.telephony.domain.company import without_seat
from callcenter.telephony.domain.floor import Channel
from callcenter.telephony.pbx.ami.actions_steering import GetVariable, Redirect
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import Done
from callcenter.telephony.pbx.live import LiveFloor

CONTEXT = "two-citizens"
INBOUND = "CC_DID"
"""Set on the leg of whoever has called us, and on no leg that was dialled."""
LOOK_SECONDS = 1.0
"""Between two looks. Nobody is parted whom the look before has not seen as well: the dialplan needs
milliseconds, and a transfer passes through such a moment. To look at each of 1,000 events a second
would cost more than a second of company."""

Parties = tuple[str, ...]
"""The names of their legs."""

_log = logging.getLogger(__name__)


class Parting:
    """Watches one PBX; `run` it as a task."""

    def __init__(self, link: AmiLink, live: LiveFloor) -> None:
        self._link = link
        self._live = live
        self._seen: frozenset[Parties] = frozenset()
        """Of the look before."""
        self._dialled: frozenset[Parties] = frozenset()
        """Conversations with somebody who was dialled: looked at, and as they may be."""

    async def run(self) -> None:
        """Part them until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Part those who are alone with each other now."""
        floor = self._live.floor
        if floor is None:
            return
        together = {tuple(one.name for one in parties): parties for parties in without_seat(floor)}
        known = set(self._dialled)
        seen, self._seen = self._seen, frozenset(together)
        for names, parties in together.items():
            if names in known or names not in seen:
                continue
            citizens = [one for one in parties if await self._has_called(one)]
            if len(citizens) > 1 and len(citizens) == len(parties):
                await self._part(citizens)
            else:
                known.add(names)
        self._dialled = frozenset(known & together.keys())

    async def _has_called(self, leg: Channel) -> bool:
        outcome = await self._link.send(GetVariable(leg.name, INBOUND))
        return isinstance(outcome, Done) and bool(outcome.result)

    async def _part(self, citizens: Sequence[Channel]) -> None:
        _log.warning("citizens were left with each other: %s", [one.uniqueid for one in citizens])
        for citizen in citizens:
            await self._link.send(Redirect(citizen.name, CONTEXT, "s"))
