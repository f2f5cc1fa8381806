"""JSON forms of the staffing forecast."""

from __future__ import annotations

from datetime import date
from math import isfinite

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from callcenter.domain.forecast import Basis
from callcenter.domain.staffing import Service
from callcenter.forecast.service import Interval, Reckoned, Staffing, StaffingForecast
from callcenter.opening.holiday_schemas import WarningOut


class ServiceOut(BaseModel):
    """What callers get from so many seats."""

    seats: int
    waits: float = Field(description="Share who wait at all.")
    within: float = Field(description="Share of the offered answered within the target's time.")
    connected: float = Field(description="Share of the offered that are answered.")
    wait_seconds: float | None = Field(description="Mean wait of all; null: without end.")
    occupancy: float = Field(description="Share of their time that seats are busy.")

    @staticmethod
    def from_service(service: Service) -> ServiceOut:
        """As the domain gives it, rounded to what it means."""
        return ServiceOut(
            seats=service.seats,
            waits=round(service.waits, 4),
            within=round(service.within, 4),
            connected=round(service.connected, 4),
            wait_seconds=round(service.wait_seconds, 1) if isfinite(service.wait_seconds) else None,
            occupancy=round(service.occupancy, 4),
        )


class IntervalOut(BaseModel):
    """One half-hour."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "starts": "2026-12-01T01:00:00Z",
                    "day": "2026-12-01",
                    "basis": "same_weekday",
                    "based_on_days": 8,
                    "calls": 42.5,
                    "handle_seconds": 213.0,
                    "erlangs": 5.03,
                    "needed_within": 8,
                    "needed_connect": 7,
                    "needed_seats": 8,
                    "needed_people": 10,
                    "rostered": 9,
                    "difference": -1,
                    "staffing": "short",
                    "expected": {
                        "seats": 7,
                        "waits": 0.18,
                        "within": 0.88,
                        "connected": 0.97,
                        "wait_seconds": 4.4,
                        "occupancy": 0.7,
                    },
                }
            ]
        }
    )

    starts: AwareDatetime
    day: date
    basis: Basis = Field(description="From which days: none means there is no history.")
    based_on_days: int
    calls: float = Field(description="Offered, expected.")
    handle_seconds: float | None = Field(description="Mean talk and wrap-up.")
    erlangs: float
    needed_within: int = Field(description="Seats for the share within the time (Erlang C).")
    needed_connect: int = Field(description="Seats for the connect rate (Erlang A).")
    needed_seats: int
    needed_people: int = Field(description="On the rota: with shrinkage.")
    rostered: int = Field(description="The fewest at any moment of it, without leave.")
    difference: int = Field(description="rostered - needed_people.")
    staffing: Staffing
    expected: ServiceOut | None = Field(description="From what the rota gives (Erlang A).")

    @staticmethod
    def from_interval(one: Interval) -> IntervalOut:
        """As the service gives it, rounded to what it means."""
        return IntervalOut(
            starts=one.starts,
            day=one.day,
            basis=one.basis,
            based_on_days=one.based_on_days,
            calls=round(one.calls, 2),
            handle_seconds=None if one.handle_seconds is None else round(one.handle_seconds, 1),
            erlangs=round(one.erlangs, 2),
            needed_within=one.needed.for_within,
            needed_connect=one.needed.for_connect,
            needed_seats=one.needed_seats,
            needed_people=one.needed_people,
            rostered=one.rostered,
            difference=one.rostered - one.needed_people,
            staffing=one.staffing,
            expected=None if one.expected is None else ServiceOut.from_service(one.expected),
        )


class ForecastOut(BaseModel):
    """A forecast, and what it stands on."""

    intervals: list[IntervalOut]
    history_from: date
    history_to: date = Field(description="Included; before `history_from`: there is none.")
    patience_seconds: float
    patience_measured: bool = Field(description="False: by the request or the setting.")
    shrinkage: float
    warnings: list[WarningOut] = Field(description="Of the calendar of holidays.")

    @staticmethod
    def from_forecast(made: StaffingForecast) -> ForecastOut:
        """As the service gives it."""
        return ForecastOut(
            intervals=[IntervalOut.from_interval(one) for one in made.intervals],
            history_from=made.history_from,
            history_to=made.history_to,
            patience_seconds=round(made.patience_seconds, 1),
            patience_measured=made.patience_measured,
            shrinkage=made.shrinkage,
            warnings=[WarningOut.model_validate(warning) for warning in made.warnings],
        )


class ReckonedOut(BaseModel):
    """One load by both models."""

    erlangs: float
    needed_within: int = Field(description="Seats for the share within the time (Erlang C).")
    needed_connect: int = Field(description="Seats for the connect rate (Erlang A).")
    needed_seats: int
    erlang_c: ServiceOut = Field(description="If nobody gives up.")
    erlang_a: ServiceOut = Field(description="If callers have the patience asked for.")

    @staticmethod
    def from_reckoned(reckoned: Reckoned) -> ReckonedOut:
        """As the service gives it."""
        return ReckonedOut(
            erlangs=round(reckoned.erlangs, 3),
            needed_within=reckoned.needed.for_within,
            needed_connect=reckoned.needed.for_connect,
            needed_seats=reckoned.needed.seats,
            erlang_c=ServiceOut.from_service(reckoned.by_c),
            erlang_a=ServiceOut.from_service(reckoned.by_a),
        )
