"""The opening calendar: read, replaced as a whole, and asked whether the line is open now.

The answer for a call is given from memory: `is_open` reads one number, the calendar's version, and
all the rest only when that has changed. So the next call after a change is decided by it, in
whichever process it was made.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, NotFound, VersionConflict
from callcenter.platform.versions import check_version, version_of
from callcenter.telephony.domain.route_default import OpenHours
from callcenter.workforce.domain.opening import (
    WEEK_DAYS,
    Calendar,
    HolidayOpening,
    HolidayRule,
    Period,
    Span,
    SpecialDays,
    Week,
    closing,
    is_open,
    next_opening,
    open_moments,
    overlap,
    overlay,
    spans_in,
    spans_of,
    words_of,
)
from callcenter.workforce.domain.workdays import DayKind, NamedDay, OfficialDays, Workdays
from callcenter.workforce.opening import repository
from callcenter.workforce.opening.models import OpeningHours, OpeningPeriod, SpecialDay
from callcenter.workforce.opening.official import published

_log = logging.getLogger(__name__)

WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SOME_WEEK = tuple(date(2024, 1, day) for day in range(1, WEEK_DAYS + 1))
"""Monday … Sunday."""
PERIODS_MAX = 200
"""Each up to a year long: they are spread out in memory."""


@dataclass(frozen=True, slots=True)
class NotedCalendar:
    """A calendar with what people wrote beside the special days."""

    calendar: Calendar
    notes: Mapping[date, str] = field(default_factory=dict)
    version: int | None = None
    """Raised by every change of opening; None: whoever saves has not said what he read."""


@dataclass(frozen=True, slots=True)
class OpeningNow:
    """Whether the line is open, on the city's clock (aware)."""

    open: bool
    now: datetime
    next_opening: datetime | None
    """None while it is open."""
    closes: datetime | None
    """None while it is closed, and for a line that is always open."""


@dataclass(frozen=True, slots=True)
class NotedPeriod:
    """A special period as it is kept."""

    id: int
    period: Period
    note: str
    updated_by: str
    updated_at: datetime

    @property
    def version(self) -> int:
        """Of what people write of it."""
        return version_of(self.id, self.period, self.note)


@dataclass(frozen=True, slots=True)
class OpeningDays:
    """Everything that decides about opening, at one version: the week, and all days that differ."""

    version: int
    week: Week
    days: SpecialDays
    workdays: Workdays


class OpeningService:
    """Reads and replaces the calendar. `time_zone` is the city's (an IANA name).

    `official` are the published public holidays; by default those of the installed package.
    """

    def __init__(
        self,
        database: Database,
        time_zone: str,
        clock: Clock = utc_now,
        official: OfficialDays | None = None,
    ) -> None:
        self._database = database
        self._zone = ZoneInfo(time_zone)
        self._clock = clock
        self._official = official or published()
        self._kept: OpeningDays | None = None

    async def calendar(self) -> NotedCalendar:
        """The week and the special days, as they were put."""

        def work(connection: Connection) -> NotedCalendar:
            return NotedCalendar(
                _calendar(connection),
                {row.day: row.note for row in repository.special_days(connection)},
                repository.version(connection),
            )

        return await self._database.read(work)

    async def replace(self, noted: NotedCalendar, *, actor: str) -> NotedCalendar:
        """Put `noted` in the place of the present calendar, at once and as a whole.

        Errors: `BadInput` ``spans_overlap``; `VersionConflict` if `noted` names a version and
        opening was changed since it was read.
        """
        for weekday, spans in enumerate(noted.calendar.week):
            _check_spans(spans, f"week: on {WEEKDAY_NAMES[weekday]} ", weekday=weekday)
        for day, spans in noted.calendar.special_days.items():
            _check_spans(spans, f"special_days: on {day} ", day=str(day))
        now = self._clock()
        hours = [
            OpeningHours(weekday=weekday, opens=span.opens, closes=span.closes)
            for weekday, spans in enumerate(noted.calendar.week)
            for span in sorted(spans)
        ]
        days = [
            SpecialDay(
                day=day, spans=words_of(spans), note=noted.notes.get(day, ""), updated_at=now
            )
            for day, spans in noted.calendar.special_days.items()
        ]
        async with self._database.writing() as session:
            present = await session.run_sync(lambda sync: repository.version(sync.connection()))
            if noted.version not in (None, present):
                raise VersionConflict(
                    f"the calendar was changed meanwhile (version {present}): read it again, then"
                    " save",
                    version=present,
                )
            check_version(present or None, "the calendar")
            await repository.touch(session, now)
            await repository.replace(session, hours, days)
            facts = {"spans": len(hours), "special_days": len(days)}
            await record(session, Entry("opening.replaced", "opening", facts, actor), now=now)
        _log.info("calendar replaced spans=%d special=%d by=%s", len(hours), len(days), actor)
        return await self.calendar()

    async def now(self) -> OpeningNow:
        """Whether the line is open now, and when that changes."""
        known = await self.days()
        local = self._clock().astimezone(self._zone)
        opened = is_open(local, known.week, known.days)
        return OpeningNow(
            open=opened,
            now=local,
            next_opening=None if opened else next_opening(local, known.week, known.days),
            closes=closing(local, known.week, known.days),
        )

    async def is_open(self) -> bool:
        """Whether the line is open now; reads no more than the calendar's version."""
        known = await self.days()
        return is_open(self._clock().astimezone(self._zone), known.week, known.days)

    async def days(self) -> OpeningDays:
        """All that decides about opening, as it is now."""
        return await self._database.read(self._days)

    async def hours(self) -> OpenHours:
        """The usual week and every day that differs, for the PBX's own default."""
        known = await self.days()
        return OpenHours(
            week=[_minutes(spans_of(day, known.week, {})) for day in _SOME_WEEK],
            days={day: _minutes(spans_of(day, known.week, known.days)) for day in known.days},
        )

    async def open_moments(self, first: date, last: date) -> Sequence[tuple[datetime, datetime]]:
        """When the line is open from `first` to `last` (both included), in UTC."""
        known = await self.days()
        return tuple(open_moments(first, last, known.week, known.days, self._zone))

    async def rule(self) -> HolidayRule:
        """What is done on public holidays and moved working days."""
        return await self._database.read(_rule)

    async def set_rule(self, rule: HolidayRule, *, actor: str) -> HolidayRule:
        """Do so from the next call on; `BadInput` ``spans_overlap``."""
        _check_spans(rule.hours, "")
        now = self._clock()
        async with self._database.writing() as session:
            before = await session.run_sync(lambda sync: _rule(sync.connection()))
            check_version(
                version_of(before), "the rule for holidays", empty=before == HolidayRule()
            )
            row = await repository.touch(session, now)
            row.holidays = rule.holidays.value
            row.holiday_spans = words_of(rule.hours)
            row.moved_workday_as = rule.moved_workday_as
            facts = {
                "holidays": rule.holidays.value,
                "spans": row.holiday_spans,
                "moved_workday_as": rule.moved_workday_as,
            }
            await record(session, Entry("opening.rule_set", "opening", facts, actor), now=now)
        _log.info("holiday rule set holidays=%s by=%s", rule.holidays, actor)
        return rule

    async def periods(self) -> Sequence[NotedPeriod]:
        """All special periods, in order of their first day."""
        async with self._database.reading() as session:
            return [_noted_period(row) for row in await repository.periods(session)]

    async def add_period(self, period: Period, note: str, *, actor: str) -> NotedPeriod:
        """A period that differs, from the next call on; `BadInput` ``spans_overlap``,
        ``too_many_periods``."""
        _check_spans(period.spans, "")
        now = self._clock()
        row = OpeningPeriod()
        async with self._database.writing() as session:
            if len(await repository.periods(session)) >= PERIODS_MAX:
                raise BadInput(
                    f"there are {PERIODS_MAX} special periods already: remove old ones",
                    code="too_many_periods",
                )
            await repository.touch(session, now)
            _fill_period(row, period, note, actor, now)
            session.add(row)
            await session.flush()
            await record(session, _entry("opening.period_added", row, actor), now=now)
        _log.info("period added id=%d by=%s", row.id, actor)
        return _noted_period(row)

    async def change_period(
        self, period_id: int, period: Period, note: str, *, actor: str
    ) -> NotedPeriod:
        """Put `period` in the place of that one; `NotFound` ``period_not_found``, `BadInput`
        ``spans_overlap``."""
        _check_spans(period.spans, "")
        now = self._clock()
        async with self._database.writing() as session:
            row = _found_period(await repository.period(session, period_id))
            check_version(_noted_period(row).version, "the period")
            await repository.touch(session, now)
            _fill_period(row, period, note, actor, now)
            await record(session, _entry("opening.period_changed", row, actor), now=now)
        _log.info("period changed id=%d by=%s", period_id, actor)
        return _noted_period(row)

    async def remove_period(self, period_id: int, *, actor: str) -> None:
        """Its days are ordinary again; `NotFound` ``period_not_found``."""
        async with self._database.writing() as session:
            row = _found_period(await repository.period(session, period_id))
            check_version(_noted_period(row).version, "the period")
            now = self._clock()
            await repository.touch(session, now)
            await record(session, _entry("opening.period_removed", row, actor), now=now)
            await session.delete(row)
        _log.info("period removed id=%d by=%s", period_id, actor)

    def _days(self, connection: Connection) -> OpeningDays:
        # The version first: if a change comes between, the next question reads again.
        version = repository.version(connection)
        kept = self._kept
        if kept is None or kept.version != version:
            calendar = _calendar(connection)
            workdays = read_workdays(connection, self._official)
            periods = [
                Period(first, last, spans_in(words))
                for first, last, words in repository.period_spans(connection)
            ]
            kept = OpeningDays(
                version,
                calendar.week,
                overlay(calendar, periods, _rule(connection), workdays),
                workdays,
            )
            self._kept = kept
        return kept


def read_workdays(connection: Connection, official: OfficialDays) -> Workdays:
    """The published lists with what an admin put above them."""
    return Workdays(
        official,
        {
            day: NamedDay(DayKind(kind), name)
            for day, kind, name in repository.calendar_days(connection)
        },
        repository.calendar_years(connection),
    )


def _calendar(connection: Connection) -> Calendar:
    return Calendar(
        week=_week(repository.spans(connection)),
        special_days={row.day: spans_in(row.spans) for row in repository.special_days(connection)},
    )


def _rule(connection: Connection) -> HolidayRule:
    row = repository.rule(connection)
    if row is None:
        return HolidayRule()
    return HolidayRule(HolidayOpening(row.holidays), spans_in(row.spans), row.moved_workday_as)


def _week(rows: Iterable[tuple[int, int, int]]) -> Week:
    week: list[list[Span]] = [[] for _ in range(WEEK_DAYS)]
    for weekday, opens, closes in rows:
        week[weekday].append(Span(opens, closes))
    return tuple(map(tuple, week))


def _minutes(spans: Iterable[Span]) -> Sequence[tuple[int, int]]:
    return [(span.opens, span.closes) for span in spans]


def _check_spans(spans: Iterable[Span], where: str, **details: object) -> None:
    if (shared := overlap(spans)) is not None:
        both = " and ".join(map(_clock, shared))
        raise BadInput(f"{where}{both} overlap", code="spans_overlap", **details)


def _fill_period(row: OpeningPeriod, period: Period, note: str, actor: str, now: datetime) -> None:
    row.first_day, row.last_day = period.first, period.last
    row.spans = words_of(period.spans)
    row.note, row.updated_by, row.updated_at = note, actor, now


def _entry(action: str, row: OpeningPeriod, actor: str) -> Entry:
    facts = {
        "first_day": str(row.first_day),
        "last_day": str(row.last_day),
        "spans": row.spans,
    }
    return Entry(action, f"period:{row.id}", facts, actor)


def _found_period(row: OpeningPeriod | None) -> OpeningPeriod:
    if row is None:
        raise NotFound("no such special period", code="period_not_found")
    return row


def _noted_period(row: OpeningPeriod) -> NotedPeriod:
    return NotedPeriod(
        row.id,
        Period(row.first_day, row.last_day, spans_in(row.spans)),
        row.note,
        row.updated_by,
        row.updated_at,
    )


def _clock(span: Span) -> str:
    return "–".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (span.opens, span.closes))
