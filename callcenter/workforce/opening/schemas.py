"""JSON forms of the opening calendar."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from callcenter.platform.http.versions import VersionIn
from callcenter.platform.moments import CityDay
from callcenter.platform.texts import BLOCK
from callcenter.platform.versions import version_of
from callcenter.workforce.domain.opening import (
    DAY_MINUTES,
    WEEK_DAYS,
    Calendar,
    HolidayOpening,
    HolidayRule,
    Period,
    Span,
)
from callcenter.workforce.opening.service import NotedCalendar, NotedPeriod

SPANS_MAX = 7 * 24
"""One span an hour."""
SPECIAL_DAYS_MAX = 2000
"""Five years of nothing but special days."""
PERIOD_DAYS_MAX = 366

Minute = Annotated[
    int, Field(strict=True, ge=0, le=DAY_MINUTES, description="Minutes after midnight.")
]


Note = Annotated[str, Field(max_length=200), BLOCK]

_WORKDAYS: list[JsonValue] = [{"weekday": d, "opens": 480, "closes": 1080} for d in range(5)]
_EXAMPLE: dict[str, JsonValue] = {
    "version": 3,
    "week": _WORKDAYS,
    "special_days": [
        {"day": "2026-10-01", "opens": None, "closes": None, "note": "国庆节"},
        {"day": "2026-10-10", "opens": 540, "closes": 1020, "note": "调休上班"},
    ],
}


class WeekSpan(BaseModel):
    """One open span of a weekday, on the city's clock."""

    model_config = ConfigDict(extra="forbid")

    weekday: int = Field(strict=True, ge=0, lt=WEEK_DAYS, description="0 Monday … 6 Sunday.")
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

    day: CityDay
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
    version: int | None = Field(
        None,
        strict=True,
        ge=0,
        le=2**63 - 1,
        description="Of the calendar as you read it, so that nobody's change is lost; If-Match"
        " says the same.",
    )

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
            self.version,
        )

    @staticmethod
    def from_domain(noted: NotedCalendar) -> CalendarBody:
        """As the service gives it."""
        return CalendarBody(
            version=noted.version,
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


class HolidayRuleBody(VersionIn):
    """What is done on public holidays and on weekends that are worked."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"holidays": "hours", "opens": 540, "closes": 1020, "moved_workday_as": 0}]
        },
    )

    holidays: HolidayOpening = Field(
        description="as_week: as on any such weekday; closed; hours: from `opens` to `closes`."
    )
    opens: Minute | None = None
    closes: Minute | None = None
    moved_workday_as: int | None = Field(
        None,
        strict=True,
        ge=0,
        lt=WEEK_DAYS,
        description="The weekday (0 Monday) whose spans a worked weekend has; null: its own.",
    )

    @model_validator(mode="after")
    def _hours_with_hours(self) -> Self:
        given = (self.opens is not None, self.closes is not None)
        if given != (self.holidays is HolidayOpening.HOURS,) * 2:
            raise ValueError("give opens and closes with holidays=hours, and only then")
        if self.opens is not None and self.closes is not None and self.opens >= self.closes:
            raise ValueError("closes must be after opens")
        return self

    def to_domain(self) -> HolidayRule:
        """As the service takes it."""
        return HolidayRule(self.holidays, _span(self.opens, self.closes), self.moved_workday_as)

    @staticmethod
    def from_domain(rule: HolidayRule) -> HolidayRuleBody:
        """As the service gives it."""
        return HolidayRuleBody(
            holidays=rule.holidays,
            opens=rule.hours.opens if rule.hours else None,
            closes=rule.hours.closes if rule.hours else None,
            moved_workday_as=rule.moved_workday_as,
            version=version_of(rule),
        )


_PERIOD: dict[str, JsonValue] = {
    "first_day": "2027-02-05",
    "last_day": "2027-02-12",
    "opens": 0,
    "closes": 1440,
    "note": "春节24小时值守",
}


class PeriodIn(VersionIn):
    """Days in a row that differ: open in one span each, or closed (both null)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_PERIOD]})

    first_day: CityDay
    last_day: CityDay = Field(description="Included.")
    opens: Minute | None = None
    closes: Minute | None = None
    note: Note = ""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if (self.opens is None) != (self.closes is None):
            raise ValueError("give opens and closes, or neither for closed days")
        if self.opens is not None and self.closes is not None and self.opens >= self.closes:
            raise ValueError("closes must be after opens")
        if not 0 <= (self.last_day - self.first_day).days < PERIOD_DAYS_MAX:
            raise ValueError(f"last_day: from first_day on, {PERIOD_DAYS_MAX} days at most")
        return self

    def to_domain(self) -> Period:
        """As the service takes it."""
        return Period(self.first_day, self.last_day, _span(self.opens, self.closes))


class PeriodOut(BaseModel):
    """A special period."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _PERIOD
                | {
                    "id": 3,
                    "version": 3,
                    "updated_by": "admin",
                    "updated_at": "2026-11-24T03:57:04Z",
                }
            ]
        },
    )

    id: int
    version: int
    first_day: date
    last_day: date = Field(description="Included.")
    opens: int | None
    closes: int | None
    note: str
    updated_by: str
    updated_at: AwareDatetime

    @staticmethod
    def from_domain(noted: NotedPeriod) -> PeriodOut:
        """As the service gives it."""
        span = noted.period.span
        return PeriodOut(
            id=noted.id,
            version=noted.version,
            first_day=noted.period.first,
            last_day=noted.period.last,
            opens=span.opens if span else None,
            closes=span.closes if span else None,
            note=noted.note,
            updated_by=noted.updated_by,
            updated_at=noted.updated_at,
        )


def _span(opens: int | None, closes: int | None) -> Span | None:
    return None if opens is None or closes is None else Span(opens, closes)
