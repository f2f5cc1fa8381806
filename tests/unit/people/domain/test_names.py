"""Names that a reader may take for another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.people.domain.names import RESERVED, alike, is_reserved, skeleton

NAMES = st.text(st.sampled_from("ABab1lIоО0 -_.王，Ａ"), max_size=8)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("wang", "WANG"), ("wang", "ｗａｎｇ"), ("wang.li", "Wang Li"), ("lee", "1ee"),
        ("oo", "00"), ("wаng", "wang"), ("ceo", "сео"), ("straße", "STRASSE"),
        ("王-女士", "王女士"), ("kim", "κιm"), ("ⅳ", "iv"),
    ],
)  # fmt: skip
def test_what_looks_the_same_is_alike(name: str, other: str) -> None:
    assert alike(name, other)


@pytest.mark.parametrize(
    ("name", "other"), [("wang", "wong"), ("ab", "ba"), ("王", "玉"), ("a", "")]
)
def test_what_does_not_is_not(name: str, other: str) -> None:
    assert not alike(name, other)


@given(NAMES, NAMES)
def test_two_names_are_alike_if_and_only_if_the_same_is_left_of_them(name: str, other: str) -> None:
    assert alike(name, other) == alike(other, name) == (skeleton(name) == skeleton(other))
    assert alike(name, name)
    assert skeleton(skeleton(name)) == skeleton(name)
    assert all(char.isalnum() for char in skeleton(name))


@given(st.sampled_from(sorted(RESERVED)), st.sampled_from((".", " ", "-", "")))
def test_nobody_may_have_a_name_that_histories_use(name: str, mark: str) -> None:
    for written in (name, name.upper(), mark.join(name), f"{mark}{name}{mark}"):
        assert is_reserved(written)
    assert not is_reserved(f"{name}x")
