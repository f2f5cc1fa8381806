"""Channels of a call, seen as legs: whose they are, and who is together with whom.

A seat is ``PJSIP/<digits>-…``; the telephone network is any endpoint whose name begins with
``trunk``. Local channels are plumbing: never a party, only a way from one bridge to another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from callcenter.telephony.domain.ids import Linkedid, Uniqueid
from callcenter.telephony.domain.ledger import CITIZEN, UNKNOWN_OUTSIDE

if TYPE_CHECKING:
    from callcenter.telephony.domain.call import OpenCall
    from callcenter.telephony.domain.ledger import EndedBy
    from callcenter.telephony.domain.records import Ring, Talk, Visit


class LegKind(StrEnum):
    """What stands at the far end of a channel."""

    SEAT = "seat"
    TRUNK = "trunk"
    PHONE = "phone"
    """A SIP endpoint that is neither a seat nor the trunk."""
    LOCAL = "local"
    OTHER = "other"
    """The PBX's own helpers: announcers, recorders, snoops."""

    @property
    def is_party(self) -> bool:
        """Whether a person can be there."""
        return self in (LegKind.SEAT, LegKind.TRUNK, LegKind.PHONE)


@dataclass(slots=True, eq=False)
class Leg:
    """One channel, from CHAN_START to CHAN_END."""

    uniqueid: Uniqueid
    linkedid: Linkedid
    name: str
    kind: LegKind
    endpoint: str
    """``8001`` of ``PJSIP/8001-0000002a``; of a Local channel, what both halves share."""
    exten: str
    call: OpenCall
    dialled: str = ""
    """The outside number a trunk leg was called for."""
    bridge: str = ""
    """The bridge it is in, or ''."""
    app: str = ""
    """``Queue`` or ``Dial`` while it waits for or talks through it."""
    appdata: str = ""
    position: int = 0
    """Where the journal begins to tell of it, see `CallBook.apply`."""
    hung_up: bool = False
    left_at: datetime | None = None
    """When it left the last bridge it was in."""
    ended: bool = False
    transferring: bool = False
    """It has sent its other side away; that it leaves now is its own doing."""
    no_talk: bool = False
    """It answered, and nothing came of it."""
    taking_over: bool = False
    """A supervisor's, who takes the caller over from a seat."""
    ordered: EndedBy | None = None
    """On whose order the PBX hangs it up; None: it was no order of ours."""
    ring: Ring | None = None
    talk: Talk | None = None
    visit: Visit | None = None
    """The stay in a queue that is going on, or whose end has no reason yet."""
    rings_made: list[Ring] = field(default_factory=list)
    """Rings that it caused by Queue or Dial and that nobody answered."""

    def left_by(self, other: Leg) -> bool:
        """Whether `other` left their bridge before it did."""
        if other.left_at is None or other.bridge:
            return False
        return self.left_at is None or other.left_at < self.left_at

    @property
    def party(self) -> str:
        """Who is there: a seat's extension, an outside number, or another citizen."""
        if self.kind is LegKind.TRUNK:
            return self.dialled or (
                f"{CITIZEN}{self.call.id}" if self.is_citizen else UNKNOWN_OUTSIDE
            )
        return self.endpoint

    @property
    def is_citizen(self) -> bool:
        """Whether somebody has called us on it: on the trunk, and not dialled from here."""
        return self.kind is LegKind.TRUNK and not self.dialled and self.call.anchor is self


def kind_of(channel: str) -> tuple[LegKind, str]:
    """Kind and endpoint of a channel name such as ``PJSIP/8001-0000002a``."""
    technology, _, rest = channel.partition("/")
    if technology == "Local":
        return LegKind.LOCAL, rest.rpartition(";")[0]
    if technology != "PJSIP":
        return LegKind.OTHER, rest
    endpoint = rest.rpartition("-")[0] or rest
    if endpoint.isascii() and endpoint.isdigit():
        return LegKind.SEAT, endpoint
    if endpoint.startswith("trunk"):
        return LegKind.TRUNK, endpoint
    return LegKind.PHONE, endpoint


def dialled_number(appdata: str, endpoint: str) -> str | None:
    """What Dial calls `endpoint` for, '' for the endpoint itself; None: it does not call it.

    Both forms are known: ``PJSIP/NUMBER@ENDPOINT`` and ``PJSIP/ENDPOINT/sip:NUMBER@HOST``.
    """
    for target in appdata.partition(",")[0].split("&"):
        technology, _, rest = target.partition("/")
        if technology != "PJSIP":
            continue
        first, slash, uri = rest.partition("/")
        if slash and first == endpoint:
            return uri.removeprefix("sips:").removeprefix("sip:").partition("@")[0]
        number, at, where = first.rpartition("@")
        if at and where == endpoint:
            return number
        if first == endpoint:
            return ""
    return None


class Bridges:
    """Who is together."""

    __slots__ = ("_members", "_plumbing")

    def __init__(self) -> None:
        self._members: dict[str, list[Leg]] = {}
        self._plumbing: dict[str, list[Leg]] = {}

    def lay(self, leg: Leg) -> None:
        """Remember a Local channel's half."""
        self._plumbing.setdefault(leg.endpoint, []).append(leg)

    def enter(self, leg: Leg, bridge: str) -> None:
        """`leg` is in `bridge` now, and nowhere else."""
        self.leave(leg)
        leg.bridge = bridge
        self._members.setdefault(bridge, []).append(leg)

    def leave(self, leg: Leg, bridge: str | None = None) -> None:
        """`leg` is no longer in `bridge` (None: in none)."""
        if not leg.bridge or (bridge is not None and bridge != leg.bridge):
            return
        members = self._members[leg.bridge]
        members.remove(leg)
        if not members:
            del self._members[leg.bridge]
        leg.bridge = ""

    def company(self, anchor: Leg) -> list[Leg]:
        """The other parties that `anchor` is together with, directly or through Local channels."""
        if not anchor.bridge:
            return []
        members = self._members[anchor.bridge]
        if len(members) == 2:
            other = members[0] if members[1] is anchor else members[1]
            if other.kind.is_party:
                return [other]
        return [
            leg for leg in self.around(anchor.bridge) if leg is not anchor and leg.kind.is_party
        ]

    def around(self, bridge: str) -> list[Leg]:
        """Every leg in `bridge` and in the bridges that Local channels join to it."""
        found: list[Leg] = []
        seen = {bridge}
        bridges = [bridge]
        for one in bridges:
            for leg in self._members.get(one, ()):
                found.append(leg)
                if leg.kind is LegKind.LOCAL:
                    for half in self._plumbing.get(leg.endpoint, ()):
                        if half.bridge and half.bridge not in seen:
                            seen.add(half.bridge)
                            bridges.append(half.bridge)
        return found

    def forget(self, leg: Leg) -> None:
        """`leg` is gone for good."""
        self.leave(leg)
        halves = self._plumbing.get(leg.endpoint) if leg.kind is LegKind.LOCAL else None
        if halves and leg in halves:
            halves.remove(leg)
            if not halves:
                del self._plumbing[leg.endpoint]
