"""How features hear of the ledger.

Cases and audio files hear inside the transaction that writes it: what they write is committed or
rolled back together with the ledger's rows and the journal's offset, so a crash at any instant
neither loses a case nor opens one twice. Everything else follows from the outbox, after the commit:
what goes wrong there undoes nothing and stops nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
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

        Never commits. The changes returned are published by the caller after its commit. After an
        exception it is tried again, call by call, from the outbox: the ledger goes on without.
        """
        ...
