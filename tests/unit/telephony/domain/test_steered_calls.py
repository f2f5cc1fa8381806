"""What the ledger makes of calls that were steered: real journals, checked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from callcenter.telephony.domain.callbook import CallBook
from callcenter.telephony.domain.journal import parse, parse_line
from callcenter.telephony.domain.ledger import Direction, EndedBy, LedgerChanges, Outcome
from tests.unit.traces import FOLDER, ledger_of, tell

TRACES = FOLDER / "steering"
NAMES = sorted(path.stem for path in TRACES.glob("*.csv"))

STORIES = {
    "recording_paused": """
inbound 12345: answered by seat, answered 0.06, ended 3.85, queue 12345, 8001 8001
  waited 0.05–0.06 connected
  rang 8001 0.05–0.06 answered (queue)
  talked 8001 0.06–3.80 via queue, ended by seat
  recorded 3738 ms
""",
    # 8002 listened, whispered to nobody and rang for nobody before it took over.
    "taken_over": """
inbound 12345: answered by seat, answered 0.04, ended 3.31, queue 12345, 8001 8002
  waited 0.01–0.04 connected
  rang 8002 0.02–0.03 refused (queue)
  rang 8001 0.03–0.04 answered (queue)
  talked 8001 0.04–2.66 via queue, ended by supervisor
  talked 8002 2.66–2.67 via taken_over, ended by seat
  recorded 2633 ms
  scored 8002 5
""",
    # In the first the seat leaves the other two together, in the second the unit does.
    "three_way": """
inbound 12345: answered by caller, answered 0.03, ended 3.93, queue 12345, 8001 02161234567
  waited 0.02–0.03 connected
  rang 8001 0.03–0.03 answered (queue)
  rang 02161234567 1.40–1.41 answered (dial)
  talked 8001 0.03–3.22 via queue, ended by seat
  talked 02161234567 2.36–3.93 via attended, ended by caller
  attended 8001 → 02161234567 at 2.36: completed
  recorded 2938 ms
inbound 12345: answered by caller, answered 0.04, ended 3.87, queue 12345, 8001 02161234567
  waited 0.02–0.04 connected
  rang 8002 0.02–0.02 refused (queue)
  rang 8001 0.03–0.04 answered (queue)
  rang 02161234567 1.31–1.32 answered (dial)
  talked 8001 0.04–3.87 via queue, ended by caller
  talked 02161234567 2.27–3.16 via attended, ended by seat
  attended 8001 → 02161234567 at 2.27: completed
  recorded 2873 ms
""",
}


def of(name: str) -> bytes:
    return (TRACES / f"{name}.csv").read_bytes()


def test_every_trace_has_its_story() -> None:
    assert sorted(STORIES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_ledger_tells_the_story(name: str) -> None:
    assert tell(ledger_of(of(name))) == STORIES[name].strip().splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_row_by_row_comes_to_the_same_ledger(name: str) -> None:
    book, rows = CallBook("pbx1"), dict[str, Any]()
    for row in parse(of(name)).rows:
        book.apply(row, row.position)
        rows |= by_id(book.take())
    assert rows == by_id(ledger_of(of(name)))


def by_id(changes: LedgerChanges) -> dict[str, Any]:
    return {row.id: row for kind in changes.__slots__ for row in getattr(changes, kind)}


def test_the_gap_of_a_paused_recording_is_in_its_row() -> None:
    assert [one.gaps for one in ledger_of(of("recording_paused")).recordings] == ["1463-3679"]


def test_who_only_listens_makes_no_call() -> None:
    calls = ledger_of(of("taken_over")).calls
    assert [call.direction for call in calls] == [Direction.INBOUND]


# -- rows that no trace holds ---------------------------------------------------------------------


def rows_of(*told: tuple[str, str, str, str, str, str]) -> LedgerChanges:
    """Event, uniqueid, linkedid, exten, channel, extra; a second apart."""
    book = CallBook("pbx1")
    for at, (event, uniqueid, linkedid, exten, channel, extra) in enumerate(told):
        user = "USER_DEFINED" if event in ("OUTBOUND", "STEERED", "INBOUND", "RECORDING") else ""
        fields = [
            "USER_DEFINED" if user else event, f"{100 + at}.000001", uniqueid, linkedid,
            "13900000000", "", exten, "", channel, "Dial" if event == "APP_START" else "",
            extra if event == "APP_START" else "", "", event if user else "",
            json_of(extra, user) if event != "APP_START" else "",
        ]  # fmt: skip
        quoted = ",".join('"' + one.replace('"', '""') + '"' for one in fields)
        book.apply(parse_line(quoted, at), at)
    return book.take()


def json_of(extra: str, user: str) -> str:
    if not extra:
        return ""
    return '{"extra":"' + extra.replace('"', '\\"') + '"}' if user else extra


DIAL, OUT = "dial-8001--17.5", "PJSIP/trunk-00000002"
SEAT = "PJSIP/8001-00000001"
BRIDGE = '{"bridge_id":"b1"}'


def test_a_call_that_a_seat_made_is_outbound_about_its_case_and_recorded() -> None:
    changes = rows_of(
        ("CHAN_START", DIAL, DIAL, "s", SEAT, ""),
        ("ANSWER", DIAL, DIAL, "s", SEAT, ""),
        ("OUTBOUND", DIAL, DIAL, "021", SEAT, '{"number":"02161234567","case":"20261124-00017"}'),
        ("APP_START", DIAL, DIAL, "021", SEAT, "PJSIP/trunk/sip:02161234567@10.0.0.1,60"),
        ("CHAN_START", "17.7", DIAL, "s", OUT, ""),
        ("RECORDING", "17.7", DIAL, "s", OUT, '{"path":"2026/a.raw"}'),
        ("ANSWER", "17.7", DIAL, "s", OUT, ""),
        ("BRIDGE_ENTER", "17.7", DIAL, "s", OUT, BRIDGE),
        ("BRIDGE_ENTER", DIAL, DIAL, "s", SEAT, BRIDGE),
        ("BRIDGE_EXIT", "17.7", DIAL, "s", OUT, BRIDGE),
        ("CHAN_END", "17.7", DIAL, "s", OUT, ""),
        ("CHAN_END", DIAL, DIAL, "s", SEAT, ""),
    )
    (call,), (talk,), (recording,) = changes.calls, changes.talks, changes.recordings
    assert (call.direction, call.outcome) == (Direction.OUTBOUND, Outcome.ANSWERED)
    assert (call.caller_number, call.called_number) == ("8001", "02161234567")
    assert call.case_number == "20261124-00017"
    assert talk.seat == "02161234567"
    assert (recording.path, recording.bridged_ms) == ("2026/a.raw", 1000)


def test_a_seat_that_does_not_pick_up_made_no_call() -> None:
    changes = rows_of(
        ("CHAN_START", DIAL, DIAL, "s", SEAT, ""),
        ("CHAN_END", DIAL, DIAL, "s", SEAT, ""),
    )
    assert not changes


TALK = (
    ("CHAN_START", "17.1", "17.1", "12345", OUT, ""),
    ("INBOUND", "17.1", "17.1", "12345", OUT, '{"did":"12345"}'),
    ("RECORDING", "17.1", "17.1", "s", OUT, '{"path":"2026/b.raw"}'),
    ("CHAN_START", "17.2", "17.1", "s", SEAT, ""),
    ("BRIDGE_ENTER", "17.2", "17.1", "s", SEAT, BRIDGE),
    ("BRIDGE_ENTER", "17.1", "17.1", "s", OUT, BRIDGE),
)
MARK = "mark-8001--17.9"


def marked(what: str, channel: str) -> tuple[str, str, str, str, str, str]:
    said = f'{{"what":"{what}","channel":"{channel}","by":"8001"}}'
    return ("STEERED", MARK, MARK, "s", "Local/s@steer-mark-00000000;2", said)


BEGIN_MARK = ("CHAN_START", MARK, MARK, "s", "Local/s@steer-mark-00000000;2", "")


HAND = "17.5"
DIALLED = (
    ("CHAN_START", HAND, HAND, "02161234567", SEAT, ""),
    ("OUTBOUND", HAND, HAND, "02161234567", SEAT, '{"number":"02161234567","case":""}'),
    ("APP_START", HAND, HAND, "02161234567", SEAT, "PJSIP/trunk/sip:02161234567@10.0.0.1,60"),
    ("CHAN_START", "17.7", HAND, "s", OUT, ""),
    ("RECORDING", "17.7", HAND, "s", OUT, '{"path":"2026/a.raw"}'),
    ("BRIDGE_ENTER", "17.7", HAND, "s", OUT, BRIDGE),
    ("BRIDGE_ENTER", HAND, HAND, "s", SEAT, BRIDGE),
)


def about(case: str, channel: str) -> tuple[str, str, str, str, str, str]:
    said = f'{{"what":"about_case","channel":"{channel}","by":"8001","case":"{case}"}}'
    return ("STEERED", MARK, MARK, "s", "Local/s@steer-mark-00000000;2", said)


def test_a_call_dialled_by_hand_is_recorded_and_about_the_case_that_was_said_last() -> None:
    marks = (BEGIN_MARK, about("20261124-00017", HAND), about("20261124-00018", HAND))
    changes = rows_of(*DIALLED, *marks)
    (call,), (recording,) = changes.calls, changes.recordings
    assert (call.direction, call.caller_number) == (Direction.OUTBOUND, "8001")
    assert (call.called_number, call.case_number) == ("02161234567", "20261124-00018")
    assert recording.path == "2026/a.raw"


def test_a_citizens_call_is_about_the_case_that_it_opens() -> None:
    changes = rows_of(*TALK, BEGIN_MARK, about("20261124-00017", "17.1"), about("1", "17.2"))
    assert [call.case_number for call in changes.calls] == [""]


def test_pauses_said_twice_count_once_and_one_without_an_end_goes_on() -> None:
    changes = rows_of(
        *TALK,
        BEGIN_MARK,
        marked("recording_resumed", "17.1"),
        marked("recording_paused", "17.1"),
        marked("recording_paused", "17.1"),
        marked("recording_resumed", "17.1"),
        marked("recording_paused", "17.1"),
        marked("recording_paused", "99.9"),
        marked("what nobody knows", "17.1"),
    )
    assert [one.gaps for one in changes.recordings] == ["3000-5000 6000-"]


def test_a_call_that_a_supervisor_ended_is_his_doing() -> None:
    hung_up = '{"hangupcause":16,"hangupsource":"","dialstatus":""}'
    changes = rows_of(
        *TALK,
        BEGIN_MARK,
        marked("hang_up", "17.1"),
        ("HANGUP", "17.1", "17.1", "s", OUT, hung_up),
        ("HANGUP", "17.2", "17.1", "s", SEAT, hung_up),
        ("CHAN_END", "17.2", "17.1", "s", SEAT, ""),
        ("CHAN_END", "17.1", "17.1", "s", OUT, ""),
    )
    assert [call.ended_by for call in changes.calls] == [EndedBy.SUPERVISOR]
    assert [talk.ended_by for talk in changes.talks] == [EndedBy.SUPERVISOR]


def test_whom_a_seat_called_is_recorded_as_long_as_he_talks_with_anybody() -> None:
    hung_up = '{"hangupcause":16,"hangupsource":"","dialstatus":""}'
    left = (
        *DIALLED,
        ("HANGUP", HAND, HAND, "s", SEAT, hung_up),
        ("CHAN_END", HAND, HAND, "s", SEAT, ""),
    )
    changes = rows_of(*left)
    assert changes.calls[0].ended_at is not None
    assert [one.ended_at for one in changes.recordings] == [None]
    ended = rows_of(*left, ("CHAN_END", "17.7", HAND, "s", OUT, ""))
    assert [one.ended_at for one in ended.recordings] != [None]
