"""Numbers in what people write: every spelling is found, and what is no number stays."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callcenter.platform.domain.numbers_in_text import (
    find_numbers,
    has_number,
    mask_digits,
    mask_numbers,
    restore_numbers,
    shown_of,
)

MOBILE = "13800138000"
CHINESE = "〇一二三四五六七八九"
FULL = "０１２３４５６７８９"
UNSEEN = ("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e", "\u034f", "\u202e", "\u3164",
          "\ufe0f", "\u0301", "\x07", "\x00", "\u061c")  # fmt: skip
MARKS = ("-", "–", "—", "―", "‐", "‑", "−", "－", " ", "\u00a0", "\u3000", "\u2009", "\t", ".",
         "．", "·", "•", "・", "/", "／", "\\", "_", "~", "|", ") ", "(", " - ", "' ")  # fmt: skip


def digits_of(text: str) -> str:
    """All digits of `text`, by a way of its own."""
    found = []
    for char in unicodedata.normalize("NFKC", text):
        if char in CHINESE:
            found.append(str(CHINESE.index(char)))
        elif (digit := unicodedata.digit(char, None)) is not None:
            found.append(str(digit))
    return "".join(found)


def written(number: str, cuts: list[int], mark: str, unseen: str, script: str) -> str:
    """`number` in groups with `mark` between, in another script, `unseen` before each digit."""
    out = []
    for place, digit in enumerate(number):
        if place in cuts and place:
            out.append(mark)
        shown = {"chinese": CHINESE, "full": FULL, "plain": "0123456789"}[script][int(digit)]
        out.append((unseen if place else "") + shown)
    return "".join(out)


NUMBERS = st.one_of(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.from_regex(r"0(10|2[0-9]|[3-9][1-9][0-9])[2-8][0-9]{7}", fullmatch=True),
    st.from_regex(r"86(1[3-9][0-9]{9}|21[2-8][0-9]{7})", fullmatch=True),
)
GROUPINGS = {
    "whole": [], "3-4-4": [3, 7], "4-4": [4], "each": list(range(20)), "3": [3],
    "2": list(range(0, 20, 2)),
}  # fmt: skip


@given(
    number=NUMBERS,
    cuts=st.sampled_from(sorted(GROUPINGS)),
    mark=st.sampled_from(MARKS),
    unseen=st.sampled_from(("", *UNSEEN)),
    script=st.sampled_from(("plain", "full", "chinese")),
    around=st.sampled_from(
        (("", ""), ("请回电", ",谢谢"), ("tel:", ""), ("李 ", " 王"), ("+", "。"))
    ),
)
@example(MOBILE, "3-4-4", ".", "", "full", ("", ""))
@example("02161234567", "3", "/", "\u200b", "plain", ("", ""))
def test_every_spelling_of_a_number_is_hidden(
    number: str, cuts: str, mark: str, unseen: str, script: str, around: tuple[str, str]
) -> None:
    text = written(number, GROUPINGS[cuts], mark, unseen, script).join(around)
    masked = mask_numbers(text)
    assert len(masked) == len(text)
    assert mask_numbers(masked) == masked
    assert number not in digits_of(masked), masked
    assert len(digits_of(masked)) <= 7
    assert masked.startswith(around[0])
    assert masked.endswith(around[1])
    # A name, or a number's own field, is read the same way.
    assert number not in digits_of(mask_digits(text))


@pytest.mark.parametrize(
    "text",
    [
        "138\n0013\n8000", "138,0013,8000", "138，0013，8000", "138、0013、8000", "138;0013;8000",
        "138…0013…8000", "1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0️⃣", "①③⑧⓪⓪①③⑧⓪⓪⓪", "𝟏𝟑𝟖𝟎𝟎𝟏𝟑𝟖𝟎𝟎𝟎", "١٣٨٠٠١٣٨٠٠٠",
        "幺三八零零幺三八零零零", "壹叁捌零零壹叁捌零零零", "138零零一三8000", "1三8零0幺3八0零0",
        "0086-13800138000", "+86(138)00138000", "手机13800138000abc", "13800138000元",
        "ID913800138000",
        "2026-11-24 13800138000", "13800138000 2026-11-24", "20261124-13800138000",
        "星期一13800138000", "100，13800138000，200", "138 2026 1124", "138*0013*8000",
    ],
)  # fmt: skip
def test_spellings_that_somebody_might_think_of(text: str) -> None:
    masked = mask_numbers(text)
    assert masked != text
    assert "0013800" not in digits_of(masked)
    assert mask_numbers(masked) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("请回电138-0013-8000或6123-4567", "请回电138-****-8000或61*****67"),
        ("+852 9123 4567", "+852 **** 4567"),
        ("(021)61234567", "(021)****4567"),
        ("400-812-3123", "400-*****123"),
        ("310101199003071234", "310***********1234"),
        ("6222 0212 3456 7890", "622*********** 7890"),
    ],
)
def test_how_it_is_masked(text: str, masked: str) -> None:
    assert mask_numbers(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "工单 20261124-00017、20261124-00018 已转办", "2026-11-24", "2026.11.24", "2026/11/24",
        "20261124", "2026年11月24日", "2026-11-24T03:57:04.054317Z", "2026-11-24 10:30:45",
        "11/24/2026", "24.11.2026", "20261124103045", "20261124-20261130", "2026-11-24/2026-12-01",
        "2026-11-24 08:00-2026-11-25 20:00", "08:00-12:00, 13:30-17:30", "15:30 17:45 20:00 21:30",
        "星期一2026-11-24", "3件 2026-11-24", "1,234,567.89元", "1,234,567", "10000000元",
        "￥12345678", "12345678.90元", "补偿金额:5000000", "12000000平方米", "1.5亿元",
        "192.168.1.100", "192.168.1.100:8080", "pbx1:1795407499.12", "31.2304160, 121.4737010",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "0f8fad5b-d9cb-469f-a165-70867728950e", "PJSIP/8001-0000002a", "12345", "8001",
        "解放路 18 号 3 单元 502 室", "24.5 26.3 25.1", "100 200 300",
        "100, 200, 300", "1, 3, 5, 7, 9, 11, 13, 15",
        "一、二、三、四、五、六、七、八", "110、119、120、122", "138****8000",
    ],
)  # fmt: skip
def test_what_is_no_number_stays_readable(text: str) -> None:
    assert mask_numbers(text) == text
    assert not has_number(text)


@given(st.text(max_size=200))
def test_any_text_keeps_its_length_and_is_masked_once(text: str) -> None:
    for mask in (mask_numbers, mask_digits):
        masked = mask(text)
        assert len(masked) == len(text)
        assert mask(masked) == masked
    for one in find_numbers(text):
        assert len(one.digits) == len(one.places) >= 7
        assert (one.start, one.end) == (one.places[0], one.places[-1] + 1)
        assert sum(shown_of(len(one.digits))) <= 7


@pytest.mark.parametrize("piece", ["1", "1 ", "1, ", "12-", "1\u200b", "12. ", "9f", "*", "零"])
def test_the_longest_text_that_is_taken_is_read_at_once(piece: str) -> None:
    begun = time.process_time()
    mask_numbers((piece * 20_000)[:20_000])
    assert time.process_time() - begun < 5  # it would be minutes if it grew with the square


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        # A list: what is not of the number stays out of it.
        ("1，38 0013 8000", ["3800138000"]),
        ("13，8001 38000", ["13800138000"]),
        # A country's code alone says that it is a number, up to where something else begins.
        ("+1 234 567 89 01", ["12345678901"]),
        ("1 234 567 89 01", []),
        ("+1 234 567 89 01，5", ["12345678901"]),
        ("+1 234 567 89 01\n5 6", ["12345678901"]),
        ("+1 234 567 89 01 5", ["123456789015"]),
        # Behind what is none there may be one.
        ("1，2026-11-24，13800138000", [MOBILE]),
        ("1-2026-11-24", ["120261124"]),
        ("1，12000000平方米", []),
        ("12345678%，5", []),
        ("138001380.00元", [MOBILE]),
    ],
)
def test_where_a_number_begins_and_ends(text: str, numbers: list[str]) -> None:
    assert [one.digits for one in find_numbers(text)] == numbers
    assert has_number(text) == bool(numbers)


@given(st.integers(1, 9))
def test_a_date_is_none_unless_it_stands_in_the_middle_of_a_number(digits: int) -> None:
    before = "5" * digits
    found = [one.digits for one in find_numbers(f"{before} 2026-11-24")]
    if 3 <= digits < 7:
        assert found == [f"{before}20261124"]
    else:
        assert found == ([before] if digits >= 7 else [])


@pytest.mark.parametrize(
    ("digits", "shown"),
    [(0, (0, 0)), (4, (0, 0)), (5, (0, 1)), (6, (1, 1)), (8, (2, 2)), (11, (3, 4)), (19, (3, 4))],
)
def test_how_much_is_shown(digits: int, shown: tuple[int, int]) -> None:
    assert shown_of(digits) == shown


def test_seven_digits_may_be_a_number() -> None:
    assert mask_digits("1234567") == "1****67"
    assert mask_digits("123456") == "123456"


PHRASES = st.lists(
    st.sampled_from((MOBILE, "13811118000", "138****8000", "021-61234567", "12345")),
    max_size=4,
).map("，回 ".join)


@given(PHRASES, st.sampled_from(("", "请", "市民：")), st.sampled_from(("", "。", "，谢谢")))
def test_what_comes_back_masked_is_whole_again(text: str, before: str, behind: str) -> None:
    assert restore_numbers(text, mask_numbers(text)) == text
    edited = f"{before}{mask_numbers(text)}{behind}"
    assert restore_numbers(text, edited) == f"{before}{text}{behind}"


@pytest.mark.parametrize(
    ("before", "written", "kept"),
    [
        (f"回 {MOBILE}", "回 13811118000", "回 13811118000"),
        (f"回 {MOBILE}", "", ""),
        (f"{MOBILE}，021-61234567", "021****4567", "021****4567"),
        ("没有号码", "138****8000", "138****8000"),
    ],
)
def test_what_somebody_wrote_himself_stays(before: str, written: str, kept: str) -> None:
    assert restore_numbers(before, written) == kept


@pytest.mark.parametrize(
    "mark", [*UNSEEN, *MARKS, "\u2800", "\ue000", "\u0378", "\n", "\r", "\u2028"]
)
def test_no_mark_and_nothing_unseen_hides_a_number_from_us(mark: str) -> None:
    for text in (f"138{mark}0013{mark}8000", f"021{mark}6123{mark}4567"):
        assert "0013800" not in digits_of(mask_numbers(text))
        assert [one.digits for one in find_numbers(text)] == [digits_of(text)]


def test_a_long_text_is_read_like_a_short_one() -> None:
    long = "请" * 200
    for mask in (mask_numbers, mask_digits):
        assert mask(f"{long}{MOBILE}") == f"{long}138****8000"
    assert has_number(f"{long}{MOBILE}")


def test_a_decimal_whose_digits_are_a_number_is_one() -> None:
    assert [one.digits for one in find_numbers("1.3800138000")] == [MOBILE]
    assert [one.digits for one in find_numbers("1.2345678")] == []
