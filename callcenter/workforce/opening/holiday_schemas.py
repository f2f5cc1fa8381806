"""JSON forms of public holidays and moved working days."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, computed_field, model_validator

from callcenter.platform.http.sheets import SheetProblemOut
from callcenter.platform.http.versions import VersionIn
from callcenter.platform.moments import CityDay
from callcenter.platform.texts import LINE
from callcenter.platform.versions import version_of
from callcenter.workforce.domain.workdays import DayKind, DaySource, NamedDay, WarningCode

_EXAMPLE: dict[str, JsonValue] = {
    "days": [
        {"day": "2027-01-01", "kind": "holiday", "name": "元旦"},
        {"day": "2027-01-02", "kind": "holiday", "name": "元旦"},
    ]
}


Name = Annotated[str, Field(max_length=100), LINE]


class DayOut(BaseModel):
    """One day, and how that is known."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "day": "2026-10-10",
                    "kind": "moved_workday",
                    "name": "国庆节",
                    "source": "official",
                }
            ]
        },
    )

    day: date
    kind: DayKind = Field(description="workday, weekend, holiday, moved_workday.")
    name: str
    source: DaySource = Field(
        description="official: the published list; admin; assumed: by the weekday alone, because"
        " no list of that year is known."
    )

    @computed_field
    def version(self) -> int:
        """Of what an admin said of it; 0: nothing."""
        entered = self.source is DaySource.ADMIN
        return version_of(self.kind, self.name) if entered else 0


class WarningOut(BaseModel):
    """Something to mend before it matters."""

    model_config = ConfigDict(from_attributes=True)

    code: WarningCode
    year: int
    message: str


class StatusOut(BaseModel):
    """Which years are known, and what is missing."""

    model_config = ConfigDict(from_attributes=True)

    official_first_year: int
    official_last_year: int
    declared_years: list[int] = Field(description="Entered whole by an admin.")
    today: DayOut
    warnings: list[WarningOut] = Field(description="Empty: nothing is missing.")


class YearOut(BaseModel):
    """The days of a year that differ from their weekday, or that an admin entered."""

    model_config = ConfigDict(from_attributes=True)

    year: int
    known: bool = Field(description="False: every day passes for what its weekday is.")
    declared: bool = Field(description="An admin has entered it whole.")
    version: int = Field(description="Of what an admin entered of it; 0: nothing.")
    days: list[DayOut]


class DayBody(VersionIn):
    """What a day is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"kind": "holiday", "name": "元旦"}]}
    )

    kind: DayKind
    name: Name = ""

    def to_domain(self) -> NamedDay:
        """As the service takes it."""
        return NamedDay(self.kind, self.name)


class YearDay(BaseModel):
    """One day of a year."""

    model_config = ConfigDict(extra="forbid")

    day: CityDay
    kind: DayKind
    name: Name = ""

    def to_domain(self) -> NamedDay:
        """As the service takes it."""
        return NamedDay(self.kind, self.name)


class YearBody(VersionIn):
    """All days of a year that differ from their weekday."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    days: list[YearDay] = Field(max_length=366)

    @model_validator(mode="after")
    def _days_once(self) -> Self:
        seen: set[date] = set()
        for entered in self.days:
            if entered.day in seen:
                raise ValueError(f"days: {entered.day} is there twice")
            seen.add(entered.day)
        return self


class YearSheetOut(BaseModel):
    """What a sheet changed of the days that differ, or in a dry run would change."""

    model_config = ConfigDict(from_attributes=True)

    added: int
    changed: int
    removed: int = Field(description="They differed, and the sheet does not name them.")
    unchanged: int
    problems: list[SheetProblemOut] = Field(description="In a dry run only; else it is an error.")
