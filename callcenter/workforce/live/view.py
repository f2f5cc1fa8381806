"""What the screens see of the floor: one value of plain JSON, and differences between two.

A view is kinds of things, each by a key: ``view["seats"]["8001"]``. A difference names the things
that are new or changed, whole, and those that are gone; applied to the view before, it gives the
view after. So a watcher who has a snapshot and every difference since has the present view, and a
screen needs no other rule than "put" and "remove".

What the one who watches may not know (whole numbers, the citizen of a confidential case) is left
out when a thing is written for him, not when the view is made: there is one view for all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from callcenter.people.domain.masking import hide_field, map_citizen_fields, mask_field
from callcenter.telephony.domain.floor import Floor, Seat
from callcenter.telephony.domain.ids import call_id
from callcenter.telephony.domain.ledger import Direction
from callcenter.workforce.domain.figures import OpenCall
from callcenter.workforce.live.clocks import SeatClock

Item = Mapping[str, Any]
"""JSON values."""
Items = Mapping[str, Item]
View = Mapping[str, Items]

KINDS = ("pbx", "waiting", "seats", "agents", "calls", "queues", "today", "callbacks")


@dataclass(frozen=True, slots=True)
class Sight:
    """What a watcher may see."""

    numbers: bool
    """Citizens' numbers whole."""
    confidential: bool
    """Who the citizen of a confidential case is."""

    def of(self, item: Item) -> Item:
        """`item` as this watcher may see it."""
        if item.get("confidential") and not self.confidential:
            return dict(map_citizen_fields(dict(item), hide_field))
        return item if self.numbers else dict(map_citizen_fields(dict(item), mask_field))


@dataclass(frozen=True, slots=True)
class Put:
    """A thing is new, or is now so."""

    kind: str
    key: str
    item: Item


@dataclass(frozen=True, slots=True)
class Gone:
    """A thing is no more."""

    kind: str
    key: str


Difference = tuple[Put | Gone, ...]


def empty_view() -> dict[str, Items]:
    """Nothing is known."""
    return {kind: {} for kind in KINDS}


def difference(before: View, after: View) -> Difference:
    """What makes `after` out of `before`."""
    found: list[Put | Gone] = []
    for kind in KINDS:
        old, new = before.get(kind, {}), after.get(kind, {})
        if old is new:
            continue
        found += [Gone(kind, key) for key in old if key not in new]
        found += [
            Put(kind, key, item)
            for key, item in new.items()
            # Most are the very same thing, which need not be compared.
            if (known := old.get(key)) is not item and known != item
        ]
    return tuple(found)


def apply(view: View, changes: Difference) -> dict[str, Items]:
    """The view after `changes`; `view` itself is not changed."""
    made = {kind: dict(items) for kind, items in view.items()}
    for change in changes:
        if isinstance(change, Put):
            made[change.kind][change.key] = change.item
        else:
            made[change.kind].pop(change.key, None)
    return dict(made)


# -- the parts --------------------------------------------------------------------------------


def waiting_items(floor: Floor, node: str, confidential: Collection[str]) -> Items:
    """Who waits in a queue, by the caller's channel."""
    made: dict[str, Item] = {}
    for line in floor.waiting.values():
        for caller in line:
            call = call_id(node, caller.uniqueid)
            made[caller.uniqueid] = {
                "call_id": call,
                "queue": caller.queue,
                "position": caller.position,
                "since": moment(datetime.fromtimestamp(caller.since, UTC)),
                "caller_number": caller.number,
                "caller_name": caller.caller_name,
                "confidential": call in confidential,
            }
    return made


def seat_items(
    seats: Iterable[Seat],
    clocks: Mapping[str, SeatClock],
    node: str,
    confidential: Collection[str],
) -> Items:
    """Every seat of `clocks`, by its extension."""
    made: dict[str, Item] = {}
    for seat in seats:
        clock = clocks[str(seat.extension)]
        other = next((one for one in seat.channels if one.connected_number), None)
        # A seat may have two calls at once; the citizen of either may be on the other's leg.
        calls = {f"{node}:{leg.linkedid}" for leg in seat.channels}
        made[str(seat.extension)] = {
            "state": clock.state.value,
            "since": moment(clock.since),
            "refuses_sound": seat.refuses_sound,
            "usurped": seat.usurped,
            "paused": seat.paused,
            "paused_reason": next((m.paused_reason for m in seat.memberships if m.paused), ""),
            "queues": [member.queue for member in seat.memberships],
            "caller_number": other.connected_number if other is not None else "",
            "caller_name": other.connected_name if other is not None else "",
            "confidential": not calls.isdisjoint(confidential),
        }
    return made


def call_items(calls: Iterable[OpenCall], confidential: Collection[str]) -> Items:
    """Calls in progress, as the ledger has them."""
    made: dict[str, Item] = {}
    for one in calls:
        call = one.call
        # The citizen's number, whichever side he is on: this field is masked, no other. In a call
        # that a seat makes, the ledger's seat is the one who was reached: the citizen.
        citizen, seat = call.caller_number, call.seat
        if call.direction is Direction.OUTBOUND:
            citizen, seat = call.called_number, call.caller_number
        made[call.id] = {
            "direction": call.direction.value,
            "state": "waiting" if one.waiting else "talking" if one.talking else "other",
            "caller_number": citizen,
            "caller_name": call.caller_name,
            "queue": call.queue,
            "seat": seat,
            "started_at": moment(call.started_at),
            "answered_at": moment(call.answered_at) if call.answered_at else None,
            "confidential": call.id in confidential,
        }
    return made


def moment(at: datetime) -> str:
    """As every answer of the API writes it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def shown(view: View, sight: Sight) -> Iterator[tuple[str, dict[str, Item]]]:
    """The whole view as a watcher may see it."""
    for kind in KINDS:
        items = view.get(kind, {})
        yield kind, {key: sight.of(item) for key, item in items.items()}
