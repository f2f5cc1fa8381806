"""Transfers that are asked for over the API.

A command is checked against the ledger (which call, which seat), against the live floor (is that
so at this moment), against the places that the dialplan allows, and against who asks: a person
sends on the caller of his own seat, a supervisor and a machine's token any. Then it is given to
the PBX once. What becomes of it is the journal's to tell: nothing is written here.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from callcenter.people.access.actor import Actor
from callcenter.people.domain.permissions import Permission
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, Conflict, Forbidden, NotFound, PbxUnavailable
from callcenter.telephony.calls import open_talks
from callcenter.telephony.domain.floor import Channel, Floor, FloorView
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.domain.ledger import TransferKind
from callcenter.telephony.domain.seating import is_seat_extension
from callcenter.telephony.domain.switch import Switch
from callcenter.telephony.domain.transfer_target import TargetKind, dial_places
from callcenter.telephony.pbx.switch import consult_of

_log = logging.getLogger(__name__)


class SeatState(Protocol):
    """What is asked of a seat."""

    @property
    def enabled(self) -> bool: ...


class SeatLookup(Protocol):
    """The seats' service."""

    async def get(self, extension: str) -> SeatState:
        """One seat; `NotFound`."""
        ...


SeatOf = Callable[[int], Awaitable[str | None]]
"""The seat that a user is logged in to."""

MustHear = Callable[[Actor, Collection[str]], Awaitable[None]]
"""Raises if somebody may not hear the calls: see `people.voices`."""

QueueNumbers = Callable[[], Awaitable[Collection[str]]]
"""What seats dial for the queues that there are."""


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """A command that the PBX has taken."""

    call_id: str
    kind: TransferKind
    target: str
    from_seat: str


class TransferService:
    """Blind and attended transfers of calls that go on."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        switch: Switch,
        live: FloorView,
        seats: SeatLookup,
        seat_of: SeatOf,
        queue_numbers: QueueNumbers | None = None,
        must_hear: MustHear | None = None,
    ) -> None:
        """Without `queue_numbers` only the main queue can be a target."""
        self._must_hear = must_hear
        self._database = database
        self._first_seat = settings.first_seat
        self._main = settings.hotline_number
        self._outbound = settings.outbound_patterns
        self._queue_numbers = queue_numbers
        self._switch = switch
        self._live = live
        self._seats = seats
        self._seat_of = seat_of
        self._under_way: set[str] = set()
        """Calls for which a command has been given and not yet answered."""

    async def begin(
        self, call_id: str, kind: TransferKind, target: str, *, who: Actor
    ) -> TransferAsked:
        """Send the caller to `target`, or let the seat consult it first.

        Errors: `BadInput` ``target_not_allowed``; `NotFound` ``call_not_found``; `Forbidden`
        ``not_your_seat``, ``citizen_hidden``; `Conflict` ``not_talking``, ``target_is_sender``,
        ``target_unreachable``, ``consult_running``, ``transfer_running``; and what `Switch`
        raises.
        """
        queues = {self._main} if self._queue_numbers is None else await self._queue_numbers()
        place = dial_places(self._first_seat, queues, self._outbound).kind_of(target)
        if place is None:
            raise BadInput(
                f"target: {target!r} is no seat, no queue and no number that may be called",
                code="target_not_allowed",
            )
        with self._alone(call_id):
            leg = await self._holder(call_id, who)
            if target == leg.endpoint:
                raise Conflict(
                    f"the caller talks with {target} already; name another target",
                    code="target_is_sender",
                    target=target,
                )
            await self._may_have(call_id, target, who)
            if self._floor().consulting(leg.uniqueid):
                raise Conflict(
                    f"seat {leg.endpoint} consults already; complete or cancel that first",
                    code="consult_running",
                    seat=leg.endpoint,
                )
            if not self._floor().others_in_bridge(leg.uniqueid):
                raise _not_talking(call_id)
            if place is TargetKind.SEAT:
                await self._must_be_reachable(target)
            command = (
                self._switch.blind_transfer
                if kind is TransferKind.BLIND
                else self._switch.start_attended_transfer
            )
            await command(leg.name, target)
        _log.info(
            "call %s: %s transfer from %s to %s by=%s",
            call_id, kind, leg.endpoint, target, who.name,
        )  # fmt: skip
        return TransferAsked(call_id, kind, target, leg.endpoint)

    async def complete(self, call_id: str, *, who: Actor) -> TransferAsked:
        """Connect the caller with the consulted one; if that one still rings, send it there blind.

        Errors: `NotFound` ``call_not_found``; `Forbidden` ``not_your_seat``; `Conflict`
        ``not_talking``, ``no_consult``, ``transfer_running``; and what `Switch` raises.
        """
        return await self._finish(
            call_id, self._switch.complete_attended_transfer, "completed", who
        )

    async def cancel(self, call_id: str, *, who: Actor) -> TransferAsked:
        """End the consult; seat and caller are together again. Errors as of `complete`."""
        return await self._finish(call_id, self._switch.cancel_attended_transfer, "cancelled", who)

    async def _finish(
        self, call_id: str, command: Callable[[str], Awaitable[None]], what: str, who: Actor
    ) -> TransferAsked:
        with self._alone(call_id):
            leg = await self._holder(call_id, who)
            consult = consult_of(self._floor(), leg.uniqueid)
            if consult is None:
                raise Conflict(
                    f"seat {leg.endpoint} consults nobody", code="no_consult", seat=leg.endpoint
                )
            await command(leg.name)
        _log.info(
            "call %s: attended transfer from %s to %s %s by=%s",
            call_id, leg.endpoint, consult.target, what, who.name,
        )  # fmt: skip
        return TransferAsked(call_id, TransferKind.ATTENDED, consult.target, leg.endpoint)

    # -- the checks ---------------------------------------------------------------------------

    @contextmanager
    def _alone(self, call_id: str) -> Iterator[None]:
        """Two commands for one call at once would type into each other."""
        if call_id in self._under_way:
            raise Conflict(
                f"call {call_id}: another transfer command is under way; look what it does",
                code="transfer_running",
            )
        self._under_way.add(call_id)
        try:
            yield
        finally:
            self._under_way.discard(call_id)

    async def _holder(self, call_id: str, who: Actor) -> Channel:
        """The seat's leg that holds the caller: in a talk of the ledger, and there right now; and
        `who` may send him on."""
        async with self._database.reading() as session:
            call = await open_talks.call_by_id(session, call_id)
            if call is None:
                raise NotFound(f"there is no call {call_id}", code="call_not_found")
            talks = await open_talks.open_talks(session, call_id)
        floor = self._floor()
        for talk in talks:
            leg = floor.channels.get(Uniqueid(talk.channel))
            # A seat that has left while its target still rings is in no bridge.
            if leg is not None and leg.bridge and is_seat_extension(leg.endpoint, self._first_seat):
                await self._must_be_his(leg.endpoint, who)
                return leg
        raise _not_talking(call_id)

    async def _may_have(self, call_id: str, target: str, who: Actor) -> None:
        """Another's caller, sent to oneself, is a take-over by another name."""
        if self._must_hear is None or who.user_id is None:
            return
        if await self._seat_of(who.user_id) == target:
            await self._must_hear(who, [call_id])

    async def _must_be_his(self, seat: str, who: Actor) -> None:
        if who.user_id is None or who.may(Permission.FLOOR_STEER):
            return
        if await self._seat_of(who.user_id) != seat:
            raise Forbidden(f"seat {seat} is not yours", code="not_your_seat", seat=seat)

    async def _must_be_reachable(self, target: str) -> None:
        try:
            enabled = (await self._seats.get(target)).enabled
        except NotFound:
            raise _unreachable(target, "there is no such seat", "unknown") from None
        if not enabled:
            raise _unreachable(target, "the seat is disabled", "disabled")
        device = self._floor().devices.get(target)
        if device is None or not device.reachable:
            raise _unreachable(target, "its phone is not registered", "unreachable")

    def _floor(self) -> Floor:
        floor = self._live.floor
        if floor is None:
            raise PbxUnavailable("there is no link to the PBX now; nothing was done")
        return floor


def _not_talking(call_id: str) -> Conflict:
    return Conflict(
        f"call {call_id}: no seat talks with the caller now; read the call again",
        code="not_talking",
    )


def _unreachable(target: str, why: str, reason: str) -> Conflict:
    return Conflict(
        f"{target} cannot be reached: {why}; name another target",
        code="target_unreachable",
        target=target,
        reason=reason,
    )
