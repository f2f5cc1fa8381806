"""Transfers and hang-ups over AMI (`domain.switch.Switch`).

An attended transfer is the PBX's own: it asks for it as a phone would by keys, so the PBX itself
gives the caller back when the consult comes to nothing, whether we live or not. What AMI answers
to these actions says only that digits were queued; done is what the live floor shows
(docs/decisions/0006).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from callcenter.platform.errors import PbxRefused, PbxTimeout, PbxUnavailable
from callcenter.telephony.domain.floor import Channel, ChannelState, Floor, FloorView
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.pbx.ami.actions import Atxfer, BlindTransfer, CancelAtxfer, Hangup
from callcenter.telephony.pbx.ami.link import AmiLink
from callcenter.telephony.pbx.ami.outcomes import unwrap

CONTEXT = "seat-transfer"
"""Where a seat may send a citizen, and nowhere else (dialplan)."""
CONSULT_SECONDS = 6.0
"""Until a consult must have begun: 0.5 s for a seat. For an outside number that might go on, the
PBX waits 3 s more for digits (transferdigittimeout); nothing may be typed to end them, because
where they end by themselves the key would sound into the consult, without an end."""
STEP_SECONDS = 5.0
"""Until the floor must show the end of a consult, or of a leg."""
TONE_SECONDS = 0.6
"""The PBX plays a tone of 0.4 s to a seat whose consult has ended, and hears no keys meanwhile."""


@dataclass(frozen=True, slots=True)
class Consult:
    """What a seat asks about while the caller waits."""

    target: str
    answered: bool


def consult_of(floor: Floor, leg: Uniqueid) -> Consult | None:
    """The consult that seat's leg `leg` is in, if any.

    Its far end is the first half of ``Local/8002@seat-transfer-0000001f;1``, see
    `Floor.consulting`.
    """
    if not floor.consulting(leg):
        return None
    ends = (other for other in floor.others_in_bridge(leg) if other.name.startswith("Local/"))
    end = next(ends)
    target = end.name.removeprefix("Local/").partition("@")[0]
    return Consult(target, answered=end.state is ChannelState.UP)


class PbxSwitch:
    """The commands, over one link. `live` must have been made before: it hears events first."""

    def __init__(
        self,
        link: AmiLink,
        live: FloorView,
        *,
        consult_seconds: float = CONSULT_SECONDS,
        step_seconds: float = STEP_SECONDS,
        tone_seconds: float = TONE_SECONDS,
    ) -> None:
        self._link = link
        self._live = live
        self._consult_seconds = consult_seconds
        self._step_seconds = step_seconds
        self._tone_seconds = tone_seconds
        self._watches: set[_Watch] = set()
        link.subscribe(lambda _event: self._look())

    async def blind_transfer(self, seat_channel: str, target: str) -> None:
        """See `Switch`. The PBX refuses it where the seat is not with exactly one other."""
        outcome = await self._link.send(BlindTransfer(seat_channel, CONTEXT, target))
        unwrap(outcome, f"transfer to {target}")

    async def start_attended_transfer(self, seat_channel: str, target: str) -> None:
        """See `Switch`. Returns once the consult has begun: `target` is being called.

        That it is busy or does not answer is no error here: the PBX puts seat and caller
        together again by itself.
        """
        what = f"consult of {target}"
        leg = self._leg(seat_channel, what)

        def began_or_left(floor: Floor) -> bool:
            return leg not in floor.channels or floor.consulting(leg)

        # Watched from before the command: a busy target's consult lasts for milliseconds.
        async with self._watching(began_or_left) as watch:
            unwrap(await self._link.send(Atxfer(seat_channel, CONTEXT, target)), what)
            floor = await watch.seen(self._consult_seconds)
        if floor is None:
            if self._still_talks(leg):
                raise PbxRefused(f"{what}: the PBX did not begin it; seat and caller go on talking")
            raise PbxTimeout(f"{what}: not begun in time; look before trying again")
        if leg not in floor.channels:
            raise PbxRefused(f"{what}: the seat hung up")

    async def complete_attended_transfer(self, seat_channel: str) -> None:
        """See `Switch`. If the target still rings, the consult ends and the caller is sent there
        blind: left to the PBX, a caller whose target does not answer would be lost as soon as the
        seat, free meanwhile, is busy with the next one."""
        what = "completion of the transfer"
        leg = self._leg(seat_channel, what)
        consult = consult_of(self._floor(what), leg)
        if consult is None:
            raise PbxRefused(f"{what}: the seat consults nobody any more; nothing was done")
        if not consult.answered:
            await self._end_consult(seat_channel, leg, what)
            await self.blind_transfer(seat_channel, consult.target)
            return

        def left(floor: Floor) -> bool:
            known = floor.channels.get(leg)
            return known is None or not known.bridge

        async with self._watching(left) as watch:
            # The seat hangs up: that is how an attended transfer is completed.
            unwrap(await self._link.send(Hangup(seat_channel)), what)
            if await watch.seen(self._step_seconds) is None:
                raise PbxTimeout(f"{what}: the seat is still there; look before trying again")

    async def cancel_attended_transfer(self, seat_channel: str) -> None:
        """See `Switch`. Returns once seat and caller are together, and another consult could be
        begun."""
        what = "end of the consult"
        await self._end_consult(seat_channel, self._leg(seat_channel, what), what)
        await asyncio.sleep(self._tone_seconds)

    async def hang_up(self, channel: str) -> None:
        """See `Switch`."""
        unwrap(await self._link.send(Hangup(channel)), f"hang-up of {channel}")

    async def _end_consult(self, seat_channel: str, leg: Uniqueid, what: str) -> None:
        """Returns once seat and caller are together."""

        def together_or_gone(floor: Floor) -> bool:
            return leg not in floor.channels or _talks(floor, leg)

        async with self._watching(together_or_gone) as watch:
            unwrap(await self._link.send(CancelAtxfer(seat_channel)), what)
            floor = await watch.seen(self._step_seconds)
        if floor is None:
            raise PbxTimeout(f"{what}: not seen in time; look before trying again")
        if leg not in floor.channels:
            raise PbxRefused(f"{what}: the seat hung up")

    # -- what the floor shows -----------------------------------------------------------------

    def _floor(self, what: str) -> Floor:
        floor = self._live.floor
        if floor is None:
            raise PbxUnavailable(f"{what}: no picture of the PBX now; nothing was done")
        return floor

    def _leg(self, channel: str, what: str) -> Uniqueid:
        found = _named(self._floor(what), channel)
        if found is None:
            raise PbxRefused(f"{what}: there is no leg {channel} any more; nothing was done")
        return found.uniqueid

    def _still_talks(self, leg: Uniqueid) -> bool:
        floor = self._live.floor
        return floor is not None and _talks(floor, leg)

    @asynccontextmanager
    async def _watching(self, holds: Callable[[Floor], bool]) -> AsyncIterator[_Watch]:
        watch = _Watch(holds)
        self._watches.add(watch)
        try:
            self._look()
            yield watch
        finally:
            self._watches.discard(watch)

    def _look(self) -> None:
        """After every single event, so that no state is missed, however short."""
        if not self._watches:
            return
        floor = self._live.floor
        if floor is not None:
            for watch in self._watches:
                watch.look(floor)


class _Watch:
    """Waits for something to come true of the floor."""

    def __init__(self, holds: Callable[[Floor], bool]) -> None:
        self._holds = holds
        self._found: asyncio.Future[Floor] = asyncio.get_running_loop().create_future()

    def look(self, floor: Floor) -> None:
        """Is it true now?"""
        if not self._found.done() and self._holds(floor):
            self._found.set_result(floor)

    async def seen(self, seconds: float) -> Floor | None:
        """The first floor of which it was true; None if it is not within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(self._found)
        except TimeoutError:
            return None


def _named(floor: Floor, name: str) -> Channel | None:
    return next((leg for leg in floor.channels.values() if leg.name == name), None)


def _talks(floor: Floor, leg: Uniqueid) -> bool:
    """Whether `leg` hears somebody and consults nobody."""
    return bool(floor.others_in_bridge(leg)) and not floor.consulting(leg)
