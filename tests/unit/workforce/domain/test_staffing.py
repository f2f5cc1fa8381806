"""Erlang B, C and A: against published tables and examples, their definitions, and their laws.

Each published figure names its source here; docs/decisions/0015 says how it was looked up. Whatever
no source could be seen for is derived here, exactly, from the definition, and says so:

- [Collins] D. Collins, *Carrier Grade Voice over IP*, 2nd ed., Appendix A, "Table of Erlang B"
  (globalspec.com/reference/55139/203279): rows of 1 to 10 channels, to one decimal.
- [Westbay] *Traffic Calculators* manual, "How much traffic can a trunk group handle"
  (erlang.com/calculatormanual): 15 lines at a blocking of 0.01 carry 8.108 erlang.
- [TETRA] J. Dunlop, D. Girma, J. Irvine, *Digital Mobile Communications and the TETRA System*,
  Appendix A, example and table of Erlang C (scribd.com/document/831962299).
- [Gross] Gross, Shortle, Thompson, Harris, *Fundamentals of Queueing Theory*, M/M/c example: 6
  arrivals and 3 services an hour, 3 servers; as quoted, with its results, in a public script.
- [CRAN] the package ErlangC 0.1.0, README: 100 calls of 180 s in half an hour, 20 s.
- [pyworkforce] 0.1.0 on PyPI, README: the same example, with all digits.
- [Mitan] *Call Centre Mathematics*, "The Erlang-C formula": 360 calls in half an hour, 4 min, 55
  agents, 15 s. The inputs and the steps could be seen, the results could not (they are pictures).
- [Zinnov] zinnov.com/blog/introduction-to-erlang: 2,880 calls an hour, 1 min, 50 agents, 2 min of
  patience, after Mandelbaum and Zeltyn. The inputs and what it concludes could be seen, its table
  of results could not.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import exp, factorial, fsum, inf, isclose, lgamma, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.workforce.domain.staffing import (
    SEATS_MAX,
    Demand,
    Service,
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

BLOCKING = (
    0.0001, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006,
    0.007, 0.008, 0.009, 0.01, 0.02, 0.03, 0.04, 0.05,
)  # fmt: skip
COLLINS: dict[int, tuple[float, ...]] = {
    1: (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1),
    2: (0.0, 0.0, 0.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4),
    3: (0.1, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3, 0.4, 0.4, 0.4, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    4: (0.2, 0.4, 0.4, 0.5, 0.6, 0.7, 0.7, 0.7, 0.8, 0.8, 0.8, 0.9, 1.1, 1.3, 1.4, 1.5),
    5: (0.5, 0.6, 0.8, 0.9, 1.0, 1.1, 1.1, 1.2, 1.2, 1.3, 1.3, 1.4, 1.7, 1.9, 2.1, 2.2),
    6: (0.7, 1.0, 1.1, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.8, 1.9, 1.9, 2.3, 2.5, 2.8, 3.0),
    7: (1.1, 1.4, 1.6, 1.8, 1.9, 2.1, 2.2, 2.2, 2.3, 2.4, 2.4, 2.5, 2.9, 3.2, 3.5, 3.7),
    8: (1.4, 1.8, 2.1, 2.3, 2.5, 2.6, 2.7, 2.8, 2.9, 3.0, 3.1, 3.1, 3.6, 4.0, 4.3, 4.5),
    9: (1.8, 2.3, 2.6, 2.9, 3.1, 3.2, 3.3, 3.4, 3.5, 3.6, 3.7, 3.8, 4.3, 4.7, 5.1, 5.4),
    10: (2.3, 2.8, 3.1, 3.4, 3.6, 3.8),
}
"""[Collins]: channels → erlang at each `BLOCKING`; of the tenth row as much as could be seen."""


def load_for(lines: int, blocking: float) -> float:
    """The load at which so many lines lose that share."""
    low, high = 0.0, 10.0 * lines
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if erlang_b(lines, middle) < blocking else (low, middle)
    return low


@pytest.mark.parametrize("channels", COLLINS)
def test_erlang_b_is_that_of_the_published_table(channels: int) -> None:
    row = COLLINS[channels]
    assert tuple(round(load_for(channels, blocking), 1) for blocking in BLOCKING[: len(row)]) == row


def test_fifteen_lines_at_one_percent_carry_8_108_erlang() -> None:
    """[Westbay]"""
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
    """[CRAN] to its seven digits, [pyworkforce] to all of them."""
    demand = Demand(100, 180)
    assert demand.erlangs == pytest.approx(10)
    eleven, fourteen = (by_erlang_c(demand, seats, 20) for seats in (11, 14))
    assert (round(eleven.waits, 7), round(eleven.within, 7)) == (0.6821182, 0.3896138)
    assert fourteen.waits == pytest.approx(0.1741319335950498, abs=1e-15)
    assert fourteen.within == pytest.approx(0.8883500191794669, abs=1e-15)
    assert fourteen.occupancy == pytest.approx(0.7142857142857143, abs=1e-15)
    assert fourteen.wait_seconds == pytest.approx(7.83593701177724, abs=1e-13)
    assert seats_needed(demand, Target(20, 0.80), 120).for_within == 14


@pytest.mark.parametrize(("channels", "erlangs", "waits"), [(8, 3.87, 0.05), (10, 4.08, 0.01)])
def test_erlang_c_is_that_of_the_published_table(
    channels: int, erlangs: float, waits: float
) -> None:
    """[TETRA]: the table's load has two decimals, so the share has about as many digits."""
    assert round(erlang_c(channels, erlangs), 3) == waits
    assert erlang_c(channels, erlangs - 0.01) < waits < erlang_c(channels, erlangs + 0.01)


@pytest.mark.parametrize(("channels", "later"), [(8, 0.016), (10, 0.0022)])
def test_who_waits_waits_longer_than_a_mean_call_as_published(channels: int, later: float) -> None:
    """[TETRA]: of those who wait, at 3.87 erlang."""
    service = by_erlang_c(Demand(3.87, 60, 60), channels, 60)
    assert (1 - service.within) / service.waits == pytest.approx(later, rel=0.02)


def test_three_servers_at_two_thirds_of_their_load() -> None:
    """[Gross]: 28.88889 minutes in the system, 20 of them served; the empty system's share is
    1/9, so that of waiting is 2³/3! · 1/(1 - 2/3) · 1/9 = 4/9."""
    service = by_erlang_c(Demand(6, 20 * 60, 3600), 3, 0)
    assert round(service.wait_seconds / 60 + 20, 5) == 28.88889
    assert service.waits == pytest.approx(4 / 9, rel=1e-12)


def test_three_hundred_and_sixty_calls_of_four_minutes() -> None:
    """[Mitan] for the inputs and the steps, which are taken here one by one in whole numbers:
    the results are derived, not quoted."""
    load, agents = Fraction(360 * 240, 1800), 55
    assert load == 48
    last = load**agents / factorial(agents)
    spare = 1 - load / agents
    waits = last / (last + spare * sum(load**k / factorial(k) for k in range(agents)))
    service = by_erlang_c(Demand(360, 240), agents, 15)
    assert service.occupancy == pytest.approx(48 / 55, rel=1e-12)
    assert service.waits == pytest.approx(float(waits), rel=1e-12)
    assert service.wait_seconds == pytest.approx(float(waits) * 240 / (55 - 48), rel=1e-12)
    assert service.within == pytest.approx(1 - float(waits) * exp(-(55 - 48) * 15 / 240), rel=1e-12)
    # To what precision the example would be printed.
    assert (round(service.waits, 3), round(service.wait_seconds, 1)) == (0.239, 8.2)
    assert (round(service.occupancy, 3), round(service.within, 3)) == (0.873, 0.846)


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


def test_fifty_agents_with_and_without_patience() -> None:
    """[Zinnov] for the inputs; the shares are derived from the definition in whole numbers: with k
    calls in the system one comes 48 times a minute and one goes min(k, 50) + max(k - 50, 0)/2
    times. Beyond 150 waiting nothing is left that a float could show."""
    weights = [Fraction(1)]
    for k in range(1, 201):
        weights.append(weights[-1] * 48 / (min(k, 50) + Fraction(max(k - 50, 0), 2)))
    queue = sum(weight * max(k - 50, 0) for k, weight in enumerate(weights)) / sum(weights)
    patient = by_erlang_a(Demand(2880, 60, 3600), 50, 15, 120)
    assert 1 - patient.connected == pytest.approx(float(queue / 2 / 48), rel=1e-9)
    assert patient.wait_seconds == pytest.approx(float(queue / 48 * 60), rel=1e-9)
    assert patient.waits == pytest.approx(float(sum(weights[50:]) / sum(weights)), rel=1e-9)
    # Derived, to the precision that papers print.
    assert round(1 - patient.connected, 3) == 0.031
    assert (round(patient.wait_seconds, 1), round(patient.occupancy, 2)) == (3.7, 0.93)
    without = by_erlang_c(Demand(2880, 60, 3600), 50, 15)
    assert (round(without.wait_seconds, 1), round(without.occupancy, 2)) == (20.8, 0.96)


def test_patience_is_always_stable_and_needs_fewer_as_published() -> None:
    """[Zinnov]: Erlang C is stable from 49 agents on, Erlang A always; for a target service level A
    needs fewer agents."""
    demand = Demand(2880, 60, 3600)
    assert by_erlang_c(demand, 48, 15).wait_seconds == inf
    assert by_erlang_c(demand, 49, 15).wait_seconds < inf
    assert all(by_erlang_a(demand, seats, 15, 120).wait_seconds < 120 for seats in range(1, 70))
    for target in (0.7, 0.8, 0.9):
        by_a = [by_erlang_a(demand, seats, 15, 120).within >= target for seats in range(1, 70)]
        by_c = [by_erlang_c(demand, seats, 15).within >= target for seats in range(1, 70)]
        assert by_a.index(True) < by_c.index(True)


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


def test_no_time_at_all_is_a_target_and_no_share_is_none() -> None:
    assert Target(within_seconds=0).within_seconds == 0
    assert Target(within_seconds=0.5).within_seconds == 0.5
    for shares in ((0, 0.9), (1, 0.9), (0.9, 0), (0.9, 1)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            Target(20, *shares)


def test_in_overload_everybody_waits_for_ever() -> None:
    assert by_erlang_c(Demand(100, 180, 1800), 10, 20) == Service(10, 1, 0, 1, float("inf"), 1)


def test_up_to_half_of_the_most_seats_can_be_reckoned_with() -> None:
    much = SEATS_MAX // 2
    assert seats_needed(Demand(much, 1, 1), Target(), 60).seats > much
    with pytest.raises(ValueError, match=f"{much + 1} erlang is more"):
        seats_needed(Demand(much + 1, 1, 1), Target(), 60)


def test_at_the_edges_of_the_models_every_figure_is_said() -> None:
    nobody, few = Demand(0, 180), Demand(10, 180, 1800)  # 1 erlang
    for seats in (0, 3):
        idle = Service(seats, waits=0, within=1, connected=1, wait_seconds=0, occupancy=0)
        assert by_erlang_c(nobody, seats, 15) == idle
        assert by_erlang_a(nobody, seats, 15, 120) == idle
    assert by_erlang_c(few, 4, 15).connected == 1
    assert by_erlang_c(few, 4, 15).occupancy == 0.25
    assert by_erlang_c(few, 1, 15) == Service(1, 1, 0, 1, inf, 1)
    nobody_there = by_erlang_a(few, 0, 15, 120)
    assert (nobody_there.seats, nobody_there.occupancy) == (0, 0)
    assert nobody_there.waits == 1
    assert by_erlang_a(few, 4, 15, 1).seats == 4
    with pytest.raises(ValueError, match="at least 1"):
        by_erlang_a(few, 4, 15, 0.9)
    assert (erlang_c(5, 0.0), erlang_c(5, 5.0), erlang_c(5, 6.0)) == (0.0, 1.0, 1.0)
    assert Demand(1, 0.5, 0.25).erlangs == 2


def test_a_target_that_is_just_met_is_met() -> None:
    demand = Demand(20, 180, 1800)
    for seats in (3, 4, 6):
        within = by_erlang_c(demand, seats, 15).within
        assert seats_needed(demand, Target(15, within, 0.01), 120).for_within == seats
        connected = by_erlang_a(demand, seats, 15, 120).connected
        assert seats_needed(demand, Target(15, 0.01, connected), 120).for_connect == seats
