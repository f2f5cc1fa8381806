"""What the dialplan says of a call, and what the ledger has of it: every mark does what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.telephony.domain.callbook import CallBook
from callcenter.telephony.domain.journal import COLUMNS, parse
from callcenter.telephony.domain.ledger import (
    CallRow,
    Direction,
    EndedBy,
    LedgerChanges,
    NoRoom,
    Outcome,
)

BEGUN = 1795407500
CITIZEN = "1795407500.7"
Mark = tuple[str, Mapping[str, object]]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(BEGUN, UTC) + timedelta(seconds=seconds)


def line(event: str, seconds: float, **fields: str) -> str:
    values = {
        "eventtype": event,
        "eventtime": f"{BEGUN + seconds:.6f}",
        "uniqueid": CITIZEN,
        "linkedid": CITIZEN,
        "channel": "PJSIP/trunk-1",
        "exten": "12345",
        "number": "13800138000",
        "name": "王",
        **fields,
    }
    return ",".join('"' + values.get(one, "").replace('"', '""') + '"' for one in COLUMNS) + "\n"


def mark(event: str, seconds: float, facts: Mapping[str, object]) -> str:
    extra = json.dumps({"extra": json.dumps(facts)})
    return line(event, seconds, userdeftype=event, extra=extra)


def story(*marks: Mark, ended: bool = True) -> LedgerChanges:
    """A call with these marks, a second apart, that hangs up a second after the last."""
    text = line("CHAN_START", 0) + mark("INBOUND", 0, {"did": "12345"})
    for second, (event, facts) in enumerate(marks, 1):
        text += mark(event, second, facts)
    if ended:
        last = len(marks) + 1
        text += line("HANGUP", last, extra=json.dumps({"hangupsource": "PJSIP/trunk-1"}))
        text += line("CHAN_END", last)
    book = CallBook("pbx1")
    parsed = parse(text.encode())
    assert not parsed.rejects
    for row in parsed.rows:
        book.apply(row, row.position)
    return book.take()


def the_call(changes: LedgerChanges) -> CallRow:
    (call,) = changes.calls
    return call


def begun(path: str, reason: str = "full") -> Mark:
    return "VOICE_MESSAGE_START", {"path": path, "reason": reason}


def over(path: str) -> Mark:
    return "VOICE_MESSAGE", {"path": path, "status": "SILENCE"}


def test_every_voice_message_of_a_call_is_kept_under_its_number() -> None:
    changes = story(
        begun("a.wav", "closed"), over("a.wav"), begun("b.wav"), over("x.wav"), over("b.wav")
    )
    call = the_call(changes)
    assert [
        (one.id, one.call_id, one.path, one.reason, one.started_at, one.ended_at)
        for one in changes.voice_messages
    ] == [
        (f"{call.id}/vm1", call.id, "a.wav", "closed", at(1), at(2)),
        (f"{call.id}/vm2", call.id, "b.wav", "full", at(3), at(5)),
    ]
    assert call.outcome is Outcome.VOICE_MESSAGE


@settings(max_examples=40)
@given(st.lists(st.sampled_from("abc"), max_size=6), st.booleans())
def test_a_message_ends_with_its_end_or_with_the_call(paths: list[str], ended: bool) -> None:
    marks = [begun(path) for path in paths]
    ends = sorted(set(paths) - {"c"})
    changes = story(*marks, *(over(path) for path in ends), ended=ended)
    total = len(marks) + len(ends) + 1
    found = {one.id.rpartition("/")[2]: one for one in changes.voice_messages}
    assert sorted(found) == [f"vm{number}" for number in range(1, len(paths) + 1)]
    for number, path in enumerate(paths, 1):
        one = found[f"vm{number}"]
        assert (one.path, one.started_at) == (path, at(number))
        newest = max(place for place, other in enumerate(paths, 1) if other == path)
        if path in ends and number == newest:
            assert one.ended_at == at(len(marks) + ends.index(path) + 1)
        elif path not in ends:
            assert one.ended_at == (at(total) if ended else None)


@pytest.mark.parametrize(
    ("marks", "outcome"),
    [
        ([], Outcome.HUNG_UP),
        ([("BLOCKED", {})], Outcome.BLOCKED),
        ([("LIMITED", {})], Outcome.TOO_MANY),
        ([("CLOSED", {})], Outcome.CLOSED),
        ([("OVERFLOW", {"reason": "full"})], Outcome.OVERFLOW),
        ([("CALLBACK_REQUESTED", {})], Outcome.CALLBACK),
        ([("CLOSED", {}), begun("a.wav", "closed"), over("a.wav")], Outcome.VOICE_MESSAGE),
    ],
)
def test_how_a_call_that_met_nobody_ended(marks: list[Mark], outcome: Outcome) -> None:
    call = the_call(story(*marks))
    assert (call.outcome, call.ended_by, call.ended_at) == (
        outcome,
        EndedBy.CALLER,
        at(len(marks) + 1),
    )
    assert the_call(story(*marks, ended=False)).outcome is Outcome.IN_PROGRESS


def test_who_called_whom_and_where_it_was_sent() -> None:
    call = the_call(story(("ROUTED", {"route": "queue", "queue": "12345", "priority": 5})))
    assert (call.id, call.node, call.linkedid) == (f"pbx1:{CITIZEN}", "pbx1", CITIZEN)
    assert (call.caller_number, call.caller_name, call.called_number) == (
        "13800138000",
        "王",
        "12345",
    )
    assert (call.route, call.started_at) == ("queue", at(0))


@pytest.mark.parametrize(("priority", "kept"), [(5, 5), (0, 0), ("5", 0), (None, 0)])
def test_the_place_that_the_dialplan_gives_is_the_visits(priority: object, kept: int) -> None:
    text = line("CHAN_START", 0) + mark("INBOUND", 0, {"did": "12345"})
    text += mark("ROUTED", 1, {"route": "queue", "priority": priority})
    text += line("APP_START", 2, app="Queue", appdata="12345,ctiC,,,600")
    book = CallBook("pbx1")
    for row in parse(text.encode()).rows:
        book.apply(row, row.position)
    (visit,) = book.take().queue_visits
    assert (visit.priority, visit.queue, visit.joined_at) == (kept, "12345", at(2))


def test_whose_number_and_whose_seat_depends_on_who_called() -> None:
    inbound = the_call(story())
    assert (inbound.citizen_number, inbound.own_seat) == ("13800138000", "")
    outbound = replace(
        inbound,
        direction=Direction.OUTBOUND,
        caller_number="8001",
        called_number="110",
        seat="8002",
    )
    assert (outbound.citizen_number, outbound.own_seat) == ("110", "8001")
    assert replace(inbound, seat="8002").own_seat == "8002"


@pytest.mark.parametrize(
    ("event", "priority"),
    [("CITIZENS_PARTED", 10), ("PHONE_LOST", 10), ("TRANSFER_FAILED", 10), ("BLOCKED", 0)],
)
def test_who_comes_back_without_his_doing_goes_to_the_head(event: str, priority: int) -> None:
    text = line("CHAN_START", 0) + mark("INBOUND", 0, {"did": "12345"})
    text += mark(event, 1, {}) + line("APP_START", 2, app="Queue", appdata="12345,ctiC,,,600")
    book = CallBook("pbx1")
    for row in parse(text.encode()).rows:
        book.apply(row, row.position)
    (visit,) = book.take().queue_visits
    assert visit.priority == priority


def test_what_there_is_no_room_for_is_told_at_once() -> None:
    text = line("CHAN_START", 0) + mark("INBOUND", 0, {"did": "12345"})
    text += mark("VOICE_MESSAGE_START", 1, {"path": "a.wav", "reason": "closed"})
    book = CallBook("pbx1")
    for row in parse(text.encode()).rows:
        book.apply(row, row.position)
    (message,) = book.take().voice_messages
    assert message.no_room is NoRoom.NOWHERE
    guard = mark("ROOM", 2, {"recordings": "all", "voice_messages": "none"})
    for row in parse(guard.encode()).rows:
        book.apply(row, row.position)
    (cut,) = book.take().voice_messages
    assert (cut.id, cut.no_room) == (message.id, NoRoom.CUT)


@pytest.mark.parametrize(
    ("score", "kept"),
    [(1, 1), (5, 5), (0, None), (6, None), ("3", None), (True, None), (None, None)],
)
def test_a_score_is_one_to_five(score: object, kept: int | None) -> None:
    ratings = story(("RATING", {"score": score, "seat": "8001"})).ratings
    assert [(one.score, one.seat, one.at) for one in ratings] == (
        [] if kept is None else [(kept, "8001", at(1))]
    )


def test_every_score_of_a_call_has_its_number() -> None:
    changes = story(*(("RATING", {"score": score, "seat": "8001"}) for score in (4, 2)))
    assert [(one.id, one.score) for one in changes.ratings] == [
        (f"pbx1:{CITIZEN}/s1", 4),
        (f"pbx1:{CITIZEN}/s2", 2),
    ]
