"""JSON forms of the opening calendar."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from callcenter.domain.opening import DAY_MINUTES, WEEK_DAYS, Calendar, Span
from callcenter.opening.service import NotedCalendar

SPANS_MAX = 7 * 24
"""One span an hour."""
SPECIAL_DAYS_MAX = 2000
"""Five years of nothing but special days."""

Minute = Annotated[int, Field(ge=0, le=DAY_MINUTES, description="Minutes after midnight.")]


def _no_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("a NUL character cannot be stored")
    return value


Note = Annotated[str, Field(max_length=200), AfterValidator(_no_nul)]

_WORKDAYS: list[JsonValue] = [{"weekday": d, "opens": 480, "closes": 1080} for d in range(5)]
_EXAMPLE: dict[str, JsonValue] = {
    "week": _WORKDAYS,
    "special_days": [
        {"day": "2026-10-01", "opens": None, "closes": None, "note": "国庆节"},
        {"day": "2026-10-10", "opens": 540, "closes": 1020, "note": "调休上班"},
    ],
}


class WeekSpan(BaseModel):
    """One open span of a weekday, on the city's clock."""

    model_config = ConfigDict(extra="forbid")

    weekday: int = Field(ge=0, lt=WEEK_DAYS, description="0 Monday … 6 Sunday.")
    opens: Minute
    closes: Minute

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError(
                "closes must be after opens; a span over midnight is two, until 1440 and from 0"
            )
        return self


class SpecialDayBody(BaseModel):
    """A day that differs: open in one span, or closed (both null)."""

    model_config = ConfigDict(extra="forbid")

    day: date
    opens: Minute | None = None
    closes: Minute | None = None
    note: Note = ""

    @model_validator(mode="after")
    def _span_or_closed(self) -> Self:
        if (self.opens is None) != (self.closes is None):
            raise ValueError("give opens and closes, or neither for a closed day")
        if self.opens is not None and self.closes is not None and self.opens >= self.closes:
            raise ValueError("closes must be after opens")
        return self


class CalendarBody(BaseModel):
    """The whole calendar. Without any span in `week` the line is always open."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    week: list[WeekSpan] = Field(max_length=SPANS_MAX)
    special_days: list[SpecialDayBody] = Field(max_length=SPECIAL_DAYS_MAX)

    @model_validator(mode="after")
    def _days_once(self) -> Self:
        seen: set[date] = set()
        for special in self.special_days:
            if special.day in seen:
                raise ValueError(f"special_days: {special.day} is there twice")
            seen.add(special.day)
        return self

    def to_domain(self) -> NotedCalendar:
        """As the service takes it."""
        week: list[list[Span]] = [[] for _ in range(WEEK_DAYS)]
        for span in self.week:
            week[span.weekday].append(Span(span.opens, span.closes))
        return NotedCalendar(
            Calendar(
                week=tuple(map(tuple, week)),
                special_days={
                    special.day: Span(special.opens, special.closes)
                    if special.opens is not None and special.closes is not None
                    else None
                    for special in self.special_days
                },
            ),
            {special.day: special.note for special in self.special_days},
        )

    @staticmethod
    def from_domain(noted: NotedCalendar) -> CalendarBody:
        """As the service gives it."""
        return CalendarBody(
            week=[
                WeekSpan(weekday=weekday, opens=span.opens, closes=span.closes)
                for weekday, spans in enumerate(noted.calendar.week)
                for span in spans
            ],
            special_days=[
                SpecialDayBody(
                    day=day,
                    opens=span.opens if span else None,
                    closes=span.closes if span else None,
                    note=noted.notes.get(day, ""),
                )
                for day, span in sorted(noted.calendar.special_days.items())
            ],
        )


class OpeningNowOut(BaseModel):
    """Whether the line is open now."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "open": False,
                    "now": "2026-10-01T09:30:00+08:00",
                    "next_opening": "2026-10-05T08:00:00+08:00",
                    "closes": None,
                }
            ]
        },
    )

    open: bool
    now: AwareDatetime = Field(description="On the city's clock.")
    next_opening: datetime | None = Field(description="Null while open.")
    closes: datetime | None = Field(description="Null while closed, or if it never closes.")
