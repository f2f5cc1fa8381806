"""AMI's bytes: any cut of the stream gives the same messages; what we send is one header each."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.telephony.pbx.ami.wire import (
    BANNER,
    MAX_LINE_BYTES,
    MAX_MESSAGE_BYTES,
    BadStream,
    BadValue,
    Framer,
    check_fields,
    repeated,
)

GREETING = BANNER + b"11.0.0\r\n"

headers = st.text(
    st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30
).map(lambda value: f"Name: {value}")
messages = st.lists(headers, min_size=1, max_size=5).map("\r\n".join)


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[list[str], list[bytes]]:
    """Messages, and their bytes in pieces that respect nothing."""
    said = draw(st.lists(messages, max_size=6))
    stream = GREETING + b"".join(message.encode() + b"\r\n\r\n" for message in said)
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=40)))
    edges = [0, *cuts, len(stream)]
    return said, [stream[start:stop] for start, stop in pairwise(edges)]


def fed(pieces: list[bytes]) -> list[str]:
    framer = Framer()
    return [message for piece in pieces for message in framer.feed(piece)]


@settings(deadline=None)
@given(cut_streams())
def test_any_cut_of_the_stream_gives_the_same_messages(
    drawn: tuple[list[str], list[bytes]],
) -> None:
    said, pieces = drawn
    assert fed(pieces) == said


def test_byte_by_byte_is_the_same_and_the_version_is_known() -> None:
    framer = Framer()
    stream = GREETING + "Event: X\r\nName: 王小芳\r\n\r\n".encode()
    found = [message for byte in stream for message in framer.feed(bytes((byte,)))]
    assert found == ["Event: X\r\nName: 王小芳"]
    assert framer.version == "11.0.0"


def test_bytes_that_are_no_utf_8_spoil_only_themselves() -> None:
    assert fed([GREETING, b"Event: X\r\nName: \xe7\x8e\r\n\r\nEvent: Y\r\n\r\n"]) == [
        "Event: X\r\nName: �",
        "Event: Y",
    ]


def test_an_empty_line_too_many_is_no_message() -> None:
    assert fed([GREETING, b"Event: X\r\n\r\n\r\n\r\n\r\nEvent: Y\r\n\r\n"]) == [
        "Event: X",
        "Event: Y",
    ]


@pytest.mark.parametrize(
    "greeting",
    [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 400\r\n", b"\r\n", b"Asterisk Call Manager 11\r\n", b"\0"],
)
def test_what_is_no_ami_is_said_at_the_first_bytes(greeting: bytes) -> None:
    with pytest.raises(BadStream, match="not an AMI server"):
        Framer().feed(greeting)


def test_a_greeting_without_end_is_not_awaited_for_ever() -> None:
    framer = Framer()
    framer.feed(BANNER)
    with pytest.raises(BadStream):
        framer.feed(b"1" * 500)


@pytest.mark.parametrize("piece", [1_000, 100_000, 10_000_000])
@pytest.mark.parametrize("ended", [True, False])
def test_a_message_of_hostile_size_is_refused_however_it_comes(piece: int, ended: bool) -> None:
    stream = b"Event: X\r\nName: " + b"a" * MAX_MESSAGE_BYTES + b"\r\n\r\n" * ended
    pieces = [stream[start : start + piece] for start in range(0, len(stream), piece)]
    with pytest.raises(BadStream, match=str(MAX_MESSAGE_BYTES)):
        fed([GREETING, *pieces])


def test_the_largest_message_that_is_allowed_passes() -> None:
    message = "Event: X\r\nName: " + "a" * (MAX_MESSAGE_BYTES - 16)
    assert fed([GREETING, message.encode() + b"\r\n\r\n"]) == [message]


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=200))
def test_ordinary_text_may_be_sent(value: str) -> None:
    check_fields({"Name": value})


@settings(deadline=None)
@given(
    st.text(max_size=20),
    st.characters(max_codepoint=159, categories=["Cc"]),
    st.text(max_size=20),
)
def test_no_control_character_may_be_sent(before: str, bad: str, after: str) -> None:
    with pytest.raises(BadValue, match="Name: control characters"):
        check_fields({"Name": before + bad + after})


def test_a_value_that_asterisk_would_throw_away_is_not_sent() -> None:
    room = MAX_LINE_BYTES - len("Name: ")
    check_fields({"Name": "a" * room})
    with pytest.raises(BadValue, match="longer"):
        check_fields({"Name": "a" * (room + 1)})
    with pytest.raises(BadValue, match="longer"):  # bytes count, not characters
        check_fields({"Name": "中" * (room // 3 + 1)})


def test_half_a_character_may_not_be_sent() -> None:
    with pytest.raises(BadValue, match="not valid text"):
        check_fields({"Name": "\ud83d"})


def test_a_header_said_twice_is_noticed_in_any_case_of_letters() -> None:
    assert repeated("Event: X\r\nCallerIDNum: 1\r\nuniqueid: 9.9\r\nUniqueid: 1.1") == "uniqueid"
    assert repeated("Event: X\r\nCallerIDNum: 1\r\nUniqueid: 1.1") == ""
    assert repeated("Event: X\r\nno header\r\nno header") == ""
