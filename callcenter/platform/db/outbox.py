"""The outbox: what follows from something that is committed, after its commit, once each.

Whoever writes something that others follow puts one entry beside it, in the same transaction. Each
consumer takes it in a transaction of his own in which the entry is also crossed off: a process that
is killed at any instant loses nothing and doubles nothing, and no consumer can undo, delay or stop
what he follows (decision 27).

- Entries are taken in their order. What a consumer fails on is split by key and tried again with
  growing pauses; whatever comes of that key waits behind it, everything else goes on.
- After `attempts` times it is parked, with its reason, until somebody says to try again. Health and
  metrics say so, ``callcenter outbox`` lists it.
- A database that is away is no consumer's fault: it counts for nobody and is waited for.
- Nothing is written when nobody follows.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.broadcast import Change
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db import outbox_rows as rows
from callcenter.platform.db.engine import Database
from callcenter.platform.db.models import OutboxEntry
from callcenter.platform.db.unavailable import DatabaseUnavailable

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
LOOK_SECONDS = 5.0
"""What another process put in, or said to try again, is seen so much later."""
AWAY_SECONDS = 1.0
SEEN = 10_000
"""Entries remembered: those of a quarter of an hour at 10 calls a second."""
TOGETHER_SECONDS = 0.25
"""What comes within so long is taken in one transaction, which costs the same for one entry as for
some: a call-back, or a fact about an agent, that comes a moment later does no harm."""
AT_ONCE = 50
"""Entries taken in one transaction, if there are many: of a tenth of a second."""


class Consumer(Protocol):
    """Follows a topic."""

    def wants(self, body: Any) -> bool:
        """Whether anything is to be done for `body`; quick, reads nothing."""
        ...

    async def take(self, session: AsyncSession, body: Any) -> Sequence[Change]:
        """Do it, through `session` only; never commits. Idempotent in what it does elsewhere.

        The changes returned are published after the commit.
        """
        ...

    def taken(self) -> None:
        """The commit is done."""
        ...


class Topic(Protocol):
    """What the bodies of a topic are."""

    @property
    def name(self) -> str: ...
    def encode(self, body: Any) -> str: ...
    def decode(self, text: str) -> Any: ...
    def parts(self, body: Any) -> Mapping[str, Any]:
        """`body` by key; what belongs to one key must stay in its order."""
        ...


@dataclass(slots=True)
class Entry:
    """An entry that was put in, and who has not taken it."""

    id: int
    topic: str
    body: Any
    consumers: Sequence[str]
    """Whoever it was put in for."""
    left: list[str]
    """Who has not taken it."""


@dataclass(slots=True)
class OutboxState:
    """How the outbox does; for health and metrics."""

    waiting: int = 0
    """Rows that are tried again, or wait behind one that is."""
    parked: int = 0
    taken: int = 0
    """Entries since this process began."""
    failures: int = 0
    problem: str = ""
    """Of the oldest row that is not taken, or of the database."""
    away: bool = False
    names: Mapping[str, int] = field(default_factory=dict)
    """Rows that are not taken, by consumer."""


class Outbox:
    """The outbox of one process; `run` it as a task."""

    def __init__(
        self,
        database: Database,
        *,
        attempts: int,
        publish: Callable[[Change], None] = lambda _change: None,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._attempts = attempts
        self._publish = publish
        self._clock = clock
        self._topics: dict[str, Topic] = {}
        self._consumers: dict[str, tuple[str, Consumer]] = {}
        self._asked_only: set[str] = set()
        self._fresh: deque[Entry] = deque()
        self._seen: dict[int, None] = {}
        """The last entries that came, by whichever way: none comes twice."""
        self._owed: Counter[str] = Counter()
        self._held: dict[str, set[str]] = {}
        """Keys of each consumer whose rows are tried again or parked: what comes waits behind."""
        self._stale = True
        """The table holds what we have not seen."""
        self._try_at: datetime | None = None
        """When the first of what failed is due."""
        self._loaded = False
        self._wake = asyncio.Event()
        self.state = OutboxState()

    def follow(
        self, topic: Topic, name: str, consumer: Consumer, *, asked_only: bool = False
    ) -> None:
        """Have `consumer` take what is put into `topic`: what he wants, or with `asked_only` what
        is put in for him by name."""
        self._topics[topic.name] = topic
        self._consumers[name] = (topic.name, consumer)
        if asked_only:
            self._asked_only.add(name)

    # -- who puts something in ----------------------------------------------------------------

    def owes(self, name: str, keys: Sequence[str]) -> bool:
        """Whether something that was put in for `name` before must come before `keys`: all that
        waits to be taken, and what has failed of these keys."""
        return (
            not self._loaded
            or self._owed[name] > 0
            or not self._held.get(name, set()).isdisjoint(keys)
        )

    async def put(
        self, session: AsyncSession, topic: str, body: Any, *, also: Sequence[str] = ()
    ) -> Entry | None:
        """Put `body` in, for who wants it and for `also`; hand the entry to `committed` then."""
        wanted = (
            name
            for name, (of, consumer) in self._consumers.items()
            if of == topic and name not in self._asked_only and _wants(name, consumer, body)
        )
        names = [*also, *wanted]
        if not names:
            return None
        text = self._topics[topic].encode(body)
        made = await rows.add(session, topic, names, text, self._clock())
        return Entry(made, topic, body, names, list(names))

    def committed(self, entry: Entry | None) -> None:
        """`entry` is committed: take it soon."""
        if entry is not None and entry.id not in self._seen:
            self._add(entry)
            self._wake.set()

    def _add(self, entry: Entry) -> None:
        self._seen[entry.id] = None
        if len(self._seen) > SEEN:
            del self._seen[next(iter(self._seen))]
        self._fresh.append(entry)
        self._owed.update(entry.consumers)

    # -- taking -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Take what is put in, until cancelled."""
        while True:
            self._wake.clear()
            rest = LOOK_SECONDS
            try:
                await self.take_all()
                self.state.away = False
                if self._try_at is not None:
                    left = (self._try_at - self._clock()).total_seconds()
                    rest = min(max(left, 0.01), LOOK_SECONDS)
            except DatabaseUnavailable as error:
                self.state.away, self.state.problem = True, str(error)
                _log.error("outbox: the database is away, trying again: %s", error)
                rest = AWAY_SECONDS
            try:
                async with asyncio.timeout(rest):
                    await self._wake.wait()
                await asyncio.sleep(TOGETHER_SECONDS)
            except TimeoutError:
                self._stale = True

    async def load(self) -> None:
        """Look what another process, or the one before, left or put in."""
        async with self._database.reading() as session:
            whole = await rows.whole(session)
            split = await rows.split(session)
        for row in whole:
            if row.id in self._seen:
                continue
            try:
                body = self._topics[row.topic].decode(row.body)
            except Exception as error:
                await self._split(row.id, row.topic, row.consumers, {"?": row.body}, _said(error))
                continue
            self._add(Entry(row.id, row.topic, body, row.consumers, list(row.consumers)))
        self._look(split)
        self._stale, self._loaded = False, True

    async def take_all(self) -> None:
        """Take everything that is there and due."""
        if self._stale:
            await self.load()
        while self._fresh:
            some = list(islice(self._fresh, AT_ONCE))
            try:
                await self._take(some)
            except DatabaseUnavailable:
                raise
            except Exception:
                # Whose fault it is is seen when each takes each by himself.
                for entry in some:
                    await self._take_each(entry)
            for entry in some:
                self._fresh.popleft()
                self._owed.subtract(entry.consumers)
                self.state.taken += 1
        if self._try_at is not None and self._try_at <= self._clock():
            await self._try_again()

    async def _take(self, entries: Sequence[Entry]) -> None:
        """All of them in one transaction: the way of every day."""

        async def taken(session: AsyncSession) -> list[Change]:
            changes: list[Change] = []
            for entry in entries:
                for name in entry.left:
                    changes += await self._give(session, entry, name)
            await rows.forget(session, [entry.id for entry in entries])
            return changes

        changes = await self._database.write_at_once(taken)
        self._done({name for entry in entries for name in entry.left}, changes)

    async def _give(self, session: AsyncSession, entry: Entry, name: str) -> list[Change]:
        """Have `name` take `entry`, but for what must wait behind something that failed."""
        held = self._held.get(name, set())
        parts = self._topics[entry.topic].parts(entry.body) if held else {}
        waits = {key: part for key, part in parts.items() if key in held}
        bodies = [entry.body]
        if waits:
            bodies = [part for key, part in parts.items() if key not in held]
            texts = self._texts(entry.topic, waits)
            await rows.add_split(session, entry.topic, name, texts, self._clock())
        changes: list[Change] = []
        for body in bodies:
            changes += await self._consumers[name][1].take(session, body)
            await session.flush()
        return changes

    async def _take_each(self, entry: Entry) -> None:
        """Each consumer by himself; who fails has the entry split by its keys, and fails alone."""
        for name in tuple(entry.left):
            try:
                async with self._database.writing() as session:
                    changes = await self._give(session, entry, name)
                    await rows.cross_off(session, entry.id, name)
                entry.left.remove(name)
                self._done({name}, changes)
            except DatabaseUnavailable:
                raise
            except Exception as error:
                _log.exception("outbox: %s failed on entry %d", name, entry.id)
                self.state.failures += 1
                texts = self._texts(entry.topic, self._topics[entry.topic].parts(entry.body))
                await self._split(entry.id, entry.topic, [name], texts, _said(error))
                entry.left.remove(name)

    async def _split(
        self, entry_id: int, topic: str, names: Sequence[str], texts: Mapping[str, str], why: str
    ) -> None:
        now = self._clock()
        async with self._database.writing() as session:
            for name in names:
                await rows.add_split(session, topic, name, texts, now, problem=why)
                await rows.cross_off(session, entry_id, name)
        for name in names:
            self._held.setdefault(name, set()).update(texts)
        self._try_at = now

    def _texts(self, topic: str, parts: Mapping[str, Any]) -> dict[str, str]:
        return {key: self._topics[topic].encode(part) for key, part in parts.items()}

    def _done(self, names: set[str], changes: Sequence[Change]) -> None:
        for name in names:
            try:
                self._consumers[name][1].taken()
            except Exception:
                _log.exception("outbox: %s failed after the commit", name)
        for change in changes:
            self._publish(change)

    # -- trying again -------------------------------------------------------------------------

    async def _try_again(self) -> None:
        """The first row of each consumer and key that is due; then the next."""
        while True:
            async with self._database.reading() as session:
                split = await rows.split(session)
            self._look(split)
            now = self._clock()
            heads: dict[tuple[str, str], OutboxEntry] = {}
            for row in split:
                heads.setdefault((row.consumers[0], row.key), row)
            living = [row for row in heads.values() if row.parked_at is None]
            due = [row for row in living if row.due_at <= now]
            self._try_at = min((row.due_at for row in living), default=None)
            if not due:
                return
            for row in due:
                await self._try(row)

    async def _try(self, row: OutboxEntry) -> None:
        name = row.consumers[0]
        known = self._consumers.get(name)
        try:
            if known is None:
                raise LookupError(f"nobody is called {name} any more")
            body = self._topics[row.topic].decode(row.body)
            async with self._database.writing() as session:
                changes = await known[1].take(session, body)
                await session.flush()
                await rows.forget(session, [row.id])
            self._done({name}, changes)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            attempts = row.attempts + 1
            parked = attempts >= self._attempts
            _log.exception(
                "outbox: %s failed on %s, attempt %d%s",
                name, row.key, attempts, ": parked" if parked else "",
            )  # fmt: skip
            self.state.failures += 1
            now = self._clock()
            pause = min(FIRST_PAUSE_SECONDS * 2 ** min(attempts, 16), LONGEST_PAUSE_SECONDS)
            async with self._database.writing() as session:
                await rows.failed(
                    session,
                    row.id,
                    attempts,
                    problem=_said(error),
                    due_at=now + timedelta(seconds=pause),
                    parked_at=now if parked else None,
                )

    def _look(self, split: Sequence[OutboxEntry]) -> None:
        self._held = {}
        for row in split:
            self._held.setdefault(row.consumers[0], set()).add(row.key)
        self._try_at = self._clock() if split else None
        state = self.state
        state.parked = sum(row.parked_at is not None for row in split)
        state.waiting = len(split) - state.parked
        state.names = Counter(row.consumers[0] for row in split)
        state.problem = next((row.problem for row in split if row.problem), "")


def _wants(name: str, consumer: Consumer, body: Any) -> bool:
    """What cannot say whether it wants something gets it: it fails where nobody waits for it."""
    try:
        return consumer.wants(body)
    except Exception:
        _log.exception("outbox: %s cannot say whether it wants an entry", name)
        return True


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2000]


@dataclass(frozen=True, slots=True)
class Untaken:
    """A row that is not taken, for people."""

    id: int
    topic: str
    consumer: str
    key: str
    created_at: datetime
    attempts: int
    due_at: datetime
    parked_at: datetime | None
    problem: str


async def untaken(database: Database) -> Sequence[Untaken]:
    """What is tried again, parked, or waits behind such."""
    async with database.reading() as session:
        found = await rows.split(session)
    return [
        Untaken(
            row.id, row.topic, ", ".join(row.consumers), row.key, row.created_at, row.attempts,
            row.due_at, row.parked_at, row.problem,
        )
        for row in found
    ]  # fmt: skip


async def retry(database: Database, entry_id: int | None, *, clock: Clock = utc_now) -> int:
    """Have what is parked tried again, one or all of it, with all attempts; how many there were.
    The service sees it within `LOOK_SECONDS`."""
    async with database.writing() as session:
        return await rows.retry(session, entry_id, clock())
