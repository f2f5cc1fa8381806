"""The audit trail: who read or changed what, append-only and hash-chained.

A change is noted in the transaction that makes it (`record`): there is no change without an entry
and no entry without its change. A read has no transaction; its entry is committed before the
answer leaves (`Trail.note`). Reads that come at the same moment share one transaction, and the
same read by the same person within `READ_AGAIN_SECONDS` is noted once, or a screen that refreshes
would bury what matters.

Entries hold no secret and no whole number: the trail is read by more people than a case.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.access.actor import Actor, present_actor
from callcenter.people.domain.masking import map_citizen_fields, mask_field
from callcenter.people.trail import repository
from callcenter.people.trail.chain import ActorKind, Head, Scheme, digest, fault
from callcenter.people.trail.keys import ChainKey, key_of
from callcenter.people.trail.models import TrailEntry
from callcenter.people.trail.repository import TrailFilter
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database

SYSTEM = "system"
"""The actor of what no person did."""
READ_AGAIN_SECONDS = 60.0
"""Screens refresh every few seconds; a minute still tells how long somebody looked."""
REMEMBERED = 10_000
"""Reads of the last minute that are known again: 160 a second."""
_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be noted."""

    action: str
    """``area.what``, such as ``case.read``."""
    subject: str
    """What it was done to, such as ``case:20261124-00017``."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Facts (JSON values): names of what changed, filters, counts."""
    actor: str = ""
    """Empty: who asks now, or system."""
    kind: ActorKind | None = None
    """None: that of the one who asks, if `actor` is him; else the system, or a command."""


@dataclass(frozen=True, slots=True)
class Noted:
    """An entry as it stands in the trail."""

    seq: int
    at: datetime
    actor: str
    actor_kind: str
    user_id: int | None
    address: str
    action: str
    subject: str
    data: dict[str, Any]
    sha256: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `Trail.verify` found."""

    entries: int
    """Entries that follow on one another from the first on."""
    head: Head
    """Of the last one that does."""
    problem: str | None
    """The first thing that is wrong, in words; None if nothing is."""


@dataclass(frozen=True, slots=True)
class _Told:
    """An entry, and who asked when it was told: others may write it."""

    entry: Entry
    who: Actor | None


async def record(session: AsyncSession, *entries: Entry, now: datetime) -> None:
    """Append `entries` inside the unit of work that makes the change."""
    who = present_actor()
    await _append(session, [_Told(entry, who) for entry in entries], now)


async def _append(session: AsyncSession, told: Sequence[_Told], now: datetime) -> None:
    head, key = await repository.head(session), key_of(session)
    rows = []
    for one in told:
        row = _row(one, head, now, key)
        head = Head(row["seq"], row["sha256"])
        rows.append(row)
    if rows:
        await repository.append(session, rows)


def _row(told: _Told, head: Head, now: datetime, key: ChainKey | None) -> dict[str, Any]:
    entry, who = told.entry, told.who
    actor = entry.actor or (who.name if who else SYSTEM)
    known = who if who is not None and who.name == actor else None
    row: dict[str, Any] = {
        "seq": head.seq + 1,
        "at": now,
        "actor": actor[:64],
        "actor_kind": entry.kind or _kind(actor, known),
        "user_id": known.user_id if known else None,
        "address": who.address[:64] if who else "",
        "action": entry.action[:48],
        "subject": entry.subject[:128],
        "data": json.dumps(
            _without_numbers(entry.data), ensure_ascii=False, sort_keys=True, default=str
        ),
        "previous": head.sha256,
        "scheme": Scheme.KIND if key is None else Scheme.KEYED,
    }
    row["sha256"] = digest(SimpleNamespace(**row), None if key is None else key.secret)
    return row


def _without_numbers(data: Mapping[str, Any]) -> Any:
    """More people read the trail than may see numbers, also those that stand in words."""
    return map_citizen_fields(dict(data), mask_field)


def _kind(actor: str, known: Actor | None) -> ActorKind:
    if known is not None:
        return ActorKind.TOKEN if known.user_id is None else ActorKind.USER
    return ActorKind.SYSTEM if actor == SYSTEM else ActorKind.COMMAND


class Trail:
    """Notes reads, lists the trail and verifies it."""

    def __init__(
        self,
        database: Database,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._monotonic = monotonic
        self._waiting: list[_Told] = []
        self._written: asyncio.Task[None] | None = None
        """The transaction that will take what is waiting."""
        self._writing = asyncio.Lock()
        self._recent: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    async def note(self, entry: Entry) -> None:
        """Have `entry` committed when this returns; the time of one transaction, shared."""
        await asyncio.shield(self._enqueue(entry))

    async def note_read(self, entry: Entry) -> None:
        """As `note`, but once a minute for the same actor, action and subject."""
        who = present_actor()
        actor = entry.actor or (who.name if who else SYSTEM)
        key = (actor, entry.action, entry.subject)
        now = self._monotonic()
        if now < self._recent.get(key, now):
            return
        await self.note(entry)
        self._recent[key] = now + READ_AGAIN_SECONDS
        self._recent.move_to_end(key)
        if len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)

    def _enqueue(self, entry: Entry) -> asyncio.Task[None]:
        self._waiting.append(_Told(entry, present_actor()))
        if self._written is None:
            self._written = asyncio.create_task(self._flush())
        return self._written

    async def _flush(self) -> None:
        async with self._writing:
            # From here on, whoever comes begins the next transaction.
            batch, self._waiting, self._written = self._waiting, [], None
            async with self._database.writing() as session:
                await _append(session, batch, self._clock())

    async def page(self, wanted: TrailFilter, *, before: int | None, limit: int) -> Sequence[Noted]:
        """Up to `limit` entries, newest first, with numbers below `before`."""
        async with self._database.reading() as session:
            rows = await repository.newest_first(session, wanted, before=before, limit=limit)
        return [_noted(row) for row in rows]

    async def verify(self, *noted: Head | None, key: ChainKey | None = None) -> Verdict:
        """Walk the whole chain. `noted` are heads that were written down outside earlier; `key` is
        what entries are signed with, if the database is not known to have one."""
        head, lowest = Head(), int(Scheme.PLAIN)
        heads = {one.seq: one for one in noted if one is not None}
        async with self._database.reading() as session:
            key = key or key_of(session)
            secret = None if key is None else key.secret
            while rows := await repository.following(session, head.seq, _CHUNK):
                for row in rows:
                    if key is not None and row.seq >= key.since:
                        lowest = int(Scheme.KEYED)
                    problem = fault(head, row, row.sha256, lowest=lowest, key=secret)
                    if problem is None and row.seq in heads:
                        problem = _unlike(row, heads[row.seq])
                    if problem is not None:
                        return Verdict(head.seq, head, problem)
                    head, lowest = Head(row.seq, row.sha256), max(lowest, row.scheme)
                session.expunge_all()
        last = max(heads, default=0)
        if head.seq < last:
            return Verdict(head.seq, head, f"the end was cut off: entry {last} was noted")
        return Verdict(head.seq, head, None)


def _unlike(row: TrailEntry, noted: Head) -> str | None:
    if row.sha256 == noted.sha256:
        return None
    return f"entry {row.seq} is another one than was noted"


def _noted(row: TrailEntry) -> Noted:
    return Noted(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        actor_kind=row.actor_kind,
        user_id=row.user_id,
        address=row.address,
        action=row.action,
        subject=row.subject,
        data=json.loads(row.data),
        sha256=row.sha256,
    )
