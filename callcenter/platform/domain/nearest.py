"""Which known name somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

ALIKE = 0.6
"""Of `difflib.SequenceMatcher`: below it a suggestion is a guess."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that is most like `name`, whatever its case; None if none is."""
    by_lower = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower(), sorted(by_lower), cutoff=ALIKE)
    return by_lower[found[0]] if found else None
