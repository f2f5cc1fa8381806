"""Who fails to log in too often is shut out, for a while, and nobody else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.domain.guesses import Guesses, GuessRules, Verdict

RULES = GuessRules(failures=3, span_seconds=60.0, shut_out_seconds=900.0, shut_out_max=2)


def fail(guesses: Guesses, address: str, now: float, account: str = "8001") -> Verdict:
    return guesses.failure(address, account, now, exempt=False)


def test_one_more_than_the_limit_within_the_span_shuts_out() -> None:
    guesses = Guesses(RULES)
    for now in (0.0, 1.0, 2.0):
        assert fail(guesses, "192.0.2.1", now) == Verdict()
    assert fail(guesses, "192.0.2.1", 3.0) == Verdict(frozenset({"192.0.2.1"}))
    # It is said once.
    assert fail(guesses, "192.0.2.1", 4.0) == Verdict()
    assert guesses.failed == 5


def test_a_phone_that_tries_slowly_is_not_shut_out() -> None:
    guesses = Guesses(RULES)
    for turn in range(50):
        assert fail(guesses, "192.0.2.1", turn * 20.0) == Verdict()
    assert guesses.shut_out == frozenset()


def test_its_time_passes_and_it_begins_anew() -> None:
    guesses = Guesses(RULES)
    for _ in range(4):
        fail(guesses, "192.0.2.1", 0.0)
    assert guesses.next_at() == 900.0
    assert guesses.passed(899.9) == Verdict()
    assert guesses.passed(900.0) == Verdict(let_in=frozenset({"192.0.2.1"}))
    assert fail(guesses, "192.0.2.1", 900.0) == Verdict()
    assert guesses.next_at() is None


def test_who_shares_an_address_with_somebody_honest_is_only_counted() -> None:
    guesses = Guesses(RULES)
    for _ in range(50):
        assert guesses.failure("192.0.2.1", "8001", 1.0, exempt=True) == Verdict()
    assert guesses.recent(1.0) == RULES.failures + 1  # more are not kept
    assert guesses.tried_most(1.0) == "8001"
    assert guesses.tried_most(61.0) == ""


def test_zero_minutes_shut_nobody_out() -> None:
    guesses = Guesses(GuessRules(1, 60.0, 0.0, 2))
    assert all(fail(guesses, "192.0.2.1", 0.0) == Verdict() for _ in range(9))


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.floats(0, 300, allow_nan=False)),
        max_size=200,
    )
)
def test_what_is_told_adds_up_to_who_is_shut_out(steps: list[tuple[str, float]]) -> None:
    """Verdicts applied in order give the set; it is never larger than its limit."""
    guesses = Guesses(RULES)
    told: set[str] = set()
    now = 0.0
    for address, pause in steps:
        now += pause
        for verdict in (guesses.passed(now), fail(guesses, address, now)):
            assert not verdict.shut_out & verdict.let_in
            assert verdict.let_in <= told
            told = (told - verdict.let_in) | verdict.shut_out
        assert told == guesses.shut_out
        assert len(told) <= RULES.shut_out_max


def test_above_the_limit_the_one_whose_time_is_up_first_goes_free() -> None:
    guesses = Guesses(RULES)
    for now, address in ((0.0, "b"), (1.0, "a"), (2.0, "c")):
        for _ in range(3):
            assert fail(guesses, address, now) == Verdict()
        freed = frozenset({"b"}) if address == "c" else frozenset()
        assert fail(guesses, address, now) == Verdict(frozenset({address}), freed)
    assert guesses.shut_out == {"a", "c"}
    assert guesses.next_at() == 901.0
    assert guesses.passed(902.0) == Verdict(let_in=frozenset({"a", "c"}))


def test_what_is_recent_is_counted_over_all_addresses_and_accounts() -> None:
    guesses = Guesses(RULES)
    fail(guesses, "a", 0.0, "8001")
    fail(guesses, "b", 10.0, "8002")
    fail(guesses, "b", 20.0, "8002")
    assert guesses.recent(20.0) == 3
    assert guesses.recent(60.0) == 2  # A minute old is no more within the minute.
    assert guesses.recent(59.9) == 3
    assert guesses.recent(80.0) == 0
    assert guesses.tried_most(20.0) == "8002"
    fail(guesses, "c", 65.0, "8001")
    fail(guesses, "c", 66.0, "8001")
    assert guesses.tried_most(75.0) == "8001"
    assert guesses.tried_most(200.0) == ""
    assert Guesses(RULES).tried_most(0.0) == ""


def test_the_address_that_was_quiet_longest_is_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("callcenter.telephony.domain.guesses.ADDRESSES_KEPT", 2)
    guesses = Guesses(RULES)
    for address in ("a", "b", "a", "c"):
        fail(guesses, address, 1.0)
    assert guesses.recent(1.0) == 3  # b is forgotten
    fail(guesses, "a", 1.0)
    assert fail(guesses, "a", 1.0) == Verdict(frozenset({"a"}))


def test_who_is_let_in_again_has_all_his_tries() -> None:
    guesses = Guesses(GuessRules(3, 60.0, 10.0, 2))
    for _ in range(4):
        fail(guesses, "a", 0.0)
    assert guesses.passed(10.0) == Verdict(let_in=frozenset({"a"}))
    for _ in range(3):
        assert fail(guesses, "a", 11.0) == Verdict()
    assert fail(guesses, "a", 11.0) == Verdict(frozenset({"a"}))


def test_who_was_forgotten_meanwhile_is_let_in_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("callcenter.telephony.domain.guesses.ADDRESSES_KEPT", 1)
    guesses = Guesses(RULES)
    for _ in range(4):
        fail(guesses, "192.0.2.1", 0.0)
    fail(guesses, "192.0.2.2", 1.0)
    assert guesses.passed(900.0) == Verdict(let_in=frozenset({"192.0.2.1"}))
