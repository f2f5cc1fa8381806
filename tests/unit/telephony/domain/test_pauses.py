"""A recording that is paused and goes on: where its gaps are, and when the ledger must know."""

from __future__ import annotations

from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.telephony.domain.call import OpenCall
from callcenter.telephony.domain.legs import Leg
from callcenter.telephony.domain.records import Recording


def recording(before_us: int = 0) -> Recording:
    return Recording(cast(OpenCall, None), 1, cast(Leg, None), "a.raw", before_us)


def test_a_pause_begins_once_and_ends_once() -> None:
    one = recording(before_us=2_000_000)
    assert not one.resume(2_500_000)
    assert one.pause(3_000_000) is True
    assert one.pause(3_500_000) is False
    assert one.gaps == [[1000]]
    assert one.resume(4_000_999) is True
    assert one.resume(5_000_000) is False
    assert one.gaps == [[1000, 2000]]
    assert one.pause(1_000_000) is True  # Before it began: from its beginning on.
    assert one.gaps == [[1000, 2000], [0]]


@settings(max_examples=40)
@given(st.lists(st.booleans(), max_size=8))
def test_the_ledger_is_told_of_what_changes_and_of_nothing_else(steps: list[bool]) -> None:
    one = recording()
    silent = False
    for second, pause in enumerate(steps):
        before = [list(gap) for gap in one.gaps]
        told = (one.pause if pause else one.resume)(second * 1_000_000)
        assert told is (pause != silent)
        assert told is (one.gaps != before)
        silent = pause
        assert bool(one.gaps and len(one.gaps[-1]) == 1) is silent
