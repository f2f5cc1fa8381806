"""The ledger as a topic of the outbox: what a batch changed, by call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.broadcast import Change
from callcenter.telephony.calls import repository
from callcenter.telephony.calls.listener import LedgerListener
from callcenter.telephony.domain.ledger import CallRow, LedgerChanges, LedgerRow

_FORM = TypeAdapter(LedgerChanges)
_KINDS = tuple(field.name for field in fields(LedgerChanges))


class LedgerTopic:
    """`LedgerChanges` as JSON; what belongs to one call stays in its order."""

    name = "ledger"

    def encode(self, body: LedgerChanges) -> str:
        """As JSON."""
        return _FORM.dump_json(body).decode()

    def decode(self, text: str) -> LedgerChanges:
        """What `encode` wrote; `ValueError` if it is none."""
        return _FORM.validate_json(text)

    def parts(self, body: LedgerChanges) -> Mapping[str, LedgerChanges]:
        """By call."""
        found: dict[str, list[LedgerRow]] = defaultdict(list)
        for kind in _KINDS:
            for row in getattr(body, kind):
                found[row.id if isinstance(row, CallRow) else row.call_id].append(row)
        return {call: LedgerChanges.of(rows) for call, rows in found.items()}


LEDGER = LedgerTopic()


def calls_in(changes: LedgerChanges) -> set[str]:
    """The calls that `changes` are of."""
    return {
        row.id if isinstance(row, CallRow) else row.call_id
        for kind in _KINDS
        for row in getattr(changes, kind)
    }


class Following:
    """A `LedgerListener` as a consumer of the outbox."""

    def __init__(
        self,
        listener: LedgerListener,
        wants: Callable[[LedgerChanges], bool] | None = None,
        then: Callable[[], None] | None = None,
    ) -> None:
        self._listener = listener
        self._wants = wants
        self._then = then

    def wants(self, body: LedgerChanges) -> bool:
        """See `outbox.Consumer`."""
        return self._wants is None or self._wants(body)

    async def take(self, session: AsyncSession, body: LedgerChanges) -> Sequence[Change]:
        """See `outbox.Consumer`."""
        return await self._listener.on_ledger(session, body)

    def taken(self) -> None:
        """See `outbox.Consumer`."""
        if self._then is not None:
            self._then()


class LedgerWriter:
    """The ledger's own rows, the first that hears of a batch."""

    async def on_ledger(self, session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
        """Insert or replace them."""
        await repository.write_changes(session, changes)
        return ()
