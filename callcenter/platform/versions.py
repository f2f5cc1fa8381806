"""Which version of a thing a writer has seen, so that nobody's change is lost.

Every thing that is written has a `version`, and its ETag is the same number. A writer says the one
that he read: as ``version`` in the body, or as ``If-Match`` (`platform.http.versions`). The service
compares it with what is there, inside the transaction that writes (`check_version`): two who read
the same cannot both save.

Most versions are made of what the thing holds (`version_of`), so nothing has to be counted, nobody
can forget to count, and a change of what nobody writes (when a user was here last) disturbs no
editor. Who finds the same content as he read finds the same version: there is nothing to lose.
Cases, entries of the rota and the calendar count theirs.

What was said at the door is known at the thing without being handed from hand to hand, as who asks
is (`people.access.actor`). Outside a request nothing was said, and nothing is asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Any

from callcenter.platform.errors import VersionConflict, VersionRequired

VERSION_BITS = 48
"""Fits exactly into every client's numbers; by chance two contents of one thing are the same once
in 10¹⁴ changes."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the writer said."""

    versions: tuple[frozenset[int], ...] = ()
    """Each names versions, of which the present one must be one; 0 is a thing that is not there."""
    anything: bool = False
    """``If-Match: *``: whatever is there now."""
    must_say: bool = False
    """The write puts a whole in the place of a whole, so a writer who has not read loses what he
    has not seen."""


_SEEN: ContextVar[Seen | None] = ContextVar("callcenter_seen", default=None)


@contextmanager
def seeing(seen: Seen) -> Iterator[None]:
    """Within the block, the writer has seen that."""
    token = _SEEN.set(seen)
    try:
        yield
    finally:
        _SEEN.reset(token)


def check_version(present: int | None, what: str, *, empty: bool = False) -> None:
    """Go on only if the writer has seen what is there: `present` is its version, None if it is not.

    `what` names it in a sentence. `empty`: it holds nothing that could be lost. `VersionConflict`
    with the present version in its details; `VersionRequired` if he had to say and did not.
    """
    seen = _SEEN.get()
    if seen is None or seen.anything:
        return
    now = present or 0
    if not all(now in one for one in seen.versions):
        changed = "was changed" if present is not None else "was removed"
        raise VersionConflict(
            f"{what} {changed} meanwhile (version {now}): read it again, then save", version=now
        )
    if seen.must_say and not seen.versions and present is not None and not empty:
        raise VersionRequired(
            f"{what} is replaced as a whole: say which version you read, as `version` or as"
            ' If-Match: "VERSION"; If-Match: * replaces whatever is there',
            version=now,
        )


def version_of(*content: Any) -> int:
    """The version of a thing that holds `content` (dataclasses, mappings, lists, plain values).

    Two contents that are equal have one version, in every process; others have another.
    """
    text = json.dumps(_plain(content), sort_keys=True, ensure_ascii=False)
    return 1 + int.from_bytes(hashlib.sha256(text.encode()).digest()[: VERSION_BITS // 8])


def _plain(value: Any) -> Any:
    """`value` in JSON's own kinds."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, Set):
        return sorted(json.dumps(_plain(one), sort_keys=True) for one in value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, date):  # and moments
        return value.isoformat()
    return value
