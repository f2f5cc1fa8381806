"""Whoever hears a talk over steering may hear it, when he comes and as long as he stays.

`people.voices` decides; here is only whose voices a phone would hear, who asks for them, and that
the question is asked again while he listens: a case becomes confidential, a role is taken away, the
seat that is listened to has another citizen. What is kept in memory is who ordered a listening;
after a restart of ours it is whoever sits at that phone, and at a phone where nobody sits, nobody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import Protocol

from callcenter.people.access.rights import Actor
from callcenter.people.domain.permissions import Permission
from callcenter.people.trail.service import Entry
from callcenter.people.voices import Voices
from callcenter.platform.errors import CallcenterError
from callcenter.telephony.domain.floor import Channel, Floor, FloorView
from callcenter.telephony.domain.ids import CallId, Extension, Uniqueid, call_id
from callcenter.telephony.domain.seating import is_seat_extension
from callcenter.telephony.domain.steering import all_listeners, voices_at
from callcenter.workforce.steering.ports import Notes

_log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""Nobody hears longer than that what he may not hear any more; while nobody listens, a look is a
walk over the floor in memory."""

FORGET_SECONDS = 60.0
"""An order whose phone listens to nobody: it rings for 20 s at most before it does."""


class Rights(Protocol):
    """What people may do at this moment: see `people.rights_now`."""

    async def of_user(self, user_id: int | None) -> Actor | None: ...
    async def of(self, who: Actor) -> Actor | None: ...


class Seated(Protocol):
    """Who sits where."""

    def at(self, seat: Extension) -> int | None: ...


class HangsUp(Protocol):
    """Ends one leg: see `pbx.steering_switch`."""

    async def hang_up(self, channel: str, uniqueid: Uniqueid, by: str) -> None: ...


class Hearing:
    """Asked by every command that lets somebody hear a talk; `run` it as a task."""

    def __init__(
        self,
        voices: Voices,
        rights: Rights,
        live: FloorView,
        seats: Seated,
        pbx: HangsUp,
        trail: Notes,
        *,
        node: str,
        first_seat: int,
        look_seconds: float = LOOK_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._voices = voices
        self._rights = rights
        self._live = live
        self._seats = seats
        self._pbx = pbx
        self._trail = trail
        self._node = node
        self._first_seat = first_seat
        self._look_seconds = look_seconds
        self._monotonic = monotonic
        self._ordered: dict[str, tuple[Actor, float]] = {}
        """By phone: who had it brought into a talk last, and when."""

    async def must_hear(self, who: Actor, floor: Floor, seat: str, phone: str) -> None:
        """Before `phone` is brought into the talk of `seat` on the order of `who`: `Forbidden`
        ``citizen_hidden`` if he, or whoever else sits at that phone, may not hear it."""
        calls = self._calls(floor, seat)
        await self._voices.must_hear(who, calls)
        sits = self._seats.at(Extension(phone))
        if sits is not None and sits != who.user_id:
            await self._voices.must_hear(await self._rights.of_user(sits), calls)
        self._ordered[phone] = (who, self._monotonic())

    async def third_must_hear(self, who: Actor, floor: Floor, seat: str, third: str) -> None:
        """Before `third` is brought into the talk of `seat`: whoever sits there must be allowed to
        hear it; for somebody outside, `who` answers, who brings him in."""
        hears: Actor | None = who
        if is_seat_extension(third, self._first_seat):
            hears = await self._rights.of_user(self._seats.at(Extension(third)))
        await self._voices.must_hear(hears, self._calls(floor, seat))

    async def run(self) -> None:
        """End what must not be heard any more, until cancelled."""
        while True:
            try:
                await self.look()
            except CallcenterError as error:
                # The database or the PBX is away. Whoever listens is asked for again at once after.
                _log.warning("who listens could not be asked for: %s", error.message)
            await asyncio.sleep(self._look_seconds)

    async def look(self) -> None:
        """Ask once for everybody who listens now; errors as of the database and the PBX."""
        floor = self._live.floor
        if floor is None:
            return
        found = all_listeners(floor)
        there = {leg.endpoint for leg, _target in found}
        for leg, target in found:
            await self._ask(floor, leg, target)
        old = self._monotonic() - FORGET_SECONDS
        for phone in self._ordered.keys() - there:
            if self._ordered[phone][1] < old:
                del self._ordered[phone]

    async def _ask(self, floor: Floor, leg: Channel, target: str) -> None:
        hears = await self._hears(leg.endpoint)
        calls = self._calls(floor, target)
        if hears is not None and hears.may(Permission.FLOOR_STEER):
            if await self._voices.may_hear(hears, calls):
                return
            why = "citizen_hidden"
        elif await self._still_may(leg.endpoint, calls):
            return
        else:
            why = "forbidden"
        _log.warning("phone %s listens to seat %s no more: %s", leg.endpoint, target, why)
        await self._pbx.hang_up(leg.name, leg.uniqueid, leg.endpoint)
        about = {"seat": leg.endpoint, "outcome": why}
        await self._trail.note(Entry("steer.ended", f"seat:{target}", about))

    async def _hears(self, phone: str) -> Actor | None:
        ordered = self._ordered.get(phone)
        if ordered is not None:
            return await self._rights.of(ordered[0])
        return await self._rights.of_user(self._seats.at(Extension(phone)))

    async def _still_may(self, phone: str, calls: Collection[CallId]) -> bool:
        """Nobody is known to listen: he was let in before a restart of ours, and stays unless there
        is something to hide. Somebody who is known and has lost the right does not."""
        return (
            phone not in self._ordered
            and self._seats.at(Extension(phone)) is None
            and await self._voices.may_hear(None, calls)
        )

    def _calls(self, floor: Floor, seat: str) -> frozenset[CallId]:
        return frozenset(call_id(self._node, leg) for leg in voices_at(floor, seat))
