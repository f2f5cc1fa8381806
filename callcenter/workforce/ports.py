"""What the workforce asks of those who stand above it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from callcenter.platform.port import Port


class CaseLookup(Protocol):
    """Whether there is such a case."""

    async def get(self, number: str) -> object:
        """One case; `NotFound` ``case_not_found``."""
        ...


class Cases(CaseLookup, Protocol):
    """The cases' service."""

    async def confidential_calls(self, call_ids: Collection[str]) -> Collection[str]:
        """Those of `call_ids` whose case hides its citizen."""
        ...


class CasesAbove:
    """`Cases`, which are built after those who ask them."""

    def __init__(self) -> None:
        self.port: Port[Cases] = Port("cases")

    async def get(self, number: str) -> object:
        """See `Cases`."""
        return await self.port().get(number)

    async def confidential_calls(self, call_ids: Collection[str]) -> Collection[str]:
        """See `Cases`."""
        return await self.port().confidential_calls(call_ids)
