"""The journal's parser: the bytes decide, not how they are cut; nobody's words end a field.

The rows are as Asterisk 22.10.1 wrote them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callcenter.telephony.domain import journal
from callcenter.telephony.domain.journal import (
    COLUMNS,
    MAX_RECORD,
    Event,
    JournalRow,
    Parsed,
    Reject,
    parse,
    parse_line,
)

PLAIN = """\
"CHAN_START","1795407499.228209","1795407499.12","1795407499.12","sipp","小明","12345","from-pstn","PJSIP/trunk-0000000a","","","","",""
"ANSWER","1795407499.228662","1795407499.12","1795407499.12","sipp","小明","12345","from-pstn","PJSIP/trunk-0000000a","Answer","","","",""
"INBOUND","1795407499.233396","1795407499.12","1795407499.12","sipp","小明","12345","from-pstn","PJSIP/trunk-0000000a","CELGenUserEvent","INBOUND,{""did"":""12345""}","","INBOUND","{""extra"":""{\\""did\\"":\\""12345\\""}""}"
"APP_START","1795407499.234360","1795407499.12","1795407499.12","sipp","小明","12345","from-pstn","PJSIP/trunk-0000000a","Queue","hotline,tTk,,,20","","",""
"BRIDGE_ENTER","1795407499.247143","1795407499.12","1795407499.12","sipp","小明","12345","from-pstn","PJSIP/trunk-0000000a","Queue","hotline,tTk,,,20","PJSIP/8105-0000000b","","{""bridge_id"":""b0dc5e31-68e6-45c7-aa0a-e68f21d8d3f6"",""bridge_technology"":""simple_bridge""}"
"BLINDTRANSFER","1795407511.426555","1795407499.13","1795407499.12","12345","","12345","from-seat","PJSIP/8105-0000000b","AppQueue","(Outgoing Line)","","","{""extension"":""8150"",""context"":""from-seat"",""bridge_id"":""b0dc5e31-68e6-45c7-aa0a-e68f21d8d3f6"",""transferee_channel_name"":""PJSIP/trunk-0000000a"",""transferee_channel_uniqueid"":""1795407499.12""}"
"HANGUP","1795407518.395785","1795407499.12","1795407499.12","sipp","小明","8150","from-seat","PJSIP/trunk-0000000a","","","","","{""hangupcause"":16,""hangupsource"":""PJSIP/trunk-0000000a"",""dialstatus"":""ANSWER""}"
"LINKEDID_END","1795407518.396413","1795407499.12","1795407499.12","sipp","小明","8150","from-seat","PJSIP/trunk-0000000a","","","","",""
"""  # noqa: E501
DATA = PLAIN.encode()


def record(*fields: str) -> bytes:
    """A record as the PBX writes it: every field quoted, quotes inside doubled."""
    return b",".join(b'"' + field.replace('"', '""').encode() + b'"' for field in fields) + b"\n"


def row(**changes: str) -> bytes:
    """A usual record, but for `changes`."""
    usual = dict.fromkeys(COLUMNS, "") | {
        "eventtype": "CHAN_START",
        "eventtime": "1795407499.228209",
        "uniqueid": "1795407499.12",
        "linkedid": "1795407499.12",
    }
    return record(*{**usual, **changes}.values())


def in_pieces(data: bytes, cuts: Sequence[int]) -> Parsed:
    """What a reader gets that looks at the file each time it has grown to one of `cuts`."""
    rows: list[JournalRow] = []
    rejects: list[Reject] = []
    end = 0
    for stop in (*sorted(cuts), None):
        parsed = parse(data[end:stop], end, finished=stop is None)
        rows += parsed.rows
        rejects += parsed.rejects
        end = parsed.end
    return Parsed(rows, rejects, end)


def by_blocks(data: bytes, block: int) -> Parsed:
    """What a reader gets that takes at most `block` bytes beyond the longest record at a time."""
    rows: list[JournalRow] = []
    rejects: list[Reject] = []
    end, limit = 0, journal.MAX_RECORD + block
    while True:
        last = end + limit >= len(data)
        parsed = parse(data[end : end + limit], end, finished=last)
        rows += parsed.rows
        rejects += parsed.rejects
        assert last or parsed.end > end, "it does not go on"
        end = parsed.end
        if last:
            return Parsed(rows, rejects, end)


# -- what rows say ------------------------------------------------------------------------------


def test_a_real_call_is_read() -> None:
    parsed = parse(DATA)
    assert (parsed.rejects, parsed.end) == ([], len(DATA))
    assert [row.event for row in parsed.rows] == [
        Event.CHAN_START,
        Event.ANSWER,
        Event.INBOUND,
        Event.APP_START,
        Event.BRIDGE_ENTER,
        Event.BLINDTRANSFER,
        Event.HANGUP,
        Event.LINKEDID_END,
    ]
    begun, _, inbound, _, entered, transfer, hangup, _ = parsed.rows
    assert begun == JournalRow(
        event="CHAN_START",
        at=datetime(2026, 11, 23, 4, 18, 19, 228209, tzinfo=UTC),
        uniqueid=begun.uniqueid,
        linkedid=begun.linkedid,
        number="sipp",
        name="小明",
        exten="12345",
        context="from-pstn",
        channel="PJSIP/trunk-0000000a",
        app="",
        appdata="",
        peer="",
        facts={},
        position=0,
    )
    assert (begun.uniqueid, begun.linkedid) == ("1795407499.12", "1795407499.12")
    assert inbound.facts == {"did": "12345"}
    assert (entered.peer, entered.app) == ("PJSIP/8105-0000000b", "Queue")
    assert transfer.fact("extension") == "8150"
    assert (hangup.fact("hangupcause"), hangup.fact("none")) == ("16", "")


def test_each_row_knows_where_it_stands() -> None:
    for parsed in (parse(DATA), parse(DATA, 0, finished=True)):
        for found in parsed.rows:
            assert DATA[found.position :].startswith(f'"{found.event}"'.encode())
    moved = parse(DATA, 1_000_000)
    assert moved.end == 1_000_000 + len(DATA)
    assert moved.rows[0].position == 1_000_000


def test_a_user_event_goes_by_its_own_name_whichever_way_it_is_written() -> None:
    extra = '{"extra":"{\\"score\\":5}"}'
    for eventtype in ("USER_DEFINED", "RATING"):
        (found,) = parse(row(eventtype=eventtype, userdeftype="RATING", extra=extra)).rows
        assert (found.event, found.facts) == (Event.RATING, {"score": 5})


@pytest.mark.parametrize(
    "extra",
    [
        '{"extra":"did=12345"}',
        '{"extra":"[1]"}',
        '{"extra":7}',
        '{"extra":null}',
        "{}",
        '{"extra":"' + "[" * 100_000 + '"}',
    ],
)
def test_an_event_is_worth_more_than_its_facts(extra: str) -> None:
    (found,) = parse(row(eventtype="RATING", userdeftype="RATING", extra=extra)).rows
    assert (found.event, found.facts) == ("RATING", {})


def test_an_event_that_this_version_does_not_know_is_a_row() -> None:
    (found,) = parse(row(eventtype="PARK_START")).rows
    assert found.event == "PARK_START"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(eventtype=""), "no event type"),
        (row(eventtype="chan_start"), "no event type"),
        (row(eventtype="USER_DEFINED"), "no event type"),
        (row(eventtime="1795407499"), "the time is not seconds.microseconds"),
        (row(eventtime="1795407499.22"), "the time is not seconds.microseconds"),
        (row(eventtime="-795407499.228209"), "the time is not seconds.microseconds"),
        (row(eventtime="１７95407499.228209"), "the time is not seconds.microseconds"),
        (row(eventtime="99999999999999.000000"), "the time is out of range"),
        (row(eventtime="9" * 5000 + ".000000"), "digits"),
        (row(uniqueid=""), "no uniqueid or no linkedid"),
        (row(linkedid=""), "no uniqueid or no linkedid"),
        (row(extra="no json"), "the extra field is not JSON"),
        (row(extra="[" * 100_000), "the extra field is not JSON"),
        (row(extra="[1]"), "the extra field is not a JSON object"),
        (record("CHAN_START", "1.000000", "1.1"), "3 fields instead of 14"),
        (record(*["x"] * 15), "15 fields instead of 14"),
        (b"no record\n", "no record begins here"),
        (b'"\n', "the file ends within a record"),
        (b'"a"b\n', "not a record"),
        (b'"a" "b"\n', "fields instead of 14|expected after"),
        (b"\0\0\0\n", "no record begins here"),
    ],
    ids=lambda value: ascii(value[:40]) if isinstance(value, bytes) else "",
)
def test_a_line_that_is_no_record_has_a_reason_and_stops_nothing(bad: bytes, reason: str) -> None:
    (reject,) = parse(bad, finished=True).rejects
    assert (reject.position, reject.line.rstrip(b"\n")) == (0, bad.rstrip(b"\n"))
    parsed = parse(DATA + bad + DATA, finished=True)
    assert len(parsed.rows) == 2 * len(parse(DATA).rows)
    assert [one.position for one in parsed.rejects] == [len(DATA)]
    assert re.search(reason, reject.reason)


def test_one_line_reads_like_the_whole() -> None:
    for line, found in zip(PLAIN.splitlines(), parse(DATA).rows, strict=True):
        assert parse_line(line, found.position) == found
    for line in ("", "\n", PLAIN, "x"):
        with pytest.raises(ValueError, match=r"not one record|fields instead|new-line"):
            parse_line(line)


# -- any cut ------------------------------------------------------------------------------------

hostile = st.text(st.sampled_from('"",\n\r\0\\%Aa1.{}中'), max_size=12) | st.sampled_from(
    [
        '"\n"CHAN_START","1.000000","1.1","1.1","',
        '\n"CHAN_START","1.000000","1.1","1.1"',
        '"ABC',
        "1.000000",
        "ABC",
        '\n"ABC',
        "138\r\n138",
    ]
)
whole = st.tuples(hostile, hostile, hostile, hostile, hostile).map(
    lambda said: row(number=said[0], name=said[1], exten=said[2], appdata=said[3], peer=said[4])
)
torn = st.tuples(whole, st.integers(0, 10_000)).map(lambda pair: pair[0][: pair[1] % len(pair[0])])
noise = st.binary(max_size=30) | st.sampled_from(
    [b"\n", b'"', b'"\n', b'""\n', b'"a","b"\n', b"x" * 700, b'"' + b"y" * 700, b"\0" * 40, b"\xe4"]
)
streams = st.lists(whole | torn | noise, max_size=8).map(b"".join)


@settings(deadline=None, max_examples=400)
@given(streams, st.lists(st.integers(0, 2000), max_size=12))
def test_any_cut_of_the_bytes_gives_the_same_rows_and_rejects(data: bytes, cuts: list[int]) -> None:
    assert in_pieces(data, cuts) == parse(data, finished=True)


@settings(deadline=None, max_examples=400)
@given(data=streams, cuts=st.lists(st.integers(0, 2000), max_size=12), block=st.integers(1, 400))
def test_nor_does_it_matter_where_a_record_is_given_up(
    data: bytes, cuts: list[int], block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "MAX_RECORD", 300)
        known = parse(data, finished=True)
        assert in_pieces(data, cuts) == known
        assert by_blocks(data, block) == known


def test_every_single_cut_of_a_real_call() -> None:
    known = parse(DATA, finished=True)
    for cut in range(len(DATA)):
        assert in_pieces(DATA, [cut]) == known


@settings(deadline=None, max_examples=300)
@given(streams)
def test_no_byte_is_lost_and_none_is_read_twice(data: bytes) -> None:
    """Rows and rejects lie side by side, in the order of the file, with line ends between."""
    parsed = parse(data, finished=True)
    assert parsed.end == len(data)
    taken = [(reject.position, reject.position + len(reject.line)) for reject in parsed.rejects]
    for start, stop in taken:
        assert data[start:stop] in {reject.line for reject in parsed.rejects}
    marks = sorted([*taken, *((found.position, found.position) for found in parsed.rows)])
    for (_, stop), (start, _) in itertools.pairwise(marks):
        assert stop <= start
    if not parsed.rows:
        left = bytearray(data)
        for start, stop in reversed(taken):
            del left[start:stop]
        assert not left.strip(b"\n")


# -- a torn tail --------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(whole, max_size=4), whole, st.integers(0, 10_000))
def test_a_record_that_is_being_written_is_left_for_the_next_read(
    before: list[bytes], last: bytes, cut: int
) -> None:
    complete = b"".join(before)
    written = complete + last[: cut % len(last)]
    parsed = parse(written)
    assert (len(parsed.rows), parsed.rejects, parsed.end) == (len(before), [], len(complete))
    rest = parse((complete + last)[parsed.end :], parsed.end)
    assert (len(rest.rows), rest.rejects) == (1, [])


@settings(deadline=None)
@given(whole, st.integers(1, 10_000), whole, st.booleans())
@example(row(), 20, row(), False)
@example(row(), len(row()) - 1, row(), False)
@example(row(), 1, row(peer='"\n"CHAN_START","1.000000","1.1","1.1","'), False)
def test_a_record_that_a_dead_pbx_left_torn_does_not_take_the_next_one_with_it(
    first: bytes, cut: int, second: bytes, line_end: bool
) -> None:
    rest = first[: 1 + cut % (len(first) - 1)]
    parsed = parse(rest + b"\n" * line_end + second, finished=True)
    assert parsed.rows[-1].position == len(rest) + line_end
    assert parse(second).rows[0].number == parsed.rows[-1].number


def test_what_the_end_of_the_file_cuts_off_is_rejected_once_it_is_the_end() -> None:
    assert parse(DATA[:-2]).rejects == []
    (reject,) = parse(DATA[:-2], finished=True).rejects
    assert reject.reason == "the file ends within a record"
    assert reject.position == DATA[:-2].rfind(b"\n") + 1


# -- hostile words ------------------------------------------------------------------------------


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(hostile, hostile, hostile, hostile), min_size=1, max_size=5))
def test_whatever_a_caller_says_stays_in_its_field(said: list[tuple[str, str, str, str]]) -> None:
    data = b"".join(row(number=a, name=b, appdata=c, peer=d) for a, b, c, d in said)
    parsed = parse(data)
    assert (parsed.rejects, parsed.end) == ([], len(data))
    assert [(one.number, one.name, one.appdata, one.peer) for one in parsed.rows] == said
    assert {(one.event, one.uniqueid) for one in parsed.rows} == {("CHAN_START", "1795407499.12")}


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_comes_back_as_it_was(number: str, name: str) -> None:
    (found,) = parse(row(number=number, name=name)).rows
    assert (found.number, found.name) == (number, name)


def test_a_number_and_a_name_cannot_look_like_the_beginning_of_a_record() -> None:
    """Seen to matter: the quote and the line break come from ``%0A%22`` in the SIP user."""
    data = row(number='\n"ABC', name="1.000000", exten="12345") + row()
    parsed = parse(data)
    assert parsed.rejects == []
    assert [one.number for one in parsed.rows] == ['\n"ABC', ""]


def test_a_line_break_that_is_only_written_out_is_text() -> None:
    (found,) = parse(row(number="138%0A138")).rows
    assert found.number == "138%0A138"


@pytest.mark.parametrize("unit", ['"', "\n", "\0", "a", '"\n', "中"])
def test_half_a_megabyte_in_one_field_is_that_field(unit: str) -> None:
    said = unit * (400_000 // len((unit.replace('"', '""')).encode()))
    data = row(number=said) + row()
    for parsed in (parse(data), in_pieces(data, range(0, len(data), 100_000))):
        assert [one.number for one in parsed.rows] == [said, ""]
        assert parsed.rejects == []


@pytest.mark.parametrize("unit", ['"', "\n", "\0", "a"])
def test_megabytes_in_one_field_are_given_up_and_the_next_record_is_read(unit: str) -> None:
    data = row() + row(number=unit * 1_200_000) + row(name="after")
    parsed = parse(data, finished=True)
    assert (parsed.rows[0].position, parsed.rows[-1].name) == (0, "after")
    assert "longer than any record" in {reject.reason for reject in parsed.rejects}
    assert in_pieces(data, range(0, len(data), 500_000)) == parsed
    # A reader never has to hold more than this to go on.
    assert by_blocks(data, MAX_RECORD // 2) == parsed


def test_a_line_of_thousands_of_torn_records_is_read_like_any_other() -> None:
    heads = b'"CHAN_START","1.000000","1.1","1.1",""' * 5_000
    parsed = parse(heads + b"\n" + DATA, finished=True)
    assert [one.event for one in parsed.rows] == [one.event for one in parse(DATA).rows]
    assert parsed.rejects


def test_bytes_that_are_no_utf_8_spoil_only_their_field() -> None:
    broken = row(number="138", name="NAME").replace(b"NAME", b"\xe4\xb8")
    (found,) = parse(broken).rows
    assert (found.number, found.name) == ("138", "�")
