"""How an endpoint says who may use it, and how it learns who asks.

The gate before all endpoints (`callcenter.tokens.middleware`) finds out who asks; an endpoint
names its permission: ``dependencies=[requires(Permission.SEAT_WRITE)]``. An endpoint of ``/api``
that names none is a failed test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request

from callcenter.domain.permissions import Permission, Role
from callcenter.errors import Forbidden, Unauthenticated


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks."""

    name: str
    """The token's name, or the user's login."""
    permissions: frozenset[Permission] = field(default_factory=frozenset)
    roles: frozenset[Role] = frozenset()
    user_id: int | None = None
    """None for a machine's token."""

    def may(self, permission: Permission) -> bool:
        """Whether the permission is theirs."""
        return permission in self.permissions


def actor_of(request: Request) -> Actor:
    """Who asks; `Unauthenticated` if the gate let nobody in."""
    who = getattr(request.state, "who", None)
    if isinstance(who, Actor):
        return who
    raise Unauthenticated("send a token or log in")


class Requires:
    """The dependency that `requires` makes; tests read its `permission`."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Actor:
        """Let pass, or `Forbidden` ``forbidden`` with the permission that is missing."""
        who = actor_of(request)
        if not who.may(self.permission):
            raise Forbidden(
                f"this needs the permission {self.permission}, which {who.name} has not",
                permission=self.permission.value,
            )
        return who


def requires(permission: Permission) -> Any:
    """For ``dependencies=[…]`` of a route."""
    return Depends(Requires(permission))


Who = Annotated[Actor, Depends(actor_of)]
"""An endpoint's parameter for who asks."""
