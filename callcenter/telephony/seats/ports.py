"""What telephony asks of those who stand above it, about seats."""

from __future__ import annotations

from typing import Protocol

from callcenter.telephony.domain.ids import Extension


class Sitting(Protocol):
    """Who sits where: the agents fill it."""

    def at(self, seat: Extension) -> int | None:
        """The user who is logged in at `seat`; None: nobody is."""
        ...

    async def seat_of(self, user_id: int) -> str | None:
        """The seat that the user is logged in to, or None; also for who is no agent at all."""
        ...
