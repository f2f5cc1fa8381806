"""What a caller hears when the PBX says a number: right Mandarin, right English.

`MEASURED` was read off a real Asterisk 22.10.1 with our say.conf: for each number the sounds that
SayNumber played, in order. The reader of say.conf below must agree with it; then it may speak for
the PBX about every other number. `ANNOUNCED` was read off the same PBX's app_queue.
"""

from __future__ import annotations

import re
from configparser import RawConfigParser
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.setup.prompts import MANIFEST, Manifest, read_manifest

ROOT = Path(__file__).resolve().parents[3]

MEASURED = {
    "zh": """
        0: 0                1: 1                2: liang            9: 9
        10: 10              11: 10 1            12: 10 2            19: 10 9
        20: 20              21: 20 1            22: 20 2            30: 30
        99: 90 9            100: 1 hundred      101: 1 hundred 0 1  102: 1 hundred 0 2
        109: 1 hundred 0 9  110: 1 hundred 1 10 111: 1 hundred 1 10 1
        112: 1 hundred 1 10 2                   119: 1 hundred 1 10 9
        120: 1 hundred 20   122: 1 hundred 20 2 130: 1 hundred 30   200: 2 hundred
        202: 2 hundred 0 2  222: 2 hundred 20 2 999: 9 hundred 90 9
        1000: 1 thousand    1001: 1 thousand 0 1
        1010: 1 thousand 0 1 10                 1012: 1 thousand 0 1 10 2
        1020: 1 thousand 0 20                   1100: 1 thousand 1 hundred
        1110: 1 thousand 1 hundred 1 10         1111: 1 thousand 1 hundred 1 10 1
        2000: liang thousand                    2200: liang thousand 2 hundred
        2222: liang thousand 2 hundred 20 2     9999: 9 thousand 9 hundred 90 9
        10000: 1 wan        10001: 1 wan 0 1    10010: 1 wan 0 1 10
        10012: 1 wan 0 1 10 2                   10100: 1 wan 0 1 hundred
        12000: 1 wan 2 thousand                 20000: liang wan
        22222: liang wan 2 thousand 2 hundred 20 2
        100000: 10 wan      110000: 10 1 wan    200000: 20 wan
        999999: 90 9 wan 9 thousand 9 hundred 90 9
        1000000: 1 hundred wan
    """,
    "en": """
        0: 0                1: 1                2: 2                9: 9
        10: 10              11: 11              12: 12              19: 19
        20: 20              21: 20 1            22: 20 2            30: 30
        99: 90 9            100: 1 hundred      101: 1 hundred 1    110: 1 hundred 10
        111: 1 hundred 11   119: 1 hundred 19   120: 1 hundred 20   122: 1 hundred 20 2
        200: 2 hundred      202: 2 hundred 2    222: 2 hundred 20 2 999: 9 hundred 90 9
        1000: 1 thousand    1001: 1 thousand 1  1010: 1 thousand 10 1020: 1 thousand 20
        1100: 1 thousand 1 hundred              1111: 1 thousand 1 hundred 11
        2222: 2 thousand 2 hundred 20 2         9999: 9 thousand 9 hundred 90 9
        10000: 10 thousand  10001: 10 thousand 1                    12000: 12 thousand
        22222: 20 2 thousand 2 hundred 20 2     100000: 1 hundred thousand
        110000: 1 hundred 10 thousand
        999999: 9 hundred 90 9 thousand 9 hundred 90 9
        1000000: 1 million
    """,
}

# What the dialplan plays to those who wait (tell), N being a number: place, minutes, then thanks.
FIRST = "youarenext"
PLACE = "thereare N callswaiting"
MINUTE = "holdtime N minute"
MINUTES = "holdtime N minutes"
SECONDS = "holdtime N seconds"

ANNOUNCED = [
    ("zh", FIRST, 1, "您现在是第一位,即将为您接通。"),
    ("zh", PLACE, 2, "到您为止,共有两位来电人在排队。"),
    ("zh", PLACE, 3, "到您为止,共有三位来电人在排队。"),
    ("zh", PLACE, 10, "到您为止,共有十位来电人在排队。"),
    ("zh", PLACE, 12, "到您为止,共有十二位来电人在排队。"),
    ("zh", PLACE, 20, "到您为止,共有二十位来电人在排队。"),
    ("zh", PLACE, 22, "到您为止,共有二十二位来电人在排队。"),
    ("zh", PLACE, 100, "到您为止,共有一百位来电人在排队。"),
    ("zh", PLACE, 102, "到您为止,共有一百零二位来电人在排队。"),
    ("zh", PLACE, 110, "到您为止,共有一百一十位来电人在排队。"),
    ("zh", PLACE, 112, "到您为止,共有一百一十二位来电人在排队。"),
    ("zh", PLACE, 120, "到您为止,共有一百二十位来电人在排队。"),
    ("zh", MINUTE, 1, "预计等候时间,约一分钟。"),
    ("zh", MINUTES, 2, "预计等候时间,约两分钟。"),
    ("zh", MINUTES, 12, "预计等候时间,约十二分钟。"),
    ("zh", MINUTES, 20, "预计等候时间,约二十分钟。"),
    ("zh", MINUTES, 105, "预计等候时间,约一百零五分钟。"),
    ("zh", MINUTES, 120, "预计等候时间,约一百二十分钟。"),
    ("zh", SECONDS, 30, "预计等候时间,约三十秒。"),
    ("en", FIRST, 1, "You are first in the queue."),
    ("en", PLACE, 2, "You are number two in the queue."),
    ("en", PLACE, 12, "You are number twelve in the queue."),
    ("en", PLACE, 21, "You are number twenty one in the queue."),
    ("en", PLACE, 102, "You are number one hundred two in the queue."),
    ("en", PLACE, 120, "You are number one hundred twenty in the queue."),
    ("en", MINUTE, 1, "Your estimated waiting time is about one minute."),
    ("en", MINUTES, 2, "Your estimated waiting time is about two minutes."),
    ("en", MINUTES, 45, "Your estimated waiting time is about forty five minutes."),
    ("en", SECONDS, 30, "Your estimated waiting time is about thirty seconds."),
]


@cache
def manifest() -> Manifest:
    return read_manifest(MANIFEST.read_text(encoding="utf-8"), "12345")


@cache
def rules(language: str) -> list[tuple[re.Pattern[str], list[str]]]:
    """The section of say.conf: patterns and what each is replaced by, in order."""
    reader = RawConfigParser(delimiters=("=>",), comment_prefixes=(";",), strict=True)
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    text = (ROOT / "asterisk-conf" / "say.conf").read_text(encoding="utf-8")
    reader.read_string(text.replace("mode = new", "mode => new"))
    assert reader["general"]["mode"] == "new"
    return [
        (_expression(pattern), [part.strip() for part in body.split(",")])
        for pattern, body in reader[language].items()
    ]


def _expression(pattern: str) -> re.Pattern[str]:
    """An Asterisk pattern: X a digit, brackets a set, Z and N not used outside brackets."""
    assert pattern.startswith("_")
    pieces = re.findall(r"\[[^]]+\]|.", pattern[1:])
    assert not {"Z", "N", "z", "n", ".", "!", "-"} & set(pieces)
    return re.compile("".join(r"\d" if piece in "Xx" else piece for piece in pieces) + r"\Z")


def files(language: str, number: int) -> list[str]:
    """The sounds that the PBX plays for `number`."""
    return _played(language, f"num:{number}")


def _played(language: str, item: str) -> list[str]:
    if ":" not in item:
        return [item]
    for pattern, parts in rules(language):
        if pattern.match(item):
            said = item.split(":", 1)[1]
            return [sound for part in parts for sound in _played(language, _filled(part, said))]
    raise AssertionError(f"no rule of {language} says {item}")


def _filled(part: str, said: str) -> str:
    def value(match: re.Match[str]) -> str:
        start, length = int(match[1] or 0), match[2]
        return said[start : start + int(length)] if length else said[start:]

    return re.sub(r"\$\{SAY(?::(\d+))?(?::(\d+))?\}", value, part)


def spoken(language: str, names: list[str]) -> str:
    """What these sounds say, one after the other; a missing one is an error."""
    gap = "" if language == "zh" else " "
    return gap.join(manifest().text_of(language, name) for name in names)


def mandarin(number: int) -> str:
    """The number before a measure word, by the grammar's rules and not by ours.

    Written out with every unit, then shortened: 零 with a unit is 零, several 零 are one, none
    stands last. At the very beginning 一十 is 十, and 二 is 两 before 千 and 万, or alone.
    """
    if number == 0:
        return "零"
    if number == 2:
        return "两"
    high, low = divmod(number, 10000)
    if high:
        tail = _four(low)
        if tail and low < 1000:
            tail = "零" + tail
        return mandarin(high) + "万" + tail
    return re.sub("^二千", "两千", re.sub("^一十", "十", _four(number)))


def _four(number: int) -> str:
    full = "".join(
        "零一二三四五六七八九"[int(digit)] + unit
        for digit, unit in zip(f"{number:04}", ("千", "百", "十", ""), strict=True)
    )
    short = re.sub("零[千百十]", "零", full)
    return re.sub("零+", "零", short).strip("零")


ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]  # fmt: skip
TENS = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def english(number: int) -> str:
    """The American way: no `and`."""
    for unit, name in ((1000, "thousand"), (100, "hundred")):
        if number >= unit:
            rest = number % unit
            return f"{english(number // unit)} {name}" + (f" {english(rest)}" if rest else "")
    if number >= 20:
        return TENS[number // 10] + (f" {ONES[number % 10]}" if number % 10 else "")
    return ONES[number]


def measured(language: str) -> dict[int, list[str]]:
    found = re.findall(r"(\d+):((?: (?!\d+:)\w+)+)", re.sub(r"\s+", " ", MEASURED[language]))
    return {int(number): [f"digits/{name}" for name in names.split()] for number, names in found}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_rules_are_read_as_the_pbx_reads_them(language: str) -> None:
    table = measured(language)
    assert len(table) > 30
    assert {number: files(language, number) for number in table} == table


def test_the_grammar_knows_its_hard_cases() -> None:
    cases = {
        2: "两", 10: "十", 12: "十二", 20: "二十", 100: "一百", 102: "一百零二", 110: "一百一十",
        111: "一百一十一", 200: "二百", 1002: "一千零二", 1010: "一千零一十", 2000: "两千",
        2200: "两千二百", 10010: "一万零一十", 12000: "一万二千", 20000: "两万",
        100000: "十万", 1000000: "一百万",
    }  # fmt: skip
    assert {number: mandarin(number) for number in cases} == cases


def test_small_numbers_are_right_in_both_languages() -> None:
    for number in range(2001):
        assert spoken("zh", files("zh", number)) == mandarin(number)
        assert spoken("en", files("en", number)) == english(number)


@given(st.integers(0, 99_999_999))
def test_any_number_is_right_in_mandarin(number: int) -> None:
    assert spoken("zh", files("zh", number)) == mandarin(number)


@given(st.integers(0, 999_999))
def test_any_number_is_right_in_english(number: int) -> None:
    assert spoken("en", files("en", number)) == english(number)


def announcement(language: str, order: str, number: int) -> str:
    names: list[str] = []
    for word in order.split():
        names += files(language, number) if word == "N" else [f"callcenter/queue-{word}"]
    return spoken(language, names)


@pytest.mark.parametrize(("language", "order", "number", "expected"), ANNOUNCED)
def test_an_announcement_is_a_right_sentence(
    language: str, order: str, number: int, expected: str
) -> None:
    assert announcement(language, order, number) == expected


@pytest.mark.parametrize("number", range(2, 121))
def test_every_place_and_every_wait_counts(number: int) -> None:
    count = mandarin(number)
    assert announcement("zh", PLACE, number) == f"到您为止,共有{count}位来电人在排队。"
    assert announcement("zh", MINUTES, number) == f"预计等候时间,约{count}分钟。"
    assert announcement("en", PLACE, number) == f"You are number {english(number)} in the queue."


def test_who_waits_is_told_only_what_is_in_the_manifest() -> None:
    text = (ROOT / "dialplan" / "extensions_queue.conf").read_text(encoding="utf-8")
    sounds = re.findall(r"Playback\((callcenter/(?:queue|press)-[\w-]+)\)", text)
    words = {word for order in (FIRST, PLACE, MINUTE, MINUTES) for word in order.split()}
    assert {f"callcenter/queue-{word}" for word in words - {"N"}} <= set(sounds)
    assert len([sound for sound in sounds if "press" in sound]) == 2
    for sound in sounds:
        assert manifest().text_of("zh", sound)
        assert manifest().text_of("en", sound)
