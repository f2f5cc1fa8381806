"""Everybody who follows the ledger: within its transaction, from the outbox, or in memory alone."""

from __future__ import annotations

import logging
from collections.abc import Callable

from callcenter.platform.db.outbox import Outbox
from callcenter.telephony.calls.following import LEDGER, Following, LedgerWriter
from callcenter.telephony.calls.listener import LedgerListener
from callcenter.telephony.domain.ledger import LedgerChanges

_log = logging.getLogger(__name__)


class Audience:
    """Wiring gathers it before the reader runs. Names stay: they stand in the outbox."""

    def __init__(self, outbox: Outbox | None = None) -> None:
        self.outbox = outbox
        self.listeners: dict[str, LedgerListener] = {}
        """Within the transaction, in this order; first the ledger's own rows."""
        self._after: list[Callable[[LedgerChanges], None]] = []
        self.join("ledger", LedgerWriter())

    def join(
        self,
        name: str,
        listener: LedgerListener,
        *,
        first: bool = False,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Have `listener` hear within the transaction: after those who joined before, or `first`
        of all behind the ledger. For what must be there whenever the ledger is: cases and audio.

        What it fails on it is given by the outbox, and then `then` is called after that commit.
        """
        joined = list(self.listeners.items())
        joined.insert(1 if first else len(joined), (name, listener))
        self.listeners = dict(joined)
        if self.outbox is not None:
            self.outbox.follow(LEDGER, name, Following(listener, then=then), asked_only=True)

    def follow(
        self,
        name: str,
        listener: LedgerListener,
        *,
        wants: Callable[[LedgerChanges], bool],
        then: Callable[[], None] | None = None,
    ) -> None:
        """Have `listener` hear after the commit, in a transaction of its own, of batches that it
        `wants`; `then` is called after that one's commit."""
        if self.outbox is not None:
            self.outbox.follow(LEDGER, name, Following(listener, wants, then))

    def after_commit(self, told: Callable[[LedgerChanges], None]) -> None:
        """Have `told` called with what was committed, for what is kept in memory alone; it returns
        at once, and mends by itself what it fails on."""
        self._after.append(told)

    def committed(self, changes: LedgerChanges) -> None:
        """Tell everybody who asked for it."""
        for told in self._after:
            try:
                told(changes)
            except Exception:
                _log.exception("ledger: one who hears of commits failed")
