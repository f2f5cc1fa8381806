"""Which bytes of a file an HTTP request asks for (RFC 9110, sections 13 and 14).

One range is served. Several at once, another unit, or a header that is none are answered with the
whole file, as section 14.2 allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes[ \t]*=[ \t,]*(\d*)-(\d*)[ \t,]*", re.ASCII | re.IGNORECASE)
_ETAG = re.compile(r'(?:W/)?("[^"]*")')
_HUGE_DIGITS = 18
"""No file has 10^18 bytes; longer numbers are not worth reading."""


class Unsatisfiable(Exception):
    """The range begins behind the end of the file."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `first` to `last`, both included, counted from 0."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.last - self.first + 1


def wanted_range(header: str | None, size: int) -> ByteRange | None:
    """The bytes that a Range header asks for of a file of `size` bytes; None: the whole file.

    `Unsatisfiable` if there are none.
    """
    match = _ONE_RANGE.fullmatch(header.strip()) if header else None
    if match is None or not any(match.groups()):
        return None
    first, last = (_number(digits) for digits in match.groups())
    if first is None:  # the last so many bytes
        if not last or not size:
            raise Unsatisfiable
        return ByteRange(max(0, size - last), size - 1)
    if last is not None and last < first:
        return None
    if first >= size:
        raise Unsatisfiable
    return ByteRange(first, size - 1 if last is None else min(last, size - 1))


def range_applies(if_range: str | None, etag: str) -> bool:
    """Whether a Range header counts beside `if_range`: only for the very file that `etag` names.

    A date never matches: files have none here.
    """
    return if_range is None or if_range.strip() == etag


def _number(digits: str) -> int | None:
    if not digits:
        return None
    significant = digits.lstrip("0") or "0"
    return 10**_HUGE_DIGITS if len(significant) > _HUGE_DIGITS else int(significant)
