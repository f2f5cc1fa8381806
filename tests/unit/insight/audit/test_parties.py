"""The rules of parties and queues: whom a citizen may have talked with, and where he waited."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from callcenter.insight.audit.compare import (
    AT_THE_DOOR,
    TOGETHER,
    Kind,
    compare_parties,
    compare_queues,
)
from callcenter.telephony.domain.ledger import (
    CITIZEN,
    EndedBy,
    QueueVisitRow,
    TalkRow,
    Via,
    VisitEnd,
)
from callcenter.telephony.pbx.queue_log import QueueLogEntry

BEGUN = datetime(2026, 11, 27, 10, tzinfo=UTC)
OTHER = f"{CITIZEN}pbx1:1.2"


def talk(number: int, party: str, begins: float, ends: float | None) -> TalkRow:
    return TalkRow(
        f"pbx1:1.1/t{number}",
        "pbx1:1.1",
        party,
        f"1.{number}1",
        "PJSIP/x-1",
        Via.QUEUE,
        BEGUN + timedelta(seconds=begins),
        None if ends is None else BEGUN + timedelta(seconds=ends),
        None if ends is None else EndedBy.SEAT,
    )


LONG = TOGETHER.total_seconds() + 1


@pytest.mark.parametrize(
    ("talks", "kinds"),
    [
        ([talk(1, "8001", 0, 10)], []),
        ([talk(1, "8001", 0, 10), talk(2, "+862161234567", 10, 20)], []),
        # Parted at once, or with a seat between them all the time.
        ([talk(1, "8001", 0, 10), talk(2, OTHER, 10, 10.5), talk(3, "8002", 20, 30)], []),
        ([talk(1, "8001", 0, 30), talk(2, OTHER, 10, 20)], []),
        # Left alone: after the seat, from the beginning, still, or when the seat has gone.
        ([talk(1, "8001", 0, 10), talk(2, OTHER, 10, 10 + LONG)], [Kind.CITIZENS_TOGETHER]),
        ([talk(1, OTHER, 0, LONG)], [Kind.CITIZENS_TOGETHER]),
        ([talk(1, "8001", 0, 10), talk(2, OTHER, 10, None)], [Kind.CITIZENS_TOGETHER]),
        ([talk(1, "8001", 0, 20), talk(2, OTHER, 10, 20 + LONG)], [Kind.CITIZENS_TOGETHER]),
        # A channel's name, or nobody that is known.
        ([talk(1, "trunk", 0, 1)], [Kind.PARTY_UNKNOWN]),
        ([talk(1, "outside", 0, 1)], [Kind.PARTY_UNKNOWN]),
        ([talk(1, "Local/8001@x", 0, 1)], [Kind.PARTY_UNKNOWN]),
    ],
)
def test_whom_a_citizen_talked_with(talks: list[TalkRow], kinds: list[Kind]) -> None:
    assert [one.kind for one in compare_parties(talks)] == kinds


@pytest.mark.parametrize("known", [True, False])
def test_a_seat_that_answered_without_a_talk_lacks_none(known: bool) -> None:
    entries = [
        QueueLogEntry(1, "1.1", "12345", "NONE", "ENTERQUEUE", ("", "139", "1")),
        QueueLogEntry(1, "1.1", "12345", "8001", "CONNECT", ("0", "1.11", "0")),
    ]
    found = [one.kind for one in compare_queues(entries, (), (), {"1.11"} if known else ())]
    assert (Kind.TALK_MISSING in found) is not known


@pytest.mark.parametrize("more", [timedelta(0), timedelta(milliseconds=1)])
@pytest.mark.parametrize("entered", [0, 1])
def test_who_gives_up_at_the_door_may_never_have_entered(entered: int, more: timedelta) -> None:
    """A caller who hangs up in the moment in which the PBX finds no place for him."""
    entries = [
        QueueLogEntry(1, "1.1", "12345", "NONE", "ENTERQUEUE", ("", "139", "1")),
        QueueLogEntry(1, "1.1", "12345", "NONE", "ABANDON", ("1", "1", "9")),
    ]
    stayed = [*[timedelta(seconds=9)] * entered, AT_THE_DOOR + more]
    visits = [
        QueueVisitRow(
            f"v{n}", "c", "1.1", "12345", BEGUN, BEGUN + took, VisitEnd.ABANDONED
        )
        for n, took in enumerate(stayed)
    ]  # fmt: skip
    found = [one.kind for one in compare_queues(entries[: 2 * entered], visits, ())]
    assert found == ([Kind.VISIT_UNKNOWN, Kind.VISIT_END] if more else [])
