"""Somebody who asks, for tests of one feature's endpoints without the gate before them."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from callcenter.casework.cases.service import CaseService
from callcenter.people.access.actor import Actor, acting
from callcenter.people.citizens import ConfidentialCalls
from callcenter.people.domain.permissions import Role, permissions_of
from callcenter.people.trail.service import Trail
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.http.given import shelf_of


def person(name: str = "test", *roles: Role, user_id: int | None = 7) -> Actor:
    """Somebody with `roles`; an admin if none is named."""
    held = frozenset(roles or (Role.ADMIN,))
    return Actor(name, permissions_of(held), held, user_id)


class Asking:
    """ASGI middleware: `who` asks. `who` may be changed between requests."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, as the gate would."""
        who = self._door.who
        state = scope.setdefault("state", {})
        state["who"], state["actor"], state["session"] = who, who.name, None
        with acting(who):
            await self._app(scope, receive, send)


class Door:
    """Who asks next."""

    def __init__(self, who: Actor) -> None:
        self.who = who

    def ask_as(self, *roles: Role, name: str = "test") -> None:
        """From now on somebody with these roles asks."""
        self.who = person(name, *roles)


def let_in(app: FastAPI, database: Database, settings: Settings, who: Actor | None = None) -> Door:
    """Have `who` (an admin called test) ask everything of `app`, and give its endpoints what all of
    them need: the cases, if there are none yet, and the audit trail."""
    door = Door(who or person())
    app.add_middleware(Asking, door=door)
    shelf = shelf_of(app)
    shelf.put(Trail(database))
    shelf.put_as(
        ConfidentialCalls,
        shelf.take(CaseService) if CaseService in shelf else CaseService(database, settings),
    )
    return door
