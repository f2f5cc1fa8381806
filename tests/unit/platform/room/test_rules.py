"""Who goes without: recordings first, logs then, the journal last; each back with room to spare."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.platform.room.rules import (
    FILES_LEAST,
    Floors,
    Free,
    Recording,
    Reserve,
    logs_kept,
    recording,
    reserve,
)

FLOORS = Floors(no_new=512, none=256, logs=128, reserve=64)
SIZE = 64

amounts = st.integers(0, 2000)
modes = st.sampled_from(list(Recording))


@pytest.mark.parametrize(
    ("was", "free", "now"),
    [
        (Recording.ON, 512, Recording.ON),
        (Recording.ON, 511, Recording.NO_NEW),
        (Recording.ON, 255, Recording.NONE),
        (Recording.NO_NEW, 639, Recording.NO_NEW),
        (Recording.NO_NEW, 640, Recording.ON),
        (Recording.NONE, 256, Recording.NO_NEW),
        (Recording.NONE, 640, Recording.ON),
    ],
)
def test_recordings_stop_at_their_floors_and_come_back_a_quarter_above(
    was: Recording, free: int, now: Recording
) -> None:
    assert recording(was, Free(free), FLOORS) is now


def test_a_disk_that_can_hold_no_more_files_is_full_too() -> None:
    assert recording(Recording.ON, Free(10**9, FILES_LEAST - 1), FLOORS) is Recording.NO_NEW
    assert recording(Recording.NO_NEW, Free(10**9, FILES_LEAST), FLOORS) is Recording.ON


@given(modes, st.booleans(), amounts)
def test_recordings_go_before_logs_and_logs_before_the_reserve(
    was: Recording, were: bool, free: int
) -> None:
    now = Free(free)
    if not logs_kept(were, now, FLOORS) and were:
        assert recording(was, now, FLOORS) is Recording.NONE
    if reserve(True, now, FLOORS, SIZE) is Reserve.GIVE:
        assert not logs_kept(were, now, FLOORS)


@given(modes, amounts)
def test_the_same_room_twice_changes_nothing(was: Recording, free: int) -> None:
    now = recording(was, Free(free), FLOORS)
    assert recording(now, Free(free), FLOORS) is now


@given(amounts)
def test_a_reserve_that_is_made_stops_nobody_and_is_not_given_at_once(free: int) -> None:
    if reserve(False, Free(free), FLOORS, SIZE) is Reserve.MAKE:
        left = Free(free - SIZE)
        assert recording(Recording.ON, left, FLOORS) is Recording.ON
        assert reserve(True, left, FLOORS, SIZE) is Reserve.LEAVE
