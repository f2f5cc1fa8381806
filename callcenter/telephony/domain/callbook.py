"""From the journal's rows to the ledger's rows: the pure heart of the record.

The book keeps the channels that live and the calls that are open, takes one row after the other,
and hands out what the ledger must be told. It asks no clock and reads no file, so the same rows
give the same ledger, whatever the pieces they come in. Policy:

- A leg that the PBX makes belongs to the call of the leg that caused it: the one whose Queue or
  Dial is under way in the same group (linkedid) and calls that endpoint. Groups are the PBX's and
  may be joined; a call is its first channel and never is.
- A row of an unknown channel changes nothing. A reader that begins in the middle of a journal,
  at `resume_position`, therefore comes to the same calls as one that read all of it.
- The PBX was started anew when it says so (PBX_START, written before it runs) or when it gives
  out serial 0 again. Whatever was open then is closed as interrupted.
- A call that goes on for longer than `LONGEST` is not believed: its end was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from callcenter.telephony.domain.call import OpenCall, is_seat_call
from callcenter.telephony.domain.ids import Linkedid, Uniqueid, call_id
from callcenter.telephony.domain.journal import Event, JournalRow
from callcenter.telephony.domain.ledger import (
    Direction,
    EndedBy,
    LedgerChanges,
    NoRoom,
    RingEnd,
    TransferKind,
    VisitEnd,
)
from callcenter.telephony.domain.legs import Bridges, Leg, LegKind, dialled_number, kind_of
from callcenter.telephony.domain.user_events import UserEvents

LONGEST = timedelta(hours=24)
"""Four times the longest talk ever heard of; what is older has lost its end (a full disk)."""

_LATER = datetime.max.replace(tzinfo=UTC)
"""For a talk that goes on."""

_CAUSES_OF_REFUSAL = frozenset({1, 3, 17, 18, 20, 21, 22, 27, 28, 34, 38, 41, 42, 44, 88})
"""Q.850: the phone said no, or could not be reached. 0, 16, 19, 26, 127: we stopped ringing."""

_NO_SOUND = 58
"""Q.850, bearer capability not available: SIP's 488 and 606."""

_QUEUE_ENDS = {
    "TIMEOUT": VisitEnd.TIMEOUT,
    "FULL": VisitEnd.FULL,
    "JOINEMPTY": VisitEnd.EMPTY,
    "LEAVEEMPTY": VisitEnd.EMPTY,
    "JOINUNAVAIL": VisitEnd.EMPTY,
    "LEAVEUNAVAIL": VisitEnd.EMPTY,
    "WITHDRAW": VisitEnd.WITHDRAWN,
}


class CallBook:
    """The open calls of one PBX."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._legs: dict[Uniqueid, Leg] = {}
        self._groups: dict[Linkedid, list[Leg]] = {}
        self._bridges = Bridges()
        self._calls: dict[OpenCall, None] = {}
        """With a leg that lives, oldest first."""
        self._changed: dict[OpenCall, None] = {}
        self._handlers: dict[str, Callable[[Leg, JournalRow], None]] = {
            Event.ANSWER: self._answered,
            Event.APP_START: self._app_started,
            Event.APP_END: self._app_ended,
            Event.BRIDGE_ENTER: self._bridge_entered,
            Event.BRIDGE_EXIT: self._bridge_left,
            Event.BLINDTRANSFER: self._blind_transfer,
            Event.ATTENDEDTRANSFER: self._attended_transfer,
            Event.HANGUP: self._hung_up,
            Event.CHAN_END: self._channel_ended,
            Event.QUEUE_RESULT: self._queue_result,
            Event.QUEUE_EXIT: self._queue_exit,
            **UserEvents(self._legs, self._note).handlers,
        }

    # -- what the reader uses -------------------------------------------------------------------

    @property
    def open_calls(self) -> int:
        """Calls of which a channel lives."""
        return len(self._calls)

    def apply(self, row: JournalRow, position: int) -> None:
        """Take the next row, which begins at `position`: any number that grows along the journal.

        Rows of different calls may come in any order; those of one call in the journal's.
        """
        if row.event == Event.CHAN_START:
            self._channel_begun(row, position)
            return
        if row.event == Event.PBX_START:
            self._pbx_started(row.at)
            return
        if row.event == Event.ROOM:
            self._room_changed(row)
            return
        handler = self._handlers.get(row.event)
        leg = self._legs.get(row.uniqueid)
        if leg is None:
            return
        if row.linkedid != leg.linkedid:
            self._regroup(leg, row.linkedid)
        if handler is not None:
            handler(leg, row)

    def take(self) -> LedgerChanges:
        """The rows that were made or changed since the last time, each in its newest form."""
        found = [
            row
            for call in self._changed
            for record in call.changed
            if (row := record.row()) is not None
        ]
        for call in self._changed:
            call.changed.clear()
        self._changed.clear()
        return LedgerChanges.of(found)

    def resume_position(self) -> int | None:
        """Where a reader must begin to know all open calls again; None if there is none."""
        return min((call.position for call in self._calls), default=None)

    def _room_changed(self, row: JournalRow) -> None:
        """The guard of the disks says what there is no room for: from here on it is cut."""
        for call in self._calls:
            records = [
                *(call.recordings if row.fact("recordings") == "none" else ()),
                *(call.voice_messages if row.fact("voice_messages") == "none" else ()),
            ]
            for record in records:
                if record.ended_at is None and record.no_room is NoRoom.NOWHERE:
                    record.no_room = NoRoom.CUT
                    call.touch(record)
                    self._note(call)

    # -- channels -------------------------------------------------------------------------------

    def _channel_begun(self, row: JournalRow, position: int) -> None:
        if row.uniqueid.rpartition(".")[2] == "0" and self._legs:
            self._pbx_started(row.at)
        self._forget_unbelievable(row.at)
        old = self._legs.get(row.uniqueid)
        if old is not None:  # The same journal again.
            self._end_leg(old, row.at)
        kind, endpoint = kind_of(row.channel)
        causer = self._causer(row, kind, endpoint)
        known = self._call_of(row, kind, causer)
        call = known or self._new_call(row, position)
        leg = Leg(row.uniqueid, row.linkedid, row.channel, kind, endpoint, row.exten, call)
        leg.position = position
        if known is None:
            call.anchor = leg
        if causer is not None and kind is LegKind.TRUNK:
            leg.dialled = dialled_number(causer.appdata, endpoint) or ""
        self._legs[row.uniqueid] = leg
        self._groups.setdefault(row.linkedid, []).append(leg)
        call.legs.add(leg)
        if kind is LegKind.LOCAL:
            self._bridges.lay(leg)
        if causer is None:
            if call.anchor is leg and is_seat_call(leg):
                call.caller_number = endpoint
                call.called_number = row.exten
                call.list_it()
        elif kind.is_party:
            visit = causer.visit if causer.app == "Queue" else None
            call.ring(leg, visit, row.at)
            if leg.ring is not None:
                causer.rings_made.append(leg.ring)
            if kind is LegKind.TRUNK and call.direction is Direction.INTERNAL:
                call.direction = Direction.OUTBOUND
                call.touch(call)
        self._note(call)

    def _causer(self, row: JournalRow, kind: LegKind, endpoint: str) -> Leg | None:
        """The leg whose Queue or Dial made this channel; the newest one if several could have."""
        if kind is LegKind.LOCAL or row.exten not in ("", "s"):
            return None
        found: Leg | None = None
        for leg in self._groups.get(row.linkedid, ()):
            if leg.app == "Dial" and dialled_number(leg.appdata, endpoint) is not None:
                return leg
            # Who is in a bridge has been answered; his Queue offers him to nobody any more.
            if leg.app == "Queue" and kind is LegKind.SEAT and not leg.bridge:
                found = leg
        return found

    def _call_of(self, row: JournalRow, kind: LegKind, causer: Leg | None) -> OpenCall | None:
        """The call that a new channel belongs to, None if it begins one."""
        if causer is not None:
            return causer.call
        if kind.is_party and row.exten not in ("", "s"):
            return None  # Somebody dials.
        group = self._groups.get(row.linkedid)
        return min(group, key=lambda leg: leg.position).call if group else None

    def _new_call(self, row: JournalRow, position: int) -> OpenCall:
        call = OpenCall(call_id(self._node, row.uniqueid), self._node, row.linkedid, row.at)
        call.position = position
        call.caller_name = row.name
        self._calls[call] = None
        return call

    def _regroup(self, leg: Leg, linkedid: Linkedid) -> None:
        """The PBX has joined two groups."""
        self._leave_group(leg)
        leg.linkedid = linkedid
        self._groups.setdefault(linkedid, []).append(leg)

    def _leave_group(self, leg: Leg) -> None:
        group = self._groups[leg.linkedid]
        group.remove(leg)
        if not group:
            del self._groups[leg.linkedid]

    def _answered(self, leg: Leg, row: JournalRow) -> None:
        ring = leg.ring
        if ring is not None and ring.how is None:
            ring.call.settle_ring(ring, RingEnd.ANSWERED, row.at)
            self._note(ring.call)

    def _hung_up(self, leg: Leg, row: JournalRow) -> None:
        if leg.hung_up:
            return
        leg.hung_up = True
        source = row.fact("hangupsource")
        if leg.call.anchor is leg:
            leg.call.hung_up_by = leg.ordered or leg.call.own_source_is(source, row.at)
        if row.fact("dialstatus") == "NOANSWER":
            leg.rings_made.clear()  # Its Dial gave up and it ended of that, not the other way.
        ring = leg.ring
        if ring is not None and ring.how is None:
            cause = row.facts.get("hangupcause")
            refused = cause in _CAUSES_OF_REFUSAL or source == leg.name
            how = RingEnd.REFUSED if refused else RingEnd.NO_ANSWER
            if cause == _NO_SOUND:
                how = RingEnd.NO_SOUND
            ring.call.settle_ring(ring, how, row.at)
            self._note(ring.call)
        talk = leg.talk
        if talk is not None and not talk.over and not leg.transferring:
            by = leg.ordered or talk.call.anchor.ordered
            # The PBX names no source to the seat where the citizen hung up before both were whole
            # in their bridge: he left it first, and his own end says the rest (`close`).
            if by is None and (source or not leg.left_by(talk.call.anchor)):
                by = talk.call.source_is(source)
            talk.call.end_talk(talk, row.at, by)
            self._note(talk.call)

    def _channel_ended(self, leg: Leg, row: JournalRow) -> None:
        self._end_leg(leg, row.at)

    def _end_leg(self, leg: Leg, at: datetime, *, interrupted: bool = False) -> None:
        """`leg` is gone, and its call with it if it was the first."""
        left = leg.bridge
        leg.ended = True
        call = leg.call
        ring = leg.ring
        if ring is not None and ring.how is None:
            how = RingEnd.INTERRUPTED if interrupted else RingEnd.NO_ANSWER
            ring.call.settle_ring(ring, how, at)
            self._note(ring.call)
        self._bridges.forget(leg)
        if left:
            self._company_changed(left, at)
        call.give_up_rings(leg, at)
        if leg.visit is not None and leg.visit.how is None and leg is not call.anchor:
            call.settle_visit(leg.visit, VisitEnd.ABANDONED, at)
        if call.anchor is leg:
            call.close(at, self._who_hung_up(call, at), interrupted=interrupted)
        elif call.closed:
            for recording in call.recordings:
                if recording.leg is leg:
                    call.end_recording(recording, at)
        self._leave_group(leg)
        del self._legs[leg.uniqueid]
        call.legs.discard(leg)
        self._note(call)
        if not call.legs:
            self._calls.pop(call, None)

    @staticmethod
    def _who_hung_up(call: OpenCall, at: datetime) -> EndedBy | None:
        """Who hung up *first*: after a seat has, the caller still hears the question; whose seat
        the PBX gave up, for its phone had died, waits again, and may give up in his turn."""
        last = max(call.talks, key=lambda talk: talk.ended_at or _LATER, default=None)
        if last is not None and last.leg.hung_up and last.ended_by is None:
            call.end_talk(last, at, call.ender_of(last, call.hung_up_by, at))
        if last is not None and last.ended_by in (EndedBy.SEAT, EndedBy.SYSTEM):
            return last.ended_by
        return call.hung_up_by or EndedBy.SYSTEM

    def _pbx_started(self, at: datetime) -> None:
        """Whatever was open went down with the PBX."""
        for call in tuple(self._calls):
            self._interrupt(call, at)

    def _forget_unbelievable(self, at: datetime) -> None:
        call = next(iter(self._calls), None)
        while call is not None and at - call.started_at > LONGEST:
            self._interrupt(call, at)
            call = next(iter(self._calls), None)

    def _interrupt(self, call: OpenCall, at: datetime) -> None:
        # The call ends before its seats do, so that no seat seems to have hung up.
        call.close(at, None, interrupted=True)
        for leg in sorted(call.legs, key=lambda one: one.position):
            self._end_leg(leg, at, interrupted=True)

    def _note(self, call: OpenCall) -> None:
        """The ledger may have to be told of `call`."""
        if call.listed and call.changed:
            self._changed[call] = None

    # -- applications ---------------------------------------------------------------------------

    def _app_started(self, leg: Leg, row: JournalRow) -> None:
        leg.app, leg.appdata = row.app, row.appdata
        # In a bridge nobody joins a queue: the PBX only comes back to the application it is in
        # from a step of the dialplan (CONNECTED_LINE_SEND_SUB), and tells it as a beginning.
        if row.app == "Queue" and not leg.bridge:
            leg.call.join_queue(leg, row.appdata.partition(",")[0], row.at)
            self._note(leg.call)

    def _app_ended(self, leg: Leg, row: JournalRow) -> None:
        if leg.app != row.app:
            return
        if row.app == "Queue" and leg.visit is not None:
            # Or it only runs a subroutine of its own, and then rings before it is told that it goes
            # on: that it is over is said by its result, a key, or the leg's end.
            leg.call.leave_queue(leg.visit, row.at)
            return
        leg.app = leg.appdata = ""

    def _queue_result(self, leg: Leg, row: JournalRow) -> None:
        leg.app = leg.appdata = ""
        if leg.visit is None:
            return
        # CONTINUE, or nothing said: the caller was served, or is on his way out.
        how = _QUEUE_ENDS.get(row.fact("status"))
        if how is not None:
            leg.call.settle_visit(leg.visit, how, row.at)
            self._note(leg.call)

    def _queue_exit(self, leg: Leg, row: JournalRow) -> None:
        leg.app = leg.appdata = ""
        if leg.visit is not None:
            leg.call.settle_visit(leg.visit, VisitEnd.EXIT_KEY, row.at)
            leg.call.give_up_rings(leg, row.at)
            self._note(leg.call)

    # -- bridges --------------------------------------------------------------------------------

    def _bridge_entered(self, leg: Leg, row: JournalRow) -> None:
        bridge = row.fact("bridge_id")
        if not bridge:
            return
        left = leg.bridge
        self._bridges.enter(leg, bridge)
        if leg.visit is not None and leg.app == "Queue" and leg.call.anchor is not leg:
            leg.call.settle_visit(leg.visit, VisitEnd.CONNECTED, row.at)  # A consult of the queue.
            self._note(leg.call)
        if left and left != bridge:
            self._company_changed(left, row.at)
        self._company_changed(bridge, row.at)

    def _bridge_left(self, leg: Leg, row: JournalRow) -> None:
        bridge = row.fact("bridge_id")
        if leg.bridge != bridge or not bridge:
            return
        around = [leg, *self._bridges.around(bridge)]
        leg.left_at = row.at
        self._bridges.leave(leg, bridge)
        self._look_again(around, row.at)

    def _company_changed(self, bridge: str, at: datetime) -> None:
        self._look_again(self._bridges.around(bridge), at)

    def _look_again(self, legs: Iterable[Leg], at: datetime) -> None:
        """Whoever is the first channel of a call among `legs` may have other company now."""
        for leg in legs:
            call = leg.call
            if call.anchor is not leg or call.closed:
                continue
            company = self._bridges.company(leg)
            for other in company:
                if other.call is not call:
                    # To know this call again, a reader must know that one too.
                    call.position = min(call.position, other.call.position)
                    other.call.position = call.position
            call.company_is(company, at)
            self._note(call)

    # -- transfers ------------------------------------------------------------------------------

    def _blind_transfer(self, leg: Leg, row: JournalRow) -> None:
        call = self._sent(leg, row)
        if call is None:
            return
        target = row.fact("extension")
        made = call.transfer(TransferKind.BLIND, leg, target, row.fact("bridge_id"), row.at)
        if made is not None:
            call.mark_transferring(leg)
        self._note(call)

    def _attended_transfer(self, leg: Leg, row: JournalRow) -> None:
        call = self._sent(leg, row)
        if call is None:
            return
        target = self._legs.get(Uniqueid(row.fact("transfer_target_channel_uniqueid")))
        named = self._target_of(target) if target is not None else ""
        made = call.transfer(TransferKind.ATTENDED, leg, named, row.fact("bridge1_id"), row.at)
        if made is not None:
            if leg not in call.with_whom:  # Else all three talk, and the seat stays.
                call.mark_transferring(leg)
            call.attended_now(made)
        self._note(call)

    def _sent(self, sender: Leg, row: JournalRow) -> OpenCall | None:
        """The call whose caller `sender` sends away."""
        leg = self._legs.get(Uniqueid(row.fact("transferee_channel_uniqueid")))
        if leg is not None and leg.call.anchor is leg:
            return leg.call
        if sender.talk is not None:
            return sender.talk.call
        return None

    def _target_of(self, leg: Leg) -> str:
        """Whom a consult reached: ``8002`` also of ``Local/8002@seat-transfer-…``."""
        if leg.kind is LegKind.LOCAL:
            return leg.endpoint.partition("@")[0]
        return leg.party
