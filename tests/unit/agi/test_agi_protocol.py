"""Bytes of Asterisk's in, requests and replies out; anything else is refused and costs little."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.client import request_bytes
from agi.protocol import (
    COMMAND_MAX_BYTES,
    AgiReader,
    Event,
    Fault,
    HungUp,
    ProtocolError,
    Reply,
    Request,
    set_variable,
)

# As Asterisk 22.10.1 sent it for a call whose From was: "张三 \"x\"" <sip:13800138000@…>.
REQUEST = """\
agi_network: yes
agi_network_script: route
agi_request: agi://127.0.0.1:4573/route
agi_channel: PJSIP/trunk-00000000
agi_language: zh
agi_type: PJSIP
agi_uniqueid: 1795559180.3532
agi_version: 22.10.1+dfsg+~cs6.17.60671434-1
agi_callerid: 13800138000
agi_calleridname: 张三 \\"x\\"
agi_callingpres: 0
agi_callingani2: 0
agi_callington: 0
agi_callingtns: 0
agi_dnid: 12345
agi_rdnis: unknown
agi_context: ask-route
agi_extension: s
agi_priority: 2
agi_enhanced: 0.0
agi_accountcode:\x20
agi_threadid: 139881150895808
agi_arg_1: 12345

""".encode()

# Its answers to: SET VARIABLE CC_X "1"; NONSENSE; SET VARIABLE; then the caller was gone.
REPLIES = b"""\
200 result=1
510 Invalid or unknown command
520-Invalid command syntax.  Proper usage follows:
Sets a variable to the current channel.
520 End of proper usage.
HANGUP
511 Command Not Permitted on a dead channel or intercept routine
"""
EVENTS = [
    Reply(200, "result=1"),
    Reply(510, "Invalid or unknown command"),
    Reply(520, "End of proper usage."),
    HungUp(),
    Reply(511, "Command Not Permitted on a dead channel or intercept routine"),
]


def reader(*, max_bytes: int = 16384, max_lines: int = 128, awaited: int = 4) -> AgiReader:
    made = AgiReader(max_bytes=max_bytes, max_lines=max_lines)
    for _ in range(awaited):
        made.expect_reply()
    return made


def feed(made: AgiReader, data: bytes, cuts: list[int]) -> list[Event]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [event for start, end in pairwise(places) for event in made.receive(data[start:end])]


def fault_of(data: bytes, **limits: int) -> Fault:
    with pytest.raises(ProtocolError) as caught:
        reader(**limits).receive(data)
    return caught.value.fault


def test_a_request_of_asterisks() -> None:
    (request,) = reader().receive(REQUEST)
    assert isinstance(request, Request)
    assert (request.question, request.args) == ("route", ("12345",))
    assert (request.uniqueid, request.caller_number) == ("1795559180.3532", "13800138000")
    assert request.headers["agi_calleridname"] == '张三 \\"x\\"'
    assert request.headers["agi_accountcode"] == ""
    assert len(request.headers) == 23


@given(st.lists(st.integers(0, 2**16), max_size=40))
def test_every_split_of_the_bytes_tells_the_same(cuts: list[int]) -> None:
    whole = REQUEST + REPLIES
    assert feed(reader(), whole, cuts) == [*reader().receive(REQUEST), *EVENTS]


def test_one_byte_at_a_time() -> None:
    whole = REQUEST + REPLIES
    assert feed(reader(), whole, list(range(len(whole)))) == reader().receive(whole)


@given(
    st.sampled_from(["route", "rating", "voice_message", "ping"]),
    st.lists(st.from_regex(r"[ -~]{0,20}", fullmatch=True), max_size=5),
    st.from_regex(r"[ -~]{0,20}", fullmatch=True),
)
def test_what_our_client_asks_arrives_as_it_was_asked(
    question: str, args: list[str], caller: str
) -> None:
    (request,) = reader().receive(request_bytes(question, *args, caller=caller))
    assert isinstance(request, Request)
    assert (request.question, list(request.args)) == (question, args)
    assert request.caller_number == caller


def test_an_end_is_early_exactly_between_the_first_byte_and_the_last() -> None:
    early: list[tuple[int, Fault]] = []
    for end in range(len(REQUEST) + 1):
        made = reader()
        made.receive(REQUEST[:end])
        try:
            made.receive_eof()
        except ProtocolError as error:
            early.append((end, error.fault))
    assert early == [(end, Fault.ENDED_EARLY) for end in range(1, len(REQUEST))]


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=10))
def test_garbage_is_refused_and_nothing_else_happens(data: bytes, cuts: list[int]) -> None:
    try:
        events = feed(reader(), data, cuts)
    except ProtocolError:
        return
    assert events == [] or data.lstrip(b"\n") != data


@given(st.integers(0, len(REQUEST) - 1), st.integers(0, 255), st.lists(st.integers(0, 2000)))
def test_one_wrong_byte_never_makes_two_requests(place: int, byte: int, cuts: list[int]) -> None:
    broken = bytearray(REQUEST)
    broken[place] = byte
    try:
        events = feed(reader(), bytes(broken), cuts)
    except ProtocolError:
        return
    assert len(events) <= 1


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"GET / HTTP/1.1\r\n", Fault.BAD_LINE),
        (b"\x16\x03\x01\x02\x00\x01\n", Fault.BAD_LINE),
        (b"\0\n", Fault.BAD_LINE),
        (b"agi_\0request: x\n", Fault.BAD_LINE),
        (b"AGI_REQUEST: x\n", Fault.BAD_LINE),
        (b"agi_request\n", Fault.BAD_LINE),
        (b" agi_request: x\n", Fault.BAD_LINE),
        (b"agi_" + b"a" * 33 + b": x\n", Fault.BAD_LINE),
        (b"200 result=1\n", Fault.BAD_LINE),
        (b"agi_request: x\nagi_request: x\n", Fault.DOUBLE_HEADER),
        (REQUEST + b"agi_arg_2: x\n", Fault.BAD_LINE),
        (REQUEST + b"200result=1\n", Fault.BAD_LINE),
        (REQUEST + b"\n", Fault.BAD_LINE),
        (REQUEST + b"200 result=1\n" * 5, Fault.UNEXPECTED_REPLY),
    ],
)
def test_what_is_not_agi(data: bytes, fault: Fault) -> None:
    assert fault_of(data) is fault


def test_a_line_break_in_a_callers_name_makes_no_second_header() -> None:
    name = b"x\nagi_callerid: 110"
    assert fault_of(REQUEST.replace(b"x\\", name)) is Fault.DOUBLE_HEADER
    # Nor does it end the request and leave the rest to be read as replies.
    assert fault_of(REQUEST.replace(b"x\\", b"x\n\n")) is Fault.BAD_LINE


def test_a_name_in_another_encoding_or_with_a_nul_loses_no_call() -> None:
    for name in ("张三".encode("gbk"), b"a\0b", b"\xff" * 40, b"a\rb"):
        (request,) = reader().receive(REQUEST.replace("张三".encode(), name))
        assert isinstance(request, Request)
        assert request.caller_number == "13800138000"


@given(st.integers(1, 400), st.lists(st.integers(0, 2000), max_size=5))
def test_more_bytes_than_allowed(limit: int, cuts: list[int]) -> None:
    made = reader(max_bytes=limit)
    with pytest.raises(ProtocolError) as caught:
        feed(made, REQUEST, cuts)
    assert caught.value.fault is Fault.TOO_MANY_BYTES


def test_a_line_without_end_is_held_only_up_to_the_limit() -> None:
    made = reader(max_bytes=1024)
    made.receive(b"a" * 1024)
    with pytest.raises(ProtocolError) as caught:
        made.receive(b"a")
    assert caught.value.fault is Fault.TOO_MANY_BYTES


def test_limits_hold_to_the_byte_and_to_the_line() -> None:
    size, lines = len(REQUEST), REQUEST.count(b"\n")
    assert len(reader(max_bytes=size, max_lines=lines).receive(REQUEST)) == 1
    assert fault_of(REQUEST, max_bytes=size - 1) is Fault.TOO_MANY_BYTES
    assert fault_of(REQUEST, max_lines=lines - 1) is Fault.TOO_MANY_LINES


def test_a_question_is_asked_for_by_path_without_the_query() -> None:
    data = REQUEST.replace(b"_script: route", b"_script: route?x=1")
    (request,) = reader().receive(data)
    assert isinstance(request, Request)
    assert request.question == "route"


# -- commands -------------------------------------------------------------------------------------


def words(line: str) -> list[str]:
    """`line` as Asterisk takes it apart (res_agi.c, parse_args)."""
    found: list[str] = []
    quoted = escaped = False
    inside = ""
    begun = False
    for char in line:
        if escaped:
            inside, begun, escaped = inside + char, True, False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted, begun = not quoted, True
        elif char in " \t" and not quoted:
            if begun:
                found.append(inside)
            inside, begun = "", False
        else:
            inside, begun = inside + char, True
    assert not quoted
    return [*found, inside] if begun else found


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_a_value_is_one_word_of_one_line_whatever_it_holds(value: str) -> None:
    command = set_variable("CC_X", value)
    assert command.endswith(b"\n")
    assert command.count(b"\n") == 1
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", command)
    told = words(command.decode()[:-1])
    kept = [
        c
        for c in value
        if not ("\0" <= c < " " or "\x7f" <= c < "\xa0" or "\ud800" <= c < "\ue000")
    ]
    assert told == ["SET", "VARIABLE", "CC_X", "".join(kept)]


def test_what_asterisk_read_back() -> None:
    # GET VARIABLE answered: 200 result=1 (a"b\c;${CALLERID(num)})
    expected = b'SET VARIABLE CC_X "a\\"b\\\\c;${CALLERID(num)}"\n'
    assert set_variable("CC_X", 'a"b\\c;${CALLERID(num)}') == expected


def test_no_command_is_longer_than_asterisk_reads() -> None:
    """And none is cut: the value goes as a whole or not at all."""
    frame = len(b'SET VARIABLE CC_X ""\n')
    for char in ("a", '"', "\\", "号"):
        size = len(set_variable("CC_X", char)) - frame
        most = (COMMAND_MAX_BYTES - frame) // size
        assert len(set_variable("CC_X", char * most)) <= COMMAND_MAX_BYTES < 2048
        with pytest.raises(ValueError, match="bytes"):
            set_variable("CC_X", char * (most + 1))


@pytest.mark.parametrize(
    "name", ["", "cc_x", "CC X", "CC_X\n", "CALLERID(num)", "1X", "_X", "X" * 65, "ÄX"]
)
def test_only_our_own_variables_can_be_set(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        set_variable(name, "1")
