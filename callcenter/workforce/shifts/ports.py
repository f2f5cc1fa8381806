"""What shifts ask of other features: who people are, and when they were logged in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from callcenter.workforce.domain.attendance import PresentSpan


class People(Protocol):
    """Who users are."""

    async def names(self, user_ids: Collection[int]) -> Mapping[int, str]:
        """Names for people; users who are not (or no longer) there are left out."""
        ...


class Presence(Protocol):
    """When agents were logged in."""

    async def presence(self, user_id: int, start: datetime, end: datetime) -> Sequence[PresentSpan]:
        """The spans that share time with ``start … end``; None as an end: still logged in."""
        ...

    async def here(self) -> Collection[int]:
        """Who is logged in to a seat now."""
        ...
