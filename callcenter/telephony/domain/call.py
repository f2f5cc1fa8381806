"""One call while it still changes: what its channels do, told as the ledger's records.

The call is its first channel, the *anchor*: it begins and ends with it and is never merged into
another, whatever the bridges do. A *talk* is the anchor together with one other party; the
parties are found by asking who shares a bridge, directly or through Local channels, so that it
makes no difference how they came together.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from callcenter.telephony.domain.ids import CallId
from callcenter.telephony.domain.ledger import (
    PRIORITY_FRONT,
    PRIORITY_RETURNED,
    CallRow,
    Direction,
    EndedBy,
    Outcome,
    RingEnd,
    TransferEnd,
    TransferKind,
    Via,
    VisitEnd,
)
from callcenter.telephony.domain.legs import Leg, LegKind
from callcenter.telephony.domain.records import (
    Rating,
    Record,
    Recording,
    Ring,
    Talk,
    Transfer,
    Visit,
    VoiceMessage,
    clean,
    later,
)

SAME_MOMENT = timedelta(milliseconds=200)
"""What the PBX's threads need to write about one thing: below 1 ms seen, with much to spare."""
MICROSECOND = timedelta(microseconds=1)


class OpenCall:
    """A call whose story is not over."""

    def __init__(self, identity: CallId, node: str, linkedid: str, started_at: datetime) -> None:
        self.id = identity
        self.node = node
        self.linkedid = linkedid
        self.anchor: Leg
        self.position = 0
        """Where the journal begins to tell of it."""
        self.legs: set[Leg] = set()
        self.listed = False
        """Whether it is a call for the ledger; the PBX's own errands are not."""
        self.closed = False
        self.direction = Direction.INTERNAL
        self.caller_number = ""
        self.caller_name = ""
        self.called_number = ""
        self.started_at = started_at
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.ended_by: EndedBy | None = None
        self.hung_up_by: EndedBy | None = None
        """Who ended the anchor's channel, as far as the PBX said it."""
        self.route = ""
        self.queue = ""
        self.seat = ""
        self.first_seat = ""
        self.case_number = ""
        self.routed_priority = 0
        self.priority = 0
        """With which it joins a queue next: as routed, but after a talk that was lost."""
        self.too_many = False
        self.blocked = self.told_closed = self.overflowed = self.interrupted = False
        self.callback = False
        """The caller asked to be called back."""
        self.visits: list[Visit] = []
        self.rings: list[Ring] = []
        self.talks: list[Talk] = []
        self.transfers: list[Transfer] = []
        self.recordings: list[Recording] = []
        self.voice_messages: list[VoiceMessage] = []
        self.ratings: list[Rating] = []
        self.together_us = 0
        """How long the anchor has been together with somebody, microseconds, up to the last
        time they parted."""
        self.with_whom: list[Leg] = []
        self._since: datetime | None = None
        self.changed: dict[Record | OpenCall, None] = {}
        """Records whose row is not in the ledger as it is now."""

    # -- what the ledger keeps ------------------------------------------------------------------

    def records(self) -> Iterator[Record]:
        """All records of the call."""
        for kind in (
            self.visits,
            self.rings,
            self.talks,
            self.transfers,
            self.recordings,
            self.voice_messages,
            self.ratings,
        ):
            yield from kind

    def row(self) -> CallRow:
        """The ledger's record."""
        over = self.closed
        return CallRow(
            self.id,
            self.node,
            clean(self.linkedid, 40),
            self.direction,
            clean(self.caller_number, 128),
            clean(self.caller_name, 256),
            clean(self.called_number, 128),
            self.started_at,
            later(self.started_at, self.answered_at),
            later(self.started_at, self.ended_at) if over else None,
            self.ended_by if over else None,
            self._outcome(),
            clean(self.route, 32),
            clean(self.queue, 64),
            clean(self.seat, 128),
            clean(self.first_seat, 128),
            clean(self.case_number, 32),
        )

    def _outcome(self) -> Outcome:
        if self.interrupted:
            return Outcome.INTERRUPTED
        if not self.closed:
            return Outcome.IN_PROGRESS
        if self.answered_at is not None:
            return Outcome.ANSWERED
        if self.direction is not Direction.INBOUND:
            return Outcome.NOT_ANSWERED
        for holds, outcome in (
            (self.callback, Outcome.CALLBACK),
            (bool(self.voice_messages), Outcome.VOICE_MESSAGE),
            (self.blocked, Outcome.BLOCKED),
            (self.too_many, Outcome.TOO_MANY),
            (self.told_closed, Outcome.CLOSED),
            (self.overflowed, Outcome.OVERFLOW),
            (
                bool(self.visits) and self.visits[-1].how is VisitEnd.ABANDONED,
                Outcome.ABANDONED,
            ),
        ):
            if holds:
                return outcome
        return Outcome.HUNG_UP

    def touch(self, record: Record | OpenCall) -> None:
        """The ledger must be told of `record`."""
        self.changed[record] = None

    def list_it(self) -> None:
        """It is a call for the ledger, with everything that was noted so far."""
        if not self.listed:
            self.listed = True
            self.touch(self)
            for record in self.records():
                self.touch(record)

    # -- queues and rings -----------------------------------------------------------------------

    def join_queue(self, leg: Leg, queue: str, at: datetime) -> None:
        """`leg` entered a queue, or goes on waiting after a subroutine of Queue()'s own: a stay
        that is over has been settled before the next one begins."""
        before = leg.visit
        if before is not None and before.how is None and before.queue == queue:
            before.left_at = None
            return
        leg.visit = Visit(self, len(self.visits) + 1, leg, queue, at, priority=self.priority)
        self.visits.append(leg.visit)
        self.touch(leg.visit)
        if not self.queue:
            self.queue = queue
            self.touch(self)

    def to_front(self, visit: Visit) -> None:
        """A supervisor has moved him before all others."""
        visit.priority = PRIORITY_FRONT
        self.touch(visit)

    def leave_queue(self, visit: Visit, at: datetime) -> None:
        """The stay is over; why, is said later, unless it ended in a talk."""
        if visit.how is None:
            visit.left_at = at

    def settle_visit(self, visit: Visit, how: VisitEnd, at: datetime) -> None:
        """Say how a stay ended; the first word counts."""
        if visit.how is None:
            visit.how = how
            visit.left_at = visit.left_at or at
            self.touch(visit)

    def ring(self, leg: Leg, visit: Visit | None, at: datetime) -> None:
        """`leg` is offered the call."""
        leg.ring = Ring(self, len(self.rings) + 1, leg, visit, at)
        self.rings.append(leg.ring)
        self.touch(leg.ring)

    def settle_ring(self, ring: Ring, how: RingEnd, at: datetime) -> None:
        """Say how an offer ended."""
        ring.how = how
        ring.ended_at = ring.ended_at or at
        self.touch(ring)

    def give_up_rings(self, leg: Leg, at: datetime) -> None:
        """`leg` caused rings and is gone: an offer that ended this very moment was its doing."""
        for ring in leg.rings_made:
            if ring.how is None or (
                ring.how is RingEnd.NO_ANSWER
                and ring.ended_at is not None
                and at - ring.ended_at <= SAME_MOMENT
            ):
                self.settle_ring(ring, RingEnd.CANCELLED, at)
        leg.rings_made.clear()

    # -- talks ----------------------------------------------------------------------------------

    def company_is(self, company: list[Leg], at: datetime) -> None:
        """The anchor is together with `company` now, and with nobody else."""
        before = self.with_whom
        if company == before:
            return
        self.with_whom = company
        if company and not before:
            self._since = at
        elif before and not company and self._since is not None:
            self.together_us += max(0, (at - self._since) // MICROSECOND)
            self._since = None
            for recording in self.recordings:
                self.touch(recording)
        for leg in before:
            if leg not in company and leg.talk is not None and leg.talk.call is self:
                self._part(leg.talk, at)
        for leg in company:
            if leg not in before:
                self._meet(leg, at)

    def together_at(self, at: datetime) -> int:
        """How long the anchor has been together with somebody until `at`, microseconds."""
        if self._since is None:
            return self.together_us
        return self.together_us + max(0, (at - self._since) // MICROSECOND)

    def _meet(self, leg: Leg, at: datetime) -> None:
        talk = leg.talk
        if talk is not None and talk.call is self and not leg.hung_up:
            # A seat that brings all three together returns after the one it has asked: its talk
            # goes on, whatever was thought of it meanwhile.
            talk.over = False
            talk.ended_at = talk.ended_by = None
            talk.parted_at = None
            self.touch(talk)
            self._make_last(leg)
            return
        for other in self.talks:  # Whoever stepped aside for a consult has been replaced.
            if not other.over and other.parted_at is not None:
                self.end_talk(other, other.parted_at, other.leg.ordered)
        waiting = [x for x in self.transfers if not x.taken]
        via = self._via(leg)
        number = max((one.number for one in self.talks), default=0) + 1
        leg.talk = talk = Talk(self, number, leg, via, at)
        talk.brought_by = next((x for x in reversed(waiting) if x.taken), None)
        self.talks.append(talk)
        self.touch(talk)
        if not leg.is_citizen:
            self.priority = self.routed_priority
            if self.answered_at is None:
                self.answered_at = at
                self.first_seat = leg.party
        self._make_last(leg)
        visit = self.anchor.visit
        if visit is not None:
            self.settle_visit(visit, VisitEnd.CONNECTED, at)
            for ring in self.rings:
                if ring.visit is visit and ring.leg is not leg and ring.how is None:
                    self.settle_ring(ring, RingEnd.CANCELLED, at)
        for recording in self.recordings:
            if recording.started_at is None:
                recording.started_at = at
                self.touch(recording)

    def _make_last(self, leg: Leg) -> None:
        if not leg.is_citizen:  # Another citizen has nothing to do with this one's matter.
            self.seat = leg.party
        self.touch(self)

    def take_back(self, leg: Leg, at: datetime) -> None:
        """What began when `leg` answered was no talk: as if it had refused."""
        ring, talk = leg.ring, leg.talk
        leg.no_talk = True
        if ring is not None and ring.call is self and ring.how in (None, RingEnd.ANSWERED):
            ring.how, ring.ended_at = RingEnd.REFUSED, at
            self.touch(ring)
            if ring.visit is not None:
                # The PBX's queue has let him go: he joins anew, in the place that he had.
                self.settle_visit(ring.visit, VisitEnd.CONNECTED, at)
                if ring.visit.priority <= PRIORITY_RETURNED:
                    self.priority = ring.visit.priority
        if talk is None or talk.call is not self:
            return
        leg.talk = None
        talk.taken_back, talk.ended_at = True, at
        self.talks.remove(talk)
        self.touch(talk)
        if talk.brought_by is not None:
            talk.brought_by.taken = False
            talk.brought_by.how = TransferEnd.PENDING
            self.touch(talk.brought_by)
        parties = [one.leg.party for one in self.talks if not one.leg.is_citizen]
        self.seat = parties[-1] if parties else ""
        if not parties:
            self.answered_at = None
            self.first_seat = ""
        self.touch(self)

    def citizens_parted(self) -> None:
        """It was together with another citizen, and goes to the head of its queue."""
        self.priority = PRIORITY_RETURNED
        last = self.talks[-1] if self.talks else None
        if last is not None and last.leg.is_citizen and last.brought_by is not None:
            last.brought_by.how = TransferEnd.FAILED
            self.touch(last.brought_by)

    @property
    def scored_seat(self) -> str:
        """The seat that the caller talked with last: whom his score is about; '' if with none."""
        seats = (talk.leg.party for talk in reversed(self.talks) if talk.leg.kind is LegKind.SEAT)
        return next(seats, "")

    def _via(self, leg: Leg) -> Via:
        """How `leg` came to talk; settles the transfer that brought it."""
        if leg.taking_over:
            return Via.TAKEN_OVER
        pending = next((x for x in reversed(self.transfers) if not x.taken), None)
        queued = leg.ring is not None and leg.ring.visit is not None and leg.ring.call is self
        if pending is None:
            return Via.QUEUE if queued else Via.DIRECT
        pending.taken = True
        # The PBX names no target where the consult's own channel was gone already.
        pending.target = pending.target or leg.party
        if pending.how is TransferEnd.FAILED:
            return Via.QUEUE if queued else Via.DIRECT
        back = leg.party == pending.from_seat and not queued
        if pending.how is TransferEnd.PENDING:
            pending.how = TransferEnd.RETURNED if back else TransferEnd.COMPLETED
            self.touch(pending)
        if queued:
            return Via.QUEUE
        if back or pending.how is TransferEnd.RETURNED:
            return Via.RETURNED
        return Via.BLIND if pending.kind is TransferKind.BLIND else Via.ATTENDED

    def _part(self, talk: Talk, at: datetime) -> None:
        talk.parted_at = at
        if talk.leg.transferring:
            self.end_talk(talk, at, EndedBy.TRANSFER)
        elif talk.leg.ended:
            self.end_talk(talk, at, None)

    def end_talk(self, talk: Talk, at: datetime, by: EndedBy | None) -> None:
        """The talk is over for good; the first who is known to have ended it stays."""
        if not talk.over:
            talk.over = True
            talk.ended_at = talk.parted_at or at
        if talk.ended_by is None:
            talk.ended_by = by
        self.touch(talk)

    # -- transfers ------------------------------------------------------------------------------

    def transfer(
        self, kind: TransferKind, sender: Leg, target: str, bridge: str, at: datetime
    ) -> Transfer | None:
        """`sender` sends the anchor to `target`; None if this was said before."""
        if any(x.bridge == bridge and not x.taken and bridge for x in self.transfers):
            return None
        made = Transfer(
            self, len(self.transfers) + 1, kind, sender.party, target, bridge, at, sender=sender
        )
        self.transfers.append(made)
        self.touch(made)
        return made

    def mark_transferring(self, leg: Leg) -> None:
        """`leg` leaves because it has sent the caller on."""
        leg.transferring = True
        talk = leg.talk
        if talk is not None and talk.call is self and talk.parted_at is not None:
            self.end_talk(talk, talk.parted_at, EndedBy.TRANSFER)

    def settle_transfer(self, how: TransferEnd) -> None:
        """What the dialplan says of the newest transfer."""
        if self.transfers:
            self.transfers[-1].how = how
            self.touch(self.transfers[-1])

    def attended_now(self, made: Transfer) -> None:
        """An attended transfer is told after the bridges have changed: see who is there."""
        for talk in self.talks:
            if talk.over or talk.leg is made.sender or talk.parted_at is not None:
                continue
            if talk.via is Via.DIRECT and abs(made.at - talk.started_at) <= SAME_MOMENT:
                talk.via = Via.ATTENDED
                talk.brought_by = made
                made.taken = True
                made.how = TransferEnd.COMPLETED
                made.target = made.target or talk.leg.party
                self.touch(talk)
                self.touch(made)

    # -- the end --------------------------------------------------------------------------------

    def close(self, at: datetime, by: EndedBy | None, *, interrupted: bool = False) -> None:
        """The anchor is gone, or the PBX with it."""
        if self.closed:
            return
        if interrupted:
            by = EndedBy.SYSTEM
        self.company_is([], at)
        for talk in self.talks:
            self.end_talk(talk, at, talk.ended_by)
            if talk.ended_by is None:
                talk.ended_by = self.ender_of(talk, by, at)
        for visit in self.visits:
            self.settle_visit(
                visit, VisitEnd.INTERRUPTED if interrupted else VisitEnd.ABANDONED, at
            )
        if interrupted:
            for ring in self.rings:
                if ring.how is None:
                    self.settle_ring(ring, RingEnd.INTERRUPTED, at)
        for transfer in self.transfers:
            if transfer.how is TransferEnd.PENDING:
                transfer.how = TransferEnd.FAILED
                self.touch(transfer)
        for recording in self.recordings:
            # Whom a seat has called may go on with another seat: his leg is still recorded.
            if interrupted or recording.leg.ended:
                self.end_recording(recording, at)
        for message in self.voice_messages:
            if message.ended_at is None:
                message.ended_at = at
                self.touch(message)
        self.closed = True
        self.interrupted = interrupted
        self.ended_at = at
        self.ended_by = by
        self.touch(self)

    @staticmethod
    def ender_of(talk: Talk, by: EndedBy | None, at: datetime) -> EndedBy | None:
        """Who ended `talk`, of which nobody said it, in a call that `by` ends now."""
        if talk.ended_at is None:
            return None
        return by if at - talk.ended_at <= SAME_MOMENT else EndedBy.SYSTEM

    def end_recording(self, recording: Recording, at: datetime) -> None:
        """Nothing more is written into it."""
        if recording.ended_at is None:
            recording.ended_at = at
        self.touch(recording)

    def source_is(self, channel: str) -> EndedBy:
        """Who hung up, by the channel that the PBX names as the source."""
        if channel == self.anchor.name:
            return EndedBy.CALLER
        if any(one.leg.name == channel and one.leg.is_citizen for one in self.talks):
            return EndedBy.SYSTEM  # Another citizen: neither this call's caller nor a seat.
        if channel.startswith("PJSIP/"):
            return EndedBy.SEAT
        return EndedBy.SYSTEM

    def own_source_is(self, channel: str, at: datetime) -> EndedBy:
        """Who hung up the anchor's channel. The PBX never clears a source there: one that names a
        leg which he had left before says nothing of this end, and he has hung up himself."""
        said = self.source_is(channel)
        if said is not EndedBy.SEAT:
            return said
        here = {leg.name for leg in self.with_whom}
        here |= {
            talk.leg.name
            for talk in self.talks
            if talk.ended_at is None or at - talk.ended_at <= SAME_MOMENT
        }
        return said if channel in here else EndedBy.CALLER


def is_seat_call(leg: Leg) -> bool:
    """Whether a person dialled: a channel that the PBX itself makes begins at ``s``."""
    return leg.kind in (LegKind.SEAT, LegKind.PHONE) and leg.exten not in ("", "s")
