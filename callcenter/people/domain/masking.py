"""A citizen's number as those see it who need not know it: ``138****8000``.

At least four characters are hidden, at most seven shown, and the length stays, so that masking what
is masked already changes nothing. Enough is left to tell two callers apart on a screen; not enough
to call one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

STAR = "*"
_HIDDEN_MIN = 4
_HEAD_MAX = 3
_TAIL_MAX = 4
_LONG_DIGITS = re.compile(r"\+?[0-9*][0-9*\- ]{5,}[0-9*]")
"""Seven digits or more, as people and exchanges group them: the shortest number of a line."""

NUMBER_FIELDS = frozenset({"caller_number", "contact_number"})
"""Fields, of answers and of a case's history, that hold a citizen's number."""
NAME_FIELDS = frozenset({"caller_name", "citizen_name", "address"})
"""Those that say in other ways who the citizen is."""

PARTY_FIELDS = frozenset({"seat", "first_seat", "from_seat", "target"})
"""Those that name a seat or, of a call to the telephone network, the number that was reached: a
citizen's, or some official's mobile phone."""


def mask_number(number: str) -> str:
    """`number` with its middle hidden; short ones wholly. The empty one stays empty."""
    plus, digits = ("+", number[1:]) if number.startswith("+") else ("", number)
    shown = min(max(len(digits) - _HIDDEN_MIN, 0), _HEAD_MAX + _TAIL_MAX)
    tail = min((shown + 1) // 2, _TAIL_MAX)
    head = shown - tail
    hidden = STAR * (len(digits) - head - tail)
    return plus + digits[:head] + hidden + (digits[-tail:] if tail else "")


def mask_text(text: str) -> str:
    """`text` with every number in it masked: some exchanges write the number into the name."""
    return _LONG_DIGITS.sub(lambda found: mask_number(found.group()), text)


def mask_field(name: str, value: str) -> str:
    """What somebody who may not see whole numbers sees of the field `name`."""
    if name in NUMBER_FIELDS:
        return mask_number(value)
    return mask_text(value) if name == "caller_name" or name in PARTY_FIELDS else value


def hide_field(name: str, value: str) -> str:
    """What is left of the field `name` when nobody may know who the citizen is: nothing, or the
    seat."""
    if name in PARTY_FIELDS:
        return value if is_extension(value) else ""
    return "" if name in NUMBER_FIELDS or name in NAME_FIELDS else value


def is_extension(party: str) -> bool:
    """Whether `party` is too short to be anybody's number: a seat, a queue, or nothing."""
    return mask_text(party) == party


_FIELDS = NUMBER_FIELDS | NAME_FIELDS | PARTY_FIELDS


def map_citizen_fields(data: Any, change: Callable[[str, str], str], name: str = "") -> Any:
    """`data` (JSON values) with `change(field, text)` in the place of each text that stands, at
    any depth, below a citizen's field."""
    if isinstance(data, dict):
        return {
            key: map_citizen_fields(value, change, key if key in _FIELDS else name)
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [map_citizen_fields(value, change, name) for value in data]
    return change(name, data) if name and isinstance(data, str) else data
