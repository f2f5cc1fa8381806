"""JSON forms of the opening calendar."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Self

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
    Spans,
)
from callcenter.workforce.opening.service import NotedCalendar, NotedPeriod

SPANS_MAX = 7 * 24
"""One span an hour."""
DAY_SPANS_MAX = 24
SPECIAL_DAYS_MAX = 2000
"""Five years of nothing but special days."""
PERIOD_DAYS_MAX = 366

Minute = Annotated[
    int, Field(strict=True, ge=0, le=DAY_MINUTES, description="Minutes after midnight.")
]


Note = Annotated[str, Field(max_length=200), BLOCK]

_LUNCH: list[JsonValue] = [{"opens": 540, "closes": 720}, {"opens": 780, "closes": 1020}]
_WORKDAYS: list[JsonValue] = [{"weekday": d, "opens": 480, "closes": 1080} for d in range(5)]
_EXAMPLE: dict[str, JsonValue] = {
    "version": 3,
    "week": _WORKDAYS,
    "special_days": [
        {"day": "2026-10-01", "spans": [], "note": "国庆节"},
        {"day": "2026-10-10", "spans": _LUNCH, "note": "调休上班"},
    ],
}


class DaySpan(BaseModel):
    """One open span of a day, on the city's clock."""

    model_config = ConfigDict(extra="forbid")

    opens: Minute
    closes: Minute

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError(
                "closes must be after opens; a span over midnight is two, until 1440 and from 0"
            )
        return self


class WeekSpan(DaySpan):
    """One open span of a weekday."""

    weekday: int = Field(strict=True, ge=0, lt=WEEK_DAYS, description="0 Monday … 6 Sunday.")


class HoursBody(BaseModel):
    """When a day is open: in some spans, or in none. Mixed into what says so."""

    spans: list[DaySpan] | None = Field(
        None, max_length=DAY_SPANS_MAX, description="Such as before and after lunch; empty: closed."
    )
    opens: Minute | None = Field(
        None,
        deprecated=True,
        description="Now `spans`. With `closes` alone it is one span; in answers the first's.",
    )
    closes: Minute | None = Field(None, deprecated=True, description="Now `spans`; the last's.")

    @model_validator(mode="after")
    def _one_way_of_saying_it(self) -> Self:
        opens, closes = self.__dict__["opens"], self.__dict__["closes"]
        if (opens is None) != (closes is None):
            raise ValueError("give opens and closes, or neither if it is closed")
        if opens is not None and opens >= closes:
            raise ValueError("closes must be after opens")
        if (
            self.spans is not None
            and {"opens", "closes"} & self.model_fields_set
            and ends_of(self.hours()) != (opens, closes)
        ):
            raise ValueError(
                "spans, opens and closes say different things: leave opens and closes out"
            )
        return self

    def hours(self) -> Spans:
        """As the domain has it, in order."""
        if self.spans is not None:
            return tuple(sorted(Span(span.opens, span.closes) for span in self.spans))
        opens, closes = self.__dict__["opens"], self.__dict__["closes"]
        return () if opens is None else (Span(opens, closes),)


def ends_of(spans: Spans) -> tuple[int | None, int | None]:
    """When the first of `spans` opens and the last closes; for whoever knows one span alone."""
    return (spans[0].opens, max(span.closes for span in spans)) if spans else (None, None)


def hours_out(spans: Spans) -> dict[str, Any]:
    """The fields of `HoursBody` in an answer."""
    opens, closes = ends_of(spans)
    out = [DaySpan(opens=span.opens, closes=span.closes) for span in spans]
    return {"spans": out, "opens": opens, "closes": closes}


class SpecialDayBody(HoursBody):
    """A day that differs."""

    model_config = ConfigDict(extra="forbid")

    day: CityDay
    note: Note = ""


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
                special_days={special.day: special.hours() for special in self.special_days},
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
                SpecialDayBody(day=day, note=noted.notes.get(day, ""), **hours_out(spans))
                for day, spans in sorted(noted.calendar.special_days.items())
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


class HolidayRuleBody(HoursBody, VersionIn):
    """What is done on public holidays and on weekends that are worked."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"holidays": "hours", "spans": _LUNCH, "moved_workday_as": 0}]
        },
    )

    holidays: HolidayOpening = Field(
        description="as_week: as on any such weekday; closed; hours: in `spans`."
    )
    moved_workday_as: int | None = Field(
        None,
        strict=True,
        ge=0,
        lt=WEEK_DAYS,
        description="The weekday (0 Monday) whose spans a worked weekend has; null: its own.",
    )

    @model_validator(mode="after")
    def _hours_with_hours(self) -> Self:
        if bool(self.hours()) != (self.holidays is HolidayOpening.HOURS):
            raise ValueError("give spans with holidays=hours, and only then")
        return self

    def to_domain(self) -> HolidayRule:
        """As the service takes it."""
        return HolidayRule(self.holidays, self.hours(), self.moved_workday_as)

    @staticmethod
    def from_domain(rule: HolidayRule) -> HolidayRuleBody:
        """As the service gives it."""
        return HolidayRuleBody(
            holidays=rule.holidays,
            moved_workday_as=rule.moved_workday_as,
            version=version_of(rule),
            **hours_out(rule.hours),
        )


_PERIOD: dict[str, JsonValue] = {
    "first_day": "2027-02-05",
    "last_day": "2027-02-12",
    "spans": [{"opens": 0, "closes": 1440}],
    "note": "春节24小时值守",
}


class PeriodIn(HoursBody, VersionIn):
    """Days in a row that differ, each open in the same spans."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_PERIOD]})

    first_day: CityDay
    last_day: CityDay = Field(description="Included.")
    note: Note = ""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if not 0 <= (self.last_day - self.first_day).days < PERIOD_DAYS_MAX:
            raise ValueError(f"last_day: from first_day on, {PERIOD_DAYS_MAX} days at most")
        return self

    def to_domain(self) -> Period:
        """As the service takes it."""
        return Period(self.first_day, self.last_day, self.hours())


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
    spans: list[DaySpan] = Field(description="Empty: closed.")
    opens: int | None = Field(deprecated=True, description="Of the first of `spans`.")
    closes: int | None = Field(deprecated=True, description="Of the last of `spans`.")
    note: str
    updated_by: str
    updated_at: AwareDatetime

    @staticmethod
    def from_domain(noted: NotedPeriod) -> PeriodOut:
        """As the service gives it."""
        return PeriodOut(
            id=noted.id,
            version=noted.version,
            first_day=noted.period.first,
            last_day=noted.period.last,
            note=noted.note,
            updated_by=noted.updated_by,
            updated_at=noted.updated_at,
            **hours_out(noted.period.spans),
        )
