"""Shift patterns and rotations: made, changed, removed.

A changed pattern changes the rota from tomorrow on: today's and past shifts stay as they were
worked. A pattern that is in use cannot be removed, only disabled.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, Conflict, NotFound
from callcenter.platform.versions import check_version, version_of
from callcenter.workforce.domain.shifts import Rotation, ShiftPattern
from callcenter.workforce.shifts import repository
from callcenter.workforce.shifts.models import RotationMember, RotationPlace, Shift, ShiftRotation
from callcenter.workforce.shifts.planning import pattern_of, set_hours

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShiftInfo:
    """A pattern as it is kept."""

    id: int
    code: str
    name: str
    pattern: ShiftPattern
    enabled: bool
    updated_by: str
    updated_at: datetime

    @property
    def version(self) -> int:
        """Of what people write of it."""
        return version_of(self.id, self.code, self.name, self.pattern, self.enabled)


@dataclass(frozen=True, slots=True)
class NewShift:
    """What a pattern is to be."""

    code: str
    name: str
    pattern: ShiftPattern
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class NewRotation:
    """What a rotation is to be: the circle, and each member's place in it at the anchor."""

    name: str
    rotation: Rotation
    members: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class RotationInfo:
    """A rotation as it is kept."""

    id: int
    name: str
    rotation: Rotation
    members: Mapping[int, int]
    updated_by: str
    updated_at: datetime

    @property
    def version(self) -> int:
        """Of what people write of it."""
        return version_of(self.id, self.name, self.rotation, self.members)


class PatternService:
    """Reads and changes shift patterns and rotations."""

    def __init__(self, database: Database, settings: Settings, clock: Clock = utc_now) -> None:
        self._database = database
        self._zone = ZoneInfo(settings.time_zone)
        self._clock = clock

    async def shifts(self) -> Sequence[ShiftInfo]:
        """All patterns, by their begin."""
        async with self._database.reading() as session:
            return [_info(row) for row in await repository.shifts(session)]

    async def shift(self, shift_id: int) -> ShiftInfo:
        """One pattern; `NotFound` ``shift_not_found``."""
        async with self._database.reading() as session:
            return _info(found_shift(await repository.shift(session, shift_id), shift_id))

    async def add_shift(self, new: NewShift, *, actor: str) -> ShiftInfo:
        """Make a pattern; `Conflict` ``shift_exists`` if there is one with its code."""
        row = Shift()
        try:
            async with self._database.writing() as session:
                if await repository.shift_by_code(session, new.code) is not None:
                    raise _shift_exists(new.code)
                self._fill_shift(row, new, actor)
                session.add(row)
                await session.flush()
                await record(session, _entry("shift.added", row, actor), now=row.updated_at)
        except IntegrityError as error:
            raise _shift_exists(new.code) from error
        _log.info("shift %s made by=%s", new.code, actor)
        return _info(row)

    async def change_shift(self, shift_id: int, new: NewShift, *, actor: str) -> ShiftInfo:
        """Put `new` in its place; the rota has its hours from tomorrow on.

        Errors: `NotFound` ``shift_not_found``, `Conflict` ``shift_exists``.
        """
        tomorrow = self._today() + timedelta(days=1)
        async with self._database.writing() as session:
            row = found_shift(await repository.shift(session, shift_id), shift_id)
            check_version(_info(row).version, f"shift {row.code}")
            other = await repository.shift_by_code(session, new.code)
            if other is not None and other.id != shift_id:
                raise _shift_exists(new.code)
            before = pattern_of(row)
            self._fill_shift(row, new, actor)
            moved = 0
            if before != new.pattern:
                for entry in await repository.entries_with_shift(session, shift_id, tomorrow):
                    set_hours(entry, row)
                    entry.version += 1
                    entry.updated_by, entry.updated_at = actor, row.updated_at
                    moved += 1
            await record(session, _entry("shift.changed", row, actor), now=row.updated_at)
        _log.info("shift %s changed entries=%d by=%s", new.code, moved, actor)
        return _info(row)

    async def remove_shift(self, shift_id: int, *, actor: str) -> None:
        """Remove a pattern; `NotFound` ``shift_not_found``, `Conflict` ``shift_in_use``."""
        async with self._database.writing() as session:
            row = found_shift(await repository.shift(session, shift_id), shift_id)
            check_version(_info(row).version, f"shift {row.code}")
            if await repository.shift_is_used(session, shift_id):
                raise Conflict(
                    f"shift {row.code} is in the rota or in a rotation: disable it instead",
                    code="shift_in_use",
                    id=shift_id,
                )
            await record(session, _entry("shift.removed", row, actor), now=self._clock())
            await session.delete(row)
        _log.info("shift %s removed by=%s", row.code, actor)

    async def rotations(self) -> Sequence[RotationInfo]:
        """All rotations, by name."""
        async with self._database.reading() as session:
            return [
                await read_rotation(session, row) for row in await repository.rotations(session)
            ]

    async def rotation(self, rotation_id: int) -> RotationInfo:
        """One rotation; `NotFound` ``rotation_not_found``."""
        async with self._database.reading() as session:
            row = found_rotation(await repository.rotation(session, rotation_id), rotation_id)
            return await read_rotation(session, row)

    async def add_rotation(self, new: NewRotation, *, actor: str) -> RotationInfo:
        """Make a rotation; it plans nothing by itself.

        Errors: `Conflict` ``rotation_exists``; `BadInput` ``bad_rotation``,
        ``unknown_shift``.
        """
        _check_members(new)
        row = ShiftRotation()
        try:
            async with self._database.writing() as session:
                if await repository.rotation_by_name(session, new.name) is not None:
                    raise _rotation_exists(new.name)
                await _check_circle(session, new)
                self._fill_rotation(row, new, actor)
                session.add(row)
                await session.flush()
                _fill_circle(session, row.id, new)
                entry = _rotation_entry("rotation.added", row.id, new, actor)
                await record(session, entry, now=row.updated_at)
        except IntegrityError as error:
            raise _rotation_exists(new.name) from error
        _log.info("rotation %d made by=%s", row.id, actor)
        return await self.rotation(row.id)

    async def change_rotation(
        self, rotation_id: int, new: NewRotation, *, actor: str
    ) -> RotationInfo:
        """Put `new` in its place; what is planned stays until it is planned anew.

        Errors: `NotFound` ``rotation_not_found``, and those of `add_rotation`.
        """
        _check_members(new)
        async with self._database.writing() as session:
            row = found_rotation(await repository.rotation(session, rotation_id), rotation_id)
            check_version((await read_rotation(session, row)).version, f"rotation {row.name}")
            other = await repository.rotation_by_name(session, new.name)
            if other is not None and other.id != rotation_id:
                raise _rotation_exists(new.name)
            await _check_circle(session, new)
            self._fill_rotation(row, new, actor)
            await repository.clear_rotation(session, rotation_id)
            _fill_circle(session, rotation_id, new)
            entry = _rotation_entry("rotation.changed", rotation_id, new, actor)
            await record(session, entry, now=row.updated_at)
        _log.info("rotation %d changed by=%s", rotation_id, actor)
        return await self.rotation(rotation_id)

    async def remove_rotation(self, rotation_id: int, *, actor: str) -> int:
        """Remove a rotation and what it planned from tomorrow on; how many entries those were.

        `NotFound` ``rotation_not_found``.
        """
        tomorrow = self._today() + timedelta(days=1)
        async with self._database.writing() as session:
            row = found_rotation(await repository.rotation(session, rotation_id), rotation_id)
            check_version((await read_rotation(session, row)).version, f"rotation {row.name}")
            removed = await repository.forget_rotation(session, rotation_id, tomorrow)
            await repository.clear_rotation(session, rotation_id)
            entry = Entry(
                "rotation.removed", f"rotation:{rotation_id}", {"entries": removed}, actor
            )
            await record(session, entry, now=self._clock())
            await session.delete(row)
        _log.info("rotation %d removed entries=%d by=%s", rotation_id, removed, actor)
        return removed

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()

    def _fill_shift(self, row: Shift, new: NewShift, actor: str) -> None:
        row.code, row.name, row.enabled = new.code, new.name, new.enabled
        row.starts, row.minutes = new.pattern.starts, new.pattern.minutes
        row.kind = new.pattern.kind.value
        row.updated_by, row.updated_at = actor, self._clock()

    def _fill_rotation(self, row: ShiftRotation, new: NewRotation, actor: str) -> None:
        row.name = new.name
        row.every_days, row.anchor = new.rotation.every_days, new.rotation.anchor
        row.workdays_only = new.rotation.workdays_only
        row.updated_by, row.updated_at = actor, self._clock()


async def read_rotation(session: AsyncSession, row: ShiftRotation) -> RotationInfo:
    """A rotation with its circle and members."""
    rotation = Rotation(
        tuple(await repository.places(session, row.id)),
        row.every_days,
        row.anchor,
        row.workdays_only,
    )
    members = await repository.members(session, row.id)
    return RotationInfo(row.id, row.name, rotation, members, row.updated_by, row.updated_at)


def found_shift(row: Shift | None, shift_id: int) -> Shift:
    """`row`, or `NotFound` ``shift_not_found``."""
    if row is None:
        raise NotFound(f"there is no shift {shift_id}", code="shift_not_found", id=shift_id)
    return row


def found_rotation(row: ShiftRotation | None, rotation_id: int) -> ShiftRotation:
    """`row`, or `NotFound` ``rotation_not_found``."""
    if row is None:
        raise NotFound(
            f"there is no rotation {rotation_id}", code="rotation_not_found", id=rotation_id
        )
    return row


def _check_members(new: NewRotation) -> None:
    places = len(new.rotation.circle)
    for user_id, place in new.members.items():
        if not 0 <= place < places:
            raise BadInput(
                f"members: user {user_id} begins at place {place}, but places are 0 to"
                f" {places - 1}",
                code="bad_rotation",
                user_id=user_id,
            )


async def _check_circle(session: AsyncSession, new: NewRotation) -> None:
    for shift_id in {place for place in new.rotation.circle if place is not None}:
        if await repository.shift(session, shift_id) is None:
            raise BadInput(
                f"circle: there is no shift {shift_id}", code="unknown_shift", id=shift_id
            )


def _fill_circle(session: AsyncSession, rotation_id: int, new: NewRotation) -> None:
    session.add_all(
        RotationPlace(rotation_id=rotation_id, position=position, shift_id=shift_id)
        for position, shift_id in enumerate(new.rotation.circle)
    )
    session.add_all(
        RotationMember(rotation_id=rotation_id, user_id=user_id, place=place)
        for user_id, place in new.members.items()
    )


def _entry(action: str, row: Shift, actor: str) -> Entry:
    facts = {"code": row.code, "starts": row.starts, "minutes": row.minutes, "kind": row.kind}
    return Entry(action, f"shift:{row.id}", {**facts, "enabled": row.enabled}, actor)


def _rotation_entry(action: str, rotation_id: int, new: NewRotation, actor: str) -> Entry:
    rotation = new.rotation
    facts = {
        "circle": list(rotation.circle),
        "every_days": rotation.every_days,
        "anchor": str(rotation.anchor),
        "workdays_only": rotation.workdays_only,
        "members": {str(user_id): place for user_id, place in new.members.items()},
    }
    return Entry(action, f"rotation:{rotation_id}", facts, actor)


def _shift_exists(code: str) -> Conflict:
    return Conflict(f"there is a shift {code} already", code="shift_exists", shift=code)


def _rotation_exists(name: str) -> Conflict:
    return Conflict(f"there is a rotation {name} already", code="rotation_exists", name=name)


def _info(row: Shift) -> ShiftInfo:
    return ShiftInfo(
        row.id, row.code, row.name, pattern_of(row), row.enabled, row.updated_by, row.updated_at
    )
