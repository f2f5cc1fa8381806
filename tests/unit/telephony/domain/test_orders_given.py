"""What an order to one leg changes, and whose word is heard."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callcenter.telephony.domain.ledger import PRIORITY_FRONT, CallRow, EndedBy, Via
from tests.unit.telephony.domain.test_parties import (
    CITIZEN_LEG,
    FIRST,
    SECOND,
    Journal,
    ledger,
)
from tests.unit.telephony.domain.test_what_came_of_it import (
    begun,
    call_of,
    steered,
    talks,
    talks_of,
    uniqueid,
)


@pytest.mark.parametrize(
    ("ordered", "by"),
    [(CITIZEN_LEG, EndedBy.SUPERVISOR), (FIRST, EndedBy.SEAT), ("", EndedBy.SYSTEM)],
    ids=["the citizen's leg", "the seat's leg", "nobody's that lives"],
)
def test_who_ended_it_is_whose_leg_was_ordered_to_end(ordered: str, by: EndedBy) -> None:
    journal = begun()
    talks(journal, FIRST)
    steered(journal, "hang_up", ordered)
    journal.gone(FIRST, CITIZEN_LEG)
    journal.gone(CITIZEN_LEG, CITIZEN_LEG)
    assert [one.ended_by for one in talks_of(journal)] == [by]
    assert call_of_citizen(journal).ended_by is by


def call_of_citizen(journal: Journal) -> CallRow:
    call = ledger(journal)["calls"][f"pbx1:{uniqueid(journal, CITIZEN_LEG)}"]
    assert isinstance(call, CallRow)
    return call


@pytest.mark.parametrize(
    ("when", "priorities"),
    [("waits", [PRIORITY_FRONT]), ("talks", [0]), ("left", [0]), ("never", [])],
)
def test_only_who_waits_is_moved_to_the_front(when: str, priorities: list[int]) -> None:
    journal = begun()
    if when == "never":
        del journal.rows[-1]
    if when == "talks":
        talks(journal, FIRST)
    if when == "left":
        journal.say("QUEUE_RESULT", CITIZEN_LEG, queue="12345", status="TIMEOUT")
    steered(journal, "to_front", CITIZEN_LEG)
    found = ledger(journal).get("queue_visits", {}).values()
    assert [one.priority for one in found] == priorities  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("marks", "gaps"),
    [
        (["recording_paused"], "0-"),
        (["recording_paused", "recording_resumed"], "0-100"),
        (["recording_paused", "to_back"], "0-"),
        (["recording_paused", "about_case"], "0-"),
        (["recording_resumed"], ""),
        (["to_back"], ""),
    ],
)
def test_a_mark_changes_the_newest_recording_and_only_as_it_says(
    marks: list[str], gaps: str
) -> None:
    journal = begun()
    steered(journal, "recording_paused", CITIZEN_LEG)  # There is none yet.
    journal.say("RECORDING", CITIZEN_LEG, path="a.raw")
    journal.say("RECORDING", CITIZEN_LEG, path="b.raw")
    talks(journal, FIRST)
    met = journal.rows[-1].at
    for number, mark in enumerate(marks):
        steered(journal, mark, CITIZEN_LEG, case="1")
        said = met + timedelta(milliseconds=100 * number)
        journal.rows[-1] = replace(journal.rows[-1], at=said)
    found = ledger(journal)["recordings"].values()
    assert [one.gaps for one in found] == ["", gaps]  # type: ignore[attr-defined]


# -- whose word it is -----------------------------------------------------------------------------


def test_only_a_calls_own_leg_says_whose_call_it_is() -> None:
    journal = begun()
    journal.rings(FIRST, CITIZEN_LEG)
    journal.say("INBOUND", FIRST, CITIZEN_LEG, did="110")
    journal.say("OUTBOUND", FIRST, CITIZEN_LEG, number="120", case="1")
    call = call_of(journal)
    assert (call.direction, call.called_number, call.case_number) == ("inbound", "12345", "")


@pytest.mark.parametrize("known", [True, False])
def test_whose_citizen_is_taken_over_loses_him_to_the_supervisor(known: bool) -> None:
    journal = begun()
    talks(journal, FIRST)
    journal.say("CHAN_START", SECOND, exten="s")
    channel = uniqueid(journal, CITIZEN_LEG) if known else "99.9"
    journal.say("TAKE_OVER", SECOND, channel=channel)
    journal.apart(f"b-{FIRST}", FIRST, CITIZEN_LEG, linked=CITIZEN_LEG)
    journal.gone(FIRST, CITIZEN_LEG)
    journal.together("b9", SECOND, CITIZEN_LEG, linked=CITIZEN_LEG)
    first, second = talks_of(journal)
    assert (first.seat, second.seat, second.via) == ("8001", "8002", Via.TAKEN_OVER)
    assert (first.ended_by is EndedBy.SUPERVISOR) is known
