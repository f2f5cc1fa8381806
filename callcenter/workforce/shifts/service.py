"""The rota read: who works when, what is wrong with it, and who is on shift at this moment.

An entry is one person's shift on one day. Approved leave does not remove an entry: it stands
aside, so that leave which is given back brings the shift back. Everything that asks who should be
there (cover, attendance, the queue's members) goes by entries without leave.

Conflicts are found and named, not forbidden; see `domain.rest_rules`. What changes the rota
(`changes`, `requests`, `rota_sheet`) says so here after its commit; whoever watches looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, NotFound
from callcenter.workforce.domain.requests import RequestState
from callcenter.workforce.domain.rest_rules import (
    ConflictCode,
    LeaveDays,
    RestRules,
    RotaConflict,
    cover_conflicts,
    people_conflicts,
    split_leave,
)
from callcenter.workforce.domain.shifts import (
    Assignment,
    Cover,
    EntrySource,
    cover,
    next_change,
    on_shift,
)
from callcenter.workforce.opening.service import OpeningService
from callcenter.workforce.shifts import repository
from callcenter.workforce.shifts.models import RotaEntry
from callcenter.workforce.shifts.planning import assignment, leave_days
from callcenter.workforce.shifts.ports import People

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
class Colleague:
    """Somebody to swap with."""

    user_id: int
    name: str
    taken: tuple[EntryInfo, ...]
    """On all other days he is free, as far as a colleague need know."""


@dataclass(frozen=True, slots=True)
class Rota:
    """What stands on some days."""

    assignments: Sequence[Assignment]
    """By their begin on each day."""
    leave: LeaveDays
    unable: frozenset[int] = frozenset()
    """Entries that have not ended, of people who may not work in them (any more): disabled, gone,
    or without the role."""

    @property
    def able(self) -> list[Assignment]:
        """Those of people who may work in them."""
        return [one for one in self.assignments if one.entry_id not in self.unable]

    @property
    def standing(self) -> list[Assignment]:
        """Those that count: not on leave, and of people who may work in them."""
        return split_leave(self.able, self.leave)[0]


@dataclass(frozen=True, slots=True)
class AtWork:
    """Who is on shift, and for how long that holds."""

    people: frozenset[int]
    """Users whose shift at a seat runs and who are not on leave."""
    holds: timedelta | None
    """Until a shift next begins or ends; None: nothing does within the next day."""


class ShiftService:
    """Reads the rota."""

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
        self._listeners: list[Callable[[], None]] = []
        self.rules = RestRules(
            rest=timedelta(hours=settings.shift_min_rest_hours),
            days_in_a_row=settings.shift_max_days_in_a_row,
            covered=settings.shift_min_covered,
            longest=timedelta(hours=settings.shift_max_hours),
        )

    @property
    def zone(self) -> ZoneInfo:
        """The city's."""
        return self._zone

    def today(self) -> date:
        """The city's day."""
        return self._clock().astimezone(self._zone).date()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that changed who should be here."""
        self._listeners.append(listener)

    def changed(self) -> None:
        """The rota or the leave that stands has changed, and is committed."""
        for listener in self._listeners:
            listener()

    # -- who is there -------------------------------------------------------------------------

    async def on_shift_now(self) -> frozenset[int]:
        """Users whose shift at a seat runs now and who are not on leave."""
        return (await self.at_work()).people

    async def around(self, moment: datetime) -> Rota:
        """All that can run at `moment` or begin within a day of it."""
        day = moment.astimezone(self._zone).date()
        return await self.rota(day - _DAY, day + _DAY)

    async def at_work(self) -> AtWork:
        """Who is on shift now, and how long that holds if nobody changes the rota."""
        now = self._clock()
        standing = (await self.around(now)).standing
        following = next_change(standing, now)
        return AtWork(on_shift(standing, now), None if following is None else following - now)

    async def rota(self, first: date, last: date) -> Rota:
        """Everybody's shifts that begin on the days ``first … last``."""
        async with self._database.reading() as session:
            found = await self._rota(session, first, last)
        return await self._asked(found)

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
            infos = await self._infos(session, rows)
        return await self._named(infos)

    async def colleagues(self, first: date, last: date) -> Sequence[Colleague]:
        """Everybody who may work at a seat, with the shifts that have not begun of the days
        ``first … last``, by name; `BadInput` ``bad_range``."""
        names = await self._people.colleagues()
        planned: dict[int, list[EntryInfo]] = {user_id: [] for user_id in names}
        for entry in await self.entries(first, last):
            if entry.user_id in planned and entry.assignment.starts > self._clock():
                planned[entry.user_id].append(entry)
        found = [Colleague(one, names[one], tuple(entries)) for one, entries in planned.items()]
        return sorted(found, key=lambda one: (one.name, one.user_id))

    async def entry(self, entry_id: int) -> EntryInfo:
        """One entry; `NotFound` ``rota_entry_not_found``."""
        async with self._database.reading() as session:
            row = found_entry(await repository.entry(session, entry_id), entry_id)
            infos = await self._infos(session, [row])
        return (await self._named(infos))[0]

    async def names(self, user_ids: Collection[int]) -> Mapping[int, str]:
        """What people are called; those who are not users are left out."""
        return await self._people.names(user_ids)

    async def check_user(self, user_id: int) -> None:
        """`BadInput` ``unknown_user`` unless there is such a user."""
        if user_id not in await self._people.names((user_id,)):
            raise BadInput(f"there is no user {user_id}", code="unknown_user", user_id=user_id)

    async def conflicts(self, first: date, last: date) -> Sequence[RotaConflict]:
        """What is wrong with the days ``first … last``, by time; `BadInput` ``bad_range``."""
        check_range(first, last, RANGE_DAYS_MAX)
        # A run of days, and a rest, may begin before the range and end after it.
        margin = timedelta(days=self.rules.days_in_a_row + 1)
        wide = await self.rota(first - margin, last + margin)
        found = [
            conflict
            for conflict in people_conflicts(wide.able, wide.leave, self.rules)
            if self._touches(conflict, first, last)
        ]
        inside = [a for a in wide.assignments if first <= a.day <= last]
        names = await self._people.names({a.user_id for a in inside})
        found += [
            RotaConflict(ConflictCode.UNKNOWN_PERSON, a.starts, a.ends, a.user_id, (a.entry_id,))
            for a in inside
            if a.user_id not in names
        ]
        found += [
            RotaConflict(ConflictCode.MAY_NOT_WORK, a.starts, a.ends, a.user_id, (a.entry_id,))
            for a in inside
            if a.entry_id in wide.unable and a.user_id in names
        ]
        spans = await self._opening.open_moments(first, last)
        found += cover_conflicts(wide.able, wide.leave, spans, self.rules)
        return sorted(found, key=lambda c: (c.starts, c.code.value, c.user_id or 0))

    async def conflicts_of(self, user_id: int, day: date) -> Sequence[RotaConflict]:
        """What is wrong with one person's shifts around `day`."""
        margin = timedelta(days=self.rules.days_in_a_row + 1)
        async with self._database.reading() as session:
            found = await self._rota(session, day - margin, day + margin, users=(user_id,))
        rota = await self._asked(found)
        return [
            conflict
            for conflict in people_conflicts(rota.able, rota.leave, self.rules)
            if self._touches(conflict, day, day)
        ] + [
            RotaConflict(ConflictCode.MAY_NOT_WORK, a.starts, a.ends, a.user_id, (a.entry_id,))
            for a in rota.assignments
            if a.day == day and a.entry_id in rota.unable
        ]

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

    async def _asked(self, rota: Rota) -> Rota:
        """`rota` with those who may not work in it. Asked at each reading, for it was right when it
        was planned; what is past stays as it was."""
        now = self._clock()
        ahead = [one for one in rota.assignments if one.ends > now]
        able = await self._people.able({one.user_id for one in ahead})
        unable = (one.entry_id for one in ahead if one.kind not in able.get(one.user_id, ()))
        return replace(rota, unable=frozenset(unable))

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
        return [
            EntryInfo(
                id=row.id,
                user_id=row.user_id,
                name="",
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

    async def _named(self, infos: Sequence[EntryInfo]) -> Sequence[EntryInfo]:
        """With the names of the people, which are not ours to read: in no unit of work of ours."""
        names = await self._people.names({info.user_id for info in infos})
        return [replace(info, name=names.get(info.user_id, "")) for info in infos]

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


def found_entry(row: RotaEntry | None, entry_id: int) -> RotaEntry:
    """`row`, or `NotFound` ``rota_entry_not_found``."""
    if row is None:
        raise NotFound(
            f"there is no rota entry {entry_id}", code="rota_entry_not_found", id=entry_id
        )
    return row
