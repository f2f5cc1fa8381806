"""Telephone numbers: read by their grammar, and written in one way, so that two writings of the
same number are equal. Pure; for every context.

- `parse` reads a number as a carrier, a phone or a person writes it, alone or inside a URI (RFC
  3966, RFC 3261): its digits, whether it is global, its context, extension and subaddress. What
  is not a number by the grammar is none: nothing is taken out of a text until a number is left.
- `normalise` is the one form by which ledger, blocklist, call-backs, routing and searches know a
  number. It takes any text, for what comes from a carrier is hostile until shown otherwise.
- `writings` are the forms in digits under which the dialplan may meet such a number.

The forms (Chinese numbering plan; E.164 for the rest of the world):

- mobile ``13800138000``, fixed line with its area code ``02161234567``, service number ``95588``,
  ``4008123123``: without ``+86``, ``0086`` or ``86`` in front;
- a number of another country ``+85221234567``: with ``+``, never ``00``;
- no number: the empty string;
- what is not a telephone number at all (a SIP user's name): the text itself, cleaned.

docs/interworking.md has the table of what carriers send; its test walks the same table.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

MAX_LENGTH = 128
"""The width of every column that holds a number."""

SEPARATORS = "-.()"
"""Visual separators of RFC 3966; they say nothing."""
SEPARATORS_BY_HAND = "/~·—–_"
"""What people and exchanges write between digits besides; blanks are gone before."""

_LONGEST_NUMBER = 18
"""E.164 allows 15 digits; 3 more for a prefix. Longer is no number and no rule is applied."""

_SHORTEST_CALLER, _LONGEST_CALLER = 3, 15
"""Service numbers (110) to E.164's most."""
_LONGEST_SHORT = 6
"""Digits of a service number (123456); longer ones that begin as a mobile's are one."""
_SHORTEST_WITH_AREA = 10
"""Zero, two digits of an area code, seven of a fixed line."""
_MOBILE_BEGINS = re.compile(r"1[3-9]")

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

_SEPARATOR = f"[{re.escape(SEPARATORS + SEPARATORS_BY_HAND)}]"
_SUBSCRIBER = re.compile(
    rf"{_SEPARATOR}*(?P<plus>\+?)(?P<digits>{_SEPARATOR}*[0-9](?:{_SEPARATOR}*[0-9])*{_SEPARATOR}*)"
    r"(?:(?:ext\.?|x|转|轉|分机|分機)(?P<extension>[0-9]{1,8}))?",
    re.IGNORECASE,
)
_DIGITS_OUT = str.maketrans(dict.fromkeys(SEPARATORS + SEPARATORS_BY_HAND))
_URI = re.compile(r"(?P<scheme>sips?|tel):(?P<rest>[^?]*)", re.IGNORECASE)
_NAME_ADDR = re.compile(r"<([^<>]*)>")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_NATIONAL_FREE = re.compile(r"[48]00\d{7}")
_CHINA = "86"
_SHORTEST_WITH_COUNTRY = 12
"""86 in front of fewer digits may be the number itself: local numbers begin with 86 too."""
_SHORT_SERVICE = 6
"""10086, 12345, 95588, 951600 …: at most six digits, dialled without an area code."""
_LOCAL_LINE = (7, 8)
"""Digits of a fixed line within its city."""


@dataclass(frozen=True, slots=True)
class Number:
    """A telephone number as it was written (RFC 3966, ``telephone-subscriber``)."""

    digits: str
    """Without separators and without ``+``."""
    is_global: bool
    """Written with ``+``: the country's code comes first."""
    context: str = ""
    """``phone-context`` of a local number: digits with ``+``, or a domain; where it holds."""
    extension: str = ""
    """Behind the line; the caller's line is the number without it. Likewise `subaddress`."""
    subaddress: str = ""

    @property
    def form(self) -> str:
        """The one form, see `normalise`; empty where the digits say "not available"."""
        return _form(self)


def parse(text: str) -> Number | None:
    """The number that `text` is; None if it is none.

    `text` is a number with or without visual separators and parameters (``;ext=``, ``;isub=``,
    ``;phone-context=``; others, as ``;npdi;rn=``, say nothing about who it is), or a ``tel:``,
    ``sip:`` or ``sips:`` URI around one, with percent-encoded characters, or the value of a
    header around that. Full-width digits are digits.
    """
    _name, found = _read(_clean(text))
    return found


def normalise(number: str) -> str:
    """The one form of a caller's number; the empty string if there is none.

    Never fails, whatever it is given; the result has at most 128 characters, none of them a
    control character or blank, and normalising it again changes nothing.
    """
    text = number
    # A text that is no number may hold one inside ("sip:sip:…", "%2531…"). Each step takes at least
    # one character away, but for one that adds a 0 at the end, so the width bounds them.
    for _ in range(MAX_LENGTH * 2):
        before = text
        name, found = _read(_clean(text))
        text = found.form if found is not None else name
        if text == before:
            break
    return text


def is_anonymous(number: str) -> bool:
    """Whether `number` (in any form) says that there is no number."""
    return normalise(number) == ""


def blocks_nobody(form: str) -> str | None:
    """Why no caller can have the number of this `form`, for whoever enters it; None if one can."""
    found = parse(form)
    if found is None or found.form != form:
        return "this is no telephone number; write a whole one, without a pattern"
    digits = form.removeprefix("+")
    if not _SHORTEST_CALLER <= len(digits) <= _LONGEST_CALLER:
        return (
            f"no caller has {len(digits)} digits; they have {_SHORTEST_CALLER} to {_LONGEST_CALLER}"
        )
    if _MOBILE_BEGINS.match(form) and len(digits) > _LONGEST_SHORT and not _MOBILE.fullmatch(form):
        return f"a mobile number has 11 digits, this one {len(digits)}"
    if form.startswith("0") and len(digits) < _SHORTEST_WITH_AREA:
        return "behind the area code at least seven digits are missing"
    return None


def writings(form: str) -> tuple[str, ...]:
    """The ways in which a carrier writes the number of that `form`, in digits and ``+``: itself
    first. Each of them has that form. A name has itself alone; no number has none."""
    found = parse(form)
    if found is None or found.form != form or not form.removeprefix("+").isdigit():
        return (form,) if form else ()
    if form.startswith("+"):
        candidates = [form, f"00{form[1:]}"]
    else:
        national = form.removeprefix("0")
        candidates = [form, *(f"{prefix}{national}" for prefix in ("+86", "86", "0086"))]
        candidates += [f"+{candidates[0]}", f"0{form}", *(f"{p}{form}" for p in ("+86", "0086"))]
    return tuple(dict.fromkeys(one for one in candidates if normalise(one) == form))


# -- reading -----------------------------------------------------------------------------------


def _clean(text: str) -> str:
    """Printable characters without blanks, in Unicode's compatibility form, cut to length.

    Full-width digits become digits; invisible characters, which could make two equal-looking
    numbers differ, go.
    """
    # Cut before the costly part: a megabyte of caller id costs no more than a kilobyte.
    text = unicodedata.normalize("NFKC", text[: MAX_LENGTH * 8])
    kept = (char for char in text if unicodedata.category(char)[0] not in "CZ")
    return "".join(kept)[: MAX_LENGTH * 2]


def _read(text: str) -> tuple[str, Number | None]:
    """What a clean `text` says: the name it is, cut to length, and the number if it is one."""
    inner = _NAME_ADDR.search(text)
    if inner is not None:
        text = inner[1]
    uri = _URI.match(text)
    if uri is not None:
        text = _user(uri["scheme"].casefold(), uri["rest"])
    text = unquote(text).strip("<>\"'")
    bare, *parameters = text.split(";")
    bare = bare[:MAX_LENGTH]
    if bare.partition("@")[0].casefold() in _ANONYMOUS:
        return "", None
    match = _SUBSCRIBER.fullmatch(bare)
    if match is None:
        # A + or separators alone are a number left out, not a name.
        return bare if bare.translate(_DIGITS_OUT) not in ("", "+") else "", None
    given = {
        name.casefold(): value
        for name, _equals, value in (parameter.partition("=") for parameter in parameters)
    }
    found = Number(
        match["digits"].translate(_DIGITS_OUT),
        is_global=bool(match["plus"]),
        context=given.get("phone-context", ""),
        extension=match["extension"] or given.get("ext", ""),
        subaddress=given.get("isub", ""),
    )
    return found.digits, found


def _user(scheme: str, rest: str) -> str:
    """Whom a URI names: all of a tel URI, the user of a SIP one (without a password)."""
    if scheme == "tel":
        return rest
    user, at, _host = rest.rpartition("@")
    if not at:
        host = rest.partition(";")[0].partition(":")[0]
        # An address names no user; "sip:13800138000" is somebody's slip.
        return "" if "." in host or "[" in host else host
    subscriber, semicolon, parameters = user.partition(";")
    return subscriber.partition(":")[0] + semicolon + parameters


# -- the one form ------------------------------------------------------------------------------


def _form(number: Number) -> str:
    digits = number.digits
    if not digits.strip("0"):
        return ""  # some exchanges send zeros for "not available"
    if len(digits) > _LONGEST_NUMBER:
        return digits
    if not number.is_global and number.context.startswith("+"):
        return _in_context(digits, number.context.translate(_DIGITS_OUT)[1:])
    if digits.startswith("00") and not number.is_global:
        return _global(digits.lstrip("0"))
    if number.is_global:
        return _global(digits.lstrip("0"))
    if digits.startswith(_CHINA) and len(digits) >= _SHORTEST_WITH_COUNTRY:
        return _within_china(digits.removeprefix(_CHINA))
    return _plain(digits)


def _global(digits: str) -> str:
    """`digits` that begin with a country's code."""
    if digits.startswith(_CHINA) and len(digits) > len(_CHINA):
        return _within_china(digits.removeprefix(_CHINA))
    return f"+{digits}"


def _plain(digits: str) -> str:
    """`digits` as they are dialled within the country."""
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
        return _plain(digits)
    return "0" + digits


def _in_context(digits: str, context: str) -> str:
    """A local number that holds where numbers begin with `context` (country, or with area)."""
    if digits.startswith("00"):
        return _global(digits.lstrip("0"))
    if not (context.isascii() and context.isdigit()):
        return _plain(digits)
    if not context.startswith(_CHINA):
        return f"+{context}{digits.removeprefix('0')}"
    if digits.startswith("0") or len(digits) <= _SHORT_SERVICE:
        return _plain(digits)
    area = context.removeprefix(_CHINA).removeprefix("0")
    if len(digits) in _LOCAL_LINE:
        return f"0{area}{digits}" if area else digits
    return _within_china(digits)
