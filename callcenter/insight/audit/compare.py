"""The rules of the audit: what must agree, as pure functions. A difference is a bug with a name."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from callcenter.telephony.domain.ledger import (
    CITIZEN,
    CallRow,
    Direction,
    QueueVisitRow,
    TalkRow,
    VisitEnd,
)
from callcenter.telephony.pbx.queue_log import QueueLogEntry


class Kind(StrEnum):
    """The names of differences."""

    VISIT_MISSING = "visit_missing"
    """queue_log has a stay in a queue that the ledger has not."""
    VISIT_UNKNOWN = "visit_unknown"
    """The ledger has a stay in a queue that queue_log has not."""
    VISIT_END = "visit_end"
    """They say different things about how stays ended."""
    TALK_MISSING = "talk_missing"
    """queue_log says connected, and no talk has that seat's channel."""
    CASE_MISSING = "case_missing"
    """An answered call, or one that left a message, without a case."""
    CASE_TWICE = "case_twice"
    CASE_UNFOUNDED = "case_unfounded"
    """A case whose call was neither answered nor left a message."""
    AUDIO_WITHOUT_STATE = "audio_without_state"
    """A recording or message of an ended call of which nobody says what became of it."""
    VOICE_MISSING = "voice_missing"
    """A recording that lacks, on one side, voice that was sent there."""
    FILE_MISSING = "file_missing"
    """A finished file that is not on the disk."""
    FILE_CHANGED = "file_changed"
    """A finished file with another length or hash."""
    RECORDING_LEFT_OUT = "recording_left_out"
    """A call that was not recorded, for want of room on the disk."""
    RECORDING_CUT = "recording_cut"
    """A call of which only the beginning was recorded, for the same reason."""
    FILE_UNKNOWN = "file_unknown"
    """A file with sound that no row speaks of."""
    OVERTAKEN = "overtaken"
    """A seat rang for somebody who came later, while this caller went on waiting."""
    CITIZENS_TOGETHER = "citizens_together"
    """Two citizens were left with each other, and no seat with them."""
    PARTY_UNKNOWN = "party_unknown"
    """A talk with somebody who is neither a seat, nor a number, nor another citizen."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: its name, what it is about, and the facts."""

    kind: Kind
    about: str
    facts: str

    def __str__(self) -> str:
        return f"{self.kind.value:<20} {self.about}: {self.facts}"


_ENDS = {
    "CONNECT": VisitEnd.CONNECTED,
    "ABANDON": VisitEnd.ABANDONED,
    "EXITWITHTIMEOUT": VisitEnd.TIMEOUT,
    "EXITWITHKEY": VisitEnd.EXIT_KEY,
    "EXITEMPTY": VisitEnd.EMPTY,
    "WITHDRAW": VisitEnd.WITHDRAWN,
}
"""queue_log's events that end the waiting, each at most once a stay."""

_NOT_ENTERED = frozenset({VisitEnd.FULL, VisitEnd.EMPTY})
"""Who finds no place, or nobody there, is turned away at the door: queue_log is silent."""


AT_THE_DOOR = timedelta(seconds=1)
"""Who is turned away and hangs up before the dialplan's next step has only given up, as far as
anybody can tell: the PBX says neither that he entered nor that there was no place."""
TOGETHER = timedelta(seconds=2)
"""The dialplan parts two citizens (other-side) in milliseconds; the rest is for a busy machine."""
_NUMBER = re.compile(r"[+*#]?[0-9*#]+")


def compare_queues(
    entries: Iterable[QueueLogEntry],
    visits: Collection[QueueVisitRow],
    talks: Collection[TalkRow],
    no_talks: Collection[str] = (),
) -> Iterator[Difference]:
    """Stays in queues and who took them. `entries` and the rows must be of the same stretch;
    `no_talks` are legs that answered without a talk coming of it."""
    entered: Counter[str] = Counter()
    ended: dict[str, Counter[VisitEnd]] = defaultdict(Counter)
    takers: list[tuple[str, str, str]] = []
    for entry in entries:
        if entry.event == "ENTERQUEUE":
            entered[entry.channel] += 1
        elif entry.event in _ENDS:
            ended[entry.channel][_ENDS[entry.event]] += 1
            if entry.event == "CONNECT":
                takers.append((entry.channel, entry.data[1], entry.agent))
    ours: dict[str, list[QueueVisitRow]] = defaultdict(list)
    for visit in visits:
        ours[visit.channel].append(visit)
    for channel in sorted({*entered, *ours}):
        yield from _compare_stays(channel, entered[channel], ended[channel], ours[channel])
    talking = {talk.channel for talk in talks}
    for channel, taker, agent in takers:
        if taker not in talking and taker not in no_talks:
            yield Difference(Kind.TALK_MISSING, channel, f"connected with {agent} ({taker})")


def _compare_stays(
    channel: str, entered: int, theirs: Counter[VisitEnd], ours: list[QueueVisitRow]
) -> Iterator[Difference]:
    turned_away = sum(visit.how in _NOT_ENTERED for visit in ours)
    at_the_door = max(0, min(sum(map(_gave_up_at_once, ours)), len(ours) - turned_away - entered))
    if len(ours) < entered:
        yield Difference(Kind.VISIT_MISSING, channel, f"{entered} entered, {len(ours)} in ledger")
    elif len(ours) - turned_away - at_the_door > entered:
        yield Difference(Kind.VISIT_UNKNOWN, channel, f"{entered} entered, {len(ours)} in ledger")
    said = Counter(visit.how for visit in ours if visit.how is not None)
    for how in _ENDS.values():
        more, less = said[how], theirs[how]
        if how is VisitEnd.EMPTY and more >= less:
            continue
        if how is VisitEnd.ABANDONED:
            more -= at_the_door
        if more != less:
            yield Difference(Kind.VISIT_END, channel, f"{how}: queue_log {less}, ledger {more}")


def _gave_up_at_once(visit: QueueVisitRow) -> bool:
    return (
        visit.how is VisitEnd.ABANDONED
        and visit.left_at is not None
        and visit.left_at - visit.joined_at <= AT_THE_DOOR
    )


def compare_parties(talks: Iterable[TalkRow]) -> Iterator[Difference]:
    """Whom citizens talked with: a seat, a number that was dialled; another citizen only while a
    seat is with them."""
    by_call: dict[str, list[TalkRow]] = defaultdict(list)
    for talk in talks:
        by_call[talk.call_id].append(talk)
    for call_id in sorted(by_call):
        for talk in by_call[call_id]:
            if talk.seat.startswith(CITIZEN):
                if not _attended(talk, by_call[call_id]):
                    facts = f"with {talk.seat} from {talk.started_at:%H:%M:%S} to {talk.ended_at}"
                    yield Difference(Kind.CITIZENS_TOGETHER, call_id, facts)
            elif _NUMBER.fullmatch(talk.seat) is None:
                yield Difference(Kind.PARTY_UNKNOWN, call_id, f"{talk.id} with {talk.seat!r}")


def _attended(together: TalkRow, talks: Iterable[TalkRow]) -> bool:
    """Whether two citizens were not left alone with each other for longer than it takes to part
    them."""
    end = together.ended_at
    if end is not None and end - together.started_at <= TOGETHER:
        return True
    return any(
        not talk.seat.startswith(CITIZEN)
        and talk.started_at <= together.started_at + TOGETHER
        and (talk.ended_at is None or (end is not None and talk.ended_at >= end - TOGETHER))
        for talk in talks
    )


def compare_cases(
    calls: Collection[CallRow],
    messages: Collection[str],
    cases: Mapping[str, int],
    picked_up: Collection[str] = (),
) -> Iterator[Difference]:
    """Exactly one case for each inbound call that was answered or left a voice message.

    `messages` are the calls with a voice message that is over; `cases` counts cases by call. A case
    that was opened when a phone picked up stays, also if no talk came of it: calls in `picked_up`.
    """
    for call in calls:
        if call.direction is not Direction.INBOUND:
            continue
        due = call.answered_at is not None or call.id in messages
        found = cases.get(call.id, 0)
        if due and not found:
            yield Difference(Kind.CASE_MISSING, call.id, f"outcome {call.outcome}")
        elif found > 1:
            yield Difference(Kind.CASE_TWICE, call.id, f"{found} cases")
        elif found and not due and call.id not in picked_up:
            yield Difference(Kind.CASE_UNFOUNDED, call.id, f"outcome {call.outcome}")
