"""Dial patterns mean what they mean to Asterisk."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.platform.domain.dialling import matches, to_regex

CHOICES = {"X": set("0123456789"), "Z": set("123456789"), "N": set("23456789")}


@pytest.mark.parametrize(
    ("pattern", "allowed", "refused"),
    # Answers of Asterisk 22.10.1 (DIALPLAN_EXISTS), some of 1,766 in which both agreed.
    [
        ("110", ["110"], ["11", "010", "1103"]),
        ("_0X.", ["0140", "022", "08780"], ["02", "07", "173", "209"]),
        ("_X.", ["01", "43", "5405"], ["0", "6"]),
        ("_9!", ["9", "92", "9405"], ["51", "2767"]),
        ("_X!", ["0", "01"], []),
        ("_1[3-9]XXXXXXXXX", ["13699639321", "19783780585"], ["12213783256", "116053446883"]),
        ("_[13-5]X", ["18", "32", "45"], ["0", "23", "71", "154"]),
        ("_ZXX", ["136", "924"], ["71", "3314", "036"]),
        ("_NXX", ["319", "924"], ["073", "114", "175"]),
        ("_NZX!", ["699", "78315"], ["025", "808", "904"]),
        ("_0[1-35-7]Z.", ["0182", "07897"], ["056", "0802", "08269", "01017"]),
        ("_+86X.", ["+8605", "+86215"], ["+861", "+896", "8605"]),
        ("_+X.", ["+195", "+53"], ["+2", "195"]),
        ("_[0-9].", ["01"], ["0"]),
    ],
)
def test_as_asterisk_answered(pattern: str, allowed: list[str], refused: list[str]) -> None:
    assert [number for number in allowed if not matches(pattern, number)] == []
    assert [number for number in refused if matches(pattern, number)] == []


@st.composite
def sets(draw: st.DrawFn) -> tuple[str, set[str]]:
    """``[13-5]`` and the digits in it."""
    text, digits = "", set[str]()
    for _ in range(draw(st.integers(1, 3))):
        first, last = sorted(draw(st.tuples(st.integers(0, 9), st.integers(0, 9))))
        text += str(first) if first == last else f"{first}-{last}"
        digits |= {str(digit) for digit in range(first, last + 1)}
    return f"[{text}]", digits


PLACES = st.one_of(
    st.sampled_from("0123456789").map(lambda digit: (digit, {digit})),
    st.sampled_from("XZN").map(lambda letter: (letter, CHOICES[letter])),
    sets(),
)


@given(
    st.booleans(),
    st.lists(PLACES, min_size=1, max_size=8),
    st.sampled_from(["", ".", "!"]),
    st.from_regex(r"\+?[0-9]{0,12}", fullmatch=True),
    st.data(),
)
def test_each_place_takes_one_digit_of_its_own(
    plus: bool, places: list[tuple[str, set[str]]], tail: str, number: str, data: st.DataObject
) -> None:
    pattern = "_" + "+" * plus + "".join(text for text, _ in places) + tail
    if data.draw(st.booleans()):  # else nearly no number would fit
        number = "+" * plus + "".join(data.draw(st.sampled_from(sorted(d))) for _, d in places)
        number += data.draw(st.from_regex(r"[0-9]{0,3}", fullmatch=True))
    digits = number.removeprefix("+")
    more = len(digits) - len(places)
    expected = (
        number.startswith("+") == plus
        and {"": more == 0, ".": more >= 1, "!": more >= 0}[tail]
        and all(digit in own for digit, (_, own) in zip(digits, places, strict=False))
    )
    assert matches(pattern, number) == expected


SLIPS = (
    "", "_", "0X.", "X", "_0.X", "_!1", "_.5", "_0 X", "_0-X", "_[", "_[]", "_[1", "_1]", "_[5-1]X",
    "_[1-]X", "_[-1]", "_[1--3]", "_[a-z]", "_[^1]", "_(0|1)", "_0+", "1+2", "_x.z", "_0\n", "_０X",
    "^0", "_0$", "_0*", "8001,1", "_0X.|.*", "alice",
)  # fmt: skip


@pytest.mark.parametrize("pattern", SLIPS)
def test_a_slip_opens_nothing(pattern: str) -> None:
    with pytest.raises(ValueError, match="dial pattern"):
        to_regex(pattern)


@given(st.text(st.sampled_from("_+0123456789XZN.![]-^$|()*\\x \n"), max_size=10))
def test_what_is_accepted_is_an_expression_that_allows_digits_alone(pattern: str) -> None:
    try:
        expression = to_regex(pattern)
    except ValueError:
        return
    # An expression that is an error would allow every number in the dialplan.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        re.compile(expression)
    assert re.fullmatch(r"(\[[0-9+-]+\][+*]?|[0-9])+", expression)


@pytest.mark.parametrize("number", ["", "0", "02\n", "０２１", "021;x", "02 1", "sip:021", "+021"])
def test_a_number_is_matched_whole_and_only_in_ascii(number: str) -> None:
    assert not matches("_0X.", number)


def test_a_range_of_one_digit_is_one_and_one_that_runs_backwards_is_said() -> None:
    assert matches("_1[3-35]", "13")
    assert not matches("_1[3-35]", "14")
    with pytest.raises(ValueError, match=r": \[15-3\] runs backwards$"):
        to_regex("_1[15-3]X")
