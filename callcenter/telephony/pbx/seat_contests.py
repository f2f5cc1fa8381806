"""Watches for two phones at one seat, and has the PBX keep the one of the log-in there.

The law is `telephony.domain.contests`. What the PBX does: a seat's AOR takes one contact. Usually
the newest displaces the one before (``remove_existing``); of a seat that is kept, the one that is
there stays while it can be reached (``remove_unavailable``), and any other is answered 403
(res_pjsip_registrar.c). Nothing is kept over a restart: what alternates is seen again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping

from callcenter.platform.health import PartHealth, degraded, well
from callcenter.telephony.domain.contests import Contest, Contests
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.pbx.registrations import Known, Registrations

_log = logging.getLogger(__name__)

NAMED = 3
"""Seats that health names; the list of seats has all."""

Seated = Callable[[], Collection[Extension] | None]
"""Where somebody is logged in; None while that is not known yet."""


_Shown = tuple[frozenset[Extension], frozenset[Extension], frozenset[str]]


class SeatContests:
    """Of one PBX. Hears of every list of registrations."""

    def __init__(
        self,
        registrations: Registrations,
        registration_seconds: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._contests = Contests(2.0 * registration_seconds)
        self._clock = clock
        self._seated: Seated = lambda: None
        self._listeners: list[Callable[[], None]] = []
        self._shown: _Shown = (frozenset(), frozenset(), frozenset())
        registrations.on_list(self._on_list)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after a contest has begun, turned or ended."""
        self._listeners.append(listener)

    def watch(self, seated: Seated) -> None:
        """Who knows where somebody is logged in."""
        self._seated = seated

    @property
    def contested(self) -> Mapping[Extension, Contest]:
        """Seats that two phones are at."""
        return self._contests.contested

    @property
    def kept(self) -> frozenset[Extension]:
        """Seats whose phone no other one may displace."""
        return self._contests.kept

    @property
    def usurped(self) -> frozenset[str]:
        """Seats at which an agent sits, and whose phone is another one now."""
        return frozenset(map(str, self._contests.usurped))

    def held(self, seats: Collection[Extension]) -> None:
        """The PBX keeps the phones of these seats from now on, and of no other."""
        self._contests.held(seats)

    def expects_browser(self, seat: Extension) -> None:
        """The browser of the agent who sits there is the seat's phone from now on."""
        self._contests.expects_browser(seat)

    def look(self) -> None:
        """Who sits where may have changed."""
        if (seated := self._seated()) is not None:
            self._contests.sits(seated)
            self._tell()

    async def health(self) -> PartHealth:
        """Whether two phones share a seat's account."""
        name = "phones"
        if not (found := self._contests.contested):
            return well(name, "no seat has two phones")
        said = "; ".join(
            f"seat {seat}: {one.keeps[1]} and {one.other[1]}"
            for seat, one in sorted(found.items())[:NAMED]
        )
        more = f" (and {len(found) - NAMED} more)" if len(found) > NAMED else ""
        return degraded(
            name,
            f"two phones take a seat's account from each other: {said}{more}. Give one of them"
            " another account",
        )

    def _on_list(self, known: Known) -> None:
        self.look()
        self._contests.phones(known, self._clock())
        self._tell()

    def _tell(self) -> None:
        before = self._shown
        self._shown = (frozenset(self.contested), self.kept, self.usurped)
        if before == self._shown:
            return
        for seat in self._shown[0] - before[0]:
            one = self.contested[seat]
            _log.warning(
                "seat %s has two phones, at %s and %s; it is kept for the first",
                seat, one.keeps[1], one.other[1],
            )  # fmt: skip
        for listener in self._listeners:
            listener()
