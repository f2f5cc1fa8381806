"""A call's records while they still change; `row()` is what the ledger keeps of each.

Texts come from callers and phones, so they are cut to the ledger's width and freed of what a
database cannot store. Ends are never before their beginnings, whatever the PBX's clock does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from callcenter.telephony.domain.ledger import (
    EndedBy,
    LedgerRow,
    NoRoom,
    QueueVisitRow,
    RatingRow,
    RecordingRow,
    RingEnd,
    RingRow,
    TalkRow,
    TalkTakenBack,
    TransferEnd,
    TransferKind,
    TransferRow,
    Via,
    VisitEnd,
    VoiceMessageRow,
)
from callcenter.telephony.domain.voices import JUDGED_CODEC, Count, Sent, sent_at_least

if TYPE_CHECKING:
    from callcenter.telephony.domain.call import OpenCall
    from callcenter.telephony.domain.legs import Leg


def clean(text: str, limit: int) -> str:
    """`text` as a database can store it: no NUL, no half surrogate, at most `limit` characters."""
    if len(text) > limit:
        text = text[:limit]
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def later(start: datetime, end: datetime | None) -> datetime | None:
    """`end`, but never before `start`: the clock may have been set back between them."""
    return start if end is not None and end < start else end


@dataclass(slots=True, eq=False)
class Record(ABC):
    """What all records share: the call they hang on, and whether the ledger must be told."""

    call: OpenCall
    number: int
    """1 for the call's first record of its kind."""

    def id(self, letter: str) -> str:
        """``CALL/q1``."""
        return f"{self.call.id}/{letter}{self.number}"

    @abstractmethod
    def row(self) -> LedgerRow | None:
        """The ledger's record as it is now; None while there is none to keep."""


@dataclass(slots=True, eq=False)
class Visit(Record):
    """One stay in a queue."""

    leg: Leg
    queue: str
    joined_at: datetime
    left_at: datetime | None = None
    how: VisitEnd | None = None
    priority: int = 0

    def row(self) -> QueueVisitRow:
        """The ledger's record."""
        left_at = later(self.joined_at, self.left_at) if self.how is not None else None
        return QueueVisitRow(
            self.id("q"),
            self.call.id,
            clean(self.leg.uniqueid, 40),
            clean(self.queue, 64),
            self.joined_at,
            left_at,
            self.how,
            self.priority,
        )


@dataclass(slots=True, eq=False)
class Ring(Record):
    """One offer to a seat or an outside number."""

    leg: Leg
    visit: Visit | None
    rang_at: datetime
    ended_at: datetime | None = None
    how: RingEnd | None = None

    def row(self) -> RingRow:
        """The ledger's record."""
        return RingRow(
            self.id("r"),
            self.call.id,
            self.visit.id("q") if self.visit is not None else None,
            clean(self.leg.party, 128),
            clean(self.leg.uniqueid, 40),
            self.rang_at,
            later(self.rang_at, self.ended_at),
            self.how,
        )


@dataclass(slots=True, eq=False)
class Talk(Record):
    """The caller's conversation with one leg, from the first moment together to the last."""

    leg: Leg
    via: Via
    started_at: datetime
    ended_at: datetime | None = None
    ended_by: EndedBy | None = None
    parted_at: datetime | None = None
    """When they parted last; a seat that only consults somebody comes back."""
    over: bool = False
    brought_by: Transfer | None = None
    """The transfer that it settled."""
    taken_back: bool = False
    """It was none."""

    def row(self) -> TalkRow | TalkTakenBack:
        """The ledger's record."""
        if self.taken_back:
            at = self.ended_at or self.parted_at or self.started_at
            return TalkTakenBack(self.id("t"), self.call.id, clean(self.leg.party, 128), at)
        return TalkRow(
            self.id("t"),
            self.call.id,
            clean(self.leg.party, 128),
            clean(self.leg.uniqueid, 40),
            clean(self.leg.name, 128),
            self.via,
            self.started_at,
            later(self.started_at, self.ended_at) if self.over else None,
            self.ended_by if self.over else None,
        )


@dataclass(slots=True, eq=False)
class Transfer(Record):
    """One transfer."""

    kind: TransferKind
    from_seat: str
    target: str
    bridge: str
    at: datetime
    how: TransferEnd = TransferEnd.PENDING
    taken: bool = False
    """Somebody talked with the caller after it."""
    sender: Leg | None = None

    def row(self) -> TransferRow:
        """The ledger's record."""
        return TransferRow(
            self.id("x"),
            self.call.id,
            self.kind,
            clean(self.from_seat, 128),
            clean(self.target, 128),
            self.at,
            self.how,
        )


@dataclass(slots=True, eq=False)
class Recording(Record):
    """One file of the PBX; it is in the ledger once the caller is together with somebody."""

    leg: Leg
    """Whose: it is written as long as that leg lives."""
    path: str
    before_us: int
    """How long the caller had been together with somebody before it began, microseconds."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    no_room: NoRoom = NoRoom.NOWHERE
    gaps: list[list[int]] = field(default_factory=list)
    """Beginning and, once it is over, end of each pause, milliseconds of the recording."""
    counts: list[Count] = field(default_factory=list)
    renewed: int = 0
    """How often it was begun anew, for somebody else spoke to the caller."""
    judged: bool = True
    """Whether the counts say what must be heard: see `voices.JUDGED_CODEC`."""

    def count(self, count: Count, codec: str, *, renewed: bool) -> bool:
        """Take what was sent until now; whether the ledger's record changes by it."""
        self.counts.append(count)
        self.renewed += renewed
        self.judged = self.judged and codec == JUDGED_CODEC
        return self.started_at is not None

    def _sent(self) -> Sent | None:
        if len(self.counts) < 2 or not self.judged:
            return None
        now = self._at(self.call.together_us)
        return sent_at_least(self.counts, sum([*gap, now][1] - gap[0] for gap in self.gaps))

    def pause(self, together_us: int) -> bool:
        """Silent from here on; False if it is already."""
        if self.gaps and len(self.gaps[-1]) == 1:
            return False
        self.gaps.append([self._at(together_us)])
        return True

    def resume(self, together_us: int) -> bool:
        """No longer silent; False if it was not."""
        if not self.gaps or len(self.gaps[-1]) > 1:
            return False
        self.gaps[-1].append(self._at(together_us))
        return True

    def _at(self, together_us: int) -> int:
        return max(0, together_us - self.before_us) // 1000

    def row(self) -> RecordingRow | None:
        """The ledger's record, None while nothing was recorded."""
        if self.started_at is None:
            return None
        sent = self._sent()
        return RecordingRow(
            self.id("rec"),
            self.call.id,
            clean(self.path, 1024),
            self.started_at,
            later(self.started_at, self.ended_at),
            self._at(self.call.together_us),
            " ".join("-".join([*map(str, gap), ""][:2]) for gap in self.gaps),
            self.no_room,
            self.renewed,
            sent.left if sent is not None else None,
            sent.right if sent is not None else None,
        )


@dataclass(slots=True, eq=False)
class VoiceMessage(Record):
    """One voice message."""

    path: str
    reason: str
    started_at: datetime
    ended_at: datetime | None = None
    no_room: NoRoom = NoRoom.NOWHERE

    def row(self) -> VoiceMessageRow:
        """The ledger's record."""
        return VoiceMessageRow(
            self.id("vm"),
            self.call.id,
            clean(self.path, 1024),
            clean(self.reason, 32),
            self.started_at,
            later(self.started_at, self.ended_at),
            self.no_room,
        )


@dataclass(slots=True, eq=False)
class Rating(Record):
    """One score."""

    seat: str
    score: int
    at: datetime

    def row(self) -> RatingRow:
        """The ledger's record."""
        return RatingRow(self.id("s"), self.call.id, clean(self.seat, 128), self.score, self.at)
