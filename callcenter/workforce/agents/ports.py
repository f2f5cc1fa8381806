"""What agents need of others: people, queues, and the PBX's side of a seat."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.seat_seen import SeatSeen


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sit at a seat."""

    user_id: int
    login: str
    name: str
    """As colleagues see it."""


class People(Protocol):
    """Who may be an agent: users who are not disabled and have the permission ``agent.own``."""

    async def agents(self) -> Sequence[Person]:
        """All of them, by name."""
        ...

    async def agent(self, user_id: int) -> Person | None:
        """One of them; None if there is none."""
        ...


class Queues(Protocol):
    """Which queues there are."""

    async def codes(self) -> Collection[str]:
        """All of them; a disabled one may still have callers to be served."""
        ...


class PbxSeats(Protocol):
    """The PBX's side of a seat (`asterisk.agent_link`)."""

    def look(self, seat: Extension) -> SeatSeen | None:
        """The seat on the live floor; None while there is no link."""
        ...

    def pause(self, seat: Extension, reason: str) -> None:
        """From now on no queue offers calls to `seat`, for `reason`; '' : they do.

        Returns at once; what the PBX has is brought to it, and kept so, as long as it takes.
        """
        ...

    def release(self, seat: Extension, reason: str) -> None:
        """As `pause`, once: nobody sits there, and what the seat's places are is the
        reconciler's from now on."""
        ...


class OneQueue:
    """An installation whose only queue is the hotline's."""

    def __init__(self, code: str) -> None:
        self._code = code

    async def codes(self) -> Collection[str]:
        """The one."""
        return (self._code,)
