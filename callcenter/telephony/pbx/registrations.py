"""Which phones are registered: a list from the PBX at each login and after each change.

The PBX says in an event that something about a phone changed, but not all of it, so the event only
asks for the whole list, once for however many came together. In between the list is taken again
for the round-trip times, which change without an event. Nor is there one when a seat is taken out
of the PBX over ARI: who does that says so (`expect_changes`). While there is no link nothing is
known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress

from callcenter.platform.errors import PbxRefused, PbxTimeout, PbxUnavailable
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.registrations import Reachability, Registration, Transport
from callcenter.telephony.pbx.ami.actions import ShowContacts
from callcenter.telephony.pbx.ami.events import ContactChanged, Event
from callcenter.telephony.pbx.ami.link import AmiLink, LinkState
from callcenter.telephony.pbx.ami.outcomes import unwrap

_log = logging.getLogger(__name__)

REFRESH_SECONDS = 15.0
"""The PBX asks each phone every 30 s (`seat_objects`), so no figure is older than 45 s."""
GATHER_SECONDS = 0.1
"""After a change: 750 phones that come back together cost some lists, not 750."""
RETRY_SECONDS = 1.0
EXPECTED_LISTS = 3
"""Taken `RETRY_SECONDS` apart when a change is expected, until when it has been carried out."""
LIST_SECONDS = 30.0

Known = Mapping[Extension, Registration]
Listener = Callable[[Known], Awaitable[None]]
"""Is told the phones that came, moved, became reachable or stopped being so."""


class Registrations:
    """Of one PBX; `run` it as a task for as long as the process lives."""

    def __init__(self, link: AmiLink) -> None:
        self._link = link
        self._known: Known = {}
        self._login = -1
        """Which login of the link `_known` belongs to; -1: of none."""
        self._told: Known = {}
        """What the listeners know."""
        self._wake = asyncio.Event()
        self._expected = 0
        self._listeners: list[Listener] = []
        self._hear_lists: list[Callable[[Known], None]] = []
        self.lists = 0
        """Taken since the process began."""
        link.on_login(self._on_login)
        link.subscribe(self._on_event)

    @property
    def known(self) -> Known | None:
        """The phones now; None while the link is down or the first list is being taken."""
        link = self._link
        current = link.state is LinkState.UP and link.counters.connections == self._login
        return self._known if current else None

    def on_change(self, listener: Listener) -> None:
        """Call `listener` after each list that differs in more than figures.

        If it fails it is told again with the next list: it must bear to hear things twice.
        """
        self._listeners.append(listener)

    def on_list(self, listener: Callable[[Known], None]) -> None:
        """Call `listener` with every list, whatever is in it."""
        self._hear_lists.append(listener)

    def expect_changes(self) -> None:
        """Seats were changed, so phones may lose their registrations without an event."""
        self._expected = EXPECTED_LISTS
        self._wake.set()

    async def run(self) -> None:
        """Lists, one at a time, until cancelled."""
        seconds = REFRESH_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            if self._link.state is not LinkState.UP:
                self._wake.clear()  # the next login asks again
                continue
            if self._wake.is_set() and self.known is not None:
                await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()
            quiet = await self._take() and not self._expected
            self._expected = max(self._expected - 1, 0)
            seconds = REFRESH_SECONDS if quiet else RETRY_SECONDS

    async def _on_login(self) -> None:
        self._wake.set()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, ContactChanged):
            self._wake.set()

    async def _take(self) -> bool:
        """Take one list; whether it came."""
        login = self._link.counters.connections
        try:
            outcome = await self._link.send(ShowContacts(), timeout=LIST_SECONDS)
            found = unwrap(outcome, "list of registrations")
        except (PbxRefused, PbxTimeout, PbxUnavailable) as error:
            _log.warning("registrations: no list: %s", error.message)
            return False
        self._known, self._login = by_seat(found), login
        self.lists += 1
        for listener in self._hear_lists:
            listener(self._known)
        await self._tell()
        return True

    async def _tell(self) -> None:
        known = self._known
        news = {seat: known[seat] for seat in differing(self._told, known) if seat in known}
        if news:
            try:
                for listener in self._listeners:
                    await listener(news)
            except Exception:
                _log.exception("registrations: a listener failed; it is told again")
                return
        self._told = known


def by_seat(registrations: Iterable[Registration]) -> Known:
    """By extension; of two for one seat (the newer is taking over) the one that ends later."""
    found: dict[Extension, Registration] = {}
    for one in registrations:
        if not one.extension.isdecimal():
            continue  # a trunk's
        other = found.get(one.extension)
        if other is None or (one.expires_at or 0.0) >= (other.expires_at or 0.0):
            found[one.extension] = one
    return found


def differing(before: Known, after: Known) -> frozenset[Extension]:
    """The seats whose phone came, went, moved, became reachable or stopped being so."""
    return frozenset(
        seat for seat in {*before, *after} if _shape(before.get(seat)) != _shape(after.get(seat))
    )


def _shape(one: Registration | None) -> tuple[Transport, str, str, Reachability] | None:
    """What is more than a figure."""
    return None if one is None else (one.transport, one.address, one.user_agent, one.reachability)
