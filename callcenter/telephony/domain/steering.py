"""What may be steered now: every command as a pure question to the live floor.

Each function answers with what is to be done (legs to act on) or with a `Refusal`, whose code says
why not. The floor is enough: what a supervisor's leg is for stands in its own identifier
(`steered_id`), and a held citizen is known by the music that is whispered to him, so nothing of
this is kept in memory and all of it survives a restart of ours.

A *talk* here is the seat's leg and the citizen's in one bridge. A seat that consults somebody is
in another bridge than the citizen: the consult is completed or cancelled first.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from callcenter.telephony.domain.floor import Channel, ChannelState, Floor, WaitingCaller
from callcenter.telephony.domain.ids import Extension, Linkedid, Uniqueid, uniqueid_key
from callcenter.telephony.domain.legs import LegKind, kind_of
from callcenter.telephony.domain.seating import is_seat_extension

_STEERED = re.compile(r"(spy|dial|hold|mark)-([0-9]+)-([0-9]*)-[0-9]{1,12}\.[0-9]{1,6}")
_MICROS = 1_000_000
HOLD_CHANNEL = "Local/music@steer-hold"


class SpyMode(StrEnum):
    """How a supervisor is in a talk; each is an extension of the dialplan's ``steer-spy``."""

    LISTEN = "listen"
    """Hears both."""
    WHISPER = "whisper"
    """The seat hears him too, the citizen does not."""
    BARGE = "barge"
    """Both hear him."""


class LegUse(StrEnum):
    """What a leg of ours is for; the first word of its identifier."""

    SPY = "spy"
    DIAL = "dial"
    HOLD = "hold"
    MARK = "mark"


class Mark(StrEnum):
    """What the journal is told about another channel."""

    RECORDING_PAUSED = "recording_paused"
    RECORDING_RESUMED = "recording_resumed"
    HANG_UP = "hang_up"
    ABOUT_CASE = "about_case"
    """A call that the seat made is about the case that the mark names."""
    TO_FRONT = "to_front"
    """A supervisor moves a waiting caller to the front of his queue."""


class LineState(StrEnum):
    """What the PBX keeps under ``steering/line`` of its own database; nothing there: open."""

    OPEN = "open"
    CLOSED = "closed"
    MESSAGE = "message"
    """Closed, but a voice message is taken."""


@dataclass(frozen=True, slots=True)
class Steered:
    """What the identifier of a leg of ours says."""

    use: LegUse
    seat: Extension
    """On whose phone it is, or for whom it is."""
    target: str
    """Of a spy: the seat that is listened to."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command makes no sense now: a stable code, a sentence, facts."""

    message: str
    facts: dict[str, Any] = field(default_factory=dict, hash=False)
    code: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Talk:
    """A seat and a citizen who hear each other."""

    seat: Channel
    citizen: Channel
    parties: int
    """How many hear each other; more than two in a conference."""
    anchor: Uniqueid
    """The call's first leg: the citizen's, or the seat's where the seat dialled."""

    @property
    def outbound(self) -> bool:
        """Whether the seat called."""
        return self.anchor == self.seat.uniqueid


@dataclass(frozen=True, slots=True)
class Place:
    """A supervisor's phone: free, or already in that very talk."""

    leg: Channel | None
    """The leg that listens to the target already; None: the phone must be called."""


def steered_id(use: LegUse, seat: str, target: str, at_us: int) -> Uniqueid:
    """An identifier for a leg of ours begun at `at_us` (microseconds since 1970).

    The serial behind the point is never 0, which would say that the PBX was started anew.
    """
    seconds, micros = divmod(at_us, _MICROS)
    return Uniqueid(f"{use}-{seat}-{target}-{seconds}.{micros or 1}")


def steered(uniqueid: str) -> Steered | None:
    """What `steered_id` wrote; None for any other channel."""
    found = _STEERED.fullmatch(uniqueid)
    if found is None:
        return None
    return Steered(LegUse(found[1]), Extension(found[2]), found[3])


# -- who talks --------------------------------------------------------------------------------


def talk_of_call(floor: Floor, anchor: Uniqueid, first_seat: int) -> Talk | Refusal:
    """The talk of the call whose first leg is `anchor`."""
    leg = floor.channels.get(anchor)
    if leg is None:
        return Refusal("the call is over; read it again", code="call_over")
    others = _parties(floor, leg)
    if _is_seat(leg, first_seat):
        citizens = [other for other in others if not _is_seat(other, first_seat)]
        if not citizens:
            return _not_talking()
        return Talk(leg, _oldest(citizens), len(others) + 1, anchor)
    seats = [other for other in others if _is_seat(other, first_seat)]
    if not seats:
        return _not_talking()
    seat = max(seats, key=lambda one: uniqueid_key(one.uniqueid))
    return Talk(seat, leg, len(others) + 1, anchor)


def talk_of_seat(floor: Floor, seat: str, first_seat: int) -> Talk | Refusal:
    """What `seat` talks in; the newest talk of a phone that holds another one back."""
    found: Talk | Refusal = Refusal(
        f"seat {seat} talks with nobody now", {"seat": seat}, code="not_talking"
    )
    for leg in sorted(_legs(floor, seat), key=lambda one: uniqueid_key(one.uniqueid)):
        if floor.consulting(leg.uniqueid):
            found = Refusal(
                f"seat {seat} consults somebody; complete or cancel that first",
                {"seat": seat},
                code="consult_running",
            )
            continue
        others = _parties(floor, leg)
        if not others:
            continue
        citizens = [other for other in others if not _is_seat(other, first_seat)]
        party = _oldest(citizens or others)
        anchor = leg if steered(leg.uniqueid) or _began(leg) else party
        found = Talk(leg, party, len(others) + 1, anchor.uniqueid)
    return found


def held(floor: Floor, seat: str) -> Channel | None:
    """The leg through which music is whispered to the citizen whom `seat` holds; None: it holds
    nobody."""
    return next((leg for leg in floor.channels.values() if holder(leg) == seat), None)


def holder(leg: Channel) -> str | None:
    """The seat that holds its citizen by this leg of music; None: it is no such leg."""
    if not leg.name.startswith(HOLD_CHANNEL) or not leg.name.endswith(";1"):
        return None
    what = steered(leg.uniqueid)
    return what.seat if what is not None and what.use is LegUse.HOLD else None


def listeners(floor: Floor, seat: str) -> tuple[Channel, ...]:
    """The supervisors' legs that are in the talk of `seat`."""
    return tuple(
        leg
        for leg in floor.channels.values()
        if (what := steered(leg.uniqueid)) is not None
        and what.use is LegUse.SPY
        and what.target == seat
        and not leg.bridge
    )


def voices_at(floor: Floor, seat: str) -> frozenset[Uniqueid]:
    """Every leg, and every first leg of a group, whose voice can be heard where `seat` is: its own
    calls, and those that are in one bridge with them."""
    own = _legs(floor, seat)
    legs = own + [other for leg in own for other in floor.others_in_bridge(leg.uniqueid)]
    return frozenset(Uniqueid(str(one)) for leg in legs for one in (leg.uniqueid, leg.linkedid))


def all_listeners(floor: Floor) -> tuple[tuple[Channel, str], ...]:
    """Each supervisor's leg that is in somebody's talk or is being called for one, with the seat
    that it listens to."""
    return tuple(
        (leg, what.target)
        for leg in floor.channels.values()
        if (what := steered(leg.uniqueid)) is not None and what.use is LegUse.SPY and not leg.bridge
    )


# -- supervisors ------------------------------------------------------------------------------


def place_for(floor: Floor, supervisor: str, talk: Talk) -> Place | Refusal:
    """Whether the supervisor at seat `supervisor` can come into `talk`."""
    target = talk.seat.endpoint
    if supervisor == target:
        return Refusal(f"seat {supervisor} is in this talk itself", code="own_call")
    for leg in listeners(floor, target):
        if leg.endpoint == supervisor:
            if leg.state is ChannelState.UP:
                return Place(leg)
            return Refusal(
                f"seat {supervisor} is being called for this already; pick up",
                {"seat": supervisor},
                code="seat_busy",
            )
    return _free(floor, supervisor) or Place(None)


def may_take_over(floor: Floor, supervisor: str, talk: Talk) -> Place | Refusal:
    """Whether the supervisor can have the citizen in place of the seat. Of two who ask at once the
    second one means the seat that has lost him already: he does not take him from the first."""
    taken = steered(talk.seat.uniqueid)
    if taken is not None and taken.use is LegUse.SPY:
        return Refusal(
            f"the supervisor at seat {talk.seat.endpoint} has taken this citizen over already",
            {"seat": talk.seat.endpoint},
            code="taken_over",
        )
    if talk.outbound:
        return Refusal(
            "the seat made this call: it ends with the seat; barge in instead", code="not_inbound"
        )
    if talk.parties > 2:
        return Refusal("more than two are in this talk; barge in instead", code="in_conference")
    if held(floor, talk.seat.endpoint) is not None:
        return Refusal("the citizen is held; have the seat come back to him first", code="held")
    return place_for(floor, supervisor, talk)


def spying(floor: Floor, supervisor: str) -> Channel | Refusal:
    """The leg by which `supervisor` is in somebody's talk."""
    for leg in _legs(floor, supervisor):
        what = steered(leg.uniqueid)
        if what is not None and what.use is LegUse.SPY and not leg.bridge:
            return leg
    return Refusal(
        f"seat {supervisor} is in nobody's talk", {"seat": supervisor}, code="not_spying"
    )


def waiting(floor: Floor, caller: Uniqueid) -> WaitingCaller | Refusal:
    """The caller in his queue."""
    for line in floor.waiting.values():
        for one in line:
            if one.uniqueid == caller:
                return one
    return Refusal("this caller does not wait in a queue now; look again", code="not_waiting")


def may_go_first(floor: Floor, caller: Uniqueid) -> WaitingCaller | Refusal:
    """Whether he can be moved to the front."""
    found = waiting(floor, caller)
    if isinstance(found, WaitingCaller) and found.position == 1:
        return Refusal("this caller is the first in the queue", code="already_first")
    return found


def may_move(
    floor: Floor, caller: Uniqueid, queue: str, queues: Collection[str]
) -> WaitingCaller | Refusal:
    """Whether he can be moved to `queue`; `queues` are those the PBX knows."""
    found = waiting(floor, caller)
    if isinstance(found, Refusal):
        return found
    if queue not in queues:
        return Refusal(f"there is no queue {queue}", {"queue": queue}, code="queue_not_found")
    if found.queue == queue:
        return Refusal(f"this caller waits in {queue} already", {"queue": queue}, code="same_queue")
    if rung_for(floor, found):
        return Refusal("a seat is ringing for this caller just now", code="caller_rings")
    return found


def rung_for(floor: Floor, caller: WaitingCaller) -> bool:
    """Whether a seat is being offered this caller: its leg is in the group of his."""
    own = floor.channels.get(caller.uniqueid)
    group = own.linkedid if own is not None else Linkedid(caller.uniqueid)
    return any(
        leg.linkedid == group and leg.uniqueid != caller.uniqueid and leg.endpoint.isdecimal()
        for leg in floor.channels.values()
    )


# -- operators --------------------------------------------------------------------------------


def may_dial(floor: Floor, seat: str) -> Refusal | None:
    """Why a call cannot be begun from `seat` now; None if it can. The agent's state is no reason:
    whoever is on a break or in his wrap-up may call back."""
    return _free(floor, seat)


def may_hold(floor: Floor, seat: str, first_seat: int) -> Talk | Refusal:
    """Whether `seat` can have its citizen listen to music."""
    talk = talk_of_seat(floor, seat, first_seat)
    if isinstance(talk, Refusal):
        return talk
    if talk.parties > 2:
        return Refusal("in a conference nobody can be held; mute instead", code="in_conference")
    if held(floor, seat) is not None:
        return Refusal(f"seat {seat} holds the citizen already", {"seat": seat}, code="held")
    return talk


def may_unhold(floor: Floor, seat: str, first_seat: int) -> tuple[Talk, Channel] | Refusal:
    """The talk to come back to, and the music's leg."""
    music = held(floor, seat)
    if music is None:
        return Refusal(f"seat {seat} holds nobody", {"seat": seat}, code="not_held")
    talk = talk_of_seat(floor, seat, first_seat)
    return talk if isinstance(talk, Refusal) else (talk, music)


def may_join(floor: Floor, seat: str) -> Channel | Refusal:
    """The seat's leg of a consult that all three can be brought together in."""
    for leg in _legs(floor, seat):
        if not floor.consulting(leg.uniqueid):
            continue
        asked = next(
            other
            for other in floor.others_in_bridge(leg.uniqueid)
            if other.name.startswith("Local/") and other.name.endswith(";1")
        )
        if asked.state is not ChannelState.UP:
            return Refusal("the one who is asked has not answered yet", code="consult_not_answered")
        return leg
    return Refusal(
        f"seat {seat} consults nobody: begin an attended transfer to the unit first",
        {"seat": seat},
        code="no_consult",
    )


def consulted(floor: Floor, leg: Channel) -> str:
    """Who is at the far end of the consult of seat's leg `leg`: the endpoint that answered it or,
    before, the number that was dialled; '' if there is no consult."""
    for near in floor.others_in_bridge(leg.uniqueid):
        if not (near.name.startswith("Local/") and near.name.endswith(";1")):
            continue
        far = f"{near.name.removesuffix(';1')};2"
        for half in (one for one in floor.channels.values() if one.name == far):
            there = [one.endpoint for one in _parties(floor, half)]
            if there:
                return there[0]
        return near.name.removeprefix("Local/").partition("@")[0]
    return ""


def may_link(floor: Floor, seat: str) -> Channel | Refusal:
    """The leg of `seat` that calls somebody outside, which can be said to be about a case; the
    call of a citizen has a case of its own."""
    for leg in sorted(_legs(floor, seat), key=lambda one: uniqueid_key(one.uniqueid), reverse=True):
        if _began(leg) and any(
            other.linkedid == leg.linkedid and kind_of(other.name)[0] is LegKind.TRUNK
            for other in floor.channels.values()
        ):
            return leg
    return Refusal(f"seat {seat} calls nobody outside now", {"seat": seat}, code="no_outbound_call")


def may_hang_up(floor: Floor, seat: str) -> Channel | Refusal:
    """The leg of `seat` to end: the one that talks, else any."""
    legs = _legs(floor, seat)
    if not legs:
        return Refusal(f"seat {seat} is in no call", {"seat": seat}, code="no_call")
    return max(legs, key=lambda one: (bool(one.bridge), uniqueid_key(one.uniqueid)))


# -- the floor --------------------------------------------------------------------------------


def _legs(floor: Floor, seat: str) -> list[Channel]:
    return [leg for leg in floor.channels.values() if leg.endpoint == seat]


def _parties(floor: Floor, leg: Channel) -> list[Channel]:
    """The people whom `leg` hears."""
    return [other for other in floor.others_in_bridge(leg.uniqueid) if other.endpoint]


def _is_seat(leg: Channel, first_seat: int) -> bool:
    return is_seat_extension(leg.endpoint, first_seat)


def _began(leg: Channel) -> bool:
    """Whether the group of `leg` is its own: it is the one who called."""
    return str(leg.linkedid) == str(leg.uniqueid)


def _oldest(legs: list[Channel]) -> Channel:
    return min(legs, key=lambda one: uniqueid_key(one.uniqueid))


def _free(floor: Floor, seat: str) -> Refusal | None:
    device = floor.devices.get(seat)
    if device is None or not device.reachable:
        return Refusal(
            f"the phone of seat {seat} is not registered", {"seat": seat}, code="seat_unreachable"
        )
    if _legs(floor, seat):
        return Refusal(f"seat {seat} is in a call; end it first", {"seat": seat}, code="seat_busy")
    return None


def _not_talking() -> Refusal:
    return Refusal("no seat talks with the citizen now; look again", code="not_talking")
