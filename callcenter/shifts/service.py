"""The rota: who works when, what is wrong with it, and who is on shift at this moment.

An entry is one person's shift on one day. Approved leave does not remove an entry: it stands
aside, so that leave which is given back brings the shift back. Everything that asks who should be
there (cover, attendance, the queue's members) goes by entries without leave.

Conflicts are found and named, not forbidden; see `domain.rest_rules`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.clock import Clock, utc_now
from callcenter.config import Settings
from callcenter.db.engine import Database
from callcenter.domain.requests import RequestState
from callcenter.domain.rest_rules import (
    ConflictCode,
    LeaveDays,
    RestRules,
    RotaConflict,
    cover_conflicts,
    people_conflicts,
    split_leave,
)
from callcenter.domain.shifts import (
    Assignment,
    Cover,
    EntrySource,
    cover,
    next_change,
    on_shift,
)
from callcenter.domain.workdays import days_between
from callcenter.errors import BadInput, Conflict, NotFound, VersionConflict
from callcenter.opening.service import OpeningService
from callcenter.shifts import repository
from callcenter.shifts.models import RotaEntry, Shift
from callcenter.shifts.patterns import found_rotation, found_shift, read_rotation
from callcenter.shifts.planning import assignment, leave_days, plan, set_hours
from callcenter.shifts.ports import People
from callcenter.trail.service import Entry, record

_log = logging.getLogger(__name__)

RANGE_DAYS_MAX = 92
"""A quarter of a year; with 1,700 people a list of 150,000 entries."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class EntryInfo:
    """One entry of the rota, with its moments."""

    id: int
    user_id: int
    name: str
    """'' for somebody who is not a user (any more)."""
    day: date
    shift_id: int
    shift_code: str
    shift_name: str
    assignment: Assignment
    on_leave: bool
    """Approved leave on that day: it does not count."""
    source: EntrySource
    rotation_id: int | None
    note: str
    version: int
    updated_by: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Rota:
    """What stands on some days."""

    assignments: Sequence[Assignment]
    """By their begin on each day."""
    leave: LeaveDays

    @property
    def standing(self) -> list[Assignment]:
        """Those that do not fall on leave."""
        return split_leave(self.assignments, self.leave)[0]


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


class ShiftService:
    """Reads and changes the rota."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        opening: OpeningService,
        people: People,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._zone = ZoneInfo(settings.time_zone)
        self._opening = opening
        self._people = people
        self._clock = clock
        self.rules = RestRules(
            rest=timedelta(hours=settings.shift_min_rest_hours),
            days_in_a_row=settings.shift_max_days_in_a_row,
            covered=settings.shift_min_covered,
        )

    @property
    def zone(self) -> ZoneInfo:
        """The city's."""
        return self._zone

    def today(self) -> date:
        """The city's day."""
        return self._clock().astimezone(self._zone).date()

    # -- who is there -------------------------------------------------------------------------

    async def on_shift_now(self) -> frozenset[int]:
        """Users whose shift at a seat runs now and who are not on leave."""
        now = self._clock()
        return on_shift((await self.around(now)).standing, now)

    async def around(self, moment: datetime) -> Rota:
        """All that can run at `moment` or begin within a day of it."""
        day = moment.astimezone(self._zone).date()
        return await self.rota(day - _DAY, day + _DAY)

    async def next_shift_change(self) -> datetime | None:
        """When a shift next begins or ends, as far as the next day tells."""
        now = self._clock()
        return next_change((await self.around(now)).standing, now)

    async def rota(self, first: date, last: date) -> Rota:
        """Everybody's shifts that begin on the days ``first … last``."""
        async with self._database.reading() as session:
            return await self._rota(session, first, last)

    async def cover(self, starts: datetime, ends: datetime) -> Sequence[Cover]:
        """How many seats are covered, from `starts` to `ends` without holes."""
        rota = await self.rota(
            starts.astimezone(self._zone).date() - _DAY, ends.astimezone(self._zone).date()
        )
        return tuple(cover(rota.standing, starts, ends))

    # -- reading ------------------------------------------------------------------------------

    async def entries(
        self, first: date, last: date, *, user_id: int | None = None
    ) -> Sequence[EntryInfo]:
        """Entries of the days ``first … last``, by day and begin; `BadInput` ``bad_range``."""
        check_range(first, last, RANGE_DAYS_MAX)
        users = None if user_id is None else (user_id,)
        async with self._database.reading() as session:
            rows = await repository.entries(session, first, last, users=users)
            return await self._infos(session, rows)

    async def entry(self, entry_id: int) -> EntryInfo:
        """One entry; `NotFound` ``rota_entry_not_found``."""
        async with self._database.reading() as session:
            row = found_entry(await repository.entry(session, entry_id), entry_id)
            return (await self._infos(session, [row]))[0]

    async def names(self, user_ids: Collection[int]) -> Mapping[int, str]:
        """What people are called; those who are not users are left out."""
        return await self._people.names(user_ids)

    async def conflicts(self, first: date, last: date) -> Sequence[RotaConflict]:
        """What is wrong with the days ``first … last``, by time; `BadInput` ``bad_range``."""
        check_range(first, last, RANGE_DAYS_MAX)
        # A run of days, and a rest, may begin before the range and end after it.
        margin = timedelta(days=self.rules.days_in_a_row + 1)
        wide = await self.rota(first - margin, last + margin)
        found = [
            conflict
            for conflict in people_conflicts(wide.assignments, wide.leave, self.rules)
            if self._touches(conflict, first, last)
        ]
        inside = [a for a in wide.assignments if first <= a.day <= last]
        names = await self._people.names({a.user_id for a in inside})
        found += [
            RotaConflict(ConflictCode.UNKNOWN_PERSON, a.starts, a.ends, a.user_id, (a.entry_id,))
            for a in inside
            if a.user_id not in names
        ]
        spans = await self._opening.open_moments(first, last)
        found += cover_conflicts(wide.assignments, wide.leave, spans, self.rules)
        return sorted(found, key=lambda c: (c.starts, c.code.value, c.user_id or 0))

    async def conflicts_of(self, user_id: int, day: date) -> Sequence[RotaConflict]:
        """What is wrong with one person's shifts around `day`."""
        margin = timedelta(days=self.rules.days_in_a_row + 1)
        async with self._database.reading() as session:
            rota = await self._rota(session, day - margin, day + margin, users=(user_id,))
        return [
            conflict
            for conflict in people_conflicts(rota.assignments, rota.leave, self.rules)
            if self._touches(conflict, day, day)
        ]

    # -- changing -----------------------------------------------------------------------------

    async def add(
        self, user_id: int, day: date, shift_id: int, *, note: str, actor: str
    ) -> EntryInfo:
        """Put a shift into the rota by hand.

        Errors: `BadInput` ``unknown_user``, ``unknown_shift``, ``shift_disabled``; `Conflict`
        ``rota_entry_exists``.
        """
        await self._check_user(user_id)
        row = RotaEntry(user_id=user_id, day=day)
        try:
            async with self._database.writing() as session:
                shift = await self._usable(session, shift_id)
                if await repository.same_entry(session, user_id, day, shift_id) is not None:
                    raise _entry_exists(user_id, day)
                self.fill(row, shift, EntrySource.MANUAL, note, actor)
                session.add(row)
                await session.flush()
                await record(session, trail_entry("rota.added", row, actor), now=row.updated_at)
        except IntegrityError as error:
            raise _entry_exists(user_id, day) from error
        _log.info("rota entry %d added by=%s", row.id, actor)
        return await self.entry(row.id)

    async def change(
        self,
        entry_id: int,
        *,
        version: int,
        user_id: int | None = None,
        shift_id: int | None = None,
        note: str | None = None,
        actor: str,
    ) -> EntryInfo:
        """Give an entry to somebody else, another shift or another note; None leaves it.

        Errors: `NotFound` ``rota_entry_not_found``; `VersionConflict`; those of `add`.
        """
        if user_id is not None:
            await self._check_user(user_id)
        try:
            async with self._database.writing() as session:
                row = found_entry(await repository.entry(session, entry_id), entry_id)
                _check_version(row, version)
                shift = (
                    found_shift(await repository.shift(session, row.shift_id), row.shift_id)
                    if shift_id is None
                    else await self._usable(session, shift_id)
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
                self.touch(row, actor)
                await record(session, trail_entry("rota.changed", row, actor), now=row.updated_at)
        except IntegrityError as error:
            raise _entry_exists(who, row.day) from error
        _log.info("rota entry %d changed by=%s", entry_id, actor)
        return await self.entry(entry_id)

    async def remove(self, entry_id: int, *, actor: str) -> None:
        """Take an entry out; `NotFound` ``rota_entry_not_found``.

        A rotation that is planned anew puts its own back: for a day off, leave is what stays.
        """
        async with self._database.writing() as session:
            row = found_entry(await repository.entry(session, entry_id), entry_id)
            await record(session, trail_entry("rota.removed", row, actor), now=self._clock())
            await session.delete(row)
        _log.info("rota entry %d removed by=%s", entry_id, actor)

    async def generate(
        self, rotation_id: int, first: date, last: date, *, dry_run: bool, actor: str
    ) -> Generated:
        """Plan a rotation for the days ``first … last``; a dry run only says what it would do.

        The past is not planned. Errors: `NotFound` ``rotation_not_found``; `BadInput`
        ``bad_range``, ``rota_in_the_past``.
        """
        check_range(first, last, RANGE_DAYS_MAX)
        if first < self.today():
            raise BadInput(
                f"from: {first} is past; a rotation is planned from today on",
                code="rota_in_the_past",
            )
        workdays = (await self._opening.days()).workdays
        async with self._database.writing() as session:
            row = found_rotation(await repository.rotation(session, rotation_id), rotation_id)
            info = await read_rotation(session, row)
            shifts = {shift.id: shift for shift in await repository.shifts(session)}
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
                for entry in planned.remove:
                    await session.delete(entry)
                for entry, shift_id in planned.change:
                    set_hours(entry, shifts[shift_id])
                    self.touch(entry, actor)
                # Before the new ones: a person may take a place that another leaves.
                await session.flush()
                for user_id, day, shift_id in planned.add:
                    entry = RotaEntry(
                        user_id=user_id, day=day, rotation_id=rotation_id, planned_for=user_id
                    )
                    self.fill(entry, shifts[shift_id], EntrySource.ROTATION, "", actor)
                    session.add(entry)
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
        return result

    def fill(
        self, row: RotaEntry, shift: Shift, source: EntrySource, note: str, actor: str
    ) -> None:
        """Make a new entry whole."""
        set_hours(row, shift)
        row.source, row.note, row.version = source.value, note, 1
        row.updated_by, row.updated_at = actor, self._clock()

    def touch(self, row: RotaEntry, actor: str) -> None:
        """Note a change of an entry."""
        row.version += 1
        row.updated_by, row.updated_at = actor, self._clock()

    # -- helpers ------------------------------------------------------------------------------

    async def _rota(
        self,
        session: AsyncSession,
        first: date,
        last: date,
        *,
        users: Collection[int] | None = None,
    ) -> Rota:
        rows = await repository.entries(session, first, last, users=users)
        leave = await repository.leave_between(
            session, first, last, states=(RequestState.APPROVED,)
        )
        return Rota([assignment(row, self._zone) for row in rows], leave_days(leave, first, last))

    async def _infos(self, session: AsyncSession, rows: Sequence[RotaEntry]) -> Sequence[EntryInfo]:
        if not rows:
            return []
        first, last = min(row.day for row in rows), max(row.day for row in rows)
        leave = leave_days(
            await repository.leave_between(session, first, last, states=(RequestState.APPROVED,)),
            first,
            last,
        )
        shifts = {shift.id: shift for shift in await repository.shifts(session)}
        names = await self._people.names({row.user_id for row in rows})
        return [
            EntryInfo(
                id=row.id,
                user_id=row.user_id,
                name=names.get(row.user_id, ""),
                day=row.day,
                shift_id=row.shift_id,
                shift_code=shifts[row.shift_id].code,
                shift_name=shifts[row.shift_id].name,
                assignment=assignment(row, self._zone),
                on_leave=row.day in leave.get(row.user_id, ()),
                source=EntrySource(row.source),
                rotation_id=row.rotation_id,
                note=row.note,
                version=row.version,
                updated_by=row.updated_by,
                updated_at=row.updated_at,
            )
            for row in rows
        ]

    async def _check_user(self, user_id: int) -> None:
        if user_id not in await self._people.names((user_id,)):
            raise BadInput(
                f"user_id: there is no user {user_id}", code="unknown_user", user_id=user_id
            )

    @staticmethod
    async def _usable(session: AsyncSession, shift_id: int) -> Shift:
        shift = await repository.shift(session, shift_id)
        if shift is None:
            raise BadInput(
                f"shift_id: there is no shift {shift_id}", code="unknown_shift", id=shift_id
            )
        if not shift.enabled:
            raise BadInput(
                f"shift_id: shift {shift.code} is disabled", code="shift_disabled", id=shift_id
            )
        return shift

    def _touches(self, conflict: RotaConflict, first: date, last: date) -> bool:
        begins = conflict.starts.astimezone(self._zone).date()
        # What ends at midnight is not of the day that begins then.
        ends = (conflict.ends - timedelta.resolution).astimezone(self._zone).date()
        return begins <= last and ends >= first


def check_range(first: date, last: date, longest: int) -> None:
    """`BadInput` ``bad_range`` unless ``first … last`` are 1 to `longest` days."""
    if not 0 <= (last - first).days < longest:
        raise BadInput(
            f"from, to: `to` must not be before `from`, and at most {longest} days may be asked"
            " for at once",
            code="bad_range",
            days_max=longest,
        )
    # Neighbouring days are looked at too.
    if first < date(2000, 1, 1) or last > date(2200, 1, 1):
        raise BadInput(
            "from, to: days from 2000 to 2199 can be asked for", code="bad_range", days_max=longest
        )


def trail_entry(action: str, row: RotaEntry, actor: str) -> Entry:
    """What the audit trail keeps of a change of the rota."""
    facts = {"user_id": row.user_id, "day": str(row.day), "shift_id": row.shift_id}
    return Entry(action, f"rota:{row.id}", facts, actor)


def found_entry(row: RotaEntry | None, entry_id: int) -> RotaEntry:
    """`row`, or `NotFound` ``rota_entry_not_found``."""
    if row is None:
        raise NotFound(
            f"there is no rota entry {entry_id}", code="rota_entry_not_found", id=entry_id
        )
    return row


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
