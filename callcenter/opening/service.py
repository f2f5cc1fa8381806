"""The opening calendar: read, replaced as a whole, and asked whether the line is open now."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from callcenter.clock import Clock, utc_now
from callcenter.db.engine import Database
from callcenter.domain.opening import (
    WEEK_DAYS,
    Calendar,
    Span,
    Week,
    closing,
    is_open,
    next_opening,
    overlap,
)
from callcenter.errors import BadInput
from callcenter.opening import repository
from callcenter.opening.models import OpeningHours, SpecialDay

_log = logging.getLogger(__name__)

WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class NotedCalendar:
    """A calendar with what people wrote beside the special days."""

    calendar: Calendar
    notes: Mapping[date, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpeningNow:
    """Whether the line is open, on the city's clock (aware)."""

    open: bool
    now: datetime
    next_opening: datetime | None
    """None while it is open."""
    closes: datetime | None
    """None while it is closed, and for a line that is always open."""


class OpeningService:
    """Reads and replaces the calendar. `time_zone` is the city's (an IANA name)."""

    def __init__(self, database: Database, time_zone: str, clock: Clock = utc_now) -> None:
        self._database = database
        self._zone = ZoneInfo(time_zone)
        self._clock = clock

    async def calendar(self) -> NotedCalendar:
        """The whole calendar."""

        def work(connection: Connection) -> NotedCalendar:
            days = repository.special_days(connection)
            return NotedCalendar(
                Calendar(
                    week=_week(repository.spans(connection)),
                    special_days={row.day: _span(row) for row in days},
                ),
                {row.day: row.note for row in days},
            )

        return await self._database.read(work)

    async def replace(self, noted: NotedCalendar, *, actor: str) -> NotedCalendar:
        """Put `noted` in the place of the present calendar, at once and as a whole.

        Errors: `BadInput` ``spans_overlap``.
        """
        for weekday, spans in enumerate(noted.calendar.week):
            if (shared := overlap(spans)) is not None:
                both = " and ".join(map(_clock, shared))
                raise BadInput(
                    f"week: on {WEEKDAY_NAMES[weekday]} {both} overlap",
                    code="spans_overlap",
                    weekday=weekday,
                )
        now = self._clock()
        hours = [
            OpeningHours(weekday=weekday, opens=span.opens, closes=span.closes)
            for weekday, spans in enumerate(noted.calendar.week)
            for span in sorted(spans)
        ]
        days = [
            SpecialDay(
                day=day,
                opens=span.opens if span else None,
                closes=span.closes if span else None,
                note=noted.notes.get(day, ""),
                updated_at=now,
            )
            for day, span in noted.calendar.special_days.items()
        ]
        async with self._database.writing() as session:
            await repository.replace(session, hours, days)
        _log.info("calendar replaced spans=%d special=%d by=%s", len(hours), len(days), actor)
        return await self.calendar()

    async def now(self) -> OpeningNow:
        """Whether the line is open now, and when that changes."""
        calendar = (await self.calendar()).calendar
        local = self._clock().astimezone(self._zone)
        return self.at(local, calendar)

    async def is_open(self) -> bool:
        """Whether the line is open now; reads no more of the calendar than that takes."""
        local = self._clock().astimezone(self._zone)

        def work(connection: Connection) -> bool:
            special = repository.special_day(connection, local.date())
            days = {special.day: _span(special)} if special else {}
            return is_open(local, _week(repository.spans(connection)), days)

        return await self._database.read(work)

    @staticmethod
    def at(local: datetime, calendar: Calendar) -> OpeningNow:
        """Whether the line is open at `local`, and when that changes."""
        opened = is_open(local, calendar.week, calendar.special_days)
        return OpeningNow(
            open=opened,
            now=local,
            next_opening=None
            if opened
            else next_opening(local, calendar.week, calendar.special_days),
            closes=closing(local, calendar.week, calendar.special_days),
        )


def _week(rows: Iterable[tuple[int, int, int]]) -> Week:
    week: list[list[Span]] = [[] for _ in range(WEEK_DAYS)]
    for weekday, opens, closes in rows:
        week[weekday].append(Span(opens, closes))
    return tuple(map(tuple, week))


def _span(row: repository.DayRow) -> Span | None:
    if row.opens is None or row.closes is None:
        return None
    return Span(row.opens, row.closes)


def _clock(span: Span) -> str:
    return "–".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (span.opens, span.closes))
