"""When the line is open: a week's pattern and the days that differ. No rows: always open.

Every transaction that changes one of these tables raises `OpeningRule.version`, so that whoever
keeps the calendar in memory (the AGI server, in a process of its own) asks for one number to know
whether it is still right.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import Base

SPANS_CHARACTERS = 256
"""One span an hour is 233."""


class OpeningHours(Base):
    """One open span of a weekday, in the city's time; `closes` 1440 is midnight."""

    __tablename__ = "opening_hours"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    weekday: Mapped[int]
    """0 Monday … 6 Sunday."""
    opens: Mapped[int]
    """Minutes after midnight."""
    closes: Mapped[int]
    """Minutes after midnight, above `opens`, at most 1440."""


class SpecialDay(Base):
    """A date that differs from its weekday."""

    __tablename__ = "special_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    spans: Mapped[str] = mapped_column(String(SPANS_CHARACTERS))
    """When it is open, by `domain.opening.words_of`; empty: closed all day."""
    note: Mapped[str] = mapped_column(String(200))
    updated_at: Mapped[datetime]


class OpeningPeriod(Base):
    """Days in a row that differ: 24 hours at Spring Festival, a move of the office."""

    __tablename__ = "opening_period"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    first_day: Mapped[date]
    last_day: Mapped[date]
    """Included."""
    spans: Mapped[str] = mapped_column(String(SPANS_CHARACTERS))
    """Of each of its days, as of `SpecialDay`."""
    note: Mapped[str] = mapped_column(String(200))
    updated_by: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime]


class OpeningRule(Base):
    """One row (id 1): what is done on public holidays and moved working days, and the version."""

    __tablename__ = "opening_rule"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    holidays: Mapped[str] = mapped_column(String(16))
    """`domain.opening.HolidayOpening`."""
    holiday_spans: Mapped[str] = mapped_column(String(SPANS_CHARACTERS))
    """As of `SpecialDay`; only of `HolidayOpening.HOURS`."""
    moved_workday_as: Mapped[int | None]
    """0 Monday … 6 Sunday."""
    updated_at: Mapped[datetime]


class CalendarDay(Base):
    """What an admin says of one day, above the published list."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    """`domain.workdays.DayKind`."""
    name: Mapped[str] = mapped_column(String(100))
    updated_by: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime]


class CalendarYear(Base):
    """A year whose days an admin has entered whole."""

    __tablename__ = "calendar_year"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    declared_by: Mapped[str] = mapped_column(String(64))
    declared_at: Mapped[datetime]
