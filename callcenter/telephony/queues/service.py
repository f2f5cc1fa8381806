"""Queues, direct numbers and menu keys as an admin defines them; the reconciler has the PBX match.

Nothing here talks to the PBX: a change is committed, then whoever must know is told
(`on_change`). The main queue, called like the hotline's number, is always there and enabled. A
queue that something leads to cannot be removed; a disabled one takes no new callers, and those
who wait in it are served.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.domain.dialling import EMERGENCY
from callcenter.platform.errors import BadInput, Conflict, NotFound
from callcenter.platform.versions import check_version, version_of
from callcenter.telephony.domain.queues import (
    MENU_KEYS,
    MenuKey,
    PbxQueues,
    QueuePlan,
    Strategy,
    bare_number,
    closes_loop,
    is_queue_code,
    is_transfer_number,
    pbx_queues,
)
from callcenter.telephony.domain.seating import is_seat_extension
from callcenter.telephony.queues import repository
from callcenter.telephony.queues.first import first_menu, main_queue
from callcenter.telephony.queues.models import Queue, QueueMenuKey, QueueNumber

_log = logging.getLogger(__name__)

_COLUMNS = tuple(field.name for field in fields(QueuePlan))
CHANGEABLE = frozenset(_COLUMNS) - {"code"}


@dataclass(frozen=True, slots=True)
class QueueInfo:
    """A queue, as it is kept."""

    plan: QueuePlan
    is_main: bool
    created_at: datetime
    updated_at: datetime

    @property
    def version(self) -> int:
        """Of what people write of it; a queue made anew has another than the one before."""
        return version_of(self.plan, self.created_at)


@dataclass(frozen=True, slots=True)
class NumberInfo:
    """A number that is answered."""

    number: str
    queue: str
    note: str
    from_settings: bool
    """Answered whatever the table says; without a row it leads to the main queue."""

    @property
    def version(self) -> int:
        """Of what people write of it."""
        return version_of(self.number, self.queue, self.note)


class QueueService:
    """Reads and changes them."""

    def __init__(self, database: Database, settings: Settings, clock: Clock = utc_now) -> None:
        self._database = database
        self._settings = settings
        self._main = settings.hotline_number
        own = (settings.hotline_number, *settings.extra_numbers)
        self._own_numbers = tuple(filter(None, map(bare_number, own)))
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []

    @property
    def main(self) -> str:
        """The code of the main queue."""
        return self._main

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that changed something."""
        self._listeners.append(listener)

    async def ensure_first(self) -> None:
        """Make the main queue of the settings if there is none of that code; and the menu's first
        keys with the very first queue."""
        async with self._database.writing() as session:
            if await repository.by_code(session, self._main) is not None:
                return
            known = await repository.queues(session)
            plan = main_queue(self._settings)
            if any(row.transfer_number == plan.transfer_number for row in known):
                plan = _with(plan, {"transfer_number": None})
            session.add(self._new(plan))
            await session.flush()
            if not known:
                for key in first_menu(self._settings):
                    session.add(self._new_key(key))
        self._changed()

    # -- for the PBX and the other features -----------------------------------------------------

    async def plans(self) -> Sequence[QueuePlan]:
        """Every queue, enabled or not, by code."""
        async with self._database.reading() as session:
            return [_plan(row) for row in await repository.queues(session)]

    async def pbx(self) -> PbxQueues:
        """What the PBX must know."""
        async with self._database.reading() as session:
            plans = [_plan(row) for row in await repository.queues(session)]
            numbers = {row.number: row.queue for row in await repository.numbers(session)}
            menu = [_key(row) for row in await repository.menu_keys(session)]
        if not any(plan.code == self._main for plan in plans):
            plans.append(main_queue(self._settings))
        return pbx_queues(
            self._main, plans, own_numbers=self._own_numbers, numbers=numbers, menu=menu
        )

    async def transfer_numbers(self) -> Mapping[str, str]:
        """What a seat may dial to reach a queue, and which: of enabled queues."""
        return {
            plan.transfer_number: plan.code
            for plan in await self.plans()
            if plan.enabled and plan.transfer_number
        }

    async def queue_of_number(self, dialled: str) -> str:
        """The queue that a caller of `dialled` comes into; the main one if no other is meant."""
        digits = bare_number(dialled)
        if digits is None:
            return self._main
        found = await self._database.read(
            lambda connection: repository.queue_of_number(connection, digits)
        )
        return found or self._main

    # -- queues -------------------------------------------------------------------------------

    async def page(self) -> Sequence[QueueInfo]:
        """Every queue, by code: there are never many."""
        async with self._database.reading() as session:
            return [self._info(row) for row in await repository.queues(session)]

    async def get(self, code: str) -> QueueInfo:
        """One queue; `NotFound` ``queue_not_found``."""
        async with self._database.reading() as session:
            return self._info(_found(await repository.by_code(session, code), code))

    async def create(self, plan: QueuePlan, *, actor: str) -> QueueInfo:
        """Make a queue; callers can be sent there within a second.

        Errors: `BadInput` ``bad_queue_code``, ``bad_transfer_number``; `NotFound`
        ``queue_not_found`` (the overflow); `Conflict` ``queue_exists``,
        ``transfer_number_taken``, ``overflow_loop``.
        """
        if not is_queue_code(plan.code):
            raise BadInput(
                "code: 2 to 20 small letters and digits, and no word of the PBX's own (general,"
                " hotline, default)",
                code="bad_queue_code",
            )
        row = self._new(plan)
        try:
            async with self._database.writing() as session:
                if await repository.by_code(session, plan.code) is not None:
                    raise _queue_exists(plan.code)
                await self._check(session, plan)
                session.add(row)
                await self._note(session, "queue.created", f"queue:{plan.code}", actor)
        except IntegrityError as error:
            # Another process was faster; on SQLite writers queue, so only a server database.
            raise _queue_exists(plan.code) from error
        _log.info("queue %s made by=%s", plan.code, actor)
        self._changed()
        return self._info(row)

    async def change(self, code: str, changes: Mapping[str, Any], *, actor: str) -> QueueInfo:
        """Change what `changes` names (fields of `QueuePlan` but the code). Calls in progress go
        on; who waits gets the new values from his next announcement or offer on.

        Errors: as of `create`; `NotFound` ``queue_not_found``; `Conflict` ``main_queue``.
        """
        unknown = changes.keys() - CHANGEABLE
        if unknown:
            raise ValueError(f"no fields of a queue that can be changed: {sorted(unknown)}")
        async with self._database.writing() as session:
            row = _found(await repository.by_code(session, code), code)
            before = _plan(row)
            check_version(self._info(row).version, f"queue {code}")
            plan = _with(before, changes)
            if plan == before:
                return self._info(row)
            if not plan.enabled and code == self._main:
                raise _main_queue(code, "disabled")
            await self._check(session, plan)
            changed = sorted(name for name in changes if getattr(before, name) != changes[name])
            for name in changed:
                setattr(row, name, getattr(plan, name))
            row.updated_at = self._clock()
            await self._note(session, "queue.changed", f"queue:{code}", actor, fields=changed)
        _log.info("queue %s changed by=%s", code, actor)
        self._changed()
        return self._info(row)

    async def remove(self, code: str, *, actor: str) -> None:
        """Remove a queue; who waits in it is still served, its calls and figures stay.

        Errors: `NotFound` ``queue_not_found``; `Conflict` ``main_queue``; ``queue_in_use`` while
        numbers, keys or overflows lead to it.
        """
        if code == self._main:
            raise _main_queue(code, "removed")
        async with self._database.writing() as session:
            row = _found(await repository.by_code(session, code), code)
            check_version(self._info(row).version, f"queue {code}")
            users = await _users(session, code)
            if users:
                raise Conflict(
                    f"queue {code} is still used by {', '.join(users)}; lead those elsewhere first,"
                    " or disable the queue",
                    code="queue_in_use",
                    used_by=users,
                )
            await session.delete(row)
            await self._note(session, "queue.removed", f"queue:{code}", actor)
        _log.info("queue %s removed by=%s", code, actor)
        self._changed()

    async def _check(self, session: AsyncSession, plan: QueuePlan) -> None:
        """That `plan` fits beside the other queues."""
        others = [_plan(row) for row in await repository.queues(session)]
        others = [other for other in others if other.code != plan.code]
        number = plan.transfer_number
        if number is not None:
            if not is_transfer_number(number) or is_seat_extension(
                number, self._settings.first_seat
            ):
                raise BadInput(
                    "transfer_number: 2 to 8 digits, but not as many as a seat has beginning with"
                    " the same digit",
                    code="bad_transfer_number",
                )
            if (taken := self._shadowed(number)) is not None:
                raise BadInput(
                    f"transfer_number: {number} is {taken}; who dials it would reach this queue",
                    code="bad_transfer_number",
                    number=number,
                )
            for other in others:
                if other.transfer_number == number:
                    raise Conflict(
                        f"transfer_number: {number} is that of queue {other.code} already",
                        code="transfer_number_taken",
                        queue=other.code,
                    )
        if plan.overflow is not None:
            if plan.overflow not in {other.code for other in others} | {plan.code}:
                raise _no_queue(plan.overflow)
            if closes_loop([*others, plan]):
                raise Conflict(
                    f"overflow: from {plan.overflow} callers would come back to {plan.code}; end"
                    " the chain with a voice message (null)",
                    code="overflow_loop",
                )

    # -- numbers ------------------------------------------------------------------------------

    async def numbers(self) -> Sequence[NumberInfo]:
        """Every number that is answered, those of the settings included."""
        async with self._database.reading() as session:
            rows = {row.number: row for row in await repository.numbers(session)}
        known = {number: self._number(row) for number, row in rows.items()}
        for number in self._own_numbers:
            known.setdefault(number, NumberInfo(number, self._main, "", from_settings=True))
        return [known[number] for number in sorted(known)]

    def _shadowed(self, number: str) -> str | None:
        """What a seat means who dials `number`, if that is no queue."""
        if number in EMERGENCY:
            return "an emergency number"
        if number in self._settings.outbound_patterns:
            return "an outside number that seats may dial (CALLCENTER_OUTBOUND_PATTERNS)"
        return None

    async def add_number(self, dialled: str, *, queue: str, note: str, actor: str) -> NumberInfo:
        """Answer `dialled` and lead its callers into `queue`.

        Errors: `BadInput` ``bad_number``; `NotFound` ``queue_not_found``; `Conflict`
        ``number_exists``.
        """
        digits = bare_number(dialled)
        if digits is None:
            raise BadInput("number: 3 to 15 digits, + may stand before them", code="bad_number")
        if digits in EMERGENCY:
            raise BadInput(f"number: {digits} is an emergency number", code="bad_number")
        row = QueueNumber(number=digits, queue=queue, note=note, updated_at=self._clock())
        try:
            async with self._database.writing() as session:
                _found(await repository.by_code(session, queue), queue)
                if await repository.number(session, digits) is not None:
                    raise _number_exists(digits)
                session.add(row)
                await self._note(session, "number.created", f"number:{digits}", actor, queue=queue)
        except IntegrityError as error:
            raise _number_exists(digits) from error
        _log.info("number %s leads to queue %s by=%s", digits, queue, actor)
        self._changed()
        return self._number(row)

    async def change_number(
        self, digits: str, *, queue: str | None, note: str | None, actor: str
    ) -> NumberInfo:
        """Lead the number elsewhere; None leaves things as they are.

        `NotFound` ``number_not_found``, ``queue_not_found``.
        """
        async with self._database.writing() as session:
            row = await repository.number(session, digits)
            if row is None:
                raise _no_number(digits)
            check_version(self._number(row).version, f"number {digits}")
            if queue is not None:
                _found(await repository.by_code(session, queue), queue)
                row.queue = queue
            if note is not None:
                row.note = note
            row.updated_at = self._clock()
            await self._note(session, "number.changed", f"number:{digits}", actor, queue=row.queue)
        _log.info("number %s leads to queue %s by=%s", digits, row.queue, actor)
        self._changed()
        return self._number(row)

    async def remove_number(self, digits: str, *, actor: str) -> None:
        """Answer the number no more; one of the settings leads to the main queue again.

        `NotFound` ``number_not_found``.
        """
        async with self._database.writing() as session:
            row = await repository.number(session, digits)
            if row is None:
                raise _no_number(digits)
            check_version(self._number(row).version, f"number {digits}")
            await session.delete(row)
            await self._note(session, "number.removed", f"number:{digits}", actor)
        _log.info("number %s removed by=%s", digits, actor)
        self._changed()

    # -- menu keys ----------------------------------------------------------------------------

    async def menu(self) -> Sequence[MenuKey]:
        """Every key that leads somewhere."""
        async with self._database.reading() as session:
            return [_key(row) for row in await repository.menu_keys(session)]

    async def set_menu_key(self, key: MenuKey, *, actor: str) -> MenuKey:
        """Lead `key` somewhere; `BadInput` ``bad_menu_key``, `NotFound` ``queue_not_found``."""
        if key.key not in MENU_KEYS:
            raise BadInput("key: one digit", code="bad_menu_key")
        async with self._database.writing() as session:
            if key.queue is not None:
                _found(await repository.by_code(session, key.queue), key.queue)
            present = await repository.menu_key(session, key.key)
            check_version(
                None if present is None else version_of(_key(present)), f"menu key {key.key}"
            )
            await session.merge(self._new_key(key))
            await self._note(
                session, "menu_key.changed", f"menu_key:{key.key}", actor, queue=key.queue
            )
        _log.info("menu key %s leads to %s by=%s", key.key, key.queue or "voice message", actor)
        self._changed()
        return key

    async def remove_menu_key(self, key: str, *, actor: str) -> None:
        """The key does nothing from now on; `NotFound` ``menu_key_not_found``."""
        async with self._database.writing() as session:
            row = await repository.menu_key(session, key)
            if row is None:
                raise NotFound(f"menu key {key} leads nowhere", code="menu_key_not_found")
            check_version(version_of(_key(row)), f"menu key {key}")
            await session.delete(row)
            await self._note(session, "menu_key.removed", f"menu_key:{key}", actor)
        _log.info("menu key %s removed by=%s", key, actor)
        self._changed()

    # -- rows ---------------------------------------------------------------------------------

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

    async def _note(
        self, session: AsyncSession, action: str, subject: str, actor: str, **facts: Any
    ) -> None:
        """Into the audit trail, in the transaction of the change."""
        await record(session, Entry(action, subject, facts, actor), now=self._clock())

    def _new(self, plan: QueuePlan) -> Queue:
        now = self._clock()
        values = asdict(plan) | {"strategy": plan.strategy.value}
        return Queue(**values, created_at=now, updated_at=now)

    def _new_key(self, key: MenuKey) -> QueueMenuKey:
        return QueueMenuKey(
            key=key.key, queue=key.queue, language=key.language, updated_at=self._clock()
        )

    def _info(self, row: Queue) -> QueueInfo:
        return QueueInfo(_plan(row), row.code == self._main, row.created_at, row.updated_at)

    def _number(self, row: QueueNumber) -> NumberInfo:
        return NumberInfo(
            row.number, row.queue, row.note, from_settings=row.number in self._own_numbers
        )


def _plan(row: Queue) -> QueuePlan:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return QueuePlan(**values | {"strategy": Strategy(row.strategy)})


def _with(plan: QueuePlan, changes: Mapping[str, Any]) -> QueuePlan:
    return QueuePlan(**{name: getattr(plan, name) for name in _COLUMNS} | dict(changes))


def _key(row: QueueMenuKey) -> MenuKey:
    return MenuKey(row.key, row.queue, row.language)


async def _users(session: AsyncSession, code: str) -> list[str]:
    """What leads to the queue, in words."""
    return [
        *(f"number {row.number}" for row in await repository.numbers(session) if row.queue == code),
        *(
            f"menu key {row.key}"
            for row in await repository.menu_keys(session)
            if row.queue == code
        ),
        *(
            f"overflow of {row.code}"
            for row in await repository.queues(session)
            if row.overflow == code
        ),
    ]


def _found(row: Queue | None, code: str) -> Queue:
    if row is None:
        raise _no_queue(code)
    return row


def _no_queue(code: str) -> NotFound:
    return NotFound(f"there is no queue {code}", code="queue_not_found", queue=code)


def _no_number(digits: str) -> NotFound:
    return NotFound(
        f"{digits} is no number of its own; the list says what is answered",
        code="number_not_found",
        number=digits,
    )


def _queue_exists(code: str) -> Conflict:
    return Conflict(
        f"there is a queue {code} already; change that one", code="queue_exists", queue=code
    )


def _number_exists(digits: str) -> Conflict:
    return Conflict(
        f"{digits} leads somewhere already; change that entry", code="number_exists", number=digits
    )


def _main_queue(code: str, what: str) -> Conflict:
    return Conflict(
        f"queue {code} is the main queue, where everything ends that leads nowhere else; it cannot"
        f" be {what}",
        code="main_queue",
        queue=code,
    )
