"""Which known name a slip may have meant."""

from __future__ import annotations

import pytest

from callcenter.platform.domain.nearest import nearest

KNOWN = ("Operator", "operation", "admin", "ABCDE")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("opertor", "Operator"),
        ("OPERATOR", "Operator"),
        ("operatian", "operation"),
        ("amdin", "admin"),
        ("abcxy", "ABCDE"),  # three of five: just alike enough
        ("abxyz", None),
        ("", None),
    ],
)
def test_the_most_alike_is_meant_whatever_its_case(name: str, meant: str | None) -> None:
    assert nearest(name, KNOWN) == meant
    assert nearest(name, reversed(KNOWN)) == meant
    assert nearest(name, ()) is None
