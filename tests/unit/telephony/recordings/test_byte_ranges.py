"""Range, If-Range and If-None-Match (RFC 9110)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.platform.http.etags import is_known
from callcenter.telephony.recordings.ranges import (
    ByteRange,
    Unsatisfiable,
    range_applies,
    wanted_range,
)

SIZES = st.integers(min_value=1, max_value=10**12)
NUMBERS = st.integers(min_value=0, max_value=2 * 10**12)


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=0-100", 0, 99),
        ("bytes=50-", 50, 99),
        ("bytes=-1", 99, 99),
        ("bytes=-100", 0, 99),
        ("bytes=-1000", 0, 99),
        ("Bytes = 5-7", 5, 7),
        ("bytes=,5-7 ,", 5, 7),
        ("bytes=0005-007", 5, 7),
        ("bytes=0-" + "9" * 5000, 0, 99),
    ],
)
def test_one_range_is_understood(header: str, first: int, last: int) -> None:
    assert wanted_range(header, 100) == ByteRange(first, last)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=7-5",
        "bytes=a-b",
        "bytes=1-2,4-5",
        "bytes=1--2",
        "bytes=-1-2",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=\u0661-\u0662",
        "items=0-5",
        "0-5",
    ],
)
def test_what_is_no_range_gives_the_whole_file(header: str | None) -> None:
    assert wanted_range(header, 100) is None


@pytest.mark.parametrize(
    "header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + "9" * 99 + "-"]
)
def test_a_range_behind_the_end_is_unsatisfiable(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        wanted_range(header, 100)


@given(first=NUMBERS, last=NUMBERS, size=SIZES)
def test_a_range_is_what_a_slice_of_the_file_would_be(first: int, last: int, size: int) -> None:
    expected = range(size)[first : last + 1]
    try:
        found = wanted_range(f"bytes={first}-{last}", size)
    except Unsatisfiable:
        assert first >= size
        return
    if found is None:
        assert last < first
        return
    assert (found.first, found.last, found.length) == (expected[0], expected[-1], len(expected))


@given(count=st.integers(min_value=1, max_value=2 * 10**12), size=SIZES)
def test_the_last_so_many_bytes(count: int, size: int) -> None:
    expected = range(size)[-count:]
    assert wanted_range(f"bytes=-{count}", size) == ByteRange(expected[0], expected[-1])


@given(header=st.text(max_size=40) | st.from_regex(r"bytes=[0-9,\- ]{0,20}"), size=SIZES)
def test_whatever_is_sent_no_byte_outside_is_asked_for(header: str, size: int) -> None:
    try:
        found = wanted_range(header, size)
    except Unsatisfiable:
        return
    assert found is None or 0 <= found.first <= found.last < size


def test_a_range_counts_for_the_very_file_only() -> None:
    assert range_applies(None, '"a"')
    assert range_applies(' "a" ', '"a"')
    assert not range_applies('"b"', '"a"')
    assert not range_applies('W/"a"', '"a"')  # a weak one says nothing of bytes
    assert not range_applies("Tue, 24 Nov 2026 04:00:00 GMT", '"a"')


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False),
        ("", False),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
    ],
)
def test_who_has_the_file_is_told_so(header: str | None, *, known: bool) -> None:
    assert is_known(header, '"a"') is known
