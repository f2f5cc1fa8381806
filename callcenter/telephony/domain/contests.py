"""Two phones with one seat's account, which take it from each other.

The newest registration is a seat's phone, so two that stay take the seat from one another at every
refresh, and a citizen rings where nobody sits. That is seen by the alternation: a phone that was
there and well is displaced by another, and displaces that one in its turn, within the time of two
registrations. One that left, or could not be reached, was displaced by nobody; a phone that comes
back from another port is a third one and no alternation.

The phone of the log-in keeps the seat: the one that was registered when the agent logged in; if
there was none, the first that came; the browser, if it fetched its log-in. Where that is not known
(the service began after the log-in) it is the one that was there first. While a contest goes on and
that phone is there, the PBX is to take no other (`kept`); while the other one is there, the seat
cannot be called (`usurped`). It is over when the agent leaves, when the phone that kept the seat
has gone, and otherwise when nothing alternates any more.

Pure: `now` is POSIX seconds, as a registration's end is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.registrations import Reachability, Registration, Transport

Place = tuple[Transport, str]
"""How a phone came and from where: what tells one from another."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Two phones at one seat."""

    keeps: Place
    """Whose the seat is."""
    other: Place
    since: float
    last: float
    """When one displaced the other, or was kept from it, for the last time."""


@dataclass(slots=True)
class _Seat:
    present: Registration | None = None
    last: Place | None = None
    """Of the phone that was there at last."""
    seated: bool = False
    login: Place | None = None
    """The phone of the log-in."""
    expects: bool = False
    """The first phone that comes is it."""
    expects_browser: bool = False
    """The first browser that comes is it, whatever is there."""
    displaced: tuple[Place, Place, float] | None = None
    """Who displaced whom at last, and when."""
    contest: Contest | None = None
    held: bool = False
    """The PBX lets no other phone displace the one that is there."""


class Contests:
    """All seats. `span` is the time of two registrations, in seconds."""

    def __init__(self, span: float) -> None:
        self._span = span
        self._seats: dict[Extension, _Seat] = {}
        self._began = False

    @property
    def contested(self) -> Mapping[Extension, Contest]:
        """Seats that two phones are at."""
        return {
            name: seat.contest for name, seat in self._seats.items() if seat.contest is not None
        }

    @property
    def kept(self) -> frozenset[Extension]:
        """Seats whose phone the PBX must not let another one displace."""
        return frozenset(
            name
            for name, seat in self._seats.items()
            if seat.contest is not None
            and seat.seated
            # Not there for a moment: the PBX is being told, or the phone moves; who comes is seen.
            and (seat.present is None or _place(seat.present) == seat.contest.keeps)
        )

    @property
    def usurped(self) -> frozenset[Extension]:
        """Seats at which an agent sits, and whose phone is the other one now."""
        return frozenset(
            name
            for name, seat in self._seats.items()
            if seat.contest is not None
            and seat.seated
            and seat.present is not None
            and _place(seat.present) != seat.contest.keeps
        )

    def sits(self, seated: Collection[Extension]) -> None:
        """Somebody is logged in at these seats, and at no other."""
        for name in seated:
            seat = self._seats.setdefault(name, _Seat())
            if seat.seated:
                continue
            seat.seated = True
            if not self._began:
                continue  # He sat there before we looked: nobody knows with which phone.
            seat.login = None if seat.present is None else _place(seat.present)
            seat.expects = seat.login is None
            if seat.contest is not None and seat.login is not None:
                self._keeps(seat, seat.login)
        for name, seat in self._seats.items():
            if seat.seated and name not in seated:
                seat.seated = seat.expects = seat.expects_browser = False
                seat.login = seat.contest = seat.displaced = None
        self._began = True

    def expects_browser(self, name: Extension) -> None:
        """The agent's browser has fetched what it needs to be the seat's phone."""
        self._seats.setdefault(name, _Seat()).expects_browser = True

    def held(self, names: Collection[Extension]) -> None:
        """The PBX has been told to keep the phones of these seats, and of no other."""
        for name, seat in self._seats.items():
            seat.held = name in names

    def phones(self, known: Mapping[Extension, Registration], now: float) -> None:
        """These phones are registered, and no other."""
        for name in {*known, *self._seats}:
            seat = self._seats.setdefault(name, _Seat())
            before, seat.present = seat.present, known.get(name)
            if seat.present is not None:
                self._came(seat, before, seat.present, now)
                seat.last = _place(seat.present)
            if seat.displaced is not None and now - seat.displaced[2] > self._span:
                seat.displaced = None
            if seat.contest is None:
                continue
            if seat.seated and self._has_kept(seat):
                # A seat that is kept is quiet because it is kept.
                seat.contest = replace(seat.contest, last=now)
            elif now - seat.contest.last > self._span:
                seat.contest = None

    def _came(
        self, seat: _Seat, before: Registration | None, present: Registration, now: float
    ) -> None:
        place = _place(present)
        if before is not None and _place(before) == place:
            return
        browser = seat.expects_browser and present.transport.browser
        if seat.expects or browser:
            seat.login, seat.expects = place, False
            seat.expects_browser = seat.expects_browser and not browser
            if seat.contest is not None:
                self._keeps(seat, place)
        # Of a seat that is held, another one can only be there after the first has left.
        if before is None or seat.held or not _well(before, now):
            if seat.last not in (None, place):
                # It left, and whoever comes then has displaced nobody: the agent's phone has moved.
                seat.contest = seat.displaced = None
                if seat.login == seat.last:
                    seat.login = place
            return
        last, gone = seat.displaced, _place(before)
        seat.displaced = (place, gone, now)
        if last is None or last[:2] != (gone, place) or now - last[2] > self._span:
            return
        if seat.contest is not None and {seat.contest.keeps, seat.contest.other} == {place, gone}:
            seat.contest = replace(seat.contest, last=now)
            return
        # Not known which: who was there first, and has come back.
        keeps = seat.login if seat.login in (place, gone) else place
        seat.contest = Contest(keeps, gone if keeps == place else place, now, now)

    def _has_kept(self, seat: _Seat) -> bool:
        return (
            seat.contest is not None
            and seat.present is not None
            and _place(seat.present) == seat.contest.keeps
        )

    def _keeps(self, seat: _Seat, place: Place) -> None:
        """The seat is the phone's at `place`, if it is one of the two."""
        contest = seat.contest
        if contest is None or place == contest.keeps:
            return
        if place == contest.other:
            seat.contest = replace(contest, keeps=place, other=contest.keeps)
        else:
            seat.contest = None  # A third one: nothing alternates yet.


def _place(phone: Registration) -> Place:
    return phone.transport, phone.address


def _well(phone: Registration, now: float) -> bool:
    """Whether the phone was there to the last: who has gone is displaced by nobody."""
    lives = phone.expires_at is None or phone.expires_at > now
    return lives and phone.reachability is not Reachability.UNREACHABLE
