"""JSON forms of the staffing forecast."""

from __future__ import annotations

from datetime import date
from math import isfinite

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from callcenter.workforce.domain.forecast import Basis
from callcenter.workforce.domain.handling import Measure, Source
from callcenter.workforce.domain.staffing import Service, Target
from callcenter.workforce.forecast.reckoning import Interval, Staffing
from callcenter.workforce.forecast.service import LineForecast, Reckoned, StaffingForecast
from callcenter.workforce.opening.holiday_schemas import WarningOut

CENSORED_EXPONENTIAL = "censored_exponential"
"""All waiting over the number who gave up; see `domain.staffing.mean_patience`."""

INTERVAL_EXAMPLE: dict[str, JsonValue] = {
    "starts": "2026-12-01T01:00:00Z",
    "day": "2026-12-01",
    "basis": "same_weekday",
    "based_on_days": 8,
    "calls": 42.5,
    "talk_seconds": 186.0,
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
LINE_EXAMPLE: dict[str, JsonValue] = {
    "queue": None,
    "name": "",
    "target": {"within_seconds": 15.0, "within_share": 0.8, "connect_share": 0.95},
    "talk": {"seconds": 186.0, "source": "measured", "count": 2311},
    "wrap_up": {"seconds": 27.0, "source": "measured", "count": 611},
    "patience": {
        "seconds": 141.2,
        "source": "measured",
        "count": 74,
        "method": CENSORED_EXPONENTIAL,
    },
    "intervals": [INTERVAL_EXAMPLE],
}


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


class TargetOut(BaseModel):
    """What callers should get."""

    within_seconds: float = Field(
        description="Of the line the setting, of a queue its service_level_seconds; or the"
        " request's."
    )
    within_share: float
    connect_share: float

    @staticmethod
    def from_target(target: Target) -> TargetOut:
        """As the service gives it."""
        return TargetOut(
            within_seconds=target.within_seconds,
            within_share=target.within_share,
            connect_share=target.connect_share,
        )


class MeasureOut(BaseModel):
    """A mean time, and what it stands on."""

    seconds: float
    source: Source = Field(
        description="measured: of this line itself; measured_overall: too little of this queue, so"
        " the whole line's; setting: too little of both; request: as asked for."
    )
    count: int = Field(description="So many of this line's own were measured, used or not.")

    @staticmethod
    def from_measure(measure: Measure) -> MeasureOut:
        """As the service gives it."""
        return MeasureOut(
            seconds=round(measure.seconds, 1), source=measure.source, count=measure.count
        )


class PatienceOut(MeasureOut):
    """Mean patience; `count` is of those who gave up."""

    method: str | None = Field(
        description="How it was estimated: censored_exponential is all waiting, of everybody, over"
        " the number who gave up. Null: not estimated."
    )

    @staticmethod
    def from_patience(measure: Measure) -> PatienceOut:
        """As the service gives it."""
        estimated = measure.source in (Source.MEASURED, Source.MEASURED_OVERALL)
        return PatienceOut(
            seconds=round(measure.seconds, 1),
            source=measure.source,
            count=measure.count,
            method=CENSORED_EXPONENTIAL if estimated else None,
        )


class IntervalOut(BaseModel):
    """One half-hour."""

    model_config = ConfigDict(json_schema_extra={"examples": [INTERVAL_EXAMPLE]})

    starts: AwareDatetime
    day: date
    basis: Basis = Field(description="From which days: none means there is no history.")
    based_on_days: int
    calls: float = Field(description="Offered, expected.")
    talk_seconds: float | None = Field(
        description="Mean talk: of such half-hours if they had enough, else the line's."
    )
    handle_seconds: float | None = Field(description="Mean talk and wrap-up.")
    erlangs: float
    needed_within: int = Field(description="Seats for the share within the time (Erlang C).")
    needed_connect: int = Field(description="Seats for the connect rate (Erlang A).")
    needed_seats: int
    needed_people: int = Field(description="On the rota: with shrinkage.")
    rostered: int = Field(
        description="The fewest at any moment of it, without leave; of a queue, those who have its"
        " skill."
    )
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
            talk_seconds=None if one.talk_seconds is None else round(one.talk_seconds, 1),
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


class LineOut(BaseModel):
    """The whole line, or one queue."""

    model_config = ConfigDict(json_schema_extra={"examples": [LINE_EXAMPLE]})

    queue: str | None = Field(description="Its code; null: the whole line.")
    name: str = Field(description="The queue's, as an admin wrote it; empty of the whole line.")
    target: TargetOut
    talk: MeasureOut | None = Field(description="Null: nobody was ever answered.")
    wrap_up: MeasureOut = Field(
        description="From the agents' wrap-up intervals of the last forecast_wrap_up_days; the"
        " setting is the wrap-up time of the queue."
    )
    patience: PatienceOut
    intervals: list[IntervalOut]

    @staticmethod
    def from_line(line: LineForecast) -> LineOut:
        """As the service gives it."""
        return LineOut(
            queue=line.queue,
            name=line.name,
            target=TargetOut.from_target(line.target),
            talk=None if line.talk is None else MeasureOut.from_measure(line.talk),
            wrap_up=MeasureOut.from_measure(line.wrap_up),
            patience=PatienceOut.from_patience(line.patience),
            intervals=[IntervalOut.from_interval(one) for one in line.intervals],
        )


class ForecastOut(BaseModel):
    """A forecast, and what it stands on."""

    overall: LineOut = Field(description="One pool, in which everybody takes every call.")
    queues: list[LineOut] = Field(
        description="By code. Who has several skills counts in each of his queues, so these do not"
        " add up to overall."
    )
    history_from: date
    history_to: date = Field(description="Included; before `history_from`: there is none.")
    shrinkage: float
    warnings: list[WarningOut] = Field(description="Of the calendar of holidays.")

    @staticmethod
    def from_forecast(made: StaffingForecast) -> ForecastOut:
        """As the service gives it."""
        return ForecastOut(
            overall=LineOut.from_line(made.overall),
            queues=[LineOut.from_line(line) for line in made.queues],
            history_from=made.history_from,
            history_to=made.history_to,
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
