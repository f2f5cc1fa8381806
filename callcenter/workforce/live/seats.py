"""The seats of the view, made anew only where something is otherwise than before.

A call touches two or three endpoints, and there may be 750 seats: to make all of them anew ten
times a second was a tenth of the service's CPU at ten calls a second with 200 seats.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from callcenter.telephony.domain.floor import Floor, touched
from callcenter.workforce.live.clocks import SeatClocks
from callcenter.workforce.live.seat_state import seats_on_hold
from callcenter.workforce.live.view import Items, seat_items


class SeatsInView:
    """Of one PBX."""

    def __init__(self, node: str, clocks: SeatClocks) -> None:
        self._node = node
        self._clocks = clocks
        self._floor: Floor | None = None
        """Of which `_items` were made; None: make all of them anew."""
        self._hidden: Collection[str] = frozenset()
        self._holding: frozenset[str] = frozenset()
        self._items: Items = {}

    def forget(self) -> None:
        """Something is otherwise that the floor does not say: a clock was put right."""
        self._floor = None

    def items(self, floor: Floor, hidden: Collection[str], now: datetime) -> Items:
        """Every seat of `floor` by its extension; `hidden` are the calls whose citizen is hidden.

        The very same value as the last time if nothing has changed.
        """
        before = self._floor if hidden == self._hidden else None
        self._floor, self._hidden = floor, hidden
        holding, was_holding = seats_on_hold(floor), self._holding
        self._holding = holding
        among = None if before is None else touched(before, floor) | (holding ^ was_holding)
        if among is not None and not among:
            return self._items
        seats = floor.seats(among)
        clocks = self._clocks.see(seats, now, among, holding)
        made = seat_items(seats, clocks, self._node, hidden)
        if among is not None:
            rest = {key: item for key, item in self._items.items() if key not in among}
            made = {**rest, **made}
            if made.keys() != self._items.keys():
                made = dict(sorted(made.items(), key=lambda pair: (len(pair[0]), pair[0])))
            else:
                made = {key: made[key] for key in self._items}
        self._items = made
        return made
