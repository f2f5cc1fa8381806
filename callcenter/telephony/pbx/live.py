"""Keeps the live floor: a snapshot at each login, then every event on top of it.

Events that come while the snapshot is taken are kept and applied on top (see `domain.floor` for
why that is right). While there is no link there is no floor: an old picture that looks live is
worse than none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from callcenter.platform.errors import PbxRefused, PbxTimeout, PbxUnavailable
from callcenter.telephony.domain.floor import (
    DeviceChanged,
    Fact,
    Floor,
    SnapshotItem,
    apply,
    snapshot,
)
from callcenter.telephony.pbx.ami.actions import QueueStatus, ShowChannels, ShowEndpoints
from callcenter.telephony.pbx.ami.events import Event
from callcenter.telephony.pbx.ami.link import AmiLink, LinkState
from callcenter.telephony.pbx.ami.outcomes import unwrap

_log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Between two attempts at a snapshot on a link that is up."""


class LiveFloor:
    """The floor of one PBX."""

    def __init__(self, link: AmiLink, *, keep_events: int = 20_000) -> None:
        self._link = link
        self._keep = keep_events
        self._floor: Floor | None = None
        self._login = 0
        """Which login of the link `_floor` belongs to."""
        self._meanwhile: list[Fact] | None = None
        """Facts since the snapshot was asked for; None when none is being taken."""
        self._changed = asyncio.Event()
        self._refusing: frozenset[str] = frozenset()
        self._usurped: frozenset[str] = frozenset()
        self.snapshots = 0
        link.on_login(self.resync)
        link.subscribe(self._on_event)

    @property
    def floor(self) -> Floor | None:
        """The floor now; None while the link is down or the first snapshot is being taken."""
        link = self._link
        # At a new login the old picture is there for a moment longer, until the hook runs.
        current = link.state is LinkState.UP and link.counters.connections == self._login
        return self._floor if current else None

    async def resync(self) -> None:
        """Take a fresh snapshot; tried again until it is there or the link is lost."""
        self._floor = None
        while self._link.state is LinkState.UP:  # else the next login asks again
            login = self._link.counters.connections
            taken = await self._take()
            if taken is None:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self._floor, self._login = self._with_phones(taken), login
            self.snapshots += 1
            self._tell()
            return

    def refuse_sound(self, seats: frozenset[str]) -> None:
        """These seats cannot be called now, whatever their devices say."""
        if seats != self._refusing:
            self._refusing = seats
            self._phones_changed()

    def usurp(self, seats: frozenset[str]) -> None:
        """A phone that is not their agent's has these seats now: calls would ring elsewhere."""
        if seats != self._usurped:
            self._usurped = seats
            self._phones_changed()

    def _phones_changed(self) -> None:
        if self._floor is not None:
            self._floor = self._with_phones(self._floor)
            self._tell()

    def _with_phones(self, floor: Floor) -> Floor:
        return replace(floor, refusing=self._refusing, usurped=self._usurped)

    async def wait_until(self, holds: Callable[[Floor], bool], timeout: float) -> bool:
        """Whether `holds` comes true of the floor within `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while not (self.floor is not None and holds(self.floor)):
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def _take(self) -> Floor | None:
        """A snapshot and what happened while it was taken; None if that went wrong."""
        meanwhile: list[Fact] = []
        self._meanwhile = meanwhile
        try:
            taken = snapshot(await self._lists())
        except (PbxRefused, PbxTimeout, PbxUnavailable) as error:
            _log.warning("floor: no snapshot: %s", error.message)
            return None
        finally:
            # An overflow begins the next one while this one is still being cancelled.
            if self._meanwhile is meanwhile:
                self._meanwhile = None
        # Nothing is awaited from here on, so no event comes in between.
        if len(meanwhile) > self._keep:
            _log.warning("floor: too much happened while the snapshot was taken; once more")
            return None
        for fact in meanwhile:
            taken = apply(taken, fact)
        return taken

    async def _lists(self) -> list[SnapshotItem]:
        channels, queues, endpoints = await asyncio.gather(
            self._link.send(ShowChannels()),
            self._link.send(QueueStatus()),
            self._link.send(ShowEndpoints()),
        )
        contents = unwrap(queues, "list of queues")
        return [
            *unwrap(channels, "list of channels"),
            *contents.members,
            *contents.waiting,
            *(
                DeviceChanged(endpoint.name, endpoint.state)
                for endpoint in unwrap(endpoints, "list of endpoints")
            ),
        ]

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, Fact):
            return
        if self._meanwhile is not None:
            if len(self._meanwhile) <= self._keep:  # one more says that there were too many
                self._meanwhile.append(event)
        elif self._floor is not None:
            self._floor = apply(self._floor, event)
            self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
