"""One way of writing a caller's number, so that two writings of the same number are equal.

The ledger, the blocklist and the routing rules all use `normalise`. What comes from a carrier is
hostile until shown otherwise: any length, any character, any of a dozen ways to say "no number".

The forms (Chinese numbering plan; E.164 for the rest of the world):

- mobile ``13800138000``, fixed line with its area code ``02161234567``, service number ``95588``,
  ``4008123123``: without ``+86``, ``0086`` or ``86`` in front;
- a number of another country ``+85221234567``: with ``+``, never ``00``;
- no number: the empty string;
- what is not a telephone number at all (a SIP user's name): the text itself, cleaned.
"""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 128
"""The width of every column that holds a number."""

_LONGEST_NUMBER = 18
"""E.164 allows 15 digits; 3 more for a prefix. Longer is no number and no rule is applied."""

_ANONYMOUS = frozenset(
    {
        "anonymous",
        "unknown",
        "restricted",
        "private",
        "unavailable",
        "withheld",
        "nobody",
        "none",
        "null",
        "asterisk",  # what Asterisk itself writes into From when it has no number
        "匿名",
        "未知",
        "隐藏",
        "保密",
    }
)

_SEPARATORS = re.compile(r"[-.()/~·—–_]")
_URI = re.compile(r"(?:sips?|tel):", re.IGNORECASE)
_MOBILE = re.compile(r"1[3-9]\d{9}")
_NATIONAL_FREE = re.compile(r"[48]00\d{7}")
_CHINA = "86"
_SHORTEST_WITH_COUNTRY = 12
"""86 in front of fewer digits may be the number itself: local numbers begin with 86 too."""
_SHORT_SERVICE = 6
"""10086, 12345, 95588, 951600 …: at most six digits, dialled without an area code."""


def normalise(number: str) -> str:
    """The one form of a caller's number; the empty string if there is none.

    Never fails, whatever it is given; the result has at most 128 characters, none of them a
    control character or blank, and normalising it again changes nothing.
    """
    text = number
    # A step may uncover work for the next ("sip:+86…"). Each takes at least one character away,
    # but for one that adds a 0 at the end, so the width bounds them.
    for _ in range(MAX_LENGTH):
        before = text
        text = _step(_clean(text))
        if text == before:
            break
    return text


def is_anonymous(number: str) -> bool:
    """Whether `number` (in any form) says that there is no number."""
    return normalise(number) == ""


def _clean(text: str) -> str:
    """Printable characters without blanks, in Unicode's compatibility form, cut to length.

    Full-width digits become digits; invisible characters, which could make two equal-looking
    numbers differ, go.
    """
    # Cut before the costly part: a megabyte of caller id costs no more than a kilobyte.
    text = unicodedata.normalize("NFKC", text[: MAX_LENGTH * 8])
    kept = (char for char in text if unicodedata.category(char)[0] not in "CZ")
    return "".join(kept)[:MAX_LENGTH]


def _step(text: str) -> str:
    scheme = _URI.match(text)
    if scheme:
        text = text[scheme.end() :].partition("@")[0]
    bare = text.strip("<>\"'").partition(";")[0]
    if bare.partition("@")[0].casefold() in _ANONYMOUS:
        return ""
    digits = _SEPARATORS.sub("", bare)
    plus = digits.startswith("+")
    digits = digits.removeprefix("+")
    if not digits:
        return ""
    if not (digits.isascii() and digits.isdigit()):
        return bare
    if not digits.strip("0"):
        return ""  # some exchanges send zeros for "not available"
    if len(digits) > _LONGEST_NUMBER:
        return digits
    if digits.startswith("00"):
        return "+" + digits.lstrip("0")
    if digits.startswith(_CHINA) and (plus or len(digits) >= _SHORTEST_WITH_COUNTRY):
        return _within_china(digits.removeprefix(_CHINA))
    if plus:
        return "+" + digits.lstrip("0")
    if digits.startswith("0") and _MOBILE.fullmatch(digits[1:]):
        return digits[1:]  # a mobile dialled as a long-distance call
    return digits


def _within_china(digits: str) -> str:
    """`digits` after the country code, as they are dialled within the country."""
    if (
        len(digits) <= _SHORT_SERVICE
        or digits.startswith("0")
        or _MOBILE.fullmatch(digits)
        or _NATIONAL_FREE.fullmatch(digits)
    ):
        return digits
    return "0" + digits
