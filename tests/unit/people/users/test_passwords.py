"""Passwords: one form for all writings, hashes from before go on, and no first guess."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from callcenter.people.users.passwords import Passwords, check_rules
from callcenter.platform.config import Settings
from callcenter.platform.errors import BadInput

SETTINGS = Settings(_env_file=None, home=Path("x"), argon2_memory_kib=8192, argon2_passes=1)
WRITINGS = [
    ("Ａpfel am Fluß 7 Stühle", "Apfel am Fluß 7 Stu\u0308hle"),
    ("七把椅子在河边①号", "七把椅子在河边1号"),
    ("ｈａｎｇｚｈｏｕ　ｌａｋｅ　ｂｏａｔ", "hangzhou lake boat"),
]


@pytest.mark.parametrize(("one", "other"), WRITINGS)
async def test_writings_that_look_alike_are_one_password(one: str, other: str) -> None:
    passwords = Passwords(SETTINGS)
    for first, second in ((one, other), (other, one)):
        kept = await passwords.hash(first)
        assert await passwords.verify(second, kept)
        assert not await passwords.verify(second + " ", kept)
        assert not await passwords.verify(second, None)


@pytest.mark.parametrize("old", [one for pair in WRITINGS for one in pair])
async def test_a_hash_from_before_there_was_one_form_goes_on(old: str) -> None:
    kept = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(old.encode())
    assert await Passwords(SETTINGS).verify(old, kept)
    assert not await Passwords(SETTINGS).verify(unicodedata.normalize("NFD", old) + "x", kept)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("qwertyuiop[]", "common"),
        ("!QAZ2wsx#EDC", "common"),
        ("1qaz2wsx3edc4rfv", "common"),
        ("asdf;lkjasdf", "common"),
        ("zxcvbnm,./", "common"),
        ("Summer2026!!", "common"),
        ("P@ssw0rd2026", "common"),
        ("iloveyou1314", "common"),
        ("rexian12345!!", "common"),
        ("Admin@12345678", "common"),
        ("abcdefgh1234", "common"),
        ("1987-06-05 1987", "common"),
        ("ｑｗｅｒｔｙｕｉｏｐ", "common"),
        ("11111111122", "repeated"),
        ("wang.fang2026", "login"),
        ("ＷＡＮＧ.ｆａｎｇ１", "login"),
        ("\ufb03" * 100, "length"),
        ("x" * 129, "length"),
    ],
)
def test_what_is_guessed_first_is_refused(password: str, rule: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_rules(password, "wang.fang")
    assert caught.value.error_code == "weak_password"
    assert caught.value.details["rule"] == rule


@pytest.mark.parametrize(
    "password",
    [
        "six seats by the river", "七把椅子在河边放着呢", "Wx7#kLp9Qz", "a quiet morning in May",
        "correcthorsebatterystaple", "gF7kQ2mZx9Lw3RtY",
    ],
)  # fmt: skip
def test_a_phrase_of_ones_own_is_taken(password: str) -> None:
    check_rules(password, "wang.fang")
