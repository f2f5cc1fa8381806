"""Since when each seat is in its state, also over a restart of ours.

A change that was watched is timed by the watch. What a seat was doing when the watch began, or
began again after an outage, is timed by what is known of it, in this order of trust:

- *Talking, on hold, ringing*: the ledger's talk or ring that goes on; the journal saw it begin.
- *Idle*: the newest end of a talk or ring at the seat. The ledger says it, perhaps a moment after
  the watch has begun, while the journal is being caught up; the clock is put right then.
- The clock that was kept (`live.repository`), if the state is the same: it is the only word on a
  phone that nobody calls. Of it and the ledger's the later one holds.
- *Ringing, dialling*: the moment in the leg's own name, which Asterisk gives in whole seconds.
- Else the moment at which the watch began: the change fell into the outage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from callcenter.telephony.domain.floor import Seat
from callcenter.telephony.domain.ids import uniqueid_key
from callcenter.telephony.domain.ledger import LedgerChanges
from callcenter.workforce.live.seat_state import SeatState, seat_state

_TALKS = frozenset({SeatState.TALKING, SeatState.ON_HOLD})
_LEGS = frozenset({SeatState.RINGING, SeatState.DIALLING})


@dataclass(frozen=True, slots=True)
class SeatClock:
    """A seat's state and when it began."""

    state: SeatState
    since: datetime


@dataclass(frozen=True, slots=True)
class _Running:
    """A clock of the present picture."""

    clock: SeatClock
    watched: bool
    """Its beginning was seen, so nothing is known better."""
    found_at: datetime
    leg_at: datetime | None = None
    """From the names of its legs."""


@dataclass(slots=True)
class _Told:
    """What the ledger says of a seat."""

    talks: dict[str, datetime] = field(default_factory=dict)
    """That go on, by their ids: when they began."""
    rings: dict[str, datetime] = field(default_factory=dict)
    free: datetime | None = None
    """The newest end."""

    def since(self, state: SeatState) -> datetime | None:
        """When `state` began, if the ledger knows."""
        if state in _TALKS:
            return max(self.talks.values(), default=None)
        if state is SeatState.RINGING:
            return max(self.rings.values(), default=None)
        return self.free if state is SeatState.IDLE else None


class SeatClocks:
    """The clocks of one PBX's seats."""

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}
        self._kept: dict[str, SeatClock] = {}
        """Of seats that are not in the picture: as an earlier process, or an earlier link, had
        them."""
        self._told: dict[str, _Told] = {}
        self._unsaved: set[str] = set()

    def restore(self, kept: Mapping[str, SeatClock]) -> None:
        """What an earlier process kept; for the first picture."""
        self._kept = {**kept, **self._kept}

    def told(self, changes: LedgerChanges) -> bool:
        """Take rows of the ledger, each in its newest form; whether a clock was put right."""
        touched = set()
        for gone in changes.talks_taken_back:
            if self._asks(gone.seat):
                told = self._told.setdefault(gone.seat, _Told())
                told.talks.pop(gone.id, None)
                told.free = max(told.free or gone.at, gone.at)
                touched.add(gone.seat)
        rows = [(r.seat, r.id, r.started_at, r.ended_at, True) for r in changes.talks]
        rows += [(r.seat, r.id, r.rang_at, r.ended_at, False) for r in changes.rings]
        for seat, key, began, ended, is_talk in rows:
            if not self._asks(seat):
                continue
            told = self._told.setdefault(seat, _Told())
            going = told.talks if is_talk else told.rings
            if ended is None:
                going[key] = began
            else:
                going.pop(key, None)
                told.free = max(told.free or ended, ended)
            touched.add(seat)
        righted = False
        for seat in touched & self._running.keys():
            before = self._running[seat]
            after = replace(before, clock=self._found(seat, before))
            self._running[seat] = after
            if after.clock != before.clock:
                self._unsaved.add(seat)
                righted = True
        return righted

    def _asks(self, seat: str) -> bool:
        """Whether the ledger's word on `seat` may be needed; outside numbers talk, too."""
        running = self._running.get(seat)
        if running is not None:
            return not running.watched
        return not self._running or seat in self._kept

    def see(
        self,
        seats: Iterable[Seat],
        now: datetime,
        among: Collection[str] | None = None,
        holding: Collection[str] = (),
    ) -> Mapping[str, SeatClock]:
        """The clock of each of `seats` at the moment `now`.

        They are all there are, or all there are `among` some extensions; then the others are as
        they were. `holding`: `seat_state.seats_on_hold`.
        """
        looked = {str(seat.extension): seat for seat in seats}
        asked = self._running.keys() if among is None else self._running.keys() & set(among)
        for name in asked - looked.keys():
            self._kept[name] = self._running.pop(name).clock
        for name, seat in looked.items():
            self._look(name, seat_state(seat, holds=name in holding), seat, now)
        if self._running and self._told:
            self._told = {
                name: told
                for name, told in self._told.items()
                if name in self._running or name in self._kept
            }
        return {name: self._running[name].clock for name in looked}

    def _look(self, name: str, state: SeatState, seat: Seat, now: datetime) -> None:
        known = self._running.get(name)
        if known is not None and known.clock.state is state:
            return
        if known is not None:
            made = _Running(SeatClock(state, now), True, now)
        else:
            made = _Running(SeatClock(state, now), False, now, _leg_at(seat, state))
            made = replace(made, clock=self._found(name, made))
        self._running[name] = made
        self._unsaved.add(name)

    def _found(self, name: str, seen: _Running) -> SeatClock:
        """The clock of a seat whose present state was not seen to begin."""
        state = seen.clock.state
        told, kept = self._told.get(name), self._kept.get(name)
        moments = [told.since(state) if told is not None else None]
        if kept is not None and kept.state is state:
            moments.append(kept.since)
        known = [one for one in moments if one is not None]
        return SeatClock(state, max(known, default=seen.leg_at or seen.found_at))

    def take_unsaved(self) -> Mapping[str, SeatClock]:
        """The clocks that have changed since the last time."""
        names, self._unsaved = self._unsaved, set()
        return {name: self._running[name].clock for name in names if name in self._running}

    def not_saved(self, names: Iterable[str]) -> None:
        """They could not be kept: give them again."""
        self._unsaved.update(names)


def _leg_at(seat: Seat, state: SeatState) -> datetime | None:
    if state not in _LEGS:
        return None
    seconds = [uniqueid_key(leg.uniqueid)[0] for leg in seat.channels]
    known = [one for one in seconds if one < 2**40]
    return datetime.fromtimestamp(min(known), UTC) if known else None
