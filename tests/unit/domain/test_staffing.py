"""Erlang B, C and A: against published tables, against the definitions, and their laws.

Published figures come from:

- Collins, *Carrier Grade Voice over IP*, 2nd ed., Appendix A, table of Erlang B (one decimal).
- Westbay, *Traffic Calculators* manual, "How much traffic can a trunk group handle": 15 lines at
  1 % carry 8.108 erlang.
- Call Centre Helper, *Erlang C Formula: Made Simple*: 100 calls of 180 s in half an hour.
- Mitan, *Call Centre Mathematics, Erlang C*: 360 calls of 4 min in half an hour, 55 agents.
- Garnett, Mandelbaum, Reiman, *Designing a Call Center with Impatient Customers*, M&SOM 4 (2002),
  table of M/M/N against M/M/N+M: 50 agents, 48 calls a minute, 1 min talk, 2 min patience.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import exp, factorial, fsum, inf, isclose, lgamma, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.domain.staffing import (
    SEATS_MAX,
    Demand,
    Target,
    by_erlang_a,
    by_erlang_c,
    erlang_b,
    erlang_c,
    mean_patience,
    seats_needed,
    with_shrinkage,
)

# -- Erlang B ---------------------------------------------------------------------------------

COLLINS: list[tuple[float, dict[int, float]]] = [
    (0.0001, {5: 0.5, 9: 1.8, 10: 2.3}),
    (0.0005, {5: 0.6, 9: 2.3, 10: 2.8}),
    (0.001, {5: 0.8, 9: 2.6, 10: 3.1}),
    (0.002, {5: 0.9, 9: 2.9, 10: 3.4}),
    (0.003, {5: 1.0, 9: 3.1, 10: 3.6}),
    (0.004, {5: 1.1, 9: 3.2, 10: 3.8}),
    (0.005, {5: 1.1, 7: 2.2, 9: 3.3}),
    (0.01, {5: 1.4, 7: 2.5, 9: 3.8}),
    (0.02, {5: 1.7, 7: 2.9, 9: 4.3}),
    (0.03, {5: 1.9, 7: 3.2, 9: 4.7}),
    (0.04, {5: 2.1, 7: 3.5, 9: 5.1}),
    (0.05, {5: 2.2, 7: 3.7, 9: 5.4}),
]
"""Blocking → lines → erlang."""


def load_for(lines: int, blocking: float) -> float:
    """The load at which so many lines lose that share."""
    low, high = 0.0, 10.0 * lines
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if erlang_b(lines, middle) < blocking else (low, middle)
    return low


@pytest.mark.parametrize(("blocking", "loads"), COLLINS)
def test_erlang_b_is_that_of_the_published_table(blocking: float, loads: dict[int, float]) -> None:
    assert {lines: round(load_for(lines, blocking), 1) for lines in loads} == loads


def test_fifteen_lines_at_one_percent_carry_8_108_erlang() -> None:
    assert round(load_for(15, 0.01), 3) == 8.108


@given(st.integers(0, 40), st.fractions(Fraction(1, 10), Fraction(60), max_denominator=10))
def test_erlang_b_is_its_definition(seats: int, load: Fraction) -> None:
    terms = [load**k / factorial(k) for k in range(seats + 1)]
    assert isclose(erlang_b(seats, float(load)), terms[-1] / sum(terms), rel_tol=1e-12)


@pytest.mark.parametrize("seats", [100, 1000, 5000])
@pytest.mark.parametrize("use", [0.5, 0.9, 0.99, 1.0, 1.1, 2.0])
def test_erlang_b_is_exact_for_large_centres(seats: int, use: float) -> None:
    """Against the definition in logarithms: neither can overflow, by different ways."""
    load = seats * use
    logs = [k * log(load) - lgamma(k + 1) for k in range(seats + 1)]
    expected = exp(logs[-1] - max(logs)) / fsum(exp(one - max(logs)) for one in logs)
    assert isclose(erlang_b(seats, load), expected, rel_tol=1e-9, abs_tol=1e-300)


# -- Erlang C ---------------------------------------------------------------------------------


def test_one_hundred_calls_of_three_minutes_in_half_an_hour() -> None:
    demand = Demand(100, 180)
    assert demand.erlangs == pytest.approx(10)
    shares = {n: round(by_erlang_c(demand, n, 20).within, 3) for n in range(11, 16)}
    assert shares == {11: 0.390, 12: 0.640, 13: 0.796, 14: 0.888, 15: 0.941}
    fourteen = by_erlang_c(demand, 14, 20)
    assert round(fourteen.waits, 3) == 0.174
    assert round(fourteen.wait_seconds, 1) == 7.8
    assert round(fourteen.occupancy, 3) == 0.714
    assert seats_needed(demand, Target(20, 0.80), 120).for_within == 14


def test_three_hundred_and_sixty_calls_of_four_minutes() -> None:
    demand = Demand(360, 240)
    service = by_erlang_c(demand, 55, 15)
    assert demand.erlangs == pytest.approx(48)
    assert round(service.occupancy, 3) == 0.873
    assert round(service.waits, 3) == 0.239
    assert round(service.wait_seconds) == 8
    assert round(service.within, 3) == 0.846


def test_erlang_c_in_overload_serves_nobody_in_time_and_waits_without_end() -> None:
    for seats in (9, 10):
        service = by_erlang_c(Demand(100, 180), seats, 15)
        assert (service.waits, service.within, service.wait_seconds) == (1.0, 0.0, inf)


@given(st.integers(1, 60), st.fractions(Fraction(1, 10), Fraction(59), max_denominator=10))
def test_erlang_c_is_its_definition(seats: int, load: Fraction) -> None:
    if load >= seats:
        assert erlang_c(seats, float(load)) == 1.0
        return
    last = load**seats / factorial(seats) * seats / (seats - load)
    total = sum(load**k / factorial(k) for k in range(seats)) + last
    assert isclose(erlang_c(seats, float(load)), last / total, rel_tol=1e-12)


# -- Erlang A ---------------------------------------------------------------------------------


def test_patience_against_none_as_garnett_mandelbaum_and_reiman_have_it() -> None:
    demand = Demand(48, 60, 60)
    without = by_erlang_c(demand, 50, 15)
    assert round(without.wait_seconds, 1) == 20.8
    assert round(without.occupancy, 2) == 0.96
    patient = by_erlang_a(demand, 50, 15, 120)
    assert round(1 - patient.connected, 3) == 0.031
    assert round(patient.wait_seconds, 1) == 3.7
    assert round(patient.occupancy, 2) == 0.93


def in_time(ahead: int, seats: int, finish: float, leave: float, seconds: float) -> float:
    """The chance to be answered in time behind `ahead` others, by uniformisation: steps of the
    jump chain at the times of one Poisson process."""
    rate = seats * finish + (ahead + 1) * leave
    waiting = [0.0] * ahead + [1.0]
    answered = result = 0.0
    weight, step = exp(-rate * seconds), 0
    mass = weight
    while mass < 1 - 1e-13:
        result += weight * answered
        after = [0.0] * (ahead + 1)
        for place, share in enumerate(waiting):
            forward = seats * finish + place * leave
            if place:
                after[place - 1] += share * forward / rate
            else:
                answered += share * forward / rate
            after[place] += share * (1 - (forward + leave) / rate)
        waiting = after
        step += 1
        weight *= rate * seconds / step
        mass += weight
    return result + (1 - mass + weight) * answered


@pytest.mark.parametrize(
    ("calls", "handle", "seats", "patience", "seconds"),
    [
        (100, 180, 11, 120, 20),
        (100, 180, 8, 60, 15),
        (100, 180, 3, 30, 40),
        (20, 200, 4, 300, 15),
        (60, 90, 3, 45, 5),
    ],
)
def test_erlang_a_is_the_birth_and_death_process(
    calls: float, handle: float, seats: int, patience: float, seconds: float
) -> None:
    """Shares of states by their definition, and the answer in time by another method."""
    demand = Demand(calls, handle)
    finish, leave = 1 / handle, 1 / patience
    weights = [1.0]
    for k in range(1, 120):
        departures = min(k, seats) * finish + max(k - seats, 0) * leave
        weights.append(weights[-1] * demand.rate / departures)
    total = fsum(weights)
    shares = [weight / total for weight in weights]
    queue = fsum(share * max(k - seats, 0) for k, share in enumerate(shares))
    service = by_erlang_a(demand, seats, seconds, patience)
    assert service.waits == pytest.approx(fsum(shares[seats:]), rel=1e-9)
    assert service.connected == pytest.approx(1 - queue * leave / demand.rate, rel=1e-9)
    assert service.wait_seconds == pytest.approx(queue / demand.rate, rel=1e-9)
    within = fsum(shares[:seats]) + fsum(
        share * in_time(k - seats, seats, finish, leave, seconds)
        for k, share in enumerate(shares)
        if k >= seats and share > 1e-12
    )
    assert service.within == pytest.approx(within, abs=1e-9)


demands = st.builds(
    Demand, st.floats(0.01, 400).map(lambda n: round(n, 2)), st.floats(20, 900).map(round)
)


@given(demands, st.integers(0, 120), st.floats(5, 2000), st.floats(0, 300))
def test_shares_are_shares(demand: Demand, seats: int, patience: float, seconds: float) -> None:
    service = by_erlang_a(demand, seats, seconds, patience)
    assert 0 <= service.waits <= 1
    assert 0 <= service.within <= service.connected <= 1
    assert 0 <= service.occupancy <= 1 + 1e-9
    assert service.wait_seconds >= 0
    # Who waits for nobody is answered at once, so at least they are answered in time.
    assert service.within >= 1 - service.waits - 1e-9
    # Nobody waits longer than patience lasts, in the mean.
    assert service.wait_seconds <= patience * (1 + 1e-9)


@given(demands, st.floats(5, 2000))
@settings(max_examples=30)
def test_more_seats_are_never_worse(demand: Demand, patience: float) -> None:
    services = [by_erlang_a(demand, seats, 15, patience) for seats in range(0, 60, 3)]
    for fewer, more in pairwise(services):
        assert more.connected >= fewer.connected - 1e-12
        assert more.within >= fewer.within - 1e-9
    waits = [by_erlang_c(demand, seats, 15).within for seats in range(60)]
    assert waits == sorted(waits)


@given(st.floats(1, 50), st.integers(1, 60))
@settings(max_examples=30)
def test_endless_patience_is_erlang_c(load: float, seats: int) -> None:
    if load > seats * 0.95:
        return
    demand = Demand(load, 180, 180)
    patient, endless = by_erlang_a(demand, seats, 15, 1e8), by_erlang_c(demand, seats, 15)
    assert patient.waits == pytest.approx(endless.waits, abs=1e-4)
    assert patient.within == pytest.approx(endless.within, abs=1e-4)
    assert patient.connected == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("seats", [1, 100, 900, 1000, 1100, 2000])
def test_a_thousand_seats_are_reckoned_like_three(seats: int) -> None:
    """1,000 erlang with 2 min patience: far below, at and far above the load."""
    demand = Demand(5000, 360)
    service = by_erlang_a(demand, seats, 15, 120)
    assert 0 <= service.within <= service.connected <= 1
    # Flow in is flow out: what is answered keeps seats busy, the rest has lost its patience.
    assert service.occupancy * seats == pytest.approx(service.connected * 1000, rel=1e-9)
    if seats <= 900:
        # In overload seats are never free, so they answer what they can.
        assert service.connected == pytest.approx(seats / 1000, rel=1e-3)
    if seats == 2000:
        assert service.connected == pytest.approx(1, abs=1e-12)


# -- what is needed ---------------------------------------------------------------------------


@given(demands, st.floats(0.5, 0.99), st.floats(0.5, 0.99), st.floats(10, 600))
@settings(max_examples=40)
def test_what_is_needed_is_enough_and_one_less_is_not(
    demand: Demand, within: float, connect: float, patience: float
) -> None:
    needed = seats_needed(demand, Target(15, within, connect), patience)
    assert by_erlang_c(demand, needed.for_within, 15).within >= within
    assert by_erlang_c(demand, needed.for_within - 1, 15).within < within
    assert by_erlang_a(demand, needed.for_connect, 15, patience).connected >= connect
    assert by_erlang_a(demand, needed.for_connect - 1, 15, patience).connected < connect
    assert needed.seats == max(needed.for_within, needed.for_connect)


def test_no_calls_need_no_seats() -> None:
    assert seats_needed(Demand(0, 180), Target(), 120).seats == 0
    assert by_erlang_a(Demand(0, 180), 0, 15, 120).connected == 1.0
    assert by_erlang_c(Demand(0, 180), 0, 15).within == 1.0


def test_callers_without_seats_are_all_lost() -> None:
    service = by_erlang_a(Demand(10, 180), 0, 15, 120)
    assert service.connected == pytest.approx(0, abs=1e-12)
    assert service.wait_seconds == pytest.approx(120)
    assert service.within == 0


def test_a_load_that_is_a_slip_is_refused() -> None:
    with pytest.raises(ValueError, match="more than can be reckoned"):
        seats_needed(Demand(SEATS_MAX * 100, 3600), Target(), 120)


@pytest.mark.parametrize(("calls", "handle", "interval"), [(-1, 60, 60), (1, 0, 60), (1, 60, 0)])
def test_what_is_no_demand_is_refused(calls: float, handle: float, interval: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Demand(calls, handle, interval)


@pytest.mark.parametrize("target", [(-1, 0.8, 0.9), (15, 0, 0.9), (15, 1, 0.9), (15, 0.8, 1.0)])
def test_what_is_no_target_is_refused(target: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="shares must lie"):
        Target(*target)


@pytest.mark.parametrize(
    ("seats", "shrinkage", "people"),
    [(0, 0.3, 0), (9, 0.1, 10), (10, 0.0, 10), (7, 0.3, 10), (8, 0.15, 10)],
)
def test_people_for_seats(seats: int, shrinkage: float, people: int) -> None:
    assert with_shrinkage(seats, shrinkage) == people


def test_patience_is_all_waiting_by_those_who_gave_up() -> None:
    assert mean_patience(1200, 10) == 120
    assert mean_patience(1200, 0) is None


@pytest.mark.parametrize("patience", [0, -1, 5e-324, 0.9])
def test_patience_of_less_than_a_second_is_refused(patience: float) -> None:
    """The least that a float can hold made a rate without end, and a loop with it."""
    with pytest.raises(ValueError, match="at least 1"):
        by_erlang_a(Demand(1, 10), 0, 15, patience)
