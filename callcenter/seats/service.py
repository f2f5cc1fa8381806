"""Seats: what the PBX should have. The reconciler makes it so.

Nothing here talks to the PBX: a change is committed, then whoever must know is told
(`on_change`), and finds it by its own rounds if that is lost. A secret is made here, never
chosen by people, and shown only once: when it is made.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from callcenter.clock import Clock, utc_now
from callcenter.config import Settings
from callcenter.db.engine import Database
from callcenter.domain.ids import Extension
from callcenter.domain.seating import DesiredSeat, is_seat_extension
from callcenter.errors import BadInput, Conflict, NotFound, SetupError
from callcenter.seats import repository
from callcenter.seats.models import Seat
from callcenter.trail.service import Entry, record

_log = logging.getLogger(__name__)

SECRET_BYTES = 16
"""128 bits, written as 32 hexadecimal digits: they can be typed into any phone."""


@dataclass(frozen=True, slots=True)
class SeatInfo:
    """A seat without its secret."""

    extension: Extension
    name: str
    enabled: bool
    """False: the PBX has no such endpoint, so nobody can register as it."""
    in_queue: bool
    """Whether callers of the main queue are offered to it while it is enabled."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A seat whose secret was just made."""

    seat: SeatInfo
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SeatChanges:
    """What to change; None leaves things as they are."""

    name: str | None = None
    enabled: bool | None = None
    in_queue: bool | None = None


class SeatService:
    """Reads and changes the seats."""

    def __init__(self, database: Database, settings: Settings, clock: Clock = utc_now) -> None:
        self._database = database
        self._first = settings.first_seat
        self._count = settings.seats
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that changed a seat."""
        self._listeners.append(listener)

    async def desired(self) -> Sequence[DesiredSeat]:
        """The seats that the PBX should have, by extension."""
        async with self._database.reading() as session:
            return [
                DesiredSeat(Extension(row.extension), row.name, row.secret, row.in_queue)
                for row in await repository.enabled(session)
            ]

    async def ensure_first(self) -> int:
        """Make the seats of the settings if there is none at all; how many were made.

        `SetupError` ``bad_setting`` if so many do not fit into the digits of the first one.
        """
        last = self._first + self._count - 1
        if not is_seat_extension(str(last), self._first):
            raise SetupError(
                f"CALLCENTER_SEATS: {self._count} seats from {self._first} on would reach {last},"
                " which is outside the digits of the first one; set fewer, or another"
                " CALLCENTER_FIRST_SEAT.",
                code="bad_setting",
                setting="seats",
            )
        async with self._database.writing() as session:
            if not await repository.is_empty(session):
                return 0
            for number in range(self._first, last + 1):
                session.add(self._new(str(number), f"座席 {number}", enabled=True, in_queue=True))
        self._changed()
        return self._count

    async def page(self, *, after: str | None, limit: int) -> Sequence[SeatInfo]:
        """Up to `limit` seats behind extension `after`, by extension."""
        async with self._database.reading() as session:
            rows = await repository.in_order(session, after=after, limit=limit)
        return [_info(row) for row in rows]

    async def get(self, extension: str) -> SeatInfo:
        """One seat; `NotFound` ``seat_not_found``."""
        async with self._database.reading() as session:
            return _info(_found(await repository.by_extension(session, extension), extension))

    async def create(
        self, extension: str, *, name: str, enabled: bool, in_queue: bool, actor: str
    ) -> NewSecret:
        """Make a seat; `BadInput` ``bad_extension``, `Conflict` ``seat_exists``."""
        if not is_seat_extension(extension, self._first):
            raise BadInput(
                f"extension: must have {len(str(self._first))} digits and begin with"
                f" {str(self._first)[0]}, as the seats that the dialplan knows",
                code="bad_extension",
            )
        row = self._new(extension, name, enabled=enabled, in_queue=in_queue)
        try:
            async with self._database.writing() as session:
                if await repository.by_extension(session, extension) is not None:
                    raise _seat_exists(extension)
                session.add(row)
                made = Entry("seat.made", f"seat:{extension}", {"name": name}, actor)
                await record(session, made, now=row.created_at)
        except IntegrityError as error:
            # Another process was faster; on SQLite writers queue, so only a server database.
            raise _seat_exists(extension) from error
        _log.info("seat %s made by=%s", extension, actor)
        self._changed()
        return NewSecret(_info(row), row.secret)

    async def change(self, extension: str, changes: SeatChanges, *, actor: str) -> SeatInfo:
        """Change a seat; `NotFound`. A seat that is disabled loses its registration at once; a
        talk that it is in goes on."""
        async with self._database.writing() as session:
            row = _found(await repository.by_extension(session, extension), extension)
            before = _info(row)
            for name in SeatChanges.__slots__:
                value = getattr(changes, name)
                if value is not None:
                    setattr(row, name, value)
            if _info(row) == before:
                return before
            row.updated_at = self._clock()
            facts = {
                name: getattr(changes, name)
                for name in SeatChanges.__slots__
                if getattr(changes, name) is not None
            }
            changed = Entry("seat.changed", f"seat:{extension}", facts, actor)
            await record(session, changed, now=row.updated_at)
        _log.info("seat %s changed by=%s", extension, actor)
        self._changed()
        return _info(row)

    async def rotate_secret(self, extension: str, *, actor: str) -> NewSecret:
        """Give the seat a fresh secret; its phone must be told. `NotFound`."""
        async with self._database.writing() as session:
            row = _found(await repository.by_extension(session, extension), extension)
            row.secret = secrets.token_hex(SECRET_BYTES)
            row.updated_at = self._clock()
            renewed = Entry("seat.secret_rotated", f"seat:{extension}", actor=actor)
            await record(session, renewed, now=row.updated_at)
        _log.info("seat %s has a new secret by=%s", extension, actor)
        self._changed()
        return NewSecret(_info(row), row.secret)

    async def remove(self, extension: str, *, actor: str) -> None:
        """Remove a seat; its calls and cases stay. `NotFound`."""
        async with self._database.writing() as session:
            row = await repository.by_extension(session, extension)
            await session.delete(_found(row, extension))
            removed = Entry("seat.removed", f"seat:{extension}", actor=actor)
            await record(session, removed, now=self._clock())
        _log.info("seat %s removed by=%s", extension, actor)
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

    def _new(self, extension: str, name: str, *, enabled: bool, in_queue: bool) -> Seat:
        now = self._clock()
        return Seat(
            extension=extension,
            name=name,
            secret=secrets.token_hex(SECRET_BYTES),
            enabled=enabled,
            in_queue=in_queue,
            created_at=now,
            updated_at=now,
        )


def _found(row: Seat | None, extension: str) -> Seat:
    if row is None:
        raise NotFound(f"there is no seat {extension}", code="seat_not_found", extension=extension)
    return row


def _seat_exists(extension: str) -> Conflict:
    return Conflict(
        f"there is a seat {extension} already; change that one",
        code="seat_exists",
        extension=extension,
    )


def _info(row: Seat) -> SeatInfo:
    return SeatInfo(
        extension=Extension(row.extension),
        name=row.name,
        enabled=row.enabled,
        in_queue=row.in_queue,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
