"""The live floor: who waits, which seats are reachable, who rings, who talks — as one value.

The floor is a pure function of a snapshot and the facts after it, so it may be thrown away at any
time. Two laws hold (and are tested):

- snapshot, then every fact after it = a fresh snapshot;
- facts from *before* the snapshot do no harm when they come again after it: the PBX does not say
  where in its stream of events a snapshot belongs, so what happened while it was taken is applied
  on top of it. Every fact therefore carries the whole new state of its thing, never a difference,
  and one that speaks of an unknown thing changes nothing.

It is a picture for screens and a guard for commands. The record of a call is the journal's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, TypeVar

from callcenter.telephony.domain.ids import Extension, Linkedid, Uniqueid

K = TypeVar("K")
V = TypeVar("V")

MemberKey = tuple[str, str]
"""Queue and interface."""


class DeviceState(StrEnum):
    """What a phone is doing (Asterisk's ``devicestate.c``, in our words)."""

    UNKNOWN = "unknown"
    IDLE = "idle"
    TALKING = "talking"
    BUSY = "busy"
    RINGING = "ringing"
    TALKING_AND_RINGING = "talking_and_ringing"
    ON_HOLD = "on_hold"
    UNREACHABLE = "unreachable"
    """Not registered, or registered and silent."""
    INVALID = "invalid"

    @property
    def reachable(self) -> bool:
        """Whether a call could ring there now."""
        return self not in (DeviceState.UNKNOWN, DeviceState.UNREACHABLE, DeviceState.INVALID)


class ChannelState(StrEnum):
    """How far a leg has come."""

    DOWN = "down"
    DIALLING = "dialling"
    RINGING = "ringing"
    UP = "up"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Channel:
    """One leg of a call."""

    uniqueid: Uniqueid
    name: str
    linkedid: Linkedid
    state: ChannelState
    number: str
    caller_name: str
    connected_number: str
    connected_name: str
    bridge: str = ""
    """The bridge it is in, or ''."""

    @property
    def endpoint(self) -> str:
        """The SIP endpoint of the leg, ``8001`` of ``PJSIP/8001-0000002a``; '' for others."""
        technology, _, rest = self.name.partition("/")
        return rest.rpartition("-")[0] if technology == "PJSIP" else ""


@dataclass(frozen=True, slots=True)
class WaitingCaller:
    """A caller in a queue."""

    queue: str
    uniqueid: Uniqueid
    channel: str
    number: str
    caller_name: str
    since: float
    """Joined at, POSIX seconds; the PBX tells whole seconds of wait only."""
    position: int
    """1 is next."""


@dataclass(frozen=True, slots=True)
class Member:
    """A seat's place in a queue."""

    queue: str
    interface: str
    name: str
    penalty: int
    paused: bool
    paused_reason: str
    dynamic: bool
    """Added at run time (ours); False: written in the PBX's configuration."""


# -- facts -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChannelBegan:
    """A leg exists; its bridge is not part of the fact."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelChanged:
    """A leg's state, caller or connected party changed."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelRenamed:
    uniqueid: Uniqueid
    name: str


@dataclass(frozen=True, slots=True)
class ChannelEnded:
    uniqueid: Uniqueid
    channel: Channel | None = field(default=None, compare=False)
    """As it was."""
    answer: str = field(default="", compare=False)
    """The other side's own word for why, the SIP status where it refused; '' if none is known."""


@dataclass(frozen=True, slots=True)
class BridgeEntered:
    channel: Channel
    bridge: str


@dataclass(frozen=True, slots=True)
class BridgeLeft:
    channel: Channel
    bridge: str


@dataclass(frozen=True, slots=True)
class CallerJoined:
    caller: WaitingCaller


@dataclass(frozen=True, slots=True)
class CallerLeft:
    queue: str
    uniqueid: Uniqueid


@dataclass(frozen=True, slots=True)
class MemberSet:
    """A member was added, paused, moved to another penalty …: its whole new state."""

    member: Member


@dataclass(frozen=True, slots=True)
class MemberRemoved:
    queue: str
    interface: str


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """The state of a SIP endpoint; seats and trunks alike."""

    endpoint: str
    state: DeviceState


Fact = (
    ChannelBegan
    | ChannelChanged
    | ChannelRenamed
    | ChannelEnded
    | BridgeEntered
    | BridgeLeft
    | CallerJoined
    | CallerLeft
    | MemberSet
    | MemberRemoved
    | DeviceChanged
)

SnapshotItem = Channel | WaitingCaller | Member | DeviceChanged


# -- the floor -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seat:
    """A seat as the floor sees it."""

    extension: Extension
    device: DeviceState
    memberships: tuple[Member, ...]
    channels: tuple[Channel, ...]
    refuses_sound: bool = False
    """Its phone is registered and refuses every kind of sound: it cannot be called."""
    usurped: bool = False
    """Another phone than its agent's is registered: a call would ring where he does not sit."""

    @property
    def reachable(self) -> bool:
        """Whether the phone could ring."""
        return self.device.reachable and not self.refuses_sound and not self.usurped

    @property
    def paused(self) -> bool:
        """Whether no queue offers it calls because it is paused in all of its queues."""
        return bool(self.memberships) and all(member.paused for member in self.memberships)

    @property
    def ringing(self) -> bool:
        """Whether a call rings there."""
        return any(channel.state is ChannelState.RINGING for channel in self.channels)

    @property
    def talking(self) -> bool:
        """Whether it is bridged with somebody."""
        return any(channel.bridge for channel in self.channels)


@dataclass(frozen=True, slots=True)
class Conversation:
    """Legs that hear each other."""

    bridge: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Floor:
    """Everything that is going on; compare, keep and share it freely."""

    channels: Mapping[Uniqueid, Channel] = field(default_factory=dict)
    waiting: Mapping[str, tuple[WaitingCaller, ...]] = field(default_factory=dict)
    """Per queue, first in line first; a queue nobody waits in is not there."""
    members: Mapping[MemberKey, Member] = field(default_factory=dict)
    devices: Mapping[str, DeviceState] = field(default_factory=dict)
    refusing: frozenset[str] = frozenset()
    """Seats whose phone refuses every kind of sound; no event of the PBX's says so (`pbx.live`)."""
    usurped: frozenset[str] = frozenset()
    """Seats that another phone than their agent's has (`domain.contests`)."""

    def seats(self, among: Collection[str] | None = None) -> tuple[Seat, ...]:
        """Every seat the PBX knows, or those `among` some endpoints, by extension.

        A seat's endpoint is named by digits alone.
        """
        legs: dict[str, list[Channel]] = {}
        for channel in self.channels.values():
            legs.setdefault(channel.endpoint, []).append(channel)
        places: dict[str, list[Member]] = {}
        for member in self.members.values():
            places.setdefault(_phone_of(member), []).append(member)
        known = (*self.devices, *places, *legs)
        wanted = known if among is None else set(known).intersection(among)
        names = {name for name in wanted if name.isdecimal()}
        return tuple(
            Seat(
                extension=Extension(name),
                device=self.devices.get(name, DeviceState.UNKNOWN),
                memberships=tuple(sorted(places.get(name, ()), key=lambda place: place.queue)),
                channels=tuple(sorted(legs.get(name, ()), key=lambda leg: leg.uniqueid)),
                refuses_sound=name in self.refusing,
                usurped=name in self.usurped,
            )
            for name in sorted(names, key=lambda name: (len(name), name))
        )

    def conversations(self) -> tuple[Conversation, ...]:
        """Bridges with two legs or more."""
        bridges: dict[str, list[Channel]] = {}
        for channel in self.channels.values():
            if channel.bridge:
                bridges.setdefault(channel.bridge, []).append(channel)
        return tuple(
            Conversation(bridge, tuple(sorted(legs, key=lambda leg: leg.uniqueid)))
            for bridge, legs in sorted(bridges.items())
            if len(legs) > 1
        )

    def ringing_groups(self) -> frozenset[Linkedid]:
        """The groups of channels in which a phone rings: whom it rings for is in the same one."""
        return frozenset(
            leg.linkedid for leg in self.channels.values() if leg.state is ChannelState.RINGING
        )

    def others_in_bridge(self, uniqueid: Uniqueid) -> tuple[Channel, ...]:
        """The legs that hear leg `uniqueid`; empty if it is in no bridge, or unknown."""
        leg = self.channels.get(uniqueid)
        if leg is None or not leg.bridge:
            return ()
        return tuple(
            other
            for other in self.channels.values()
            if other.bridge == leg.bridge and other.uniqueid != uniqueid
        )

    def consulting(self, uniqueid: Uniqueid) -> bool:
        """Whether leg `uniqueid` is in the consult of an attended transfer.

        Asterisk (bridge_basic.c) runs the consult over a Local channel whose first half is in
        a bridge with the one who asked; the caller waits in another bridge.
        """
        return any(
            other.name.startswith("Local/") and other.name.endswith(";1")
            for other in self.others_in_bridge(uniqueid)
        )


def touched(before: Floor, after: Floor) -> set[str]:
    """The endpoints of which anything may be otherwise `after` than it was `before`.

    Floors share what did not change between them, so nothing need be compared but identities.
    """
    names = _differing(before.devices, after.devices)
    names |= (before.refusing ^ after.refusing) | (before.usurped ^ after.usurped)
    for key in _differing(before.members, after.members):
        names |= {
            _phone_of(floor.members[key]) for floor in (before, after) if key in floor.members
        }
    for uniqueid in _differing(before.channels, after.channels):
        legs = (floor.channels.get(uniqueid) for floor in (before, after))
        names |= {leg.endpoint for leg in legs if leg is not None}
    return names


def _differing(before: Mapping[K, V], after: Mapping[K, V]) -> set[K]:
    if before is after:
        return set()
    found = {key for key, value in before.items() if after.get(key) is not value}
    return found | (after.keys() - before.keys())


def _phone_of(member: Member) -> str:
    return member.interface.removeprefix("PJSIP/")


def snapshot(items: Iterable[SnapshotItem]) -> Floor:
    """The floor as the PBX's own lists tell it."""
    channels: dict[Uniqueid, Channel] = {}
    waiting: dict[str, list[WaitingCaller]] = {}
    members: dict[MemberKey, Member] = {}
    devices: dict[str, DeviceState] = {}
    for item in items:
        match item:
            case Channel():
                channels[item.uniqueid] = item
            case WaitingCaller():
                waiting.setdefault(item.queue, []).append(item)
            case Member():
                members[item.queue, item.interface] = item
            case DeviceChanged():
                devices[item.endpoint] = item.state
    lines = {
        queue: _numbered(sorted(callers, key=lambda caller: caller.position))
        for queue, callers in waiting.items()
    }
    return Floor(channels, lines, members, devices)


def apply(floor: Floor, fact: Fact) -> Floor:
    """The floor after `fact`; `floor` itself is never changed."""
    match fact:
        case ChannelBegan(channel):
            return _with_channel(floor, channel)
        case ChannelChanged(channel):
            known = channel.uniqueid in floor.channels
            return _with_channel(floor, channel) if known else floor
        case ChannelRenamed(uniqueid, name):
            renamed = floor.channels.get(uniqueid)
            return floor if renamed is None else _put(floor, replace(renamed, name=name))
        case ChannelEnded(uniqueid):
            return _without_channel(floor, uniqueid)
        case BridgeEntered(channel, bridge):
            if channel.uniqueid not in floor.channels:
                return floor
            return _put(floor, replace(channel, bridge=bridge))
        case BridgeLeft(channel, bridge):
            known_leg = floor.channels.get(channel.uniqueid)
            if known_leg is None:
                return floor
            # A leg moved to another bridge has entered that one already.
            stays = "" if known_leg.bridge == bridge else known_leg.bridge
            return _put(floor, replace(channel, bridge=stays))
        case CallerJoined(caller):
            return _joined(floor, caller)
        case CallerLeft(queue, uniqueid):
            return _left(floor, queue, uniqueid)
        case MemberSet(member):
            members = {**floor.members, (member.queue, member.interface): member}
            return replace(floor, members=members)
        case MemberRemoved(queue, interface):
            rest = {key: value for key, value in floor.members.items() if key != (queue, interface)}
            return replace(floor, members=rest)
        case DeviceChanged(endpoint, state):
            return replace(floor, devices={**floor.devices, endpoint: state})


def _put(floor: Floor, channel: Channel) -> Floor:
    return replace(floor, channels={**floor.channels, channel.uniqueid: channel})


def _with_channel(floor: Floor, channel: Channel) -> Floor:
    """`channel` as it is said to be, in the bridge that it is known to be in."""
    known = floor.channels.get(channel.uniqueid)
    return _put(floor, replace(channel, bridge=known.bridge if known else ""))


def _without_channel(floor: Floor, uniqueid: Uniqueid) -> Floor:
    if uniqueid not in floor.channels:
        return floor
    channels = {key: value for key, value in floor.channels.items() if key != uniqueid}
    floor = replace(floor, channels=channels)
    for queue in tuple(floor.waiting):
        floor = _left(floor, queue, uniqueid)
    return floor


def _joined(floor: Floor, caller: WaitingCaller) -> Floor:
    line = floor.waiting.get(caller.queue, ())
    if any(other.uniqueid == caller.uniqueid for other in line):
        # The snapshot knows it, and knows its place better. (Only who leaves and comes back while
        # the snapshot is taken may be shown too far back, until those before him are gone.)
        return floor
    place = min(max(caller.position, 1) - 1, len(line))
    return _with_line(floor, caller.queue, (*line[:place], caller, *line[place:]))


def _left(floor: Floor, queue: str, uniqueid: Uniqueid) -> Floor:
    line = floor.waiting.get(queue, ())
    rest = tuple(caller for caller in line if caller.uniqueid != uniqueid)
    return floor if len(rest) == len(line) else _with_line(floor, queue, rest)


def _with_line(floor: Floor, queue: str, line: Iterable[WaitingCaller]) -> Floor:
    numbered = _numbered(line)
    waiting = {key: value for key, value in floor.waiting.items() if key != queue}
    if numbered:
        waiting[queue] = numbered
    return replace(floor, waiting=waiting)


def _numbered(line: Iterable[WaitingCaller]) -> tuple[WaitingCaller, ...]:
    return tuple(
        caller if caller.position == place else replace(caller, position=place)
        for place, caller in enumerate(line, 1)
    )


class FloorView(Protocol):
    """Who keeps the floor of this moment."""

    @property
    def floor(self) -> Floor | None:
        """The floor now; None while there is no link."""
        ...
