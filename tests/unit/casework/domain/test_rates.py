"""Rates: who is counted, who is not, what is divided by what, and what is no rate at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.casework.domain.rates import (
    DEFINITIONS,
    Exclusion,
    ExclusionReason,
    JudgedCase,
    Rate,
    RateKind,
    RatesDefinition,
    UnitRates,
    Verdict,
    definition_at,
    ranked,
    unit_rates,
    wilson,
)
from callcenter.casework.domain.states import FIELDS, Field

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
PERIOD = (BEGIN, END)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
(FIRST,) = DEFINITIONS
GOOD = Verdict(reached=True, resolved=True, satisfied="very")
BAD = Verdict(reached=True, resolved=False, satisfied="dissatisfied")
NOBODY = Verdict(reached=False)


def judged(number: int = 1, verdict: Verdict | None = GOOD, **more: object) -> JudgedCase:
    case = JudgedCase(f"{number:05}", "water", NOON, NOON, first=verdict, final=verdict)
    return replace(case, **more)  # type: ignore[arg-type]


def figures(*cases: JudgedCase, definition: RatesDefinition = FIRST) -> UnitRates:
    return unit_rates("water", cases, PERIOD, definition)


def parts(rate: Rate) -> tuple[object, object]:
    return rate.numerator, rate.denominator


def test_each_rate_has_its_own_line() -> None:
    found = figures(
        judged(1, contacted_in_time=True),
        judged(2, replace(GOOD, satisfied="basically")),
        judged(3, BAD, contacted_in_time=True, replied=NOON + timedelta(seconds=1)),
        judged(4, replace(BAD, unresolvable=True, satisfied="no_answer"), replied=None),
        judged(5, NOBODY, contacted_in_time=True),
        judged(6, None, extended=True),
    )
    assert parts(found.final[RateKind.RESPONSE]) == (2, 4)
    assert parts(found.final[RateKind.RESOLUTION]) == (2, 3)
    assert parts(found.final[RateKind.SATISFACTION]) == (Fraction(9, 5), 3)
    assert parts(found.final[RateKind.ON_TIME]) == (4, 6)
    assert found.final[RateKind.ON_TIME].interval is None
    assert (found.reached, found.unreached, found.not_reviewed, found.extended) == (4, 1, 1, 1)
    assert found.sample == Fraction(5, 6)
    assert found.composite == (
        Fraction(1, 5) * Fraction(2, 4)
        + Fraction(2, 5) * Fraction(2, 3)
        + Fraction(2, 5) * Fraction(9, 5) / 3
    )


def test_who_is_not_reached_is_never_satisfied() -> None:
    said = replace(GOOD, reached=False)
    found = figures(judged(1, BAD), judged(2, said, contacted_in_time=True))
    for kind in (RateKind.RESPONSE, RateKind.RESOLUTION, RateKind.SATISFACTION):
        assert parts(found.final[kind]) == (0, 1)


def test_nothing_by_nothing_is_no_rate() -> None:
    for found in (figures(), figures(judged(1, NOBODY)), figures(judged(1, None))):
        assert found.final[RateKind.RESOLUTION].value is None
        assert found.final[RateKind.RESOLUTION].interval is None
        assert found.composite is None
    assert figures().sample is None
    assert figures().final[RateKind.ON_TIME].value is None
    # Those who answered nothing leave no satisfaction, and so no composite.
    silent = figures(judged(1, replace(GOOD, satisfied="no_answer")))
    assert silent.final[RateKind.SATISFACTION].value is None
    assert silent.composite is None


@pytest.mark.parametrize(
    ("deadline", "inside"),
    [(BEGIN, True), (BEGIN - timedelta(microseconds=1), False), (END, False),
     (END - timedelta(microseconds=1), True), (None, False)],
)  # fmt: skip
def test_the_period_is_that_of_the_deadline(deadline: datetime | None, inside: bool) -> None:
    assert bool(figures(judged(deadline=deadline)).population) is inside


def test_an_exclusion_says_who_and_why_and_is_listed() -> None:
    withdrawn = Exclusion(ExclusionReason.WITHDRAWN, "li", "市民撤单")
    merged = Exclusion(ExclusionReason.MERGED, "li")
    found = figures(
        judged(1, exclusions=(withdrawn, merged)), judged(2, exclusions=(merged,)), judged(3)
    )
    assert found.population == ("00003",)
    assert found.excluded == (("00001", withdrawn), ("00002", merged))
    each = figures(
        judged(1, exclusions=(merged, withdrawn)),
        judged(2, exclusions=(merged,)),
        definition=replace(FIRST, each_merged=True),
    )
    assert each.population == ("00002",)
    assert each.excluded == (("00001", withdrawn),)
    with pytest.raises(ValueError, match="names who"):
        Exclusion(ExclusionReason.NOT_EVALUATED, "")


def test_first_and_final_are_both_kept_and_the_definition_says_which_is_ranked() -> None:
    case = judged(1, contacted_in_time=True, first=BAD, final=GOOD)
    missing = judged(2, first=NOBODY, final=None)
    final = figures(case, missing)
    first = figures(case, missing, definition=replace(FIRST, ranked="first"))
    for found in (final, first):
        assert parts(found.first[RateKind.RESOLUTION]) == (0, 1)
        assert parts(found.final[RateKind.RESOLUTION]) == (1, 1)
    assert final.composite == 1
    assert first.composite == Fraction(1, 5)
    assert (final.reached, final.unreached, final.not_reviewed) == (1, 0, 1)
    assert (first.reached, first.unreached, first.not_reviewed) == (1, 1, 0)
    with pytest.raises(ValueError, match="first or final"):
        replace(FIRST, ranked="best")
    for weight in (Fraction(-1, 9), Fraction(10, 9)):
        with pytest.raises(ValueError, match="from 0 to 1"):
            replace(FIRST, answers={"very": weight})


def test_few_are_listed_without_a_rank_and_equals_share_one() -> None:
    small = replace(FIRST, minimum=2)

    def unit(name: str, *verdicts: Verdict | None) -> UnitRates:
        cases = [judged(n, v, unit=name) for n, v in enumerate(verdicts)]
        return unit_rates(name, cases, PERIOD, small)

    table = [
        unit("few", GOOD), unit("b", GOOD, BAD), unit("worst", BAD, BAD), unit("a", GOOD, BAD),
        unit("best", GOOD, GOOD, NOBODY), unit("empty"),
    ]  # fmt: skip
    assert [(one.unit, one.rank) for one in ranked(table, small)] == [
        ("best", 1), ("a", 2), ("b", 2), ("worst", 4), ("empty", None), ("few", None)]  # fmt: skip
    assert ranked(ranked(table, small), small) == ranked(table, small)


@pytest.mark.parametrize(
    ("share", "of", "low", "high"),
    # By hand from the formula, and of the book: 0 of 10 reaches up to 27.8 %.
    [(0.5, 10, 0.23659, 0.76341), (0.0, 10, 0.0, 0.27754), (1.0, 10, 0.72246, 1.0),
     (0.9, 100, 0.82563, 0.94477)],
)  # fmt: skip
def test_wilson(share: float, of: int, low: float, high: float) -> None:
    found = wilson(share, of, FIRST.z)
    assert isclose(found[0], low, abs_tol=5e-5)
    assert isclose(found[1], high, abs_tol=5e-5)


@given(st.integers(1, 400), st.integers(0, 400))
def test_the_interval_holds_the_rate_and_more_cases_narrow_it(of: int, good: int) -> None:
    share = min(good, of) / of
    low, high = wilson(share, of, FIRST.z)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    wide = wilson(share, of * 10, FIRST.z)
    assert wide[1] - wide[0] < high - low
    mirrored = wilson(1 - share, of, FIRST.z)
    assert isclose(mirrored[0], 1 - high, abs_tol=1e-9)


verdicts = st.none() | st.builds(
    Verdict, st.booleans(), st.booleans(), st.booleans(),
    st.sampled_from(sorted(FIELDS[Field.SATISFIED].codes)),
)  # fmt: skip
cases = st.lists(
    st.builds(
        JudgedCase,
        st.integers(0, 99999).map(str),
        st.sampled_from(("water", "roads", "parks")),
        st.none() | st.just(NOON) | st.just(END),
        st.none() | st.just(NOON) | st.just(END),
        st.booleans(),
        st.booleans(),
        verdicts,
        verdicts,
        st.lists(
            st.builds(Exclusion, st.sampled_from(ExclusionReason), st.just("li")), max_size=2
        ).map(tuple),
    ),
    max_size=30,
)


@given(cases, st.booleans(), st.sampled_from(("first", "final")))
@settings(max_examples=100, deadline=None)
def test_a_total_is_the_sum_of_its_parts(rows: list[JudgedCase], each: bool, which: str) -> None:
    definition = replace(FIRST, each_merged=each, ranked=which)
    units = ("water", "roads", "parks")
    total = unit_rates("city", rows, PERIOD, definition)
    of = [unit_rates(u, [r for r in rows if r.unit == u], PERIOD, definition) for u in units]
    in_period = [row for row in rows if row.deadline == NOON]
    assert len(total.population) + len(total.excluded) == len(in_period)
    assert total.reached + total.unreached + total.not_reviewed == len(total.population)
    assert sorted(total.population) == sorted(n for one in of for n in one.population)
    for name in ("reached", "unreached", "not_reviewed", "extended"):
        assert getattr(total, name) == sum(getattr(one, name) for one in of)
    for kind in RateKind:
        for rates in ("first", "final"):
            whole = getattr(total, rates)[kind]
            pieces = [getattr(one, rates)[kind] for one in of]
            assert parts(whole) == (
                sum(p.numerator for p in pieces), sum(p.denominator for p in pieces))  # fmt: skip
            if whole.value is not None:
                assert 0 <= whole.value <= 1


def test_a_figure_is_reckoned_by_the_version_of_its_time() -> None:
    later = replace(FIRST, version=2, valid_from=NOON)
    both = (later, FIRST)
    assert definition_at(both, NOON) is later
    assert definition_at(both, NOON - timedelta(seconds=1)) is FIRST
    assert definition_at(both, datetime(2019, 1, 1, tzinfo=UTC)) is None
    assert set(FIRST.answers) | {"no_answer"} == FIELDS[Field.SATISFIED].codes
    assert sum(FIRST.composite.values()) == 1


def test_what_a_sample_says_has_its_interval() -> None:
    found = figures(judged(1, GOOD), judged(2, BAD), judged(3, NOBODY)).final
    for kind in (RateKind.RESOLUTION, RateKind.SATISFACTION):
        assert found[kind].interval == wilson(0.5, 2, FIRST.z)
