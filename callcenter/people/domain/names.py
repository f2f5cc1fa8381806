"""Names by which histories tell who did something, and which nobody may take for himself.

Two names are alike if a reader may take one for the other: capital and small letters, full-width
ones, marks and blanks between, letters of other alphabets that look the same.
"""

from __future__ import annotations

import unicodedata

RESERVED = frozenset(
    {
        "system", "系统", "command line", "命令行", "cli", "callcenter", "asterisk", "pbx", "agi",
        "scheduler", "stranger", "nobody", "anonymous", "unknown", "root", "none", "null",
    }
)  # fmt: skip
"""What histories call those who are no person and no token."""

_LOOK = str.maketrans("аеорсухіѕјԁһвкмнтαεοριυνκτ01|ı", "aeopcyxisjdhbkmhtaeopiuvktollı")
"""Cyrillic and Greek letters, and digits, for the Latin ones that they look like."""


def skeleton(name: str) -> str:
    """What is left of `name` to a reader who does not look closely."""
    text = unicodedata.normalize("NFKC", name).casefold().translate(_LOOK)
    return "".join(char for char in text if char.isalnum())


_SKELETONS = frozenset(skeleton(name) for name in RESERVED)


def is_reserved(name: str) -> bool:
    """Whether `name` is, or looks like, one that nobody may have."""
    return skeleton(name) in _SKELETONS


def alike(name: str, other: str) -> bool:
    """Whether one may be taken for the other."""
    return skeleton(name) == skeleton(other)
