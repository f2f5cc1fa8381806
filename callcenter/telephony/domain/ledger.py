"""What the ledger keeps of a call: the words of the journal's story.

Each record is derived from the journal alone, so that a rebuild ends with identical rows.
Identifiers are derived too: ``CALL/q1`` is the first queue visit of CALL, ``CALL/t2`` its second
talk. Times are UTC with the journal's microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Direction(StrEnum):
    """Where a call came from."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class Outcome(StrEnum):
    """How a call ended, or that it has not."""

    IN_PROGRESS = "in_progress"
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    """The caller hung up while waiting; nothing else is called abandoned."""
    VOICE_MESSAGE = "voice_message"
    BLOCKED = "blocked"
    TOO_MANY = "too_many"
    """As many calls of the same number as may wait at once waited already."""
    CLOSED = "closed"
    OVERFLOW = "overflow"
    """No place in the queue, or the wait limit, and no message left."""
    HUNG_UP = "hung_up"
    """The caller left before it was decided what happens (notice, menu), or asked for a voice
    message while waiting and then left none."""
    NOT_ANSWERED = "not_answered"
    """An internal or outbound call that nobody took."""
    CALLBACK = "callback"
    """The caller pressed the key to be called back, instead of waiting on."""
    INTERRUPTED = "interrupted"
    """The PBX died during the call."""


class EndedBy(StrEnum):
    """Who hung up first."""

    CALLER = "caller"
    SEAT = "seat"
    TRANSFER = "transfer"
    """Of a talk: the seat sent the caller on."""
    SUPERVISOR = "supervisor"
    """A supervisor ended the call, or took the caller over from the seat."""
    SYSTEM = "system"


class VisitEnd(StrEnum):
    """How one stay in a queue ended."""

    CONNECTED = "connected"
    ABANDONED = "abandoned"
    TIMEOUT = "timeout"
    EXIT_KEY = "exit_key"
    EMPTY = "empty"
    FULL = "full"
    WITHDRAWN = "withdrawn"
    INTERRUPTED = "interrupted"


class RingEnd(StrEnum):
    """How one offer to a seat ended."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    CANCELLED = "cancelled"
    """The caller gave up, or another seat was faster."""
    REFUSED = "refused"
    """Busy, declined, forwarded elsewhere or unreachable; also answered without a talk coming of
    it: a phone without sound, or one that left within the second (``CALLCENTER_SHORTEST_TALK_MS``).
    """
    NO_SOUND = "no_sound"
    """The phone took none of the sound that it was offered (488): nobody there has refused."""
    INTERRUPTED = "interrupted"


class Via(StrEnum):
    """How a talk came about."""

    QUEUE = "queue"
    BLIND = "blind"
    ATTENDED = "attended"
    RETURNED = "returned"
    """A transfer found nobody and the caller came back."""
    TAKEN_OVER = "taken_over"
    """A supervisor took the caller over."""
    DIRECT = "direct"


class TransferKind(StrEnum):
    BLIND = "blind"
    ATTENDED = "attended"


class TransferEnd(StrEnum):
    """What became of a transfer."""

    PENDING = "pending"
    COMPLETED = "completed"
    RETURNED = "returned"
    """The target did not take it; the caller is back with the one who sent it."""
    FAILED = "failed"
    """Nobody took it and the caller is gone."""


@dataclass(frozen=True, slots=True)
class CallRow:
    id: str
    node: str
    linkedid: str
    direction: Direction
    caller_number: str
    caller_name: str
    called_number: str
    started_at: datetime
    answered_at: datetime | None
    """First moment a person (a seat) was bridged with the caller."""
    ended_at: datetime | None
    ended_by: EndedBy | None
    outcome: Outcome
    route: str
    """What the route step decided: queue, closed, blocked, overflow, voice_message, or ''."""
    queue: str
    """The first queue asked for, or ''."""
    seat: str
    """The seat that talked last (or talks now), or ''."""
    first_seat: str
    """The seat that answered first, or ''."""
    case_number: str = ""
    """Of an outbound call: the case that it is about, '' if none was named."""

    @property
    def citizen_number(self) -> str:
        """The citizen's, whichever side he is on."""
        return self.called_number if self.direction is Direction.OUTBOUND else self.caller_number

    @property
    def own_seat(self) -> str:
        """The seat that talked last or, of an outbound call, that made it."""
        return self.caller_number if self.direction is Direction.OUTBOUND else self.seat


CITIZEN = "citizen:"
"""How a party begins that is another citizen; the id of his call follows."""
UNKNOWN_OUTSIDE = "outside"
"""A party on the trunk of which neither the number nor the call is known."""

PRIORITY_RETURNED = 10
"""A transfer that reached nobody, a phone that died in the talk (dialplan, ``queue-order``)."""
PRIORITY_FRONT = 11


@dataclass(frozen=True, slots=True)
class QueueVisitRow:
    id: str
    call_id: str
    channel: str
    """Uniqueid of who waits: the caller, or what a seat consults the queue through."""
    queue: str
    joined_at: datetime
    left_at: datetime | None
    how: VisitEnd | None
    priority: int = 0
    """As routed, 0 to 10; `PRIORITY_RETURNED` after a talk that was lost, `PRIORITY_FRONT` if a
    supervisor has moved him to the front. Among equals the call that came first goes first."""


@dataclass(frozen=True, slots=True)
class RingRow:
    id: str
    call_id: str
    visit_id: str | None
    seat: str
    channel: str
    """Uniqueid of the seat's leg."""
    rang_at: datetime
    ended_at: datetime | None
    how: RingEnd | None


@dataclass(frozen=True, slots=True)
class TalkRow:
    id: str
    call_id: str
    seat: str
    """The party: a seat's extension, an outside number if the caller was sent there, or another
    citizen as ``citizen:CALL`` (see `CITIZEN`). Never a channel's name."""
    channel: str
    """Uniqueid of the seat's leg."""
    channel_name: str
    via: Via
    started_at: datetime
    ended_at: datetime | None
    ended_by: EndedBy | None


@dataclass(frozen=True, slots=True)
class TalkTakenBack:
    """What was told as a talk was none: its row goes, and its number may be another talk's."""

    id: str
    call_id: str
    seat: str
    at: datetime
    """When its leg was gone."""


@dataclass(frozen=True, slots=True)
class TransferRow:
    id: str
    call_id: str
    kind: TransferKind
    from_seat: str
    target: str
    """The extension dialled."""
    at: datetime
    how: TransferEnd


class NoRoom(StrEnum):
    """What of a recording there was no room for on the disk."""

    NOWHERE = ""
    LEFT_OUT = "left_out"
    """All of it: it was not begun."""
    CUT = "cut"
    """What came after it was ended."""


@dataclass(frozen=True, slots=True)
class RecordingRow:
    id: str
    call_id: str
    path: str
    """Relative to the recordings folder; the PBX's own file."""
    started_at: datetime
    """First bridged moment."""
    ended_at: datetime | None
    """Set when the call is over; from then on the file can be finished."""
    bridged_ms: int
    """Time the caller was bridged with somebody; the file should be as long."""
    gaps: str = ""
    """Where it was paused for private data, and is silent: ``1200-3400 9000-``, milliseconds from
    its beginning; one without an end goes on."""
    no_room: NoRoom = NoRoom.NOWHERE
    """What the full disk took of it."""
    renewed: int = 0
    """How often it was begun anew in the same file: whenever somebody else spoke to the caller."""
    left_sent_ms: int | None = None
    """At least so much of the caller's voice came while he was bridged; None if it is not known."""
    right_sent_ms: int | None = None
    """At least so much went to him meanwhile."""


@dataclass(frozen=True, slots=True)
class VoiceMessageRow:
    id: str
    call_id: str
    path: str
    """Relative to the voice message folder."""
    reason: str
    """closed, overflow, wait_limit, exit_key, empty, full, menu."""
    started_at: datetime
    ended_at: datetime | None
    no_room: NoRoom = NoRoom.NOWHERE
    """What the full disk may have taken of it."""


@dataclass(frozen=True, slots=True)
class RatingRow:
    id: str
    call_id: str
    seat: str
    score: int
    at: datetime


LedgerRow = (
    CallRow
    | QueueVisitRow
    | RingRow
    | TalkRow
    | TransferRow
    | RecordingRow
    | VoiceMessageRow
    | RatingRow
    | TalkTakenBack
)


@dataclass(frozen=True, slots=True)
class LedgerChanges:
    """Rows that a batch of journal rows made or changed, each in its newest form.

    Handed to the listeners (cases, recordings) inside the transaction that writes them and moves
    the journal's offset. A listener must be idempotent: after a rebuild every row comes again.
    """

    calls: tuple[CallRow, ...] = ()
    queue_visits: tuple[QueueVisitRow, ...] = ()
    rings: tuple[RingRow, ...] = ()
    talks: tuple[TalkRow, ...] = ()
    transfers: tuple[TransferRow, ...] = ()
    recordings: tuple[RecordingRow, ...] = ()
    voice_messages: tuple[VoiceMessageRow, ...] = ()
    ratings: tuple[RatingRow, ...] = ()
    talks_taken_back: tuple[TalkTakenBack, ...] = ()
    """They come before `talks`: one of those may have the same id."""

    @staticmethod
    def of(rows: Iterable[LedgerRow]) -> LedgerChanges:
        """`rows` sorted by their kinds; within a kind they keep their order."""
        kinds: dict[type, list[Any]] = {kind: [] for kind in _KINDS}
        for row in rows:
            kinds[type(row)].append(row)
        return LedgerChanges(*(tuple(kinds[kind]) for kind in _KINDS))

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return any(getattr(self, name) for name in self.__slots__)


_KINDS = (
    CallRow,
    QueueVisitRow,
    RingRow,
    TalkRow,
    TransferRow,
    RecordingRow,
    VoiceMessageRow,
    RatingRow,
    TalkTakenBack,
)
"""In the order of the fields of `LedgerChanges`."""
