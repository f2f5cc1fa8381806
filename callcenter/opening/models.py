"""When the line is open: a week's pattern and the days that differ. No rows: always open."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.db.base import Base


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
    """A date that differs from its weekday: closed, or open in one span."""

    __tablename__ = "special_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    opens: Mapped[int | None]
    """Both None: closed all day."""
    closes: Mapped[int | None]
    note: Mapped[str] = mapped_column(String(200))
    updated_at: Mapped[datetime]
