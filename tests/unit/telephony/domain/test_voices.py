"""How much voice must be in a recording."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.voices import RENEWAL_MS, Count, Sent, sent_at_least

BEGIN = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


def count(at_ms: int, together_ms: int, read: int, written: int) -> Count:
    return Count(BEGIN + timedelta(milliseconds=at_ms), together_ms * 1000, read, written)


@pytest.mark.parametrize(
    ("last", "sent"),
    [
        pytest.param((10_000, 10_000, 500, 500), (9750, 9750), id="both all the time"),
        pytest.param((10_000, 10_000, 500, 0), (9750, 0), id="a phone that sends nothing"),
        pytest.param((10_000, 10_000, 500, 250), (9750, 4750), id="a phone that was held"),
        pytest.param((10_000, 4_000, 500, 500), (3750, 3750), id="music while waiting"),
        pytest.param((10_000, 0, 500, 500), (0, 0), id="never put through"),
        pytest.param((10_000, 10_000, 1000, 500), (9750, 9750), id="packets of 10 ms"),
        pytest.param((10_000, 10_000, 333, 500), (6410, 9750), id="packets of 30 ms: less"),
        pytest.param((10_000, 10_000, 9000, 500), (9750, 9750), id="never more than the time"),
    ],
)
def test_what_was_sent_in_one_talk(last: tuple[int, int, int, int], sent: tuple[int, int]) -> None:
    assert sent_at_least([count(0, 0, 0, 0), count(*last)], 0) == Sent(*sent)


def test_each_new_beginning_costs_a_little_and_a_pause_all_of_it() -> None:
    counts = [count(0, 0, 0, 0), count(5000, 5000, 250, 250), count(9000, 9000, 450, 450)]
    whole = 9000 - 2 * RENEWAL_MS
    assert sent_at_least(counts, 0) == Sent(whole, whole)
    assert sent_at_least(counts, 2000) == Sent(whole - 2000, whole - 2000)


def test_a_source_that_begins_to_count_again_has_sent_what_it_counts() -> None:
    found = sent_at_least([count(0, 0, 4000, 4000), count(10_000, 10_000, 100, 4500)], 0)
    assert found == Sent(100 * 20 - RENEWAL_MS, 9750)


def test_nothing_is_known_of_one_moment() -> None:
    assert sent_at_least([count(0, 0, 7, 7)], 0) == Sent(0, 0)
    assert sent_at_least([], 0) == Sent(0, 0)


steps = st.lists(
    st.tuples(st.integers(0, 60_000), st.booleans(), st.floats(0, 1), st.floats(0, 1)), max_size=8
)


@given(steps)
def test_never_more_is_asked_for_than_was_sent_while_together(
    parts: list[tuple[int, bool, float, float]],
) -> None:
    at = together = read = written = 0
    counts, true = [count(0, 0, 0, 0)], [0, 0]
    for span, bridged, said, heard in parts:
        packets = int(span * said) // 20, int(span * heard) // 20
        at, read, written = at + span, read + packets[0], written + packets[1]
        if bridged:
            together += span
            true = [true[0] + packets[0] * 20, true[1] + packets[1] * 20]
        counts.append(count(at, together, read, written))
    asked = sent_at_least(counts, 0)
    assert 0 <= asked.left <= true[0]
    assert 0 <= asked.right <= true[1]


def test_as_many_packets_as_just_fit_are_long_ones() -> None:
    start = count(0, 0, 0, 0)
    assert sent_at_least([start, count(1000, 1000, 70, 71)], 0) == Sent(750, 460)


def test_a_packet_more_than_fits_is_a_short_one() -> None:
    start = count(0, 0, 0, 0)
    assert sent_at_least([start, count(1016, 1016, 70, 71)], 0) == Sent(766, 460)
