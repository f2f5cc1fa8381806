"""How many seats a load of calls needs: Erlang B, Erlang C and Erlang A.

Calls come at random (Poisson), talks last exponentially long. Erlang C lets callers wait for ever
and is what a target such as "80 % within 15 s" is usually reckoned with; Erlang A (Palm 1946;
Garnett, Mandelbaum, Reiman 2002) gives each an exponential patience, so that it can say how many
give up, and holds for overload too.

Everything is reckoned by forward recursion on *shares of the states so far*: no factorial, no
power, nothing that grows, so 1,000 seats are as exact as three. Loads are in erlang: calls per
second × handle time in seconds. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, exp, expm1, log

from callcenter.workforce.domain.opening import DAY_MINUTES

NEGLIGIBLE = 1e-15
"""A state that is rarer changes no digit of any result."""
SEATS_MAX = 5000
"""More is a mistake in the input, not a call centre."""
HALF_HOUR_SECONDS = 1800
HALF_HOURS = DAY_MINUTES // 30


@dataclass(frozen=True, slots=True)
class Demand:
    """What comes in an interval."""

    calls: float
    """Offered in the interval; the mean, so it has decimals."""
    handle_seconds: float
    """Mean time that a call binds a seat: talk, hold and wrap-up."""
    interval_seconds: float = HALF_HOUR_SECONDS

    def __post_init__(self) -> None:
        if self.calls < 0 or self.handle_seconds <= 0 or self.interval_seconds <= 0:
            raise ValueError("calls must not be negative, times must be above 0")

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.interval_seconds

    @property
    def erlangs(self) -> float:
        """The load: seats that it keeps busy on average, if all are answered."""
        return self.rate * self.handle_seconds


@dataclass(frozen=True, slots=True)
class Target:
    """What callers should get."""

    within_seconds: float = 15.0
    """GB/T 33358-2016: a call is answered within 15 s."""
    within_share: float = 0.80
    """Of the calls, that are answered within it."""
    connect_share: float = 0.95
    """GB/T 33358-2016: of the calls, that are answered at all."""

    def __post_init__(self) -> None:
        if self.within_seconds < 0 or not (
            0 < self.within_share < 1 and 0 < self.connect_share < 1
        ):
            raise ValueError("shares must lie between 0 and 1, the time must not be negative")


@dataclass(frozen=True, slots=True)
class Service:
    """What callers get from so many seats, by one of the models."""

    seats: int
    waits: float
    """Share of callers who wait at all."""
    within: float
    """Share of the offered calls that are answered within the target's time."""
    connected: float
    """Share of the offered calls that are answered; 1 by Erlang C, which lets nobody give up."""
    wait_seconds: float
    """Mean wait of all callers, also of those who give up; infinite by Erlang C in overload."""
    occupancy: float
    """Share of their time that seats are busy."""


@dataclass(frozen=True, slots=True)
class SeatsNeeded:
    """The fewest seats for a target."""

    for_within: int
    """By Erlang C, for the share within the time."""
    for_connect: int
    """By Erlang A, for the connect rate."""

    @property
    def seats(self) -> int:
        """For both."""
        return max(self.for_within, self.for_connect)


def erlang_b(seats: int, erlangs: float) -> float:
    """Share of calls that find all `seats` busy and are turned away (Erlang 1917)."""
    share = 1.0
    for busy in range(1, seats + 1):
        share = erlangs * share / (busy + erlangs * share)
    return share


def erlang_c(seats: int, erlangs: float) -> float:
    """Share of calls that find all `seats` busy and wait; 1 in overload."""
    if erlangs <= 0:
        return 0.0
    if erlangs >= seats:
        return 1.0
    lost = erlang_b(seats, erlangs)
    return seats * lost / (seats - erlangs * (1 - lost))


def by_erlang_c(demand: Demand, seats: int, within_seconds: float) -> Service:
    """What callers get if nobody gives up."""
    load = demand.erlangs
    if load >= seats and load > 0:
        return Service(seats, 1.0, 0.0, 1.0, float("inf"), 1.0)
    waits = erlang_c(seats, load)
    spare = seats - load
    return Service(
        seats=seats,
        waits=waits,
        within=1 - waits * exp(-spare * within_seconds / demand.handle_seconds) if seats else 1.0,
        connected=1.0,
        wait_seconds=waits * demand.handle_seconds / spare if seats else 0.0,
        occupancy=load / seats if seats else 0.0,
    )


def by_erlang_a(
    demand: Demand, seats: int, within_seconds: float, patience_seconds: float
) -> Service:
    """What callers get if each gives up after `patience_seconds` on average (at least 1).

    The stationary shares of the birth-and-death process: with k calls in the system one comes at
    the rate of calls, and one goes at ``min(k, seats)/handle + max(k - seats, 0)/patience``. Who
    finds j others waiting is answered before t, if patience lasts, with the probability
    ``c/(c+j+1) · I_y(j+1, c+1)``, ``c = seats·patience/handle``, ``y = 1 - exp(-t/patience)`` and
    I the regularised incomplete beta function: the (j+1)-th of j+1+c departures, each at the rate
    of patience.
    """
    if patience_seconds < 1:
        raise ValueError("patience_seconds must be at least 1")
    rate = demand.rate
    if rate <= 0:
        return Service(seats, 0.0, 1.0, 1.0, 0.0, 0.0)
    finish, leave = 1 / demand.handle_seconds, 1 / patience_seconds
    # Of the states looked at so far: the share of the last one, and three means over all.
    share, waits, waiting, within = 1.0, 0.0 if seats else 1.0, 0.0, 0.0 if not seats else 1.0
    answered_in_time = _AnsweredInTime(seats, finish, leave, within_seconds)
    if not seats:
        within = answered_in_time.following()
    calls = 0
    while True:
        calls += 1
        queue = calls - seats
        departures = min(calls, seats) * finish + max(queue, 0) * leave
        share = rate * share / (departures + rate * share)
        rest = 1 - share
        waits = waits * rest + (share if queue >= 0 else 0.0)
        waiting = waiting * rest + (share * queue if queue > 0 else 0.0)
        in_time = answered_in_time.following() if queue >= 0 else 1.0
        within = within * rest + share * in_time
        if queue > 0 and departures > rate and share * max(queue, 1) < NEGLIGIBLE:
            break
    connected = min(max(1 - waiting * leave / rate, 0.0), 1.0)
    return Service(
        seats=seats,
        waits=min(waits, 1.0),
        within=min(within, connected),
        connected=connected,
        wait_seconds=waiting / rate,
        occupancy=connected * demand.erlangs / seats if seats else 0.0,
    )


class _AnsweredInTime:
    """Shares of those who find 0, 1, 2 … others waiting and are answered in time."""

    def __init__(self, seats: int, finish: float, leave: float, seconds: float) -> None:
        self._strength = seats * finish / leave
        self._ahead = 0
        hazard = leave * seconds
        self._log_part = log(-expm1(-hazard)) if hazard > 0 else float("-inf")
        beta = self._strength + 1
        # I_y(1, b) = 1 - (1-y)^b; the first step down the recurrence is y (1-y)^b b. In logarithms,
        # for (1-y)^b of a large centre is below what a float can hold, and later steps are not.
        self._log_step = self._log_part - hazard * beta + log(beta)
        self._share = -expm1(-hazard * beta)

    def following(self) -> float:
        """Of who finds one more waiting than the last time; first nobody."""
        strength, ahead = self._strength, self._ahead
        answered = strength / (strength + ahead + 1) * max(self._share, 0.0)
        # I_y(a+1, b) = I_y(a, b) - y^a (1-y)^b / (a B(a, b)), here with a = ahead + 1.
        self._share -= exp(self._log_step) if self._log_step > -745 else 0.0
        self._ahead = ahead + 1
        self._log_step += self._log_part + log((ahead + 1 + strength + 1) / (ahead + 2))
        return answered


def seats_needed(demand: Demand, target: Target, patience_seconds: float) -> SeatsNeeded:
    """The fewest seats for `target`; 0 for no calls. `ValueError` above `SEATS_MAX`."""
    if demand.calls == 0:
        return SeatsNeeded(0, 0)
    if demand.erlangs > SEATS_MAX / 2:
        raise ValueError(f"{demand.erlangs:.0f} erlang is more than can be reckoned with")
    return SeatsNeeded(
        for_within=_fewest(
            int(demand.erlangs),
            lambda seats: (
                by_erlang_c(demand, seats, target.within_seconds).within >= target.within_share
            ),
        ),
        for_connect=_fewest(
            0,
            lambda seats: (
                by_erlang_a(demand, seats, target.within_seconds, patience_seconds).connected
                >= target.connect_share
            ),
        ),
    )


def _fewest(least: int, enough: Callable[[int], bool]) -> int:
    """The smallest number from `least` on that is enough, if more is never worse."""
    low, step = least, 1
    while not enough(low + step):
        low, step = low + step, step * 2
        if low > SEATS_MAX:
            raise ValueError(f"no number of seats up to {SEATS_MAX} is enough")
    high = low + step
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return low


def with_shrinkage(seats: int, shrinkage: float) -> int:
    """People to put on the rota so that `seats` are taken while a share `shrinkage` is not there.

    Breaks, training, sickness; ``0 ≤ shrinkage < 1``.
    """
    # A hair less, so that 9 / (1 - 0.1) is 10 and not 11.
    return ceil(seats / (1 - shrinkage) - 1e-9)


def mean_patience(waited_seconds: float, gave_up: int) -> float | None:
    """Mean patience, from all waits together and how many of them were given up.

    Censored estimate: whoever was answered, or left in another way than by giving up, shows only
    that his patience lasted at least as long as he waited. For exponential patience the
    maximum-likelihood estimate from such data is all waiting, of everybody, over the number who
    gave up; the mean wait of those who gave up alone would be far too short. None if nobody did.
    """
    return waited_seconds / gave_up if gave_up else None
