"""What the audit trail has been told already of the answer that is being made.

An endpoint that says by a word of its own what it shows (``case.read``) says it here too, so that
the door which all answers leave by (`people.leaving`) need not note the same again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_TOLD: ContextVar[set[str] | None] = ContextVar("callcenter_told", default=None)


@contextmanager
def answering() -> Iterator[set[str]]:
    """Within the block an answer is made; the subjects that were told of meanwhile."""
    told: set[str] = set()
    token = _TOLD.set(told)
    try:
        yield told
    finally:
        _TOLD.reset(token)


def told_of(subject: str) -> None:
    """The trail has an entry of `subject` for this answer."""
    told = _TOLD.get()
    if told is not None:
        told.add(subject)
