"""Supervisors' commands: listen, whisper, barge, take over, end; the order of who waits.

Each is checked against the live floor at this moment and given to the PBX once. What becomes of it
is the journal's to tell; nothing of it is kept here.
"""

from __future__ import annotations

from dataclasses import dataclass

from callcenter.people.access.rights import Actor
from callcenter.platform.errors import Conflict
from callcenter.telephony.domain.floor import Floor, WaitingCaller
from callcenter.telephony.domain.ids import Uniqueid, call_id
from callcenter.telephony.domain.steering import (
    Refusal,
    SpyMode,
    Talk,
    may_go_first,
    may_move,
    may_take_over,
    place_for,
    spying,
    talk_of_call,
)
from callcenter.workforce.steering.carrying_out import CarryingOut, NotGiven, allowed
from callcenter.workforce.steering.hearing import Hearing
from callcenter.workforce.steering.ports import Calls, Pbx


@dataclass(frozen=True, slots=True)
class Steered:
    """A command that the PBX has taken."""

    call_id: str
    seat: str
    """The supervisor's phone, or the seat whose call it was; '' for who waits."""
    done: bool
    """False: a phone is being called for it, or the PBX does it as soon as it can."""


class SupervisorService:
    """Steers calls that go on and callers who wait.

    Who comes into a talk must be allowed to hear it: `Forbidden` ``citizen_hidden`` (see
    `steering.hearing`). Errors of every command: `NotFound` ``call_not_found``; `Conflict`
    ``call_over``, ``steering_running`` and the codes of `domain.steering`; and what the PBX's
    side raises.
    """

    def __init__(self, carrying_out: CarryingOut, pbx: Pbx, calls: Calls, hearing: Hearing) -> None:
        self._do = carrying_out
        self._hearing = hearing
        self._pbx = pbx
        self._calls = calls

    async def spy(self, call: str, mode: SpyMode, *, who: Actor, seat: str | None) -> Steered:
        """Come into a talk, or change how one is in it."""
        phone = await self._do.seat_for(who, seat)
        anchor = await self._anchor(call)
        async with self._do.doing(phone, f"steer.{mode}", f"call:{call}", seat=phone):
            talk = self._talk(anchor)
            place = allowed(place_for(self._do.floor, phone, talk))
            await self._hearing.must_hear(who, self._do.floor, talk.seat.endpoint, phone)
            await self._pbx.spy(phone, talk, mode, place)
        return Steered(call, phone, done=place.leg is not None)

    async def stop_spying(self, *, who: Actor, seat: str | None) -> Steered:
        """Leave the talk one listens to; it goes on. `Conflict` ``not_spying``."""
        phone = await self._do.seat_for(who, seat)
        async with self._do.doing(phone, "steer.stop", f"seat:{phone}"):
            leg = allowed(spying(self._do.floor, phone))
            await self._pbx.hang_up(leg.name, leg.uniqueid, phone)
        return Steered("", phone, done=True)

    async def take_over(self, call: str, *, who: Actor, seat: str | None) -> Steered:
        """Have the citizen in the seat's place; the seat is free."""
        phone = await self._do.seat_for(who, seat)
        anchor = await self._anchor(call)
        async with self._do.doing(call, "steer.take_over", f"call:{call}", seat=phone):
            talk = self._talk(anchor)
            place = allowed(may_take_over(self._do.floor, phone, talk))
            await self._hearing.must_hear(who, self._do.floor, talk.seat.endpoint, phone)
            await self._pbx.take_over(phone, talk, place)
        return Steered(call, phone, done=place.leg is not None)

    async def end(self, call: str) -> Steered:
        """End a call for everybody in it, or for the one who waits."""
        anchor = await self._anchor(call)
        async with self._do.doing(call, "steer.end", f"call:{call}"):
            leg = self._do.floor.channels.get(anchor)
            if leg is None:
                raise NotGiven(_over(call))
            talk = talk_of_call(self._do.floor, anchor, self._do.first_seat)
            # The citizen's leg: where a seat called him, its own end would be the seat's doing.
            citizen = leg if isinstance(talk, Refusal) else talk.citizen
            await self._pbx.hang_up(citizen.name, citizen.uniqueid, "supervisor")
        return Steered(call, "" if isinstance(talk, Refusal) else talk.seat.endpoint, done=True)

    async def to_front(self, call: str) -> Steered:
        """Make the caller the first of his queue."""
        anchor = await self._anchor(call)
        async with self._do.doing(call, "steer.front", f"call:{call}"):
            caller = allowed(may_go_first(self._do.floor, anchor))
            await self._pbx.to_front(caller)
        return Steered(call, "", done=True)

    async def to_queue(self, call: str, queue: str) -> Steered:
        """Have the caller wait in another queue; `NotFound` ``queue_not_found``."""
        anchor = await self._anchor(call)
        async with self._do.doing(call, "steer.move", f"call:{call}", queue=queue):
            queues = await self._pbx.queues()
            caller: WaitingCaller = allowed(may_move(self._do.floor, anchor, queue, queues))
            await self._pbx.to_queue(caller, queue)
        return Steered(call, "", done=False)

    # -- the checks ---------------------------------------------------------------------------

    async def _anchor(self, call: str) -> Uniqueid:
        """The call's first leg, which is on the floor."""
        node, _, uniqueid = call.partition(":")
        floor: Floor = self._do.floor
        if node == self._do.node and Uniqueid(uniqueid) in floor.channels:
            return Uniqueid(uniqueid)
        await self._calls.get(call)
        raise _over(call)

    def _talk(self, anchor: Uniqueid) -> Talk:
        return allowed(talk_of_call(self._do.floor, anchor, self._do.first_seat))


def _over(call: str) -> Conflict:
    return Conflict(f"call {call} is over; read it again", code="call_over", id=call)


def id_of(node: str, talk: Talk) -> str:
    """The call that `talk` belongs to."""
    return call_id(node, talk.anchor)
