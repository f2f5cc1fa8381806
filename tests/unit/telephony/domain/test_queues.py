"""Laws of what leads to which queue."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.platform.config import Settings
from callcenter.platform.domain.numbers import writings
from callcenter.telephony.domain.queues import (
    MENU_KEYS,
    MenuKey,
    QueuePlan,
    bare_number,
    closes_loop,
    dialled_patterns,
    is_queue_code,
    is_transfer_number,
    overflow_targets,
    pbx_queues,
)
from callcenter.telephony.queues.first import main_queue

MAIN = "12345"
CODES = [MAIN, "business", "english", "night", "police"]
_FIRST = main_queue(Settings(_env_file=None))


def plan(code: str, overflow: str | None = None, *, enabled: bool = True) -> QueuePlan:
    return replace(_FIRST, code=code, overflow=overflow, enabled=enabled, transfer_number=None)


@st.composite
def houses(draw: st.DrawFn) -> list[QueuePlan]:
    """Some queues, the main one among them, overflows as they like."""
    codes = [MAIN, *draw(st.lists(st.sampled_from(CODES[1:]), unique=True))]
    return [
        plan(
            code,
            draw(st.none() | st.sampled_from(CODES)),
            enabled=code == MAIN or draw(st.booleans()),
        )
        for code in codes
    ]


@given(houses())
def test_no_caller_comes_through_a_queue_twice(queues: list[QueuePlan]) -> None:
    targets = overflow_targets(queues)
    known = {queue.code for queue in queues}
    for start in known:
        seen, at = [start], targets.get(start)
        while at is not None:
            assert at in known
            assert at not in seen
            seen.append(at)
            at = targets.get(at)


@given(houses())
def test_every_overflow_that_makes_no_loop_is_followed(queues: list[QueuePlan]) -> None:
    known = {queue.code for queue in queues}
    if not closes_loop(queues):
        asked = {queue.code: queue.overflow for queue in queues if queue.overflow in known}
        assert overflow_targets(queues) == asked


@pytest.mark.parametrize(
    "queues",
    [
        [plan(MAIN, MAIN)],
        [plan(MAIN, "english"), plan("english", MAIN)],
        [plan(MAIN), plan("english", "night"), plan("night", "police"), plan("police", "english")],
    ],
    ids=["itself", "two", "three"],
)
def test_a_loop_is_seen(queues: list[QueuePlan]) -> None:
    assert closes_loop(queues)


@given(
    houses(),
    st.dictionaries(st.sampled_from(["021", "110", "12345"]), st.sampled_from(CODES)),
    st.lists(
        st.builds(
            MenuKey, st.sampled_from(MENU_KEYS), st.none() | st.sampled_from(CODES), st.none()
        ),
        unique_by=lambda key: key.key,
    ),
)
def test_the_pbx_knows_enabled_queues_alone_and_nothing_leads_elsewhere(
    queues: list[QueuePlan], numbers: dict[str, str], menu: list[MenuKey]
) -> None:
    made = pbx_queues(MAIN, queues, own_numbers=[MAIN, "+86021"], numbers=numbers, menu=menu)
    assert made.codes == {queue.code for queue in queues if queue.enabled}
    assert {*made.overflow, *made.overflow.values()} <= made.codes
    assert set(made.numbers) == {MAIN, "86021", *numbers}
    for number, queue in made.numbers.items():
        asked = numbers.get(number, MAIN)
        assert queue == (asked if asked in made.codes else MAIN)
    assert all(key.queue is None or key.queue in made.codes for key in made.menu)


@given(st.text(max_size=25))
def test_a_code_is_safe_wherever_it_is_written(text: str) -> None:
    if is_queue_code(text):
        assert text.isascii()
        assert text.isalnum()
        assert text == text.lower()
        assert 2 <= len(text) <= 20


@pytest.mark.parametrize(
    "text", ["s", "general", "hotline", "a b", "a]", "A1", "english\n", "中文"]
)
def test_what_the_pbx_would_misread_is_no_code(text: str) -> None:
    assert not is_queue_code(text)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("12345", "12345"),
        ("+8602112345", "8602112345"),
        ("12", None),
        ("1" * 16, None),
        ("12345;", None),
        ("12345\n", None),
        ("１２３４５", None),
        ("", None),
    ],
)
def test_a_number_is_its_digits(text: str, digits: str | None) -> None:
    assert bare_number(text) == digits


def test_a_transfer_number_can_be_typed() -> None:
    assert is_transfer_number("6001")
    assert not is_transfer_number("6")
    assert not is_transfer_number("60 01")
    assert not is_transfer_number("6001\n")


def test_every_writing_of_our_numbers_leads_to_them() -> None:
    ways = dialled_patterns(["12345", "02112345", "12345"])
    assert ways == {
        "12345": "12345",
        "02112345": "02112345",
        "8612345": "12345",
        "008612345": "12345",
        "_0[12]X12345": "12345",
        "_0[3-9]XX12345": "12345",
        "_86[12]X12345": "12345",
        "_86[3-9]XX12345": "12345",
        "_0086[12]X12345": "12345",
        "_0086[3-9]XX12345": "12345",
        **{way.removeprefix("+"): "02112345" for way in writings("02112345")},
    }
    assert list(ways)[:2] == ["12345", "02112345"]


@pytest.mark.parametrize(
    ("number", "patterns"),
    [("951600", 6), ("9516001", 0), ("012345", 0), ("+85212", 0), ("4008123123", 0)],
)
def test_only_a_service_number_is_dialled_with_any_area(number: str, patterns: int) -> None:
    ways = dialled_patterns([number])
    assert sum(way.startswith("_") for way in ways) == patterns
    assert set(ways.values()) == {number}
    assert number in ways


def test_a_number_of_its_own_comes_before_a_writing_of_another() -> None:
    for numbers in (["8613800138000", "13800138000"], ["13800138000", "8613800138000"]):
        ways = dialled_patterns(numbers)
        assert ways["8613800138000"] == "8613800138000"
        assert ways["13800138000"] == "13800138000"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("12345", True), ("business", True), ("ab", True), ("a", False), ("a" * 20, True),
        ("a" * 21, False), ("A1", False), ("a-b", False), ("general", False), ("none", False),
        ("", False), ("１２", False),
    ],
)  # fmt: skip
def test_what_a_queue_may_be_called(text: str, code: bool) -> None:
    assert is_queue_code(text) is code


def test_overflows_lead_on_until_one_would_lead_back() -> None:
    chain = [plan("business", "english"), plan("english", "night"), plan("night", "business")]
    assert overflow_targets(chain) == {"business": "english", "english": "night"}
    assert closes_loop(chain)
    assert overflow_targets([plan("night", "nowhere"), plan("police", "police")]) == {}
    assert not closes_loop([plan("night", "nowhere")])
    known = pbx_queues(MAIN, chain, own_numbers=["+12345", "x"], numbers={"110": "off"}, menu=[])
    assert known.main == MAIN
    assert known.numbers == {"110": MAIN, "12345": MAIN}
    assert known.codes == {"business", "english", "night"}
