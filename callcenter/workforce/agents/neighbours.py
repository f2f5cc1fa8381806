"""The ports over the features next door.

Agents are the enabled users who may sit at a seat (`Permission.AGENT_OWN`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from callcenter.people.domain.permissions import Permission, permissions_of
from callcenter.people.users.service import UserInfo, UserService
from callcenter.platform.errors import NotFound
from callcenter.telephony.queues.service import QueueService
from callcenter.workforce.agents.ports import Person

USERS_AT_ONCE = 500


class UsersAsAgents:
    """`ports.People` over the users."""

    def __init__(self, users: UserService) -> None:
        self._users = users

    async def agents(self) -> Sequence[Person]:
        """See `People`."""
        found: list[Person] = []
        after: str | None = None
        while True:
            page = await self._users.page(after=after, limit=USERS_AT_ONCE)
            found += [_person(user) for user in page if may_sit(user)]
            if len(page) < USERS_AT_ONCE:
                return sorted(found, key=lambda person: (person.name, person.user_id))
            after = page[-1].login

    async def agent(self, user_id: int) -> Person | None:
        """See `People`."""
        try:
            user = await self._users.get(user_id)
        except NotFound:
            return None
        return _person(user) if may_sit(user) else None


def may_sit(user: UserInfo) -> bool:
    """Whether the user is an agent now."""
    return user.enabled and Permission.AGENT_OWN in permissions_of(user.roles)


def _person(user: UserInfo) -> Person:
    return Person(user.id, user.login, user.name)


class QueueCodes:
    """`ports.Queues` over the queues."""

    def __init__(self, queues: QueueService) -> None:
        self._queues = queues

    async def codes(self) -> Collection[str]:
        """See `Queues`."""
        return {plan.code for plan in await self._queues.plans()}
