"""Asterisk's dial patterns, for the outside numbers that a seat may call or transfer to.

A pattern that begins with ``_`` has wildcards: X is 0-9, Z is 1-9, N is 2-9, ``[13-5]`` a set,
``.`` one or more of anything dialled, ``!`` zero or more (Asterisk, "Pattern Matching").
Without ``_`` it is the number itself. Only digits and a leading ``+`` are ever dialled, so ``.``
and ``!`` mean digits here.

What Asterisk itself reads in its own way is refused: a range that runs backwards, a hyphen at the
end of a set. In an expression it would be an error, and Asterisk's REGEX answers an error with
words, which a GotoIf takes for true: every number would be allowed.
"""

from __future__ import annotations

import re

EMERGENCY = frozenset({"110", "112", "119", "120", "122"})
"""Police, the mobile networks' own, fire, ambulance, traffic police: nothing of ours may stand in
the way of them (numbering plan of China, 特服号码)."""

_WILDCARDS = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": "[0-9]+", "!": "[0-9]*"}
_SET = re.compile(r"\[((?:[0-9](?:-[0-9])?)+)\]")
_RANGE = re.compile(r"([0-9])-([0-9])")


def to_regex(pattern: str) -> str:
    """`pattern` as a POSIX extended expression without anchors, for Asterisk's REGEX and for us.

    Raises `ValueError` for anything that is not a pattern of digits and wildcards: a typing
    error must not open the line to numbers that nobody meant.
    """
    wild = pattern.startswith("_")
    rest = pattern[1:] if wild else pattern
    out: list[str] = []
    position = 0
    while position < len(rest):
        char = rest[position]
        if char == "+" and position == 0:
            out.append("[+]")
        elif char in "0123456789":
            out.append(char)
        elif wild and char == "[" and (found := _SET.match(rest, position)):
            if any(last < first for first, last in _RANGE.findall(found[1])):
                raise ValueError(f"{pattern!r} is not a dial pattern: {found[0]} runs backwards")
            out.append(f"[{found[1]}]")
            position = found.end()
            continue
        elif wild and (char in "XZN" or (char in ".!" and position == len(rest) - 1)):
            out.append(_WILDCARDS[char])
        else:
            raise ValueError(f"{pattern!r} is not a dial pattern: {char!r} at {position}")
        position += 1
    if not out:
        raise ValueError("an empty dial pattern allows nothing; leave it out")
    return "".join(out)


def matches(pattern: str, number: str) -> bool:
    """Whether `pattern` allows `number`."""
    return re.fullmatch(to_regex(pattern), number) is not None
