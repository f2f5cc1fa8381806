"""What somebody may do at this moment, for what goes on after the request that began it.

A request's `Actor` is what its sender was allowed as it came. Whoever still does something later
(listens to a talk, sits at a seat) is asked for again: a role may be gone, a user disabled, a token
revoked.
"""

from __future__ import annotations

from callcenter.people.access.actor import Actor
from callcenter.people.domain.permissions import permissions_of
from callcenter.people.tokens.service import TokenService
from callcenter.people.users.service import UserService
from callcenter.platform.errors import NotFound


class RightsNow:
    """Asks users and tokens."""

    def __init__(self, users: UserService, tokens: TokenService) -> None:
        self._users = users
        self._tokens = tokens

    async def of_user(self, user_id: int | None) -> Actor | None:
        """The user with his present roles; None if he is disabled, gone, or nobody."""
        if user_id is None:
            return None
        try:
            user = await self._users.get(user_id)
        except NotFound:
            return None
        if not user.enabled:
            return None
        return Actor(user.login, permissions_of(user.roles), user.roles, user.id)

    async def of(self, who: Actor) -> Actor | None:
        """`who` with what he may do now; None if he may do nothing any more."""
        if who.user_id is not None:
            return await self.of_user(who.user_id)
        return await self._tokens.named(who.name)
