"""How an endpoint says who may use it, and how it learns who asks.

The gate before all endpoints (`gate`) finds out who asks; an endpoint names its
permission: ``dependencies=[requires(Permission.SEAT_WRITE)]``. An endpoint of ``/api`` that names
none is a failed test. Those few that nobody can be logged in for stand in `OPEN_PATHS` and say
``dependencies=[OPEN]``.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from callcenter.people.access.actor import Actor, acting, present_actor
from callcenter.people.domain.permissions import Permission
from callcenter.platform.errors import Forbidden, Unauthenticated

__all__ = [
    "OPEN", "OPEN_PATHS", "Actor", "Open", "Requires", "Who", "acting", "actor_of",
    "present_actor", "requires",
]  # fmt: skip

OPEN_PATHS = frozenset({"/api/login", "/api/oidc", "/api/oidc/login", "/api/oidc/callback"})
"""Reached without a token or session; exactly the routes that carry `OPEN`."""


def actor_of(request: HTTPConnection) -> Actor:
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
        """Let pass, or `Forbidden`: ``password_change_required``, or ``forbidden`` with the
        permission that is missing."""
        who = actor_of(request)
        if who.must_change_password and self.permission is not Permission.SELF:
            raise Forbidden(
                "choose a password of your own first: POST /api/password",
                code="password_change_required",
            )
        if not who.may(self.permission):
            raise Forbidden(
                f"this needs the permission {self.permission}, which {who.name} has not",
                permission=self.permission.value,
            )
        return who


class Open:
    """Marks an endpoint that strangers may reach."""

    async def __call__(self) -> None:
        """Let pass."""


def requires(permission: Permission) -> Any:
    """For ``dependencies=[…]`` of a route."""
    return Depends(Requires(permission))


OPEN: Any = Depends(Open())
"""For ``dependencies=[…]`` of a route in `OPEN_PATHS`."""


async def _who(request: HTTPConnection) -> Actor:
    return actor_of(request)


Who = Annotated[Actor, Depends(_who)]
"""An endpoint's parameter for who asks."""
