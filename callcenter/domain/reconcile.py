"""What must be done so that the PBX has the seats it should have: a pure difference.

The PBX is never told to start afresh: a step touches one seat, so the others go on talking. Two
laws hold (and are tested): carrying out the steps makes the PBX as wanted, and then there is
nothing left to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from callcenter.domain.ids import Extension

_MEMBER_NAME_BYTES = 79
"""``char membername[80]`` in Asterisk's app_queue.c; a longer name would come back cut, never
equal to what we want, and be set again for ever."""

_UNSAFE = str.maketrans(dict.fromkeys('";|<>\\,', " "))
"""What delimits names in a caller id or in app_queue's own list of persistent members."""


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
    member_name: str | None
    """Its name in the queue (see `pbx_name`); None: it is no member."""


@dataclass(frozen=True, slots=True)
class Place:
    """A seat's place in the queue."""

    name: str
    penalty: int = 0
    paused: bool = False
    dynamic: bool = True
    """False: written in the PBX's own configuration. That is its administrator's; it stays."""


@dataclass(frozen=True, slots=True)
class ActualSeats:
    """What the PBX has, of seats alone: trunks and other members of the queue are not here."""

    seats: Mapping[Extension, Fingerprint] = field(default_factory=dict)
    """`NOTHING` where traces of a seat were found but not all of it."""
    places: Mapping[Extension, Place] = field(default_factory=dict)


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
    """Make the seat a member of the queue."""

    extension: Extension
    name: str
    penalty: int = 0
    paused: bool = False


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """End the seat's membership."""

    extension: Extension


Step = LeaveQueue | RemoveSeat | PushSeat | JoinQueue


def difference(wanted: Iterable[WantedSeat], actual: ActualSeats) -> tuple[Step, ...]:
    """The steps, in the order in which each seat's own must be carried out.

    No caller is offered to a seat that is being removed, nor to one that is not there yet: a
    membership ends before the seat goes and begins after it came.
    """
    want = {seat.extension: seat for seat in wanted}
    leave: list[Step] = []
    join: list[Step] = []
    for extension in sorted({*want, *actual.places}):
        seat, place = want.get(extension), actual.places.get(extension)
        name = seat.member_name if seat else None
        if place is not None and (not place.dynamic or place.name == name):
            continue
        if place is not None:
            leave.append(LeaveQueue(extension))
        if name is not None:
            # A change of name must not send calls to somebody who is on a break.
            kept = place or Place(name)
            join.append(JoinQueue(extension, name, kept.penalty, kept.paused))
    remove = [RemoveSeat(extension) for extension in sorted(actual.seats) if extension not in want]
    push = [
        PushSeat(extension, keep_registered=have.secret == seat.fingerprint.secret)
        for extension, seat in sorted(want.items())
        if (have := actual.seats.get(extension, NOTHING)) != seat.fingerprint
    ]
    return (*leave, *remove, *push, *join)
