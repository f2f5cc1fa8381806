"""A talk that was none, a transfer that reached nobody: what is left of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from callcenter.telephony.domain.callbook import CallBook
from callcenter.telephony.domain.ledger import (
    CITIZEN,
    PRIORITY_FRONT,
    PRIORITY_RETURNED,
    CallRow,
    Outcome,
    RingEnd,
    RingRow,
    TalkRow,
    TalkTakenBack,
    TransferEnd,
    TransferRow,
    Via,
)
from tests.unit.telephony.domain.test_parties import (
    CITIZEN_LEG,
    FIRST,
    OTHER_LEG,
    SECOND,
    Journal,
    joined,
    ledger,
    without_sound,
)

THIRD = "PJSIP/8003-00000005"
FIRST_AGAIN = "PJSIP/8001-00000006"
MARK_LEG = "Local/s@steer-mark-00000007;2"
AFTER_EVERY_ROW = frozenset(range(100))


def uniqueid(journal: Journal, leg: str) -> str:
    """The channel's own, once it has begun."""
    return next(row.uniqueid for row in journal.rows if row.channel == leg)


def call_of(journal: Journal) -> CallRow:
    (call,) = ledger(journal)["calls"].values()
    assert isinstance(call, CallRow)
    return call


def talks_of(journal: Journal) -> list[TalkRow]:
    return [one for one in ledger(journal).get("talks", {}).values() if isinstance(one, TalkRow)]


def rings_of(journal: Journal) -> list[RingRow]:
    return [one for one in ledger(journal).get("rings", {}).values() if isinstance(one, RingRow)]


def transfers_of(journal: Journal) -> list[TransferRow]:
    found = ledger(journal).get("transfers", {}).values()
    return [one for one in found if isinstance(one, TransferRow)]


def visits_of(journal: Journal) -> list[Any]:
    return list(ledger(journal)["queue_visits"].values())


# -- pieces of stories ----------------------------------------------------------------------------


def begun(*, priority: int = 0) -> Journal:
    """A citizen waits."""
    journal = Journal()
    journal.say("CHAN_START", CITIZEN_LEG, exten="12345")
    journal.say("INBOUND", CITIZEN_LEG, did="12345")
    journal.say("ROUTED", CITIZEN_LEG, route="queue", queue="12345", priority=priority)
    waits(journal)
    return journal


def waits(journal: Journal) -> None:
    journal.say("APP_START", CITIZEN_LEG, app="Queue", appdata="12345,ctiCI")


def talks(journal: Journal, seat: str, *, rings: bool = True) -> None:
    if rings:
        journal.rings(seat, CITIZEN_LEG)
    journal.say("ANSWER", seat, CITIZEN_LEG)
    journal.together(f"b-{seat}", seat, CITIZEN_LEG, linked=CITIZEN_LEG)


def no_talk(journal: Journal, seat: str) -> None:
    """They part, and it says that it was none."""
    journal.apart(f"b-{seat}", seat, CITIZEN_LEG, linked=CITIZEN_LEG)
    journal.say("NO_TALK", seat, CITIZEN_LEG)
    journal.gone(seat, CITIZEN_LEG, seat)


def sends_on(journal: Journal, seat: str, target: str) -> None:
    """A blind transfer, up to the Dial of the one who is meant."""
    journal.say(
        "BLINDTRANSFER", seat, CITIZEN_LEG, extension=target, bridge_id=f"b-{seat}",
        transferee_channel_uniqueid=uniqueid(journal, CITIZEN_LEG),
    )  # fmt: skip
    journal.apart(f"b-{seat}", seat, CITIZEN_LEG, linked=CITIZEN_LEG)
    journal.gone(seat, CITIZEN_LEG, seat)
    dials(journal, target)


def dials(journal: Journal, target: str) -> None:
    journal.say("APP_START", CITIZEN_LEG, app="Dial", appdata=f"PJSIP/{target},20")


def steered(journal: Journal, what: str, leg: str, case: str = "") -> None:
    if all(row.channel != MARK_LEG for row in journal.rows):
        journal.say("CHAN_START", MARK_LEG, exten="s")
    channel = uniqueid(journal, leg) if leg else "99.9"
    journal.say("STEERED", MARK_LEG, what=what, channel=channel, by="8001", case=case)


def sent_without_sound() -> Journal:
    """8001 sends him to 8002, who answers without sound."""
    journal = begun()
    talks(journal, FIRST)
    sends_on(journal, FIRST, "8002")
    talks(journal, SECOND)
    no_talk(journal, SECOND)
    return journal


def citizens_left_together() -> Journal:
    """8001 has connected its citizen with the one of 8002; then those two part."""
    journal = Journal()
    for leg, seat in ((CITIZEN_LEG, FIRST), (OTHER_LEG, SECOND)):
        journal.inbound(leg)
        journal.rings(seat, leg)
        journal.say("ANSWER", seat, leg)
        journal.together(f"b-{leg}", seat, leg, linked=leg)
    journal.say(
        "ATTENDEDTRANSFER", FIRST, CITIZEN_LEG, bridge1_id=f"b-{CITIZEN_LEG}",
        transferee_channel_uniqueid=uniqueid(journal, CITIZEN_LEG),
        transfer_target_channel_uniqueid=uniqueid(journal, OTHER_LEG),
    )  # fmt: skip
    journal.apart(f"b-{CITIZEN_LEG}", FIRST, linked=CITIZEN_LEG)
    journal.apart(f"b-{OTHER_LEG}", SECOND, OTHER_LEG, linked=OTHER_LEG)
    journal.together(f"b-{CITIZEN_LEG}", OTHER_LEG, linked=CITIZEN_LEG)
    journal.apart(f"b-{CITIZEN_LEG}", OTHER_LEG, CITIZEN_LEG, linked=CITIZEN_LEG)
    return journal


def with_seat_after_transfer() -> Journal:
    journal = begun()
    talks(journal, FIRST)
    sends_on(journal, FIRST, "8002")
    talks(journal, SECOND)
    journal.apart(f"b-{SECOND}", SECOND, CITIZEN_LEG, linked=CITIZEN_LEG)
    journal.gone(SECOND, CITIZEN_LEG)
    return journal


def steered_in_every_way() -> Journal:
    journal = begun()
    steered(journal, "to_front", CITIZEN_LEG)
    journal.say("RECORDING", CITIZEN_LEG, path="a.raw")
    talks(journal, FIRST)
    steered(journal, "recording_paused", CITIZEN_LEG)
    steered(journal, "recording_resumed", CITIZEN_LEG)
    steered(journal, "hang_up", CITIZEN_LEG)
    journal.gone(FIRST, CITIZEN_LEG)
    journal.gone(CITIZEN_LEG, CITIZEN_LEG)
    return journal


def parted_and_back() -> Journal:
    journal = citizens_left_together()
    journal.say("CITIZENS_PARTED", CITIZEN_LEG)
    waits(journal)
    return journal


def reached_nobody(event: str, status: str, *, ends: bool = True) -> Journal:
    """8001 sends him to 8002, whose phone's end tells nothing; the dialplan then tells `event`."""
    journal = begun()
    talks(journal, FIRST)
    sends_on(journal, FIRST, "8002")
    journal.rings(SECOND, CITIZEN_LEG)
    if ends:
        journal.gone(SECOND, CITIZEN_LEG)
    journal.say(event, CITIZEN_LEG, status=status)
    waits(journal)
    return journal


def dialled_by_hand() -> Journal:
    """A seat dials, and says to whom and about which case."""
    journal = Journal()
    journal.say("CHAN_START", FIRST, exten="021")
    journal.say("OUTBOUND", FIRST, number="02161234567", case="1")
    steered(journal, "about_case", FIRST, case="2")
    return journal


def counted_while_they_talk() -> Journal:
    journal = begun()
    journal.say("RECORDING", CITIZEN_LEG, path="a.raw")
    talks(journal, FIRST)
    for read in ("100", "200"):
        journal.say("VOICE", CITIZEN_LEG, read=read, written=read, codec="(alaw)", why="anew")
    return journal


STORIES: Mapping[str, Callable[[], Journal]] = {
    "without sound": lambda: without_sound(then="taken"),
    "two citizens": joined,
    "sent without sound": sent_without_sound,
    "two citizens, sent": parted_and_back,
    "steered": steered_in_every_way,
    "dialled by hand": dialled_by_hand,
    "counted": counted_while_they_talk,
    "failed": lambda: reached_nobody("TRANSFER_FAILED", "BUSY"),
    "returned": lambda: reached_nobody("TRANSFER_RETURN", "BUSY"),
}


@pytest.mark.parametrize("name", STORIES)
def test_what_a_row_changes_is_told_with_it(name: str) -> None:
    """However far the journal was read, whoever took every row's changes knows what he knows who
    reads all of it at once."""
    whole = STORIES[name]()
    for end in range(1, len(whole.rows) + 1):
        part = Journal()
        part.rows = whole.rows[:end]
        assert ledger(part, AFTER_EVERY_ROW) == ledger(part), part.rows[-1].event


# -- no talk --------------------------------------------------------------------------------------


def test_what_was_no_talk_is_a_refusal_from_then_on() -> None:
    journal = begun()
    talks(journal, FIRST)
    no_talk(journal, FIRST)
    said = next(row.at for row in journal.rows if row.event == "NO_TALK")
    (ring,) = rings_of(journal)
    assert (ring.how, ring.ended_at) == (RingEnd.REFUSED, said)
    assert not talks_of(journal)
    call = call_of(journal)
    assert (call.seat, call.first_seat, call.answered_at) == ("", "", None)
    assert call.outcome is Outcome.IN_PROGRESS


def test_whoever_was_told_of_it_is_told_that_it_was_none() -> None:
    journal = begun()
    talks(journal, FIRST)
    no_talk(journal, FIRST)
    book = CallBook("pbx1")
    for number, row in enumerate(journal.rows):
        book.apply(row, number)
    said = next(row.at for row in journal.rows if row.event == "NO_TALK")
    call = f"pbx1:{uniqueid(journal, CITIZEN_LEG)}"
    assert book.take().talks_taken_back == (TalkTakenBack(f"{call}/t1", call, "8001", said),)


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "nothing said of it"])
def test_who_never_came_together_with_it_waits_anew(answered: bool) -> None:
    journal = begun()
    journal.rings(FIRST, CITIZEN_LEG)
    if answered:
        journal.say("ANSWER", FIRST, CITIZEN_LEG)
    journal.say("NO_TALK", FIRST, CITIZEN_LEG)
    said = journal.rows[-1].at
    waits(journal)
    assert [(one.how, one.ended_at) for one in rings_of(journal)] == [(RingEnd.REFUSED, said)]
    assert [(one.how, one.left_at) for one in visits_of(journal)] == [
        ("connected", said), (None, None),
    ]  # fmt: skip


def test_an_offer_that_ended_otherwise_stays_as_it_was() -> None:
    journal = begun()
    journal.rings(FIRST, CITIZEN_LEG)
    journal.gone(FIRST, CITIZEN_LEG)
    before = rings_of(journal)
    assert [one.how for one in before] == [RingEnd.NO_ANSWER]
    journal.say("NO_TALK", CITIZEN_LEG, said_by="citizen")
    assert rings_of(journal) == before
    assert [one.how for one in visits_of(journal)] == [None]


@pytest.mark.parametrize(
    ("routed", "before", "then"),
    [
        (0, "", 0),
        (5, "", 5),
        (10, "", 10),
        (0, "lost", PRIORITY_RETURNED),
        (5, "lost", PRIORITY_RETURNED),
        (5, "front", 5),
    ],
)
def test_he_joins_anew_in_the_place_that_he_had(routed: int, before: str, then: int) -> None:
    journal = begun(priority=routed)
    if before == "lost":
        talks(journal, FIRST)
        journal.apart(f"b-{FIRST}", FIRST, CITIZEN_LEG, linked=CITIZEN_LEG)
        journal.gone(FIRST, CITIZEN_LEG)
        journal.say("PHONE_LOST", CITIZEN_LEG)
        waits(journal)
    elif before == "front":
        steered(journal, "to_front", CITIZEN_LEG)
    talks(journal, SECOND)
    no_talk(journal, SECOND)
    waits(journal)
    *_, held, again = visits_of(journal)
    assert held.priority == (PRIORITY_FRONT if before == "front" else then)
    assert again.priority == then


def test_who_talked_with_somebody_before_stays_answered_by_him() -> None:
    journal = sent_without_sound()
    call = call_of(journal)
    assert (call.seat, call.first_seat) == ("8001", "8001")
    assert call.answered_at == talks_of(journal)[0].started_at
    assert [one.seat for one in talks_of(journal)] == ["8001"]
    assert [one.how for one in transfers_of(journal)] == [TransferEnd.PENDING]


@pytest.mark.parametrize(
    ("then", "seat", "how", "via"),
    [
        (THIRD, "8003", TransferEnd.COMPLETED, Via.BLIND),
        (FIRST_AGAIN, "8001", TransferEnd.RETURNED, Via.RETURNED),
        ("", "", TransferEnd.FAILED, None),
    ],
)
def test_a_transfer_to_no_talk_is_settled_by_what_follows(
    then: str, seat: str, how: TransferEnd, via: Via | None
) -> None:
    journal = sent_without_sound()
    if then:
        dials(journal, seat)
        talks(journal, then)
    journal.gone(CITIZEN_LEG, CITIZEN_LEG, CITIZEN_LEG)
    assert [one.how for one in transfers_of(journal)] == [how]
    assert [(one.seat, one.via) for one in talks_of(journal)[1:]] == ([(seat, via)] if via else [])


def test_who_was_left_with_another_citizen_has_the_seat_that_he_talked_with() -> None:
    """Whatever is taken back, another citizen is never whose call it is."""
    journal = parted_and_back()
    talks(journal, THIRD)
    no_talk(journal, THIRD)
    call = ledger(journal)["calls"][f"pbx1:{uniqueid(journal, CITIZEN_LEG)}"]
    assert isinstance(call, CallRow)
    assert (call.seat, call.first_seat) == ("8001", "8001")


def test_what_is_said_of_it_twice_is_taken_back_once() -> None:
    """The citizen's word is of the leg that has said it itself, not of an earlier one."""
    journal = sent_without_sound()
    journal.say("NO_TALK", CITIZEN_LEG, said_by="citizen")
    assert [one.seat for one in talks_of(journal)] == ["8001"]
    assert [one.how for one in rings_of(journal)] == [RingEnd.ANSWERED, RingEnd.REFUSED]


def test_a_leg_that_was_given_up_before_it_answered_has_refused_nothing() -> None:
    journal = begun()
    journal.rings(FIRST, CITIZEN_LEG)
    journal.say("HANGUP", FIRST, CITIZEN_LEG, hangupcause=16, hangupsource="")
    journal.say("NO_TALK", FIRST, CITIZEN_LEG)
    assert [one.how for one in rings_of(journal)] == [RingEnd.NO_ANSWER]


# -- two citizens ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("journal", "how"),
    [
        (citizens_left_together, TransferEnd.FAILED),
        (with_seat_after_transfer, TransferEnd.COMPLETED),
    ],
    ids=["sent to another citizen", "sent to a seat"],
)
def test_a_transfer_to_another_citizen_has_failed(
    journal: Callable[[], Journal], how: TransferEnd
) -> None:
    story = journal()
    assert [one.how for one in transfers_of(story)] == [TransferEnd.COMPLETED]
    story.say("CITIZENS_PARTED", CITIZEN_LEG)
    waits(story)
    assert [one.how for one in transfers_of(story)] == [how]
    own = [one for one in visits_of(story) if one.call_id.endswith(uniqueid(story, CITIZEN_LEG))]
    assert [one.priority for one in own] == [0, PRIORITY_RETURNED]


def test_citizens_that_came_together_by_no_transfer_part_without_one() -> None:
    journal = joined()
    ended = next(at for at, row in enumerate(journal.rows) if row.event == "HANGUP" and at > 20)
    del journal.rows[ended:]
    journal.say("CITIZENS_PARTED", CITIZEN_LEG)
    assert not transfers_of(journal)
    assert sum(one.seat.startswith(CITIZEN) for one in talks_of(journal)) == 2


def test_who_parts_after_his_only_talk_goes_to_the_head_of_the_queue() -> None:
    journal = begun()
    talks(journal, FIRST)
    journal.apart(f"b-{FIRST}", FIRST, CITIZEN_LEG, linked=CITIZEN_LEG)
    journal.say("CITIZENS_PARTED", CITIZEN_LEG)
    waits(journal)
    assert [one.priority for one in visits_of(journal)] == [0, PRIORITY_RETURNED]


# -- a transfer that reached nobody ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "how", "priority"),
    [
        ("TRANSFER_FAILED", TransferEnd.FAILED, PRIORITY_RETURNED),
        ("TRANSFER_RETURN", TransferEnd.RETURNED, 0),
    ],
)
@pytest.mark.parametrize(
    ("status", "ends", "rang"),
    [
        ("BUSY", True, RingEnd.REFUSED),
        ("BUSY", False, RingEnd.REFUSED),
        ("NOANSWER", True, RingEnd.NO_ANSWER),
        ("NOANSWER", False, None),
    ],
)
def test_whom_a_transfer_did_not_reach(
    event: str, how: TransferEnd, priority: int, status: str, ends: bool, rang: RingEnd | None
) -> None:
    """Also where the phone's leg ends without a word, the Dial knows that it said no."""
    journal = reached_nobody(event, status, ends=ends)
    assert [one.how for one in transfers_of(journal)] == [how]
    *_, ring = rings_of(journal)
    assert ring.how is rang
    told = {row.event: row.at for row in journal.rows}
    at = {RingEnd.NO_ANSWER: told["HANGUP"], RingEnd.REFUSED: told["HANGUP" if ends else event]}
    assert ring.ended_at == (at[rang] if rang else None)
    assert [one.priority for one in visits_of(journal)] == [0, priority]


def test_who_rang_before_has_not_refused_a_transfer_that_rang_nobody() -> None:
    journal = begun()
    talks(journal, FIRST)
    sends_on(journal, FIRST, "8002")
    journal.say("TRANSFER_FAILED", CITIZEN_LEG, status="BUSY")
    assert [one.how for one in rings_of(journal)] == [RingEnd.ANSWERED]


def test_a_transfer_of_nobody_who_ever_rang_is_told_all_the_same() -> None:
    journal = begun()
    journal.say("TRANSFER_FAILED", CITIZEN_LEG, status="BUSY")
    assert not rings_of(journal)
    assert not transfers_of(journal)
