"""Texts that people send: two kinds, a line and a block of lines, and one rule for each.

Characters that control something instead of standing for something never get further: in a log, a
file of the PBX, a spreadsheet or on a screen they would do what nobody sees. They are refused and
not taken out, so that what is kept is what was sent.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator

_NEW_LINE = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
"""As office programs, browsers and Unicode end a line."""
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They show what follows in another order: a text that reads unlike it is."""
_LINE_ENDS = frozenset("\u2028\u2029")


def line(value: str) -> str:
    """`value`, one line; `ValueError` names a character that controls something."""
    return _refused(value, frozenset())


def block(value: str) -> str:
    """`value`, lines and tabs allowed, every end of a line as a line feed; else as `line`."""
    return _refused(_NEW_LINE.sub("\n", value), frozenset("\n\t"))


def _refused(value: str, allowed: frozenset[str]) -> str:
    for place, character in enumerate(value, 1):
        if character in allowed or character.isprintable() or not _controls(character):
            continue
        name = f"U+{ord(character):04X}"
        raise ValueError(f"character {place} is {name}, which controls and says nothing; remove it")
    return value


def _controls(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cs")
        or character in _TURNS
        or character in _LINE_ENDS
        or ord(character) & 0xFFFE == 0xFFFE  # no character by definition
    )


LINE, BLOCK = AfterValidator(line), AfterValidator(block)
"""Behind the bounds of a text that has some, so that these are of the stripped text."""

Line = Annotated[str, LINE]
"""One line: a name, a code, a word that is searched for."""

Block = Annotated[str, BLOCK]
"""Some lines: a note, what a citizen said."""
