"""A citizen's number as those see it who need not know it: ``138****8000``.

At least four characters are hidden, at most seven shown, and the length stays, so that masking what
is masked already changes nothing. Enough is left to tell two callers apart on a screen; not enough
to call one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callcenter.platform.domain.numbers_in_text import (
    STAR,
    mask_digits,
    mask_numbers,
    shown_of,
)

NUMBER_FIELDS = frozenset({"caller_number", "contact_number"})
"""Fields, of answers and of a case's history, that hold a citizen's number."""
NAME_FIELDS = frozenset({"caller_name", "citizen_name", "address"})
"""Those that say in other ways who the citizen is."""

MACHINE_FIELDS = frozenset(
    {
        # Who somebody is to the machine, and what must come back letter by letter.
        "token", "csrf_token", "password", "secret", "ha1", "next", "epoch", "sha256",
        "uri", "servers", "ice_servers", "realm",
        # Places of files and of their parts.
        "path", "audio", "gaps",
    }
)  # fmt: skip
"""Fields that hold what we made ourselves and no word of anybody's. Identifiers of calls, moments
and checksums need not be here: they are known by their form, whatever field they stand in."""

PARTY_FIELDS = frozenset({"seat", "first_seat", "from_seat", "target"})
"""Those that name a seat or, of a call to the telephone network, the number that was reached: a
citizen's, or some official's mobile phone."""


def mask_number(number: str) -> str:
    """`number` with its middle hidden; short ones wholly. The empty one stays empty."""
    plus, digits = ("+", number[1:]) if number.startswith("+") else ("", number)
    head, tail = shown_of(len(digits))
    hidden = STAR * (len(digits) - head - tail)
    return plus + digits[:head] + hidden + (digits[-tail:] if tail else "")


def mask_text(text: str) -> str:
    """`text` with every number in it masked: some exchanges write the number into the name."""
    return mask_digits(text)


def mask_field(name: str, value: str) -> str:
    """What somebody who may not see whole numbers sees of the field `name`; of any other field it
    is its text, with the numbers in it masked."""
    if name in MACHINE_FIELDS:
        return value
    if name in NUMBER_FIELDS:
        return mask_text(mask_number(value))
    if name == "caller_name" or name in PARTY_FIELDS:
        return mask_text(value)
    return mask_numbers(value)


def hide_field(name: str, value: str) -> str:
    """What is left of the field `name` when nobody may know who the citizen is: nothing, or the
    seat; of any other text what is no number."""
    if name in PARTY_FIELDS:
        return value if is_extension(value) else ""
    if name in NUMBER_FIELDS or name in NAME_FIELDS:
        return ""
    return mask_field(name, value)


def is_extension(party: str) -> bool:
    """Whether `party` is too short to be anybody's number: a seat, a queue, or nothing."""
    return mask_text(party) == party


_FIELDS = NUMBER_FIELDS | NAME_FIELDS | PARTY_FIELDS | MACHINE_FIELDS


def map_citizen_fields(data: Any, change: Callable[[str, str], str], name: str = "") -> Any:
    """`data` (JSON values) with `change(field, text)` in the place of each text. The field is the
    nearest one of a citizen, or of a machine, that the text stands in at any depth; else ''."""
    if isinstance(data, dict):
        return {
            key: map_citizen_fields(value, change, key if key in _FIELDS else name)
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [map_citizen_fields(value, change, name) for value in data]
    return change(name, data) if isinstance(data, str) else data
