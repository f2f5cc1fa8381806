"""Generated ledgers: calls around the city's midnight, told step by step as the reader does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from callcenter.telephony.domain.ids import CallId
from callcenter.telephony.domain.ledger import (
    CallRow,
    Direction,
    EndedBy,
    LedgerChanges,
    LedgerRow,
    Outcome,
    QueueVisitRow,
    TalkRow,
    Via,
    VisitEnd,
    VoiceMessageRow,
)

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 11, 24)
MIDNIGHT = datetime(2026, 11, 24, tzinfo=ZONE).astimezone(UTC)
"""The beginning of `DAY`."""


@dataclass(frozen=True)
class Step:
    """What the ledger is told at one moment of one call."""

    at: datetime
    changes: LedgerChanges


def call_row(serial: int, started_at: datetime, **changes: object) -> CallRow:
    """An inbound call that has just begun."""
    row = CallRow(
        CallId(f"pbx1:1795407499.{serial}"), "pbx1", f"1795407499.{serial}", Direction.INBOUND,
        f"1380000{serial:04d}", "", "12345", started_at, None, None, None, Outcome.IN_PROGRESS,
        "", "", "", "",
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type]


SECONDS = st.integers(0, 120_000).map(lambda milliseconds: timedelta(milliseconds=milliseconds))
ENDS = (
    "answered",
    "transferred",
    "abandoned",
    "overflow",
    "message",
    "callback",
    "open",
    "talking",
)


@st.composite
def told_calls(draw: st.DrawFn, serial: int) -> list[Step]:
    """One call, from its beginning to its end or into the present."""
    at = MIDNIGHT + timedelta(seconds=draw(st.integers(-400, 400)))
    kind = draw(st.sampled_from(["queue", "queue", "queue", "closed", "blocked", "internal"]))
    call = call_row(serial, at)
    steps: list[Step] = []

    def tell(*rows: LedgerRow) -> None:
        steps.append(Step(at, LedgerChanges.of([call, *rows])))

    tell()
    if kind == "internal":
        call = replace(call, direction=Direction.INTERNAL)
        at += draw(SECONDS)
        call = replace(call, ended_at=at, ended_by=EndedBy.CALLER, outcome=Outcome.NOT_ANSWERED)
        tell()
        return steps
    call = replace(call, route=kind)
    if kind != "queue":
        outcome = Outcome.CLOSED if kind == "closed" else Outcome.BLOCKED
        at += draw(SECONDS)
        rows: list[LedgerRow] = []
        if kind == "closed" and draw(st.booleans()):
            outcome = Outcome.VOICE_MESSAGE
            message = VoiceMessageRow(f"{call.id}/vm1", call.id, "x.wav", "closed", at, None)
            tell(message)
            at += draw(SECONDS)
            rows = [replace(message, ended_at=at)]
        call = replace(call, ended_at=at, ended_by=EndedBy.CALLER, outcome=outcome)
        tell(*rows)
        return steps

    at += draw(SECONDS)
    call = replace(call, queue=draw(st.sampled_from(["12345", "business"])))
    visit = QueueVisitRow(f"{call.id}/q1", call.id, "c", call.queue, at, None, None)
    tell(visit)
    end = draw(st.sampled_from(ENDS))
    if end == "open":
        return steps
    at += draw(SECONDS)
    if end in ("answered", "transferred", "talking"):
        visit = replace(visit, left_at=at, how=VisitEnd.CONNECTED)
        call = replace(call, answered_at=at, seat="8001", first_seat="8001")
        talk = TalkRow(
            f"{call.id}/t1", call.id, "8001", "s", "PJSIP/8001-1", Via.QUEUE, at, None, None
        )
        tell(visit, talk)
        if end == "talking":
            return steps
        at += draw(SECONDS)
        if end == "transferred":
            talk = replace(talk, ended_at=at, ended_by=EndedBy.TRANSFER)
            again = QueueVisitRow(f"{call.id}/q2", call.id, "c", "business", at, None, None)
            tell(talk, again)
            at += draw(SECONDS)
            again = replace(again, left_at=at, how=VisitEnd.CONNECTED)
            second = replace(
                talk, id=f"{call.id}/t2", seat="8002", started_at=at, ended_at=None, ended_by=None
            )
            tell(again, second)
            at += draw(SECONDS)
            talk = second
        call = replace(call, ended_at=at, ended_by=EndedBy.CALLER, outcome=Outcome.ANSWERED)
        tell(replace(talk, ended_at=at, ended_by=EndedBy.CALLER))
        return steps
    how, outcome = {
        "abandoned": (VisitEnd.ABANDONED, Outcome.ABANDONED),
        "overflow": (VisitEnd.TIMEOUT, Outcome.OVERFLOW),
        "message": (VisitEnd.EXIT_KEY, Outcome.VOICE_MESSAGE),
        "callback": (VisitEnd.EXIT_KEY, Outcome.CALLBACK),
    }[end]
    visit = replace(visit, left_at=at, how=how)
    rows = [visit]
    if end != "abandoned":
        tell(visit)
        rows = []
        at += draw(SECONDS)
        if end == "message":
            rows = [VoiceMessageRow(f"{call.id}/vm1", call.id, "x.wav", "exit_key", at, at)]
    call = replace(call, ended_at=at, ended_by=EndedBy.CALLER, outcome=outcome)
    tell(*rows)
    return steps


@st.composite
def told_ledgers(draw: st.DrawFn, most: int = 12) -> list[Step]:
    """Several calls at once, their steps in the order of time; some steps are told twice."""
    count = draw(st.integers(1, most))
    steps = [step for serial in range(1, count + 1) for step in draw(told_calls(serial))]
    steps.sort(key=lambda step: step.at)
    again = draw(st.lists(st.integers(0, len(steps) - 1), max_size=2))
    for index in again:  # A batch whose commit had to be tried again.
        steps.insert(index + 1, steps[index])
    return steps


def newest(steps: Sequence[Step]) -> LedgerChanges:
    """All rows of `steps`, each in its newest form."""
    rows: dict[str, LedgerRow] = {}
    for step in steps:
        for name in step.changes.__slots__:
            for row in getattr(step.changes, name):
                rows[row.id] = row
    return LedgerChanges.of(rows.values())
