"""Keeps in the PBX what its dialplan decides by when our own server gives no answer.

What must be there is `domain.route_default`; this reads what is there once after each login and
then writes only what changed, so that a round without a change costs the PBX nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from callcenter.platform.errors import PbxRefused
from callcenter.telephony.domain.route_default import (
    BLOCKED,
    OPENING,
    BlockedUntil,
    OpenHours,
    blocked_entries,
    opening_entries,
)
from callcenter.telephony.pbx.ami.actions import DbDel, DbPut, DbTree
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import unwrap

AT_ONCE = 50
"""Entries written at once; a blocklist of 1,000 numbers has 5,000."""
LIST_SECONDS = 30.0

Blocked = Callable[[], Awaitable[Sequence[BlockedUntil]]]
Hours = Callable[[], Awaitable[OpenHours]]
Entries = Mapping[str, str]
T = TypeVar("T")


class RouteFacts:
    """Of one PBX. `today` is the city's day."""

    def __init__(
        self, link: AmiLink, blocked: Blocked, hours: Hours, today: Callable[[], date]
    ) -> None:
        self._link = link
        self._blocked = blocked
        self._hours = hours
        self._today = today
        self._there: dict[str, dict[str, str]] = {}
        """By family, what the PBX has; a family that is not here is not known."""

    def forget(self) -> None:
        """It may be another PBX, or one that lost its memory."""
        self._there.clear()

    async def match(self) -> int:
        """Make the PBX have it; how many entries were written. Errors: as of `unwrap`."""
        blocked = blocked_entries(await self._blocked())
        hours = opening_entries(await self._hours(), self._today())
        return await self._family(BLOCKED, blocked) + await self._family(OPENING, hours)

    async def _family(self, family: str, wanted: Entries) -> int:
        there = self._there.get(family)
        if there is None:
            listed = await self._link.send(DbTree(family), timeout=LIST_SECONDS)
            there = self._there[family] = dict(unwrap(listed, f"list of {family}"))
        put = [(key, value) for key, value in wanted.items() if there.get(key) != value]
        gone = [key for key in there if key not in wanted]
        try:
            # Numbers come before numbers go: a block that was renewed has no gap.
            for some in _parts(put):
                await asyncio.gather(*(self._put(family, key, value) for key, value in some))
            for keys in _parts(gone):
                await asyncio.gather(*(self._remove(family, key) for key in keys))
        except BaseException:
            self._there.pop(family, None)  # What of it was done is not known.
            raise
        self._there[family] = dict(wanted)
        return len(put) + len(gone)

    async def _put(self, family: str, key: str, value: str) -> None:
        unwrap(await self._link.send(DbPut(family, key, value)), f"entry of {family}")

    async def _remove(self, family: str, key: str) -> None:
        try:
            unwrap(await self._link.send(DbDel(family, key)), f"removal from {family}")
        except PbxRefused:
            return  # It is not there, which was wanted.


def _parts(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[at : at + AT_ONCE] for at in range(0, len(items), AT_ONCE)]
