"""Which digits are a seat's: those that the dialplan's pattern covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.seating import DesiredSeat, is_seat_extension


@pytest.mark.parametrize(
    ("extension", "first_seat", "seat"),
    [
        ("8001", 8001, True), ("8999", 8001, True), ("8000", 8001, True), ("7001", 8001, False),
        ("800", 8001, False), ("80010", 8001, False), ("", 8001, False), ("8OO1", 8001, False),
        ("800a", 8001, False), ("８００１", 8001, False), ("8००१", 8001, False),
        ("80²1", 8001, False),
        ("301", 300, True), ("8001", 300, False), ("trunk", 80010, False),
    ],
)  # fmt: skip
def test_a_seat_has_its_first_digit_and_its_length(
    extension: str, first_seat: int, seat: bool
) -> None:
    assert is_seat_extension(extension, first_seat) is seat


@given(st.integers(100, 99_999_999), st.integers(0, 99_999_999))
def test_whatever_begins_and_is_as_long_as_the_first_one_is_a_seat(first: int, other: int) -> None:
    alike = str(other)[0] == str(first)[0] and len(str(other)) == len(str(first))
    assert is_seat_extension(str(other), first) is alike


def test_a_seats_secret_is_in_no_log() -> None:
    assert "geheim" not in repr(DesiredSeat(Extension("8001"), "1", "geheim", in_queue=True))
