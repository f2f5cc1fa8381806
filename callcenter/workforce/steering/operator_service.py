"""An operator's own call: dial, hold, mute, pause the recording, bring in a unit, hang up.

Transfers have a service of their own (`calls.transfer_service`); a three-way call begins as its
attended transfer and is completed here by joining all three.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from callcenter.people.access.rights import Actor
from callcenter.people.domain.masking import mask_number
from callcenter.platform.config import Settings
from callcenter.platform.errors import BadInput, Conflict
from callcenter.telephony.domain.floor import Channel, ChannelState, Floor
from callcenter.telephony.domain.ids import Uniqueid, call_id, uniqueid_key
from callcenter.telephony.domain.steering import (
    LegUse,
    Refusal,
    Talk,
    consulted,
    held,
    may_dial,
    may_hang_up,
    may_hold,
    may_join,
    may_link,
    may_unhold,
    steered,
    talk_of_seat,
)
from callcenter.telephony.domain.transfer_target import TargetKind, dial_places
from callcenter.workforce.ports import CaseLookup
from callcenter.workforce.steering.carrying_out import CarryingOut, NotGiven, allowed
from callcenter.workforce.steering.hearing import Hearing
from callcenter.workforce.steering.ports import Pbx
from callcenter.workforce.steering.supervisor_service import id_of


class OwnCallState(StrEnum):
    """How far the seat's call has come."""

    IDLE = "idle"
    RINGING = "ringing"
    """The seat's phone rings."""
    DIALLING = "dialling"
    """The other end is being called."""
    TALKING = "talking"
    CONSULTING = "consulting"
    HOLDING = "holding"
    SPYING = "spying"
    """In somebody else's talk, as a supervisor."""


@dataclass(frozen=True, slots=True)
class OwnCall:
    """A seat's call, for the operator's screen."""

    seat: str
    state: OwnCallState
    call_id: str | None = None
    number: str = ""
    """The citizen's, or whom the seat calls."""
    parties: int = 0
    muted: bool = False
    recording_paused: bool = False


@dataclass(frozen=True, slots=True)
class Commanded:
    """A command that the PBX has carried out or, of a call that is dialled, taken."""

    seat: str
    call_id: str | None


class OperatorService:
    """Commands of whoever sits at a seat, about its own call.

    Errors of every command: `Conflict` ``no_seat``, ``steering_running`` and the codes of
    `domain.steering`; `Forbidden` ``not_your_seat``; and what the PBX's side raises.
    """

    def __init__(
        self,
        carrying_out: CarryingOut,
        pbx: Pbx,
        cases: CaseLookup,
        settings: Settings,
        hearing: Hearing,
    ) -> None:
        self._do = carrying_out
        self._hearing = hearing
        self._pbx = pbx
        self._cases = cases
        # Without a trunk there is no outside, whatever the patterns say.
        patterns = settings.outbound_patterns if settings.trunk_host else ()
        self._places = dial_places(settings.first_seat, (settings.hotline_number,), patterns)

    async def state(self, *, who: Actor, seat: str | None) -> OwnCall:
        """The seat's call now."""
        phone = await self._do.seat_for(who, seat)
        floor = self._do.floor
        talk = talk_of_seat(floor, phone, self._do.first_seat)
        if isinstance(talk, Refusal):
            return self._without_talk(floor, phone)
        return OwnCall(
            phone,
            OwnCallState.HOLDING if held(floor, phone) is not None else OwnCallState.TALKING,
            id_of(self._do.node, talk),
            talk.citizen.number,
            talk.parties,
            await self._pbx.muted(talk),
            await self._pbx.recording_paused(talk),
        )

    async def dial(
        self, number: str, case_number: str | None, *, who: Actor, seat: str | None
    ) -> Commanded:
        """Call `number`: first the seat's phone rings, then the number is called and recorded.

        `BadInput` ``target_not_allowed``, `NotFound` ``case_not_found``.
        """
        phone = await self._do.seat_for(who, seat)
        if self._places.kind_of(number) is not TargetKind.OUTSIDE:
            raise BadInput(
                f"number: {number!r} may not be called; CALLCENTER_OUTBOUND_PATTERNS and a trunk"
                " say what may",
                code="target_not_allowed",
            )
        if case_number is not None:
            await self._cases.get(case_number)
        about = {"number": mask_number(number), "case": case_number or ""}
        async with self._do.doing(phone, "call.dial", f"seat:{phone}", **about):
            allowed(may_dial(self._do.floor, phone))
            leg = await self._pbx.dial(phone, number, case_number or "")
        return Commanded(phone, call_id(self._do.node, leg))

    async def link(self, case_number: str, *, who: Actor, seat: str | None) -> Commanded:
        """Say which case the call that the seat makes is about, also of one dialled by hand; the
        newest word counts. `NotFound` ``case_not_found``, `Conflict` ``no_outbound_call``."""
        phone = await self._do.seat_for(who, seat)
        await self._cases.get(case_number)
        async with self._do.doing(phone, "call.link", f"seat:{phone}", case=case_number):
            leg = allowed(may_link(self._do.floor, phone))
            await self._pbx.about_case(leg.uniqueid, phone, case_number)
        return Commanded(phone, call_id(self._do.node, leg.uniqueid))

    async def hold(self, *, who: Actor, seat: str | None) -> Commanded:
        """Music for the citizen; `Conflict` ``held``, ``in_conference``."""
        phone = await self._do.seat_for(who, seat)
        async with self._do.doing(phone, "call.hold", f"seat:{phone}"):
            talk = allowed(may_hold(self._do.floor, phone, self._do.first_seat))
            await self._pbx.hold(talk)
        return self._told(talk)

    async def unhold(self, *, who: Actor, seat: str | None) -> Commanded:
        """Back to the citizen; `Conflict` ``not_held``."""
        phone = await self._do.seat_for(who, seat)
        async with self._do.doing(phone, "call.unhold", f"seat:{phone}"):
            talk, music = allowed(may_unhold(self._do.floor, phone, self._do.first_seat))
            await self._pbx.unhold(talk, music.name)
        return self._told(talk)

    async def mute(self, *, on: bool, who: Actor, seat: str | None) -> Commanded:
        """Nobody hears the seat, or everybody again; `Conflict` ``muted``, ``not_muted``."""
        phone = await self._do.seat_for(who, seat)
        what = "call.mute" if on else "call.unmute"
        async with self._do.doing(phone, what, f"seat:{phone}"):
            talk = self._talk(phone)
            if held(self._do.floor, phone) is not None:
                raise NotGiven(Conflict("come back to the citizen first", code="held", seat=phone))
            if await self._pbx.muted(talk) == on:
                raise NotGiven(
                    _already(phone, code="muted") if on else _already(phone, code="not_muted")
                )
            await self._pbx.mute(talk, on=on)
        return self._told(talk)

    async def pause_recording(self, *, on: bool, who: Actor, seat: str | None) -> Commanded:
        """Keep private data out of the recording; the gap is marked in it. `Conflict`
        ``recording_paused``, ``recording_not_paused``."""
        phone = await self._do.seat_for(who, seat)
        what = "call.recording_pause" if on else "call.recording_resume"
        async with self._do.doing(phone, what, f"seat:{phone}"):
            talk = self._talk(phone)
            if await self._pbx.recording_paused(talk) == on:
                raise NotGiven(
                    _already(phone, code="recording_paused")
                    if on
                    else _already(phone, code="recording_not_paused")
                )
            await self._pbx.pause_recording(talk, on=on)
        return self._told(talk)

    async def join(self, *, who: Actor, seat: str | None) -> Commanded:
        """Bring seat, citizen and the one who is consulted together; `Conflict` ``no_consult``,
        ``consult_not_answered``; `Forbidden` ``citizen_hidden`` if that one may not hear it."""
        phone = await self._do.seat_for(who, seat)
        async with self._do.doing(phone, "call.join", f"seat:{phone}"):
            leg = allowed(may_join(self._do.floor, phone))
            third = consulted(self._do.floor, leg)
            await self._hearing.third_must_hear(who, self._do.floor, phone, third)
            await self._pbx.join(leg.name)
        return Commanded(phone, call_id(self._do.node, _first_of(leg)))

    async def hang_up(self, *, who: Actor, seat: str | None) -> Commanded:
        """End the seat's own leg: the citizen is asked for a score, as after any talk.
        `Conflict` ``no_call``."""
        phone = await self._do.seat_for(who, seat)
        async with self._do.doing(phone, "call.hang_up", f"seat:{phone}"):
            leg = allowed(may_hang_up(self._do.floor, phone))
            await self._pbx.hang_up(leg.name, leg.uniqueid, phone)
        return Commanded(phone, call_id(self._do.node, _first_of(leg)))

    # -- parts --------------------------------------------------------------------------------

    def _talk(self, phone: str) -> Talk:
        return allowed(talk_of_seat(self._do.floor, phone, self._do.first_seat))

    def _told(self, talk: Talk) -> Commanded:
        return Commanded(talk.seat.endpoint, id_of(self._do.node, talk))

    def _without_talk(self, floor: Floor, phone: str) -> OwnCall:
        legs = [leg for leg in floor.channels.values() if leg.endpoint == phone]
        if not legs:
            return OwnCall(phone, OwnCallState.IDLE)
        leg = max(legs, key=lambda one: uniqueid_key(one.uniqueid))
        return OwnCall(
            phone,
            _state_of(floor, leg),
            call_id(self._do.node, _first_of(leg)),
            leg.connected_number,
        )


def _state_of(floor: Floor, leg: Channel) -> OwnCallState:
    what = steered(leg.uniqueid)
    if floor.consulting(leg.uniqueid):
        return OwnCallState.CONSULTING
    if leg.state is not ChannelState.UP:
        dials = leg.state is ChannelState.DIALLING
        return OwnCallState.DIALLING if dials else OwnCallState.RINGING
    if what is not None and what.use is LegUse.SPY:
        return OwnCallState.SPYING
    return OwnCallState.DIALLING


def _first_of(leg: Channel) -> Uniqueid:
    """The first leg of the group, by which a call is known."""
    return Uniqueid(leg.linkedid)


def _already(seat: str, *, code: str) -> Conflict:
    return Conflict(f"seat {seat}: it is so already", code=code, seat=seat)
