"""Guessing is slowed down; nobody is locked out by it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callcenter.people.users.throttle import (
    FORGET_SECONDS,
    LONGEST_SECONDS,
    Throttle,
    buckets_of,
    source_of,
)


class Watch:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def guesses_in(seconds: float, addresses: int) -> int:
    """How many guesses at one user get through, tried every half second from everywhere."""
    watch = Watch()
    throttle = Throttle(watch)
    through = 0
    while watch.now < seconds:
        for serial in range(addresses):
            through += throttle.begin(buckets_of("wang", f"198.51.100.{serial}", None)) == 0
        watch.now += 0.5
    return through


def test_a_day_of_guessing_gets_few_tries_from_one_address_or_from_many() -> None:
    day = 86_400.0
    assert guesses_in(day, 1) < 310
    assert guesses_in(day / 24, 50) < 40


def test_whatever_strangers_do_a_known_browser_waits_for_nothing() -> None:
    watch = Watch()
    throttle = Throttle(watch)
    known = buckets_of("wang", "10.0.0.7", "browser 3")
    for serial in range(1000):
        throttle.begin(buckets_of("wang", f"198.51.{serial % 250}.{serial % 7}", None))
        throttle.begin(buckets_of("wang", "10.0.0.7", None))
        assert throttle.begin(known) == 0
        throttle.succeeded(known)


def test_the_wait_doubles_up_to_the_longest_and_a_quiet_hour_ends_it() -> None:
    watch = Watch()
    throttle = Throttle(watch)
    buckets = buckets_of("wang", "10.0.0.7", "browser 3")
    assert [throttle.begin(buckets) for _ in range(5)] == [0] * 5
    waits = []
    for _ in range(12):
        waits.append(throttle.begin(buckets))
        watch.now += waits[-1]
        assert throttle.begin(buckets) == 0
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    watch.now += FORGET_SECONDS + 1
    assert [throttle.begin(buckets) for _ in range(4)] == [0, 0, 0, 0]


def test_a_hundred_tries_at_the_same_moment_are_no_hundred_first_ones() -> None:
    throttle = Throttle(lambda: 0.0)
    tried = [throttle.begin(buckets_of("wang", "10.0.0.7", None)) for _ in range(100)]
    assert tried.count(0) == 5


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 400)), max_size=60))
def test_nobody_ever_waits_longer_than_the_longest(steps: list[tuple[bool, float]]) -> None:
    watch = Watch()
    throttle = Throttle(watch)
    buckets = buckets_of("wang", "2001:db8::1", None)
    for right, pause in steps:
        assert 0 <= throttle.begin(buckets) <= LONGEST_SECONDS
        if right:
            throttle.succeeded(buckets)
        watch.now += pause


def test_one_subscriber_is_one_source() -> None:
    assert source_of("2001:db8:1:2:aaaa::1") == source_of("2001:db8:1:2:bbbb::9")
    assert source_of("2001:db8:1:3::1") != source_of("2001:db8:1:2::1")
    assert source_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert source_of("192.0.2.1") != source_of("192.0.2.2")
    assert source_of("") == ""
