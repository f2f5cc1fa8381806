"""ETags (RFC 9110, section 8.8.3): what names one state of a thing."""

from __future__ import annotations

import hashlib
import re

_ETAG = re.compile(r'(?:W/)?("[^"]*")')
"""Weak ones count too: the comparison for reading is weak."""


def etag_of(data: bytes) -> str:
    """The ETag of an answer by what is in it."""
    return f'"{hashlib.sha256(data).hexdigest()}"'


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the client says that it has what `etag` names."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in _ETAG.findall(if_none_match)
