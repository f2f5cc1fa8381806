"""Who asks, also for code that is given no request.

The gate says it once for everything that a request does (`acting`), so that what an answer may
show, and what the audit trail notes, is decided where it happens and cannot be forgotten by an
endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from callcenter.people.domain.permissions import Permission, Role


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks."""

    name: str
    """The token's name, or the user's login."""
    permissions: frozenset[Permission] = field(default_factory=frozenset)
    roles: frozenset[Role] = frozenset()
    user_id: int | None = None
    """None for a machine's token."""
    address: str = ""
    """Where the request came from, as far as we can see."""
    must_change_password: bool = False
    """Nothing but one's own account is open until the first password has been changed."""

    def may(self, permission: Permission) -> bool:
        """Whether the permission is theirs."""
        return permission in self.permissions


_PRESENT: ContextVar[Actor | None] = ContextVar("callcenter_actor", default=None)


@contextmanager
def acting(who: Actor | None) -> Iterator[None]:
    """Within the block, and the tasks begun in it, `who` is the one who asks."""
    token = _PRESENT.set(who)
    try:
        yield
    finally:
        _PRESENT.reset(token)


def present_actor() -> Actor | None:
    """Who asks; None outside a request, and for a stranger."""
    return _PRESENT.get()
