"""What shifts ask of other features: who people are, and when they were logged in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from callcenter.workforce.domain.attendance import PresentSpan
from callcenter.workforce.domain.shifts import ShiftKind


class People(Protocol):
    """Who users are."""

    async def names(self, user_ids: Collection[int]) -> Mapping[int, str]:
        """Names for people; users who are not (or no longer) there are left out."""
        ...

    async def colleagues(self) -> Mapping[int, str]:
        """Names of all who may work at a seat at this moment."""
        ...

    async def able(self, user_ids: Collection[int]) -> Mapping[int, Collection[ShiftKind]]:
        """What those of `user_ids` may do at this moment who may do something: a disabled user
        nothing, and a seat is for whoever may sit at one."""
        ...


class Presence(Protocol):
    """When agents were logged in."""

    async def presence(self, user_id: int, start: datetime, end: datetime) -> Sequence[PresentSpan]:
        """The spans that share time with ``start … end``; None as an end: still logged in."""
        ...

    async def here(self) -> Collection[int]:
        """Who is logged in to a seat now."""
        ...
