"""The rota changed by planners: single entries by hand, and rotations planned for some days."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, Conflict, VersionConflict
from callcenter.platform.versions import check_version
from callcenter.workforce.domain.shifts import EntrySource
from callcenter.workforce.domain.workdays import days_between
from callcenter.workforce.opening.service import OpeningService
from callcenter.workforce.shifts import repository
from callcenter.workforce.shifts.models import RotaEntry, Shift
from callcenter.workforce.shifts.patterns import found_rotation, found_shift, read_rotation
from callcenter.workforce.shifts.planning import RotationPlan, fill, plan, set_hours, touch
from callcenter.workforce.shifts.service import (
    RANGE_DAYS_MAX,
    EntryInfo,
    ShiftService,
    check_range,
    found_entry,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Generated:
    """What planning a rotation did, or would do."""

    added: int
    changed: int
    removed: int
    unchanged: int
    kept: int
    """Days on which somebody else had planned."""
    assumed_years: Sequence[int]
    """Years whose holidays are not known, though the rotation goes by working days."""


class RotaChanges:
    """Changes the rota, and tells `shifts` of it."""

    def __init__(
        self,
        database: Database,
        shifts: ShiftService,
        opening: OpeningService,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._shifts = shifts
        self._opening = opening
        self._clock = clock

    async def add(
        self, user_id: int, day: date, shift_id: int, *, note: str, actor: str
    ) -> EntryInfo:
        """Put a shift into the rota by hand.

        Errors: `BadInput` ``unknown_user``, ``unknown_shift``, ``shift_disabled``; `Conflict`
        ``rota_entry_exists``.
        """
        await self._shifts.check_user(user_id)
        row = RotaEntry(user_id=user_id, day=day)
        try:
            async with self._database.writing() as session:
                shift = await _usable(session, shift_id)
                if await repository.same_entry(session, user_id, day, shift_id) is not None:
                    raise _entry_exists(user_id, day)
                fill(row, shift, EntrySource.MANUAL, note, actor, self._clock())
                session.add(row)
                await session.flush()
                await record(session, _entry("rota.added", row, actor), now=row.updated_at)
        except IntegrityError as error:
            raise _entry_exists(user_id, day) from error
        _log.info("rota entry %d added by=%s", row.id, actor)
        self._shifts.changed()
        return await self._shifts.entry(row.id)

    async def change(
        self,
        entry_id: int,
        *,
        version: int | None = None,
        user_id: int | None = None,
        shift_id: int | None = None,
        note: str | None = None,
        actor: str,
    ) -> EntryInfo:
        """Give an entry to somebody else, another shift or another note; None leaves it.

        Errors: `NotFound` ``rota_entry_not_found``; `VersionConflict`; those of `add`.
        """
        if user_id is not None:
            await self._shifts.check_user(user_id)
        try:
            async with self._database.writing() as session:
                row = found_entry(await repository.entry(session, entry_id), entry_id)
                _check_version(row, row.version if version is None else version)
                check_version(row.version, f"rota entry {row.id}")
                shift = (
                    found_shift(await repository.shift(session, row.shift_id), row.shift_id)
                    if shift_id is None
                    else await _usable(session, shift_id)
                )
                who = row.user_id if user_id is None else user_id
                same = await repository.same_entry(session, who, row.day, shift.id)
                if same is not None and same.id != entry_id:
                    raise _entry_exists(who, row.day)
                row.user_id = who
                if shift_id is not None:
                    set_hours(row, shift)
                if note is not None:
                    row.note = note
                if user_id is not None or shift_id is not None:
                    row.source = EntrySource.MANUAL.value
                touch(row, actor, self._clock())
                await record(session, _entry("rota.changed", row, actor), now=row.updated_at)
        except IntegrityError as error:
            raise _entry_exists(who, row.day) from error
        _log.info("rota entry %d changed by=%s", entry_id, actor)
        self._shifts.changed()
        return await self._shifts.entry(entry_id)

    async def remove(self, entry_id: int, *, actor: str) -> None:
        """Take an entry out; `NotFound` ``rota_entry_not_found``.

        A rotation that is planned anew puts its own back: for a day off, leave is what stays.
        """
        async with self._database.writing() as session:
            row = found_entry(await repository.entry(session, entry_id), entry_id)
            check_version(row.version, f"rota entry {row.id}")
            await record(session, _entry("rota.removed", row, actor), now=self._clock())
            await session.delete(row)
        _log.info("rota entry %d removed by=%s", entry_id, actor)
        self._shifts.changed()

    async def generate(
        self, rotation_id: int, first: date, last: date, *, dry_run: bool, actor: str
    ) -> Generated:
        """Plan a rotation for the days ``first … last``; a dry run only says what it would do.

        The past is not planned. Errors: `NotFound` ``rotation_not_found``; `BadInput`
        ``bad_range``, ``rota_in_the_past``, ``shift_disabled``.
        """
        check_range(first, last, RANGE_DAYS_MAX)
        if first < self._shifts.today():
            raise BadInput(
                f"from: {first} is past; a rotation is planned from today on",
                code="rota_in_the_past",
            )
        workdays = (await self._opening.days()).workdays
        async with self._database.writing() as session:
            row = found_rotation(await repository.rotation(session, rotation_id), rotation_id)
            info = await read_rotation(session, row)
            shifts = {shift.id: shift for shift in await repository.shifts(session)}
            for shift_id in filter(None, info.rotation.circle):
                _check_enabled(shifts[shift_id])
            planned = plan(
                rotation_id,
                info.rotation,
                info.members,
                days_between(first, last),
                await repository.entries(session, first, last),
                shifts,
                workdays,
            )
            if not dry_run:
                await self._carry_out(session, planned, rotation_id, shifts, actor)
                facts = {
                    "from": str(first),
                    "to": str(last),
                    "added": len(planned.add),
                    "changed": len(planned.change),
                    "removed": len(planned.remove),
                }
                noted = Entry("rota.planned", f"rotation:{rotation_id}", facts, actor)
                await record(session, noted, now=self._clock())
        result = Generated(
            added=len(planned.add),
            changed=len(planned.change),
            removed=len(planned.remove),
            unchanged=planned.unchanged,
            kept=planned.kept,
            assumed_years=planned.assumed_years,
        )
        if not dry_run:
            _log.info(
                "rotation %d planned %s to %s %s by=%s", rotation_id, first, last, result, actor
            )
            self._shifts.changed()
        return result

    async def _carry_out(
        self,
        session: AsyncSession,
        planned: RotationPlan,
        rotation_id: int,
        shifts: Mapping[int, Shift],
        actor: str,
    ) -> None:
        now = self._clock()
        for entry in planned.remove:
            await session.delete(entry)
        for entry, shift_id in planned.change:
            set_hours(entry, shifts[shift_id])
            touch(entry, actor, now)
        # Before the new ones: a person may take a place that another leaves.
        await session.flush()
        for user_id, day, shift_id in planned.add:
            entry = RotaEntry(
                user_id=user_id, day=day, rotation_id=rotation_id, planned_for=user_id
            )
            fill(entry, shifts[shift_id], EntrySource.ROTATION, "", actor, now)
            session.add(entry)


async def _usable(session: AsyncSession, shift_id: int) -> Shift:
    shift = await repository.shift(session, shift_id)
    if shift is None:
        raise BadInput(f"shift_id: there is no shift {shift_id}", code="unknown_shift", id=shift_id)
    _check_enabled(shift)
    return shift


def _check_enabled(shift: Shift) -> None:
    """`BadInput` ``shift_disabled`` if nobody is to be planned with it any more."""
    if not shift.enabled:
        raise BadInput(f"shift {shift.code} is disabled", code="shift_disabled", id=shift.id)


def _entry(action: str, row: RotaEntry, actor: str) -> Entry:
    facts = {"user_id": row.user_id, "day": str(row.day), "shift_id": row.shift_id}
    return Entry(action, f"rota:{row.id}", facts, actor)


def _check_version(row: RotaEntry, version: int) -> None:
    if row.version != version:
        raise VersionConflict(
            f"rota entry {row.id} was changed meanwhile (version {row.version}): read it again,"
            " then save",
            id=row.id,
            version=row.version,
        )


def _entry_exists(user_id: int, day: date) -> Conflict:
    return Conflict(
        f"user {user_id} has this shift on {day} already",
        code="rota_entry_exists",
        user_id=user_id,
        day=str(day),
    )
