"""Where a seat may send a citizen, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.platform.domain.dialling import matches
from callcenter.telephony.domain.transfer_target import TargetKind, dial_places

PLACES = dial_places(8001, ("12345",), ("_1[3-9]XXXXXXXXX", "_0X.", "110"))


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("12345", TargetKind.QUEUE),
        ("8001", TargetKind.SEAT),
        ("8999", TargetKind.SEAT),
        ("13800138000", TargetKind.OUTSIDE),
        ("02161234567", TargetKind.OUTSIDE),
        ("110", TargetKind.OUTSIDE),
        ("119", None),
        ("7001", None),
        ("80011", None),
        ("", None),
        ("12800138000", None),
        ("+8613800138000", None),
        ("0" * 21, None),
    ],
)
def test_places(target: str, kind: TargetKind | None) -> None:
    assert PLACES.kind_of(target) is kind


@given(st.text(max_size=30))
def test_only_what_can_be_typed_on_a_phone_is_a_target(target: str) -> None:
    if PLACES.kind_of(target) is not None:
        assert target.isascii()
        assert target.isdecimal()


@pytest.mark.parametrize(
    "target", ["8001\n", " 8001", "8001,1", "８００１", "8001@from-pstn", "8001&PJSIP/trunk", "*1"]
)
def test_nothing_is_read_into_a_target(target: str) -> None:
    wide = dial_places(8001, ("12345",), ("_X.",))
    assert wide.kind_of(target) is None


@given(st.from_regex(r"8[0-9]{3}|12345", fullmatch=True))
def test_a_pattern_too_wide_makes_no_seat_a_paid_call(target: str) -> None:
    wide = dial_places(8001, ("12345",), ("_X.",))
    assert wide.kind_of(target) in (TargetKind.SEAT, TargetKind.QUEUE)


@given(st.from_regex(r"[0-9]{1,20}", fullmatch=True))
def test_without_patterns_nothing_outside_can_be_reached(target: str) -> None:
    closed = dial_places(8001, ("12345",), ())
    assert closed.kind_of(target) is not TargetKind.OUTSIDE


@given(st.from_regex(r"[0-9]{1,20}", fullmatch=True))
def test_outside_is_what_a_pattern_allows(target: str) -> None:
    if PLACES.kind_of(target) is TargetKind.OUTSIDE:
        assert any(matches(pattern, target) for pattern in PLACES.outbound_patterns)
