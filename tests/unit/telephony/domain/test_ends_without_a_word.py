"""What holds where the PBX says less than it should, or several things at once."""

from __future__ import annotations

import pytest

from callcenter.telephony.domain.call import OpenCall
from callcenter.telephony.domain.callbook import CallBook
from callcenter.telephony.domain.ids import CallId
from callcenter.telephony.domain.ledger import CallRow, Direction, EndedBy, Outcome, RingEnd
from callcenter.telephony.domain.legs import Bridges
from callcenter.telephony.domain.records import clean
from tests.unit.telephony.domain.test_floor_views import BEGUN, a_leg
from tests.unit.telephony.domain.test_parties import CITIZEN_LEG, FIRST, SECOND, Journal, ledger
from tests.unit.telephony.domain.test_what_came_of_it import (
    AFTER_EVERY_ROW,
    begun,
    call_of,
    rings_of,
    talks,
    talks_of,
    visits_of,
)


def at_last(journal: Journal) -> object:
    return journal.rows[-1].at


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("abc", 3, "abc"), ("abcd", 3, "abc"), ("王王王王", 3, "王王王"), ("a\0b", 9, "ab"),
        ("王\0b", 9, "王b"), ("\ud800b", 9, "?b"), ("", 3, ""), ("é", 1, "é"),
    ],
)  # fmt: skip
def test_a_text_is_cut_to_its_column_and_freed_of_what_cannot_be_stored(
    text: str, limit: int, kept: str
) -> None:
    assert clean(text, limit) == kept


def test_a_call_of_which_nothing_was_said_yet() -> None:
    call = OpenCall(CallId("c"), "pbx1", "1.1", BEGUN)
    assert call.row() == CallRow(
        CallId("c"), "pbx1", "1.1", Direction.INTERNAL, "", "", "", BEGUN, None, None, None,
        Outcome.IN_PROGRESS, "", "", "", "", "",
    )  # fmt: skip
    assert call.together_at(BEGUN) == 0
    assert list(call.records()) == []
    call.close(BEGUN, EndedBy.SEAT)
    assert (call.row().outcome, call.row().ended_by) == (Outcome.NOT_ANSWERED, EndedBy.SEAT)


@pytest.mark.parametrize(
    ("event", "how"), [("CHAN_END", RingEnd.NO_ANSWER), ("PBX_START", RingEnd.INTERRUPTED)]
)
def test_an_offer_ends_with_its_leg_or_with_the_pbx(event: str, how: RingEnd) -> None:
    journal = begun()
    journal.rings(FIRST, CITIZEN_LEG)
    journal.say(event, FIRST, CITIZEN_LEG)
    assert [(one.how, one.ended_at) for one in rings_of(journal)] == [(how, at_last(journal))]
    assert ledger(journal, AFTER_EVERY_ROW) == ledger(journal)


def test_of_several_that_ring_at_once_the_others_are_let_go_when_one_has_him() -> None:
    journal = begun()
    journal.rings(FIRST, CITIZEN_LEG)
    journal.gone(FIRST, CITIZEN_LEG)
    for seat in (SECOND, "PJSIP/8003-00000005"):
        journal.rings(seat, CITIZEN_LEG)
    talks(journal, SECOND, rings=False)
    met = at_last(journal)
    found = {one.seat: (one.how, one.ended_at) for one in rings_of(journal)}
    assert found["8003"] == (RingEnd.CANCELLED, met)
    assert (found["8001"][0], found["8002"][0]) == (RingEnd.NO_ANSWER, RingEnd.ANSWERED)
    assert ledger(journal, AFTER_EVERY_ROW) == ledger(journal)


def test_who_stepped_aside_is_replaced_by_whom_the_citizen_meets_then() -> None:
    journal = begun()
    talks(journal, FIRST)
    journal.apart(f"b-{FIRST}", CITIZEN_LEG, FIRST, linked=CITIZEN_LEG)
    parted = journal.rows[-2].at
    journal.together(f"b-{SECOND}", CITIZEN_LEG, linked=CITIZEN_LEG)
    journal.rings(SECOND, CITIZEN_LEG)
    journal.together(f"b-{SECOND}", SECOND, linked=CITIZEN_LEG)
    third = "PJSIP/8003-00000005"
    journal.rings(third, CITIZEN_LEG)
    journal.together(f"b-{SECOND}", third, linked=CITIZEN_LEG)
    assert [(one.seat, one.ended_at) for one in talks_of(journal)] == [
        ("8001", parted), ("8002", None), ("8003", None),
    ]  # fmt: skip
    journal.apart(f"b-{SECOND}", third, linked=CITIZEN_LEG)
    journal.together(f"b-{SECOND}", third, linked=CITIZEN_LEG)
    assert call_of(journal).seat == "8003"


def test_who_comes_back_is_whose_call_it_is() -> None:
    journal = begun()
    talks(journal, FIRST)
    journal.apart(f"b-{FIRST}", FIRST, linked=CITIZEN_LEG)
    journal.rings(SECOND, CITIZEN_LEG)
    journal.together(f"b-{FIRST}", SECOND, linked=CITIZEN_LEG)
    assert call_of(journal).seat == "8002"
    journal.together(f"b-{FIRST}", FIRST, linked=CITIZEN_LEG)
    assert call_of(journal).seat == "8001"
    assert ledger(journal, AFTER_EVERY_ROW) == ledger(journal)


@pytest.mark.parametrize(
    ("event", "how"), [("CHAN_END", "abandoned"), ("BRIDGE_ENTER", "connected")]
)
def test_who_asks_a_queue_waits_there_until_somebody_comes_or_he_gives_up(
    event: str, how: str
) -> None:
    """A seat's own stay in a queue, within the call of its citizen."""
    journal = begun()
    journal.rings(FIRST, CITIZEN_LEG)
    journal.say("APP_START", FIRST, CITIZEN_LEG, app="Queue", appdata="english,ctiCI")
    journal.say(event, FIRST, CITIZEN_LEG, bridge_id="b7")
    own, asked = visits_of(journal)
    assert (own.how, own.left_at) == (None, None)
    assert (asked.queue, asked.how, asked.left_at) == ("english", how, at_last(journal))
    assert ledger(journal, AFTER_EVERY_ROW) == ledger(journal)


@pytest.mark.parametrize("event", ["BRIDGE_ENTER", "CHAN_END", "BRIDGE_EXIT"])
def test_they_are_together_until_one_leaves_however_that_is_told(event: str) -> None:
    """Into another bridge, or out of everything, without a word of the one before."""
    journal = begun()
    journal.say("RECORDING", CITIZEN_LEG, path="a.raw")
    talks(journal, FIRST)
    facts = {"BRIDGE_ENTER": "b9", "BRIDGE_EXIT": f"b-{FIRST}"}
    journal.say(event, FIRST, CITIZEN_LEG, ms=1000, bridge_id=facts.get(event, ""))
    journal.say("BRIDGE_EXIT", CITIZEN_LEG, ms=3000, bridge_id=f"b-{FIRST}")
    (recording,) = ledger(journal)["recordings"].values()
    assert recording.bridged_ms == 1000  # type: ignore[attr-defined]
    journal.rings(SECOND, CITIZEN_LEG)
    journal.together(f"b-{FIRST}", CITIZEN_LEG, linked=CITIZEN_LEG)
    assert [one.seat for one in talks_of(journal)] == ["8001"], "nobody is left in it"


def test_a_channel_that_begins_again_ends_the_one_before() -> None:
    journal = begun()
    book = CallBook("pbx1")
    for number, row in enumerate([*journal.rows, *journal.rows]):
        book.apply(row, number)
    assert book.open_calls == 1


def test_halves_of_a_local_channel_join_bridges_while_they_live() -> None:
    bridges = Bridges()
    near, far, other = a_leg(None), a_leg(None), a_leg(None)
    for half in (near, far):
        half.kind, half.endpoint = type(half.kind).LOCAL, "x@y-1"
    stray = a_leg(None)
    stray.kind, stray.endpoint = type(stray.kind).LOCAL, "z@y-2"
    bridges.lay(near)
    bridges.lay(far)
    bridges.enter(near, "a")
    bridges.enter(far, "b")
    bridges.enter(other, "b")
    bridges.enter(stray, "a")
    assert bridges.around("a") == [near, stray, far, other]
    bridges.forget(far)
    assert bridges.around("a") == [near, stray]
    bridges.enter(far, "b")  # Gone for good: no way leads over it.
    assert bridges.around("a") == [near, stray]
    bridges.forget(stray)
    assert bridges.around("a") == [near]
