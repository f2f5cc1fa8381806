"""Who ended a ring, a talk and a call, what was sent on, and how wide a row is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from callcenter.telephony.domain.call import OpenCall
from callcenter.telephony.domain.ids import CallId, Linkedid, Uniqueid
from callcenter.telephony.domain.ledger import (
    EndedBy,
    RingEnd,
    TransferEnd,
    TransferKind,
    Via,
    VisitEnd,
)
from callcenter.telephony.domain.legs import Leg, LegKind, dialled_number
from callcenter.telephony.domain.reconcile import Place, Working
from callcenter.telephony.domain.records import (
    Rating,
    Recording,
    Ring,
    Talk,
    Transfer,
    Visit,
    VoiceMessage,
)
from tests.unit.telephony.domain.test_parties import CITIZEN_LEG, FIRST, SECOND, Journal, ledger
from tests.unit.telephony.domain.test_what_came_of_it import (
    AFTER_EVERY_ROW,
    THIRD,
    begun,
    call_of,
    dials,
    rings_of,
    sends_on,
    talks,
    talks_of,
    transfers_of,
    uniqueid,
    visits_of,
)


@pytest.mark.parametrize(
    ("cause", "source", "how"),
    [
        (17, "", RingEnd.REFUSED),
        (16, FIRST, RingEnd.REFUSED),
        (16, "", RingEnd.NO_ANSWER),
        (16, CITIZEN_LEG, RingEnd.NO_ANSWER),
        (58, FIRST, RingEnd.NO_SOUND),
    ],
)
def test_a_phone_refuses_by_its_cause_or_as_the_source_of_the_end(
    cause: int, source: str, how: RingEnd
) -> None:
    journal = begun()
    journal.rings(FIRST, CITIZEN_LEG)
    journal.say("HANGUP", FIRST, CITIZEN_LEG, hangupcause=cause, hangupsource=source)
    assert [(one.how, one.ended_at) for one in rings_of(journal)] == [(how, journal.rows[-1].at)]


@pytest.mark.parametrize(("source", "by"), [(FIRST, "seat"), (CITIZEN_LEG, "caller")])
def test_a_talk_ends_with_the_first_word_of_its_end(source: str, by: str) -> None:
    journal = begun()
    talks(journal, FIRST)
    journal.say("HANGUP", FIRST, CITIZEN_LEG, hangupcause=16, hangupsource=source)
    said = journal.rows[-1].at
    assert [(one.ended_by, one.ended_at) for one in talks_of(journal)] == [(by, said)]
    journal.apart(f"b-{FIRST}", FIRST, CITIZEN_LEG, linked=CITIZEN_LEG)
    journal.gone(CITIZEN_LEG, CITIZEN_LEG, source)
    assert [(one.ended_by, one.ended_at) for one in talks_of(journal)] == [(by, said)]
    assert call_of(journal).ended_by == by


@pytest.mark.parametrize(
    ("sources", "by"),
    [((FIRST,), "seat"), ((CITIZEN_LEG,), "caller"), ((CITIZEN_LEG, FIRST), "caller"),
     ((FIRST, CITIZEN_LEG), "seat"), ((SECOND,), "caller")],
)  # fmt: skip
def test_the_citizens_own_end_names_who_is_with_him_and_is_said_once(
    sources: tuple[str, ...], by: str
) -> None:
    journal = begun()
    talks(journal, FIRST)
    for source in sources:
        journal.say("HANGUP", CITIZEN_LEG, hangupcause=16, hangupsource=source)
    journal.apart(f"b-{FIRST}", CITIZEN_LEG, FIRST, linked=CITIZEN_LEG)
    journal.say("CHAN_END", CITIZEN_LEG)
    assert call_of(journal).ended_by == by


@pytest.mark.parametrize(("later", "by"), [(1, EndedBy.CALLER), (500, EndedBy.SYSTEM)])
def test_whom_nobody_named_ended_with_the_call_or_by_the_pbx(later: int, by: EndedBy) -> None:
    """He left first, and the PBX named no source to the seat."""
    journal = begun()
    talks(journal, FIRST)
    journal.apart(f"b-{FIRST}", CITIZEN_LEG, FIRST, linked=CITIZEN_LEG)
    journal.gone(FIRST, CITIZEN_LEG)
    parted = [one.ended_at for one in talks_of(journal)]
    journal.say("HANGUP", CITIZEN_LEG, ms=later, hangupcause=16, hangupsource=CITIZEN_LEG)
    journal.say("CHAN_END", CITIZEN_LEG)
    (talk,) = talks_of(journal)
    assert (talk.ended_by, call_of(journal).ended_by) == (by, by)
    assert [talk.ended_at] == parted


def test_a_score_is_of_the_seat_that_he_talked_with_last() -> None:
    journal = begun()
    talks(journal, FIRST)
    sends_on(journal, FIRST, "8002")
    talks(journal, SECOND)
    journal.apart(f"b-{SECOND}", SECOND, CITIZEN_LEG, linked=CITIZEN_LEG)
    outside = "PJSIP/trunk-00000009"
    journal.say("APP_START", CITIZEN_LEG, app="Dial", appdata="PJSIP/110@trunk,20")
    talks(journal, outside)
    journal.say("RATING", CITIZEN_LEG, score=4, seat="8003")
    found = ledger(journal)["ratings"].values()
    assert [(one.seat, one.score) for one in found] == [("8002", 4)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("event", "how"), [("QUEUE_EXIT", "exit_key"), ("QUEUE_RESULT", "full")])
def test_a_stay_ends_when_it_is_said_and_that_is_told(event: str, how: VisitEnd) -> None:
    journal = begun()
    journal.say(event, CITIZEN_LEG, queue="12345", status="FULL")
    assert [(one.how, one.left_at) for one in visits_of(journal)] == [(how, journal.rows[-1].at)]
    assert ledger(journal, AFTER_EVERY_ROW) == ledger(journal)


# -- transfers ------------------------------------------------------------------------------------


def sent(journal: Journal, event: str, by: str, bridge: str, transferee: str) -> None:
    key = "bridge_id" if event == "BLINDTRANSFER" else "bridge1_id"
    said = {key: bridge, "extension": "8002", "transferee_channel_uniqueid": transferee}
    journal.say(event, by, CITIZEN_LEG, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize("event", ["BLINDTRANSFER", "ATTENDEDTRANSFER"])
def test_a_transfer_that_is_said_twice_is_one_until_somebody_has_come(event: str) -> None:
    journal = begun()
    talks(journal, FIRST)
    for bridge in ("b1", "b1", "b2"):
        sent(journal, event, FIRST, bridge, uniqueid(journal, CITIZEN_LEG))
    assert len(transfers_of(journal)) == 2
    journal = begun()
    talks(journal, FIRST)
    sent(journal, event, FIRST, "b1", uniqueid(journal, CITIZEN_LEG))
    journal.apart(f"b-{FIRST}", FIRST, CITIZEN_LEG, linked=CITIZEN_LEG)
    dials(journal, "8002")
    talks(journal, SECOND)
    sent(journal, event, SECOND, "b1", uniqueid(journal, CITIZEN_LEG))
    assert [one.from_seat for one in transfers_of(journal)] == ["8001", "8002"]


@pytest.mark.parametrize("event", ["BLINDTRANSFER", "ATTENDEDTRANSFER"])
@pytest.mark.parametrize(
    ("by", "named", "count"),
    [(FIRST, "", 1), (FIRST, "99.9", 1), (THIRD, "his", 1), (THIRD, "", 0)],
)
def test_whom_a_transfer_sends_is_named_or_talks_with_the_sender(
    event: str, by: str, named: str, count: int
) -> None:
    journal = begun()
    talks(journal, FIRST)
    journal.rings(THIRD, CITIZEN_LEG)
    sent(journal, event, by, "b1", uniqueid(journal, CITIZEN_LEG) if named == "his" else named)
    assert len(transfers_of(journal)) == count
    assert ledger(journal, AFTER_EVERY_ROW) == ledger(journal)


def test_a_seat_that_comes_back_after_all_talks_on() -> None:
    """It has asked somebody and brings all three together: told as one talk that goes on."""
    journal = begun()
    talks(journal, FIRST)
    journal.apart(f"b-{FIRST}", FIRST, CITIZEN_LEG, linked=CITIZEN_LEG)
    sent(journal, "ATTENDEDTRANSFER", FIRST, "b1", uniqueid(journal, CITIZEN_LEG))
    assert [one.ended_by for one in talks_of(journal)] == [EndedBy.TRANSFER]
    journal.together("b9", FIRST, CITIZEN_LEG, linked=CITIZEN_LEG)
    assert [(one.ended_by, one.ended_at) for one in talks_of(journal)] == [(None, None)]
    assert ledger(journal, AFTER_EVERY_ROW) == ledger(journal)


# -- rows -----------------------------------------------------------------------------------------

AT = datetime(2026, 11, 27, 10, tzinfo=UTC)
LONG = "9" * 3000


def wide() -> tuple[OpenCall, Leg]:
    call = OpenCall(CallId("c"), "pbx1", LONG, AT)
    leg = Leg(Uniqueid(LONG), Linkedid(LONG), LONG, LegKind.SEAT, LONG, "", call)
    call.anchor = leg
    for name in ("caller_number", "caller_name", "called_number", "route", "queue", "seat",
                 "first_seat", "case_number"):  # fmt: skip
        setattr(call, name, LONG)
    return call, leg


CALL, LEG = wide()


@pytest.mark.parametrize(
    ("make", "widths"),
    [
        (CALL.row, {"linkedid": 40, "caller_number": 128, "caller_name": 256, "called_number": 128,
                    "route": 32, "queue": 64, "seat": 128, "first_seat": 128, "case_number": 32}),
        (Visit(CALL, 1, LEG, LONG, AT).row, {"channel": 40, "queue": 64}),
        (Ring(CALL, 1, LEG, None, AT).row, {"channel": 40, "seat": 128}),
        (Talk(CALL, 1, LEG, Via.QUEUE, AT).row, {"channel": 40, "channel_name": 128, "seat": 128}),
        (Talk(CALL, 1, LEG, Via.QUEUE, AT, taken_back=True).row, {"seat": 128}),
        (Transfer(CALL, 1, TransferKind.BLIND, LONG, LONG, "b", AT).row,
         {"from_seat": 128, "target": 128}),
        (Recording(CALL, 1, LEG, LONG, 0, AT).row, {"path": 1024}),
        (VoiceMessage(CALL, 1, LONG, LONG, AT).row, {"path": 1024, "reason": 32}),
        (Rating(CALL, 1, LONG, 5, AT).row, {"seat": 128}),
    ],
)  # fmt: skip
def test_no_text_of_a_row_is_wider_than_its_column(
    make: Callable[[], Any], widths: dict[str, int]
) -> None:
    row = make()
    long = {one.name: getattr(row, one.name) for one in fields(row)}
    assert {
        name: len(text)
        for name, text in long.items()
        if isinstance(text, str) and text.startswith("99")
    } == widths


def test_a_transfer_pends_until_something_is_said_of_it() -> None:
    assert Transfer(CALL, 1, TransferKind.BLIND, "", "", "b", AT).row().how is TransferEnd.PENDING


# -- small ones -----------------------------------------------------------------------------------


def test_a_reason_is_of_a_pause_alone() -> None:
    assert Place("n", 2, paused=True, reason="lunch").working == Working(2, True, "lunch")
    assert Place("n", 2, paused=False, reason="lunch").working == Working(2, False, "")


def test_what_follows_the_first_at_sign_is_no_number() -> None:
    assert dialled_number("PJSIP/trunk/sip:021@carrier@x,30", "trunk") == "021"
