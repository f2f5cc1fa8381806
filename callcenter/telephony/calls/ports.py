"""What the ledger's readers ask of those who stand above them."""

from __future__ import annotations

from typing import Protocol


class CaseNumbers(Protocol):
    """Which case a call opened: the cases fill it."""

    async def number_of_call(self, call_id: str) -> str | None:
        """The number of the call's case; None if it opened none."""
        ...
