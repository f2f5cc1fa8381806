"""How features hear of the ledger: inside the transaction that writes it.

What a listener writes is committed or rolled back together with the ledger's rows and the
journal's offset, so a crash at any instant neither loses a case nor opens one twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.broadcast import Change
from callcenter.telephony.domain.ledger import LedgerChanges


class LedgerListener(Protocol):
    """Follows the ledger.

    A listener must be idempotent: a row comes again whenever it changes, and every row comes
    again after a rebuild.
    """

    async def on_ledger(self, session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
        """Take over `changes`, each row in its newest form, through `session` only.

        Never commits. The changes returned are published by the caller after its commit. An
        exception rolls the whole batch back, and it is tried again: raise only if going on would
        lose something.
        """
        ...


class Audience:
    """Everybody who follows the ledger; wiring gathers them before the reader runs."""

    def __init__(self) -> None:
        self.listeners: list[LedgerListener] = []
        """Within the transaction, in this order."""
        self._after: list[Callable[[LedgerChanges], None]] = []

    def join(self, listener: LedgerListener, *, first: bool = False) -> None:
        """Have `listener` hear within the transaction: after those who joined before, or `first`
        of all."""
        self.listeners.insert(0 if first else len(self.listeners), listener)

    def after_commit(self, told: Callable[[LedgerChanges], None]) -> None:
        """Have `told` called with what was committed; it must not raise, and returns at once."""
        self._after.append(told)

    def committed(self, changes: LedgerChanges) -> None:
        """Tell everybody who asked for it."""
        for told in self._after:
            told(changes)
