"""What CEL cannot know and the dialplan says: user events, each a plain change of one call.

docs/architecture.md lists them all; those that end a stay in a queue are the book's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from callcenter.platform.domain.numbers import normalise
from callcenter.telephony.domain.call import OpenCall
from callcenter.telephony.domain.ids import Uniqueid
from callcenter.telephony.domain.journal import Event, JournalRow
from callcenter.telephony.domain.ledger import (
    PRIORITY_RETURNED,
    Direction,
    EndedBy,
    NoRoom,
    RingEnd,
    TransferEnd,
)
from callcenter.telephony.domain.legs import Leg, LegKind
from callcenter.telephony.domain.records import Rating, Recording, VoiceMessage
from callcenter.telephony.domain.steering import Mark
from callcenter.telephony.domain.voices import Count

_NOT_ANSWERED = (None, RingEnd.NO_ANSWER)

Handler = Callable[[Leg, JournalRow], None]


class UserEvents:
    """The part of a `CallBook` that takes them; `legs` are the book's, as they change."""

    def __init__(self, legs: Mapping[Uniqueid, Leg], note: Callable[[OpenCall], None]) -> None:
        self._legs = legs
        self._note = note
        """The ledger may have to be told of a call."""
        self.handlers: dict[str, Handler] = {
            Event.INBOUND: self._inbound,
            Event.RECORDING: self._recording,
            Event.VOICE: self._voice,
            Event.ROUTED: self._routed,
            Event.BLOCKED: self._blocked,
            Event.LIMITED: self._limited,
            Event.CLOSED: self._told_closed,
            Event.OVERFLOW: self._overflow,
            Event.VOICE_MESSAGE_START: self._message_begun,
            Event.VOICE_MESSAGE: self._message_ended,
            Event.RATING: self._rating,
            Event.TRANSFER_RETURN: self._transfer_returned,
            Event.TRANSFER_FAILED: self._transfer_failed,
            Event.PHONE_LOST: self._phone_lost,
            Event.NO_TALK: self._no_talk,
            Event.CITIZENS_PARTED: self._citizens_parted,
            Event.CALLBACK_REQUESTED: self._callback_requested,
            Event.OUTBOUND: self._outbound,
            Event.TAKE_OVER: self._taken_over,
            Event.STEERED: self._steered,
        }

    def _transfer_returned(self, leg: Leg, row: JournalRow) -> None:
        self._was_refused(leg, row)
        leg.call.settle_transfer(TransferEnd.RETURNED)
        self._note(leg.call)

    @staticmethod
    def _was_refused(leg: Leg, row: JournalRow) -> None:
        """The Dial knows that its phone said no also where the PBX hangs that leg up before it has
        noted who ended it (a phone that forwards); the journal may tell the one or the other first.
        """
        ring = leg.call.rings[-1] if leg.call.rings else None
        if row.fact("status") == "BUSY" and ring is not None and ring.how in _NOT_ANSWERED:
            leg.call.settle_ring(ring, RingEnd.REFUSED, row.at)

    def _transfer_failed(self, leg: Leg, row: JournalRow) -> None:
        self._was_refused(leg, row)
        leg.call.settle_transfer(TransferEnd.FAILED)
        leg.call.priority = PRIORITY_RETURNED
        self._note(leg.call)

    def _phone_lost(self, leg: Leg, _row: JournalRow) -> None:
        leg.call.priority = PRIORITY_RETURNED

    def _no_talk(self, leg: Leg, row: JournalRow) -> None:
        """Said on the leg that has answered and left, before its end; of one that had left before
        it could say anything, on the citizen's; in between, on both."""
        if row.facts.get("said_by") == "citizen":
            answered = (
                ring.leg
                for ring in reversed(leg.call.rings)
                if ring.how is RingEnd.ANSWERED or ring.leg.no_talk
            )
            leg = next(answered, leg)
        if leg.talk is not None:
            call = leg.talk.call
        elif leg.ring is not None:
            call = leg.ring.call
        else:
            return
        call.take_back(leg, row.at)
        self._note(call)

    def _citizens_parted(self, leg: Leg, _row: JournalRow) -> None:
        leg.call.citizens_parted()
        self._note(leg.call)

    # -- what only the dialplan knows -----------------------------------------------------------

    def _inbound(self, leg: Leg, row: JournalRow) -> None:
        call = leg.call
        if call.anchor is not leg:
            return
        call.direction = Direction.INBOUND
        call.caller_number = normalise(row.number)
        call.caller_name = row.name
        call.called_number = row.fact("did")
        call.list_it()
        call.touch(call)
        self._note(call)

    def _routed(self, leg: Leg, row: JournalRow) -> None:
        leg.call.route = row.fact("route")
        priority = row.facts.get("priority")
        leg.call.routed_priority = priority if isinstance(priority, int) else 0
        leg.call.priority = leg.call.routed_priority
        leg.call.touch(leg.call)
        self._note(leg.call)

    def _recording(self, leg: Leg, row: JournalRow) -> None:
        call = leg.call
        together_us = call.together_us
        made = Recording(call, len(call.recordings) + 1, leg, row.fact("path"), together_us)
        made.counts.append(Count(row.at, together_us, 0, 0))
        if row.fact("left_out"):
            made.no_room = NoRoom.LEFT_OUT
        call.recordings.append(made)
        call.touch(made)
        self._note(call)

    def _voice(self, leg: Leg, row: JournalRow) -> None:
        """The counts of the leg that is recorded; the first ones follow at once on `RECORDING`."""
        call = leg.call
        if not call.recordings or call.recordings[-1].ended_at is not None:
            return
        read, written = row.fact("read"), row.fact("written")
        if not (read.isdecimal() and written.isdecimal()):
            return
        count = Count(row.at, call.together_at(row.at), int(read), int(written))
        if call.recordings[-1].count(count, row.fact("codec"), renewed=row.fact("why") == "anew"):
            call.touch(call.recordings[-1])
            self._note(call)

    def _blocked(self, leg: Leg, _row: JournalRow) -> None:
        leg.call.blocked = True

    def _limited(self, leg: Leg, _row: JournalRow) -> None:
        leg.call.too_many = True

    def _told_closed(self, leg: Leg, _row: JournalRow) -> None:
        leg.call.told_closed = True

    def _overflow(self, leg: Leg, _row: JournalRow) -> None:
        leg.call.overflowed = True

    def _callback_requested(self, leg: Leg, _row: JournalRow) -> None:
        leg.call.callback = True

    def _outbound(self, leg: Leg, row: JournalRow) -> None:
        """A seat that we called dials on: now it is known that this is a call, and whose."""
        call = leg.call
        if call.anchor is not leg:
            return
        call.direction = Direction.OUTBOUND
        call.caller_number = leg.party
        call.called_number = row.fact("number")
        call.case_number = row.fact("case")
        call.list_it()
        call.touch(call)
        self._note(call)

    # -- steering: said on one leg of another one -----------------------------------------------

    def _taken_over(self, leg: Leg, row: JournalRow) -> None:
        leg.taking_over = True
        citizen = self._legs.get(Uniqueid(row.fact("channel")))
        if citizen is not None:
            for other in citizen.call.with_whom:
                other.ordered = EndedBy.SUPERVISOR

    def _steered(self, _leg: Leg, row: JournalRow) -> None:
        leg = self._legs.get(Uniqueid(row.fact("channel")))
        if leg is None:
            return
        call = leg.call
        what = row.fact("what")
        if what == Mark.HANG_UP:
            leg.ordered = EndedBy.SEAT if leg.kind is LegKind.SEAT else EndedBy.SUPERVISOR
        elif what == Mark.ABOUT_CASE:
            if call.anchor is leg and call.direction is Direction.OUTBOUND:
                call.case_number = row.fact("case")
                call.touch(call)
                self._note(call)
        elif what == Mark.TO_FRONT:
            if leg.visit is not None and leg.visit.how is None:
                call.to_front(leg.visit)
                self._note(call)
        elif what in (Mark.RECORDING_PAUSED, Mark.RECORDING_RESUMED) and call.recordings:
            recording = call.recordings[-1]
            change = recording.pause if what == Mark.RECORDING_PAUSED else recording.resume
            if change(call.together_at(row.at)):
                call.touch(recording)
                self._note(call)

    def _message_begun(self, leg: Leg, row: JournalRow) -> None:
        call = leg.call
        made = VoiceMessage(
            call, len(call.voice_messages) + 1, row.fact("path"), row.fact("reason"), row.at
        )
        call.voice_messages.append(made)
        call.touch(made)
        self._note(call)

    def _message_ended(self, leg: Leg, row: JournalRow) -> None:
        for message in reversed(leg.call.voice_messages):
            if message.path == row.fact("path") and message.ended_at is None:
                message.ended_at = row.at
                leg.call.touch(message)
                self._note(leg.call)
                return

    def _rating(self, leg: Leg, row: JournalRow) -> None:
        call = leg.call
        score = row.facts.get("score")
        if not isinstance(score, int) or isinstance(score, bool) or not 1 <= score <= 5:
            return
        # Of the talk, not of the dialplan's word: a transfer may have brought him elsewhere since.
        seat = call.scored_seat or row.fact("seat")
        made = Rating(call, len(call.ratings) + 1, seat, score, row.at)
        call.ratings.append(made)
        call.touch(made)
        self._note(call)
