"""What must be done so that the PBX has the seats and members it should have: a pure difference.

The PBX is never told to start afresh: a step touches one seat, so the others go on talking. Two
laws hold (and are tested): carrying out the steps makes the PBX as wanted, and then there is
nothing left to do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from callcenter.telephony.domain.ids import Extension

_MEMBER_NAME_BYTES = 79
"""``char membername[80]`` in Asterisk's app_queue.c; a longer name would come back cut, never
equal to what we want, and be set again for ever. A pause's reason has the same room."""

_UNSAFE = str.maketrans(dict.fromkeys('";|<>\\,', " "))
"""What delimits names in a caller id or in app_queue's own list of persistent members."""

PlaceKey = tuple[str, Extension]
"""Queue and seat."""


def pbx_name(name: str) -> str:
    """`name` as every part of the PBX gives it back unchanged: no delimiter, no control
    character, at most 79 bytes of UTF-8, never cut within a character."""
    printable = "".join(char if char.isprintable() else " " for char in name.translate(_UNSAFE))
    whole = " ".join(printable.split()).encode("utf-8", "replace")
    return whole[:_MEMBER_NAME_BYTES].decode("utf-8", "ignore").strip()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Of what was pushed for a seat; the PBX keeps it beside the seat."""

    secret: str = ""
    options: str = ""
    """'' while a push is under way: what the PBX has then is not known."""

    def encode(self) -> str:
        """As the PBX keeps it."""
        return f"{self.secret}:{self.options}"

    @staticmethod
    def decode(text: str) -> Fingerprint:
        """What the PBX kept; anything unknown is a fingerprint of nothing."""
        secret, colon, options = text.partition(":")
        return Fingerprint(secret, options) if colon else Fingerprint()


NOTHING = Fingerprint()


@dataclass(frozen=True, slots=True)
class WantedSeat:
    """A seat as the PBX should have it."""

    extension: Extension
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Working:
    """What an agent's state says of a membership."""

    penalty: int = 0
    paused: bool = False
    reason: str = ""
    """Why it is paused (see `pbx_name`); '' while it is not."""


@dataclass(frozen=True, slots=True)
class WantedPlace:
    """A membership as the PBX should have it."""

    queue: str
    extension: Extension
    name: str
    """See `pbx_name`."""
    working: Working | None = None
    """None: nobody says; a break and a penalty that the PBX has stay."""


@dataclass(frozen=True, slots=True)
class Place:
    """A seat's place in a queue."""

    name: str
    penalty: int = 0
    paused: bool = False
    reason: str = ""
    dynamic: bool = True
    """False: written in the PBX's own configuration. That is its administrator's; it stays."""

    @property
    def working(self) -> Working:
        """The part that changes without leaving the queue."""
        return Working(self.penalty, self.paused, self.reason if self.paused else "")


@dataclass(frozen=True, slots=True)
class ActualSeats:
    """What the PBX has, of seats alone: trunks and other members of queues are not here."""

    seats: Mapping[Extension, Fingerprint] = field(default_factory=dict)
    """`NOTHING` where traces of a seat were found but not all of it."""
    places: Mapping[PlaceKey, Place] = field(default_factory=dict)
    """In queues of ours alone."""


@dataclass(frozen=True, slots=True)
class PushSeat:
    """Make or change the seat's objects."""

    extension: Extension
    keep_registered: bool
    """False: the secret changed, or may have. A phone with the old one must not stay."""


@dataclass(frozen=True, slots=True)
class RemoveSeat:
    """Remove the seat's objects and registrations."""

    extension: Extension


@dataclass(frozen=True, slots=True)
class JoinQueue:
    """Make the seat a member of a queue."""

    extension: Extension
    queue: str
    name: str
    working: Working = Working()


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """End a membership."""

    extension: Extension
    queue: str


@dataclass(frozen=True, slots=True)
class SetPause:
    """Begin or end a break in a queue, or change its reason."""

    extension: Extension
    queue: str
    paused: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetPenalty:
    """Change the skill's penalty in a queue."""

    extension: Extension
    queue: str
    penalty: int


Step = LeaveQueue | RemoveSeat | SetPause | SetPenalty | PushSeat | JoinQueue


def difference(
    seats: Iterable[WantedSeat],
    places: Iterable[WantedPlace],
    actual: ActualSeats,
    *,
    emptying: Collection[str] = (),
) -> tuple[Step, ...]:
    """The steps, in the order in which each seat's own must be carried out.

    No caller is offered to a seat that is being removed, nor to one that is not there yet: a
    membership ends before the seat goes and begins after it came. A place of a seat that is not
    wanted is not wanted either.

    Nobody leaves a queue, but for another name, before everybody who joins one has: when shifts
    change, a queue that is empty for a moment would send away all who wait there.

    A queue that is `emptying` takes no more callers, and those who wait there are to be served: its
    members stay as long as they are wanted there or in any other queue, and are on a break there
    when they are on one elsewhere; nobody joins it.
    """
    want = {seat.extension: seat for seat in seats}
    wanted = {(place.queue, place.extension): place for place in places if place.extension in want}
    staying = _staying(wanted, actual, emptying)
    wanted = {key: place for key, place in wanted.items() if key[0] not in emptying} | staying
    leave: list[Step] = []
    adjust: list[Step] = []
    join: list[Step] = []  # With the leaving that another name needs.
    for key in sorted({*wanted, *actual.places}):
        place, have = wanted.get(key), actual.places.get(key)
        if have is not None and not have.dynamic:
            continue
        queue, extension = key
        if place is not None and have is not None and have.name == place.name:
            adjust += _adjust(key, have, place.working)
            continue
        if have is not None:
            (leave if place is None else join).append(LeaveQueue(extension, queue))
        if place is not None:
            # A change of name must not send calls to somebody who is on a break.
            kept = have.working if have is not None else Working()
            join.append(JoinQueue(extension, queue, place.name, place.working or kept))
    remove = [RemoveSeat(extension) for extension in sorted(actual.seats) if extension not in want]
    push = [
        PushSeat(extension, keep_registered=pushed.secret == seat.fingerprint.secret)
        for extension, seat in sorted(want.items())
        if (pushed := actual.seats.get(extension, NOTHING)) != seat.fingerprint
    ]
    return (*adjust, *push, *join, *leave, *remove)


def _staying(
    wanted: Mapping[PlaceKey, WantedPlace], actual: ActualSeats, emptying: Collection[str]
) -> dict[PlaceKey, WantedPlace]:
    """The places that seats at work keep in queues that are emptying."""
    at_work: dict[Extension, WantedPlace] = {}
    for _key, place in sorted(wanted.items(), key=lambda item: item[0]):
        at_work.setdefault(place.extension, place)
    staying: dict[PlaceKey, WantedPlace] = {}
    for key, have in actual.places.items():
        queue, extension = key
        other = at_work.get(extension)
        if queue in emptying and other is not None:
            working = other.working
            if working is not None:
                working = Working(have.penalty, working.paused, working.reason)
            staying[key] = WantedPlace(queue, extension, have.name, working)
    return staying


def _adjust(key: PlaceKey, have: Place, working: Working | None) -> Iterable[Step]:
    queue, extension = key
    if working is None:
        return
    if (have.working.paused, have.working.reason) != (working.paused, working.reason):
        yield SetPause(extension, queue, working.paused, working.reason)
    if have.penalty != working.penalty:
        yield SetPenalty(extension, queue, working.penalty)
