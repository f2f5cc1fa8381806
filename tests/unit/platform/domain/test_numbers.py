"""One number, one writing; whatever a carrier sends, an answer."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.platform.domain.numbers import (
    MAX_LENGTH,
    Number,
    blocks_nobody,
    is_anonymous,
    normalise,
    parse,
    writings,
)

# Pieces that the rules look for, so that they meet in every order; and anything at all, with
# lone surrogates, which bytes of another encoding may turn into.
PIECES = st.sampled_from((
    "+", "86", "0086", "0", "00", "13800138000", "02161234567", "95588", "4008123123", "sip:",
    "SIPS:", "tel:", "@", ";user=phone", "<", ">", '"', "'", "anonymous", "匿名", "-", " ",
    "０１２", "（", "\u200b", "\0", "\r\n", "e\u200d\u0301", "\ufdfa", "1" * 130,
))  # fmt: skip
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=300)
WRITTEN = st.one_of(st.lists(PIECES, max_size=8).map("".join), ANYTHING)

MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
FIXED_LINES = st.from_regex(r"0(10|2[0-9]|[3-9][0-9]{2})[2-8][0-9]{7}", fullmatch=True)


@given(WRITTEN)
def test_whatever_comes_has_one_form_that_fits_a_column(text: str) -> None:
    form = normalise(text)
    assert len(form) <= MAX_LENGTH
    assert not {char for char in form if unicodedata.category(char)[0] in "CZ"}
    assert normalise(form) == form
    assert is_anonymous(text) == (form == "")


@given(MOBILES)
def test_every_writing_of_a_mobile_is_the_same_number(number: str) -> None:
    spaced = f"{number[:3]} {number[3:7]}-{number[7:]}"
    wide = number.translate({ord("0") + digit: ord("０") + digit for digit in range(10)})
    for written in (
        number,
        spaced,
        wide,
        f"0{number}",
        f"86{number}",
        f"+86{number}",
        f"0086{number}",
        f"+86 {spaced}",
        f"(+86){number}",
        f"\u200b{number}\u202c",
        f"<{number}>",
        f"sip:{number}@10.0.0.1",
        f"<sip:+86{number};user=phone@carrier.example>",
        f"tel:+86-{spaced}",
    ):
        assert normalise(written) == number, written


@given(FIXED_LINES)
def test_every_writing_of_a_fixed_line_has_its_area_code(number: str) -> None:
    for written in (number, f"+86{number[1:]}", f"0086{number[1:]}", f"+86-{number}"):
        assert normalise(written) == number, written


@given(st.lists(MOBILES | FIXED_LINES, min_size=2, max_size=2, unique=True))
def test_two_numbers_never_become_one(numbers: list[str]) -> None:
    first, second = map(normalise, numbers)
    assert first != second


@given(st.from_regex(r"(852|1|44|81)[1-9][0-9]{6,9}", fullmatch=True))
def test_a_foreign_number_keeps_its_country(number: str) -> None:
    assert normalise(f"+{number}") == normalise(f"00{number}") == f"+{number}"


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("95588", "95588"),
        ("+8695588", "95588"),
        ("12345", "12345"),
        ("4008123123", "4008123123"),
        ("+864008123123", "4008123123"),
        ("86123456", "86123456"),  # a local number that begins with 86
        ("8612345678", "8612345678"),
        ("00000000013800138000", "00000000013800138000"),  # too long for a number: left alone
        ("alice", "alice"),
        ("sip:alice@example.com", "alice"),
        ("张三", "张三"),
    ],
)
def test_examples(written: str, form: str) -> None:
    assert normalise(written) == form


NO_NUMBER = (
    "", " ", "\t\r\n", "+", "-", "0", "0000", "+0", "anonymous", "Anonymous", "UNKNOWN", "asterisk",
    "sip:anonymous@anonymous.invalid", "<anonymous>", "restricted;x=y", "匿名", "\u200b", "<>",
)  # fmt: skip


@pytest.mark.parametrize("written", NO_NUMBER)
def test_no_number_is_the_empty_string(written: str) -> None:
    assert normalise(written) == ""
    assert is_anonymous(written)


def test_a_megabyte_is_cut_before_it_costs_anything() -> None:
    assert normalise("\ufdfa" * 1_000_000) == normalise("\ufdfa" * (MAX_LENGTH * 8))
    assert len(normalise("1" * 1_000_000)) == MAX_LENGTH


@given(MOBILES | FIXED_LINES | st.sampled_from(("95588", "4008123123", "+85221234567", "alice")))
def test_a_number_is_known_under_every_writing_in_digits(number: str) -> None:
    ways = writings(number)
    assert ways[0] == number
    assert {normalise(way) for way in ways} == {number}
    if number[0] == "1":
        wanted = {f"{prefix}{number}" for prefix in ("", "0", "86", "+86", "0086")}
        assert wanted <= set(ways)
    if number[0] == "0":
        assert {f"{prefix}{number[1:]}" for prefix in ("86", "+86", "0086")} <= set(ways)


@given(WRITTEN)
def test_writings_of_anything_are_few_and_lead_back_to_it(text: str) -> None:
    form = normalise(text)
    ways = writings(form)
    assert len(ways) <= 8
    assert all(normalise(way) == form for way in ways)
    assert bool(ways) == bool(form)


def test_what_is_read_besides_the_digits() -> None:
    found = parse("tel:6123-4567;ext=12;isub=9;phone-context=+8621")
    assert found == Number("61234567", False, "+8621", "12", "9")
    assert parse("sip:alice@example.com") is None
    assert parse("") is None
    assert parse("12345") == Number("12345", is_global=False)
    assert parse("tel:12345;isub=a=b") == Number("12345", is_global=False, subaddress="a=b")
    assert parse("sip:61234567;isub=1:2@h") == Number("61234567", False, subaddress="1:2")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("XiaoX", "XiaoX"),
        ("anonymous@x", ""),
        ("sip:alice@home@example.com", "alice@home"),
        ("sip:alice:secret@example.com", "alice"),
        ("sip:13800138000", "13800138000"),
        ("sip:13800138000:5060", "13800138000"),
        ("sip:13800138000;user=phone;x:y", "13800138000"),
        ("sip:13800138000;maddr=10.0.0.1", "13800138000"),
        ("sip:10.0.0.1:5060", ""),
        ("sip:[fe80::1]:5060", ""),
        ("sip:example.com", ""),
        ("a b", "ab"),
        ("%ff1", "\ufffd1"),
    ],
)
def test_whom_a_text_names(written: str, name: str) -> None:
    assert normalise(written) == name


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("0085221234567", "+85221234567"),
        ("+0085221234567", "+85221234567"),
        ("+86", "+86"),
        ("+86951600", "951600"),
        ("+869516001", "09516001"),
        ("008612345678901234", "012345678901234"),
        ("0086123456789012345", "0086123456789012345"),
        ("tel:00852123456;phone-context=+8621", "+852123456"),
        ("tel:6123456;phone-context=+x", "6123456"),
        ("tel:6123456;phone-context=+٢١", "6123456"),
        ("tel:02070;phone-context=+44", "+442070"),
        ("tel:2070;phone-context=+44", "+442070"),
        ("tel:02161234567;phone-context=+8610", "02161234567"),
        ("tel:951600;phone-context=+8610", "951600"),
        ("tel:0123456;phone-context=+8621", "0123456"),
        ("tel:6123456;phone-context=+8621", "0216123456"),
        ("tel:61234567;phone-context=+8621", "02161234567"),
        ("tel:612345678;phone-context=+8621", "0612345678"),
        ("tel:61234567;phone-context=+86021", "02161234567"),
        ("tel:61234567;phone-context=+86010", "01061234567"),
        ("tel:61234567;phone-context=+86", "61234567"),
        ("tel:61234567;phone-context=example.com", "61234567"),
    ],
)
def test_one_reading_gives_the_form(written: str, form: str) -> None:
    found = parse(written)
    assert found is not None
    assert found.form == form


NO_TELEPHONE_NUMBER = "this is no telephone number; write a whole one, without a pattern"
DIGITS_MISSING = "behind the area code at least seven digits are missing"


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ("", NO_TELEPHONE_NUMBER),
        ("alice", NO_TELEPHONE_NUMBER),
        ("138*", NO_TELEPHONE_NUMBER),
        ("+8613800138000", NO_TELEPHONE_NUMBER),  # no form, but a writing of one
        ("0", NO_TELEPHONE_NUMBER),
        ("12", "no caller has 2 digits; they have 3 to 15"),
        ("+8522123456789012", "no caller has 16 digits; they have 3 to 15"),
        ("1380013", "a mobile number has 11 digits, this one 7"),
        ("1380013800", "a mobile number has 11 digits, this one 10"),
        ("138001380001", "a mobile number has 11 digits, this one 12"),
        ("021612345", DIGITS_MISSING),
        ("110", None),
        ("+852212345678901", None),
        ("123456", None),
        ("170001", None),
        ("12345678", None),
        ("13800138000", None),
        ("0216123456", None),
        ("+44123", None),
    ],
)
def test_what_no_caller_can_have_is_said_with_its_reason(form: str, why: str | None) -> None:
    assert blocks_nobody(form) == why


@pytest.mark.parametrize(
    ("form", "ways"),
    [
        ("13800138000", "13800138000 +8613800138000 8613800138000 008613800138000 013800138000"),
        ("02161234567", "02161234567 +862161234567 862161234567 00862161234567 +8602161234567"
         " 008602161234567"),
        ("95588", "95588 +8695588 008695588"),
        ("4008123123", "4008123123 +864008123123 864008123123 00864008123123"),
        ("+85221234567", "+85221234567 0085221234567"),
        ("alice", "alice"),
        ("8613800138000", "8613800138000"),  # no form: itself alone
        ("", ""),
    ],
)  # fmt: skip
def test_the_writings_of_a_number(form: str, ways: str) -> None:
    assert list(writings(form)) == ways.split()
