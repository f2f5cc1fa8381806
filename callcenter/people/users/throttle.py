"""Slows guessing of passwords down without a way to lock others out.

Nothing is ever locked: a wrong password makes the next attempt *of the same bucket* wait, each
time twice as long, up to five minutes. Which bucket an attempt is in depends on whether the user
has logged in from there before:

- known: the browser has a cookie of an earlier login of this user, or the address is one of those
  logins. Its bucket is its own (user and browser, or user and address). Whatever strangers do, it
  stays empty, and a correct password gets in at once.
- a stranger: three buckets, of which the longest wait counts. User and address: one guesser. The
  address alone: one guesser at many users. The user alone: many addresses at one user.

So a user whom the whole world guesses at still logs in from where he always does; only from a
place where he never was he may have to wait up to five minutes. One who guesses gets 300 tries a
day and user: no help against a password that meets the rules.

An attempt counts when it begins and is given back when the password was right, or a hundred at the
same moment would all be the first. Kept in memory: nobody can restart us from outside, and a row
per guess would let strangers fill the disk.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

LONGEST_SECONDS = 300.0
FORGET_SECONDS = 3600.0
"""A bucket without an attempt for so long is empty again."""
BUCKETS = 20_000
"""A few MB. To push one out takes as many attempts, each of which costs a hash."""
IPV6_PREFIX = 64
"""What one subscriber has: he can take any address of it."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Attempts that share a wait; the first `free` wait for nothing."""

    key: str
    free: int


@dataclass(slots=True)
class _Level:
    attempts: int = 0
    until: float = 0.0
    last: float = 0.0


class Throttle:
    """Counts attempts by bucket. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._levels: OrderedDict[str, _Level] = OrderedDict()

    def begin(self, buckets: Sequence[Bucket]) -> float:
        """Seconds to wait before an attempt may be made; 0: it may, and has been counted."""
        now = self._monotonic()
        levels = [self._level(bucket, now) for bucket in buckets]
        wait = max((level.until - now for level in levels), default=0.0)
        if wait > 0:
            return wait
        for bucket, level in zip(buckets, levels, strict=True):
            level.attempts += 1
            level.last = now
            beyond = level.attempts - bucket.free
            # 2 ** 9 s is more than the longest; a larger power would only be a larger number.
            level.until = now + min(2.0 ** min(beyond, 9), LONGEST_SECONDS) if beyond >= 0 else now
        return 0.0

    def succeeded(self, buckets: Sequence[Bucket]) -> None:
        """The password was right: the attempt is given back, and nobody waits for it."""
        now = self._monotonic()
        for bucket in buckets:
            level = self._levels.get(bucket.key)
            if level is not None:
                level.attempts = max(level.attempts - 1, 0)
                level.until = now

    def forget(self, prefix: str) -> None:
        """Empty all buckets whose key begins with `prefix`."""
        for key in [key for key in self._levels if key.startswith(prefix)]:
            del self._levels[key]

    def _level(self, bucket: Bucket, now: float) -> _Level:
        level = self._levels.get(bucket.key)
        if level is None or now - level.last > FORGET_SECONDS:
            level = self._levels[bucket.key] = _Level()
        self._levels.move_to_end(bucket.key)
        if len(self._levels) > BUCKETS:
            self._levels.popitem(last=False)
        return level


def buckets_of(login: str, address: str, known_by: str | None) -> Sequence[Bucket]:
    """The buckets of an attempt: `known_by` names the browser or address that the user is known
    by, None a stranger."""
    if known_by is not None:
        return (Bucket(f"known {login} {known_by}", 5),)
    source = source_of(address)
    return (
        Bucket(f"from {login} {source}", 5),
        Bucket(f"user {login}", 10),
        # A whole office may be behind one address, and mistypes.
        Bucket(f"source {source}", 30),
    )


def source_of(address: str) -> str:
    """Who is behind `address`: of IPv6 the subscriber's network."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> (128 - IPV6_PREFIX) << (128 - IPV6_PREFIX))}/64"
    return str(parsed)
