"""The ports over the features next door: agents' intervals as presence, and the queue's members."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime

from callcenter.people.users.service import UserService
from callcenter.telephony.domain.seating import DesiredMember
from callcenter.workforce.agents.history import AgentHistory
from callcenter.workforce.agents.neighbours import UsersAsAgents, may_sit
from callcenter.workforce.agents.service import AgentService
from callcenter.workforce.domain.agents import AgentState
from callcenter.workforce.domain.attendance import PresentSpan
from callcenter.workforce.domain.shifts import ShiftKind
from callcenter.workforce.shifts.service import ShiftService

INTERVALS_MAX = 100_000
"""Of one agent in a month: a change of state every half-minute, day and night."""


class UsersOnTheRota:
    """`ports.People` over the users."""

    def __init__(self, users: UserService) -> None:
        self._users = users
        self._agents = UsersAsAgents(users)

    async def colleagues(self) -> Mapping[int, str]:
        """See `People`."""
        return {person.user_id: person.name for person in await self._agents.agents()}

    async def names(self, user_ids: Collection[int]) -> Mapping[int, str]:
        """See `People`."""
        return await self._users.names(user_ids)

    async def able(self, user_ids: Collection[int]) -> Mapping[int, Collection[ShiftKind]]:
        """See `People`."""
        return {
            user.id: frozenset(ShiftKind) if may_sit(user) else frozenset({ShiftKind.DUTY})
            for user in await self._users.infos(user_ids)
            if user.enabled
        }


class AgentPresence:
    """`ports.Presence` over the agents' intervals: whoever is logged in is here, in any state."""

    def __init__(self, history: AgentHistory, agents: AgentService) -> None:
        self._history = history
        self._agents = agents

    async def presence(self, user_id: int, start: datetime, end: datetime) -> Sequence[PresentSpan]:
        """See `Presence`; intervals that touch are one span."""
        spans: list[PresentSpan] = []
        for interval in await self._history.intervals(user_id, start, end, limit=INTERVALS_MAX):
            if interval.state is AgentState.OFFLINE:
                continue
            if spans and spans[-1][1] == interval.begun_at:
                spans[-1] = (spans[-1][0], interval.ended_at)
            else:
                spans.append((interval.begun_at, interval.ended_at))
        return spans

    async def here(self) -> Collection[int]:
        """See `Presence`."""
        await self._agents.load()
        holders = map(self._agents.at, self._agents.seated())
        return {user_id for user_id in holders if user_id is not None}


class MembersByShift:
    """The queue's members, without those whose shift does not run.

    A seat at which nobody is logged in is no person's and stays as it is. A talk goes on when its
    agent's shift ends; there is only no next one.
    """

    def __init__(
        self, shifts: ShiftService, members: Callable[[], Awaitable[Sequence[DesiredMember]]]
    ) -> None:
        self._shifts = shifts
        self._members = members

    async def __call__(self) -> Sequence[DesiredMember]:
        """Every seat's place in queues, as the PBX should have it."""
        members = await self._members()
        present = await self._shifts.on_shift_now()
        return [member for member in members if member.user_id is None or member.user_id in present]
