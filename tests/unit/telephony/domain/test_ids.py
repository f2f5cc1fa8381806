"""Uniqueids are compared as Asterisk compares them: as numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.ids import Uniqueid, call_id, uniqueid_key

PAIRS = st.tuples(st.integers(0, 4_102_444_800), st.integers(0, 10**9))
ODD = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"[0-9.\-]{0,12}", fullmatch=True),
    st.sampled_from(["9" * 5000 + ".1", "1." + "9" * 5000, "²³.1", "１２.３", "1.2.3", "1.", ".1"]),
)


@given(st.lists(PAIRS))
def test_the_order_is_that_of_the_numbers(pairs: list[tuple[int, int]]) -> None:
    ids = [f"{seconds}.{serial}" for seconds, serial in pairs]
    assert sorted(ids, key=uniqueid_key) == [f"{a}.{b}" for a, b in sorted(pairs)]


def test_where_text_would_say_the_opposite() -> None:
    assert uniqueid_key("1.2") < uniqueid_key("1.11") < uniqueid_key("2.0") < uniqueid_key("10.0")


@given(PAIRS, st.sampled_from(["pbx1", "pbx-1", "a-1.9"]))
def test_a_system_name_in_front_changes_nothing(pair: tuple[int, int], name: str) -> None:
    plain = f"{pair[0]}.{pair[1]}"
    assert uniqueid_key(f"{name}-{plain}") == uniqueid_key(plain)


@given(st.lists(ODD), PAIRS)
def test_sorting_never_fails_and_what_is_odd_comes_last(
    odd: list[str], pair: tuple[int, int]
) -> None:
    plain = f"{pair[0]}.{pair[1]}"
    mixed = sorted([*odd, plain], key=uniqueid_key)
    behind = mixed[mixed.index(plain) + 1 :]
    malformed = [value for value in odd if uniqueid_key(value)[2]]
    assert [value for value in behind if uniqueid_key(value)[2]] == sorted(malformed)


def test_a_call_is_named_by_node_and_first_channel() -> None:
    assert call_id("pbx1", Uniqueid("1795407499.12")) == "pbx1:1795407499.12"
