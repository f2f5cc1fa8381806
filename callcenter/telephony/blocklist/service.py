"""The blocklist: numbers that are told so and not put through.

A number is one that `platform.domain.numbers.normalise` can tell from others: callers without a
number cannot be blocked, for that would shut out everybody who hides theirs. An expired entry stays
as history until it is removed or the number is blocked again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from callcenter.people.domain.masking import mask_number
from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.domain.numbers import blocks_nobody, normalise
from callcenter.platform.errors import BadInput, Conflict, NotFound, VersionConflict
from callcenter.platform.versions import check_version, version_of
from callcenter.telephony.blocklist import repository
from callcenter.telephony.blocklist.models import BlockedNumber
from callcenter.telephony.domain.route_default import BlockedUntil

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Blocked:
    """One entry of the blocklist."""

    id: int
    number: str
    reason: str
    until: datetime | None
    """None: for good."""
    created_by: str
    created_at: datetime
    active: bool
    """Whether it blocks now; False once `until` has passed."""

    @property
    def version(self) -> int:
        """Of what people write of it."""
        return version_of(self.id, self.reason, self.until, self.created_at)


class BlocklistService:
    """Reads and changes the blocklist."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that changed something."""
        self._listeners.append(listener)

    async def standing(self) -> Sequence[BlockedUntil]:
        """Every number that is blocked now, for the PBX's own default."""
        now = self._clock()
        async with self._database.reading() as session:
            rows = await repository.standing(session, now)
        return [BlockedUntil(number, until) for number, until in rows]

    async def is_blocked(self, number: str) -> bool:
        """Whether the caller `number` (in any form) is blocked now."""
        normal = normalise(number)
        if not normal:
            return False
        now = self._clock()
        return await self._database.read(
            lambda connection: repository.active(connection, normal, now)
        )

    async def page(
        self, *, before_id: int | None, number: str | None, limit: int
    ) -> Sequence[Blocked]:
        """Up to `limit` entries, newest first, with ids below `before_id`.

        `number` (in any form) asks for that number alone.
        """
        wanted = None if number is None else normalise(number)
        async with self._database.reading() as session:
            rows = await repository.newest_first(
                session, before_id=before_id, number=wanted, limit=limit
            )
        now = self._clock()
        return [_blocked(row, now) for row in rows]

    async def get(self, blocked_id: int) -> Blocked:
        """One entry; `NotFound`."""
        async with self._database.reading() as session:
            return _blocked(_found(await repository.by_id(session, blocked_id)), self._clock())

    async def add(self, number: str, *, reason: str, until: datetime | None, actor: str) -> Blocked:
        """Block `number` (in any form) until `until`, or for good.

        An expired entry of the number is made new. Errors: `BadInput` ``anonymous_number`` or
        ``bad_number`` if no caller can have it, ``until_in_the_past``; `Conflict`
        ``already_blocked`` with the entry's id.
        """
        normal = number_of_a_caller(number)
        now = self._clock()
        _check_until(until, now)
        try:
            async with self._database.writing() as session:
                row = await repository.by_number(session, normal)
                if row is None:
                    row = BlockedNumber(number=normal)
                    session.add(row)
                elif _active(row.until, now):
                    raise _already_blocked(normal, row.id)
                row.reason, row.until = reason, until
                row.created_by, row.created_at = actor, now
                await session.flush()
                await record(session, _entry("blocklist.added", row, actor), now=now)
        except IntegrityError as error:
            # Another process was faster; on SQLite writers queue, so only a server database.
            async with self._database.reading() as session:
                present = await repository.by_number(session, normal)
            raise _already_blocked(normal, present.id if present else None) from error
        _log.info("blocked number added id=%d by=%s", row.id, actor)
        self._changed()
        return _blocked(row, now)

    async def change(self, blocked_id: int, changes: BlockedChanges, *, actor: str) -> Blocked:
        """Change reason or end of an entry; `NotFound`, `BadInput` ``until_in_the_past``."""
        now = self._clock()
        async with self._database.writing() as session:
            row = _found(await repository.by_id(session, blocked_id))
            check_version(_blocked(row, now).version, "the entry")
            if changes.reason is not None:
                row.reason = changes.reason
            if changes.set_until:
                _check_until(changes.until, now)
                row.until = changes.until
            await record(session, _entry("blocklist.changed", row, actor), now=now)
        _log.info("blocked number changed id=%d by=%s", blocked_id, actor)
        self._changed()
        return _blocked(row, now)

    async def all(self) -> Sequence[Blocked]:
        """Every entry, oldest first."""
        now = self._clock()
        async with self._database.reading() as session:
            return [_blocked(row, now) for row in await repository.all_of_them(session)]

    async def save(
        self,
        new: Sequence[NewBlock],
        changes: Sequence[tuple[Blocked, BlockedChanges]],
        *,
        actor: str,
    ) -> None:
        """Block the `new` numbers and change entries, each as it was when it was looked at, all or
        none.

        Errors: `BadInput` ``until_in_the_past``; `Conflict` ``already_blocked``; `VersionConflict`
        if one is not as it was.
        """
        now = self._clock()
        for until in (
            *(one.until for one in new),
            *(wish.until for _, wish in changes if wish.set_until),
        ):
            _check_until(until, now)
        rows: list[BlockedNumber] = []
        try:
            async with self._database.writing() as session:
                there = {row.number: row for row in await repository.all_of_them(session)}
                for one in new:
                    if (present := there.get(one.number)) is not None:
                        raise _already_blocked(one.number, present.id)
                    rows.append(
                        BlockedNumber(
                            number=one.number,
                            reason=one.reason,
                            until=one.until,
                            created_by=actor,
                            created_at=now,
                        )
                    )
                session.add_all(rows)
                await session.flush()
                entries = [_entry("blocklist.added", row, actor) for row in rows]
                for before, wish in changes:
                    row = _found(there.get(before.number))
                    if _blocked(row, now).version != before.version:
                        raise VersionConflict(
                            f"the entry {row.id} was changed meanwhile: try it anew",
                            version=_blocked(row, now).version,
                        )
                    if wish.reason is not None:
                        row.reason = wish.reason
                    if wish.set_until:
                        row.until = wish.until
                    entries.append(_entry("blocklist.changed", row, actor))
                await session.flush()
                await record(session, *entries, now=now)
        except IntegrityError as error:
            # Another process was faster; on SQLite writers queue, so only a server database.
            raise _already_blocked(new[0].number if new else "a number", None) from error
        if entries:
            _log.info("blocklist: %d added, %d changed by=%s", len(new), len(changes), actor)
            self._changed()

    async def remove(self, blocked_id: int, *, actor: str) -> None:
        """Put the number through again; `NotFound`."""
        async with self._database.writing() as session:
            row = _found(await repository.by_id(session, blocked_id))
            check_version(_blocked(row, self._clock()).version, "the entry")
            await session.delete(row)
            await record(session, _entry("blocklist.removed", row, actor), now=self._clock())
        _log.info("blocked number removed id=%d by=%s", blocked_id, actor)
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


@dataclass(frozen=True, slots=True)
class NewBlock:
    """A number to be blocked, as `number_of_a_caller` gave it."""

    number: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class BlockedChanges:
    """What to change; None and `set_until` False leave things as they are."""

    reason: str | None = None
    until: datetime | None = None
    set_until: bool = False


def number_of_a_caller(number: str) -> str:
    """`number`, in any form, normalised; `BadInput` ``anonymous_number`` or ``bad_number`` if no
    caller can have it."""
    normal = normalise(number)
    if not normal:
        raise BadInput(
            "number: callers without a number cannot be blocked", code="anonymous_number"
        )
    if (problem := blocks_nobody(normal)) is not None:
        raise BadInput(f"number: {problem}", code="bad_number")
    return normal


def _found(row: BlockedNumber | None) -> BlockedNumber:
    if row is None:
        raise NotFound("no such entry in the blocklist", code="blocked_number_not_found")
    return row


def _entry(action: str, row: BlockedNumber, actor: str) -> Entry:
    data = {"number": mask_number(row.number), "until": row.until}
    return Entry(action, f"blocklist:{row.id}", data, actor)


def _check_until(until: datetime | None, now: datetime) -> None:
    if until is not None and until <= now:
        raise BadInput("until: must be in the future", code="until_in_the_past")


def _already_blocked(number: str, blocked_id: int | None) -> Conflict:
    return Conflict(
        f"{number} is blocked already; change that entry instead",
        code="already_blocked",
        id=blocked_id,
        number=number,
    )


def _active(until: datetime | None, now: datetime) -> bool:
    return until is None or until > now


def _blocked(row: BlockedNumber, now: datetime) -> Blocked:
    return Blocked(
        id=row.id,
        number=row.number,
        reason=row.reason,
        until=row.until,
        created_by=row.created_by,
        created_at=row.created_at,
        active=_active(row.until, now),
    )
