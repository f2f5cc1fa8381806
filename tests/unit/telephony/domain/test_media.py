"""What an audio file's length says about it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.media import (
    MediaStatus,
    Side,
    judge_recording,
    judge_voice_message,
    retry_delay_seconds,
)

LENGTHS = st.integers(0, 10_000_000)
TOLERANCE = 1500


@pytest.mark.parametrize(
    ("expected", "actual", "status"),
    [
        (0, 0, MediaStatus.EMPTY),
        (TOLERANCE, 0, MediaStatus.EMPTY),
        (TOLERANCE + 1, 0, MediaStatus.MISSING),
        (60_000, 60_000 - TOLERANCE, MediaStatus.READY),
        (60_000, 60_000 - TOLERANCE - 1, MediaStatus.SHORT),
        (60_000, 60_000, MediaStatus.READY),
        (60_000, 90_000, MediaStatus.READY),
        (0, 20, MediaStatus.READY),
    ],
)
def test_a_recording(expected: int, actual: int, status: MediaStatus) -> None:
    judged = judge_recording(expected_ms=expected, actual_ms=actual, tolerance_ms=TOLERANCE)
    assert judged is status


@given(LENGTHS, LENGTHS, st.integers(0, 60_000))
def test_what_is_on_disk_can_be_heard_and_what_is_not_cannot(
    expected: int, actual: int, tolerance: int
) -> None:
    judged = judge_recording(expected_ms=expected, actual_ms=actual, tolerance_ms=tolerance)
    assert judged.audible == (actual > 0)


@given(LENGTHS, LENGTHS, st.integers(0, 60_000))
def test_a_longer_file_is_never_judged_worse(expected: int, actual: int, more: int) -> None:
    ranks = [MediaStatus.MISSING, MediaStatus.EMPTY, MediaStatus.SHORT, MediaStatus.READY]
    shorter, longer = (
        judge_recording(expected_ms=expected, actual_ms=length, tolerance_ms=TOLERANCE)
        for length in (actual, actual + more)
    )
    assert ranks.index(shorter) <= ranks.index(longer)


@pytest.mark.parametrize(
    ("actual", "left", "right", "status"),
    [
        pytest.param(60_000, (59_000, 59_900), (58_000, 59_000), "ready", id="both are there"),
        pytest.param(60_000, (59_000, 59_900), (58_000, 30_000), "one_sided", id="right is lost"),
        pytest.param(60_000, (59_000, 0), (58_000, 58_000), "one_sided", id="left is lost"),
        pytest.param(60_000, (59_000, 59_000), (0, 0), "ready", id="nothing was sent"),
        pytest.param(60_000, (59_000, 59_000), (58_000, 57_000), "ready", id="within tolerance"),
        pytest.param(60_000, (59_000, 59_000), (58_000, 56_999), "one_sided", id="just beyond it"),
        pytest.param(60_000, (None, 0), (None, 0), "ready", id="nobody knows what was sent"),
        pytest.param(60_000, (59_000, None), (58_000, None), "ready", id="it cannot be seen"),
        pytest.param(40_000, (59_000, 39_900), (58_000, 39_900), "short", id="short on both"),
        pytest.param(40_000, (59_000, 39_900), (58_000, 0), "one_sided", id="short and one-sided"),
        pytest.param(0, (59_000, 0), (58_000, 0), "missing", id="no file"),
    ],
)
def test_the_sides_of_a_recording(
    actual: int,
    left: tuple[int | None, int | None],
    right: tuple[int | None, int | None],
    status: str,
) -> None:
    judged = judge_recording(
        expected_ms=60_000,
        actual_ms=actual,
        tolerance_ms=TOLERANCE,
        sides=[Side(*left), Side(*right)],
        side_tolerance_ms=1000,
    )
    assert judged == status


@pytest.mark.parametrize(
    ("actual", "status"),
    [
        (0, MediaStatus.MISSING),
        (1, MediaStatus.TOO_SHORT),
        (2999, MediaStatus.TOO_SHORT),
        (3000, MediaStatus.READY),
    ],
)
def test_a_voice_message(actual: int, status: MediaStatus) -> None:
    assert judge_voice_message(actual_ms=actual, minimum_ms=3000) is status


@given(st.integers(1, 10**6), st.floats(0.1, 3600), st.floats(0.1, 3600))
def test_waits_double_up_to_the_longest(attempts: int, first: float, longest: float) -> None:
    waited = retry_delay_seconds(attempts, first, longest)
    after = retry_delay_seconds(attempts + 1, first, longest)
    assert 0 < waited <= after <= longest
    if after < longest:
        assert after == pytest.approx(2 * waited)
    assert retry_delay_seconds(1, first, longest) == min(first, longest)


def test_the_waits_between_tries() -> None:
    waits = [retry_delay_seconds(attempts, 10, 100) for attempts in (1, 2, 3, 4, 5, 1000)]
    assert waits == [10, 20, 40, 80, 100, 100]


@pytest.mark.parametrize(
    ("actual", "status"),
    [(0, MediaStatus.MISSING), (4999, MediaStatus.SHORT), (5000, MediaStatus.READY)],
)
def test_a_voice_message_that_may_have_been_cut(actual: int, status: MediaStatus) -> None:
    found = judge_voice_message(actual_ms=actual, minimum_ms=3000, at_least_ms=5000)
    assert found is status
