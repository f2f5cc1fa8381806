"""JSON forms of figures; the live floor shows the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from callcenter.workforce.domain.figures import DayFigures, Figures

FIGURES_EXAMPLE: dict[str, JsonValue] = {
    "inbound": 130,
    "offered": 118,
    "answered": 110,
    "answered_in_time": 104,
    "answered_in_threshold": 107,
    "abandoned": 5,
    "waiting": 1,
    "not_served": 2,
    "blocked": 2,
    "closed": 7,
    "voice_messages": 4,
    "connect_rate": 0.9322,
    "service_rate": 0.8814,
    "threshold_seconds": 20,
    "threshold_rate": 0.9068,
    "average_wait_seconds": 9.421,
    "longest_wait_seconds": 88.05,
    "waiting_since": "2026-11-24T03:57:04Z",
    "average_talk_seconds": 171.3,
    "to_call_back": 3,
}
DAY_EXAMPLE: dict[str, JsonValue] = {
    "day": "2026-11-24",
    "total": {**FIGURES_EXAMPLE, "threshold_seconds": None},
    "queues": {"12345": FIGURES_EXAMPLE},
    "recordings_left_out": 0,
    "recordings_cut": 0,
}

_RATE_DIGITS = 4
_SECOND_DIGITS = 3


class FiguresOut(BaseModel):
    """Figures of a day. Rates are over offered calls."""

    model_config = ConfigDict(json_schema_extra={"examples": [FIGURES_EXAMPLE]})

    inbound: int = Field(description="All calls from the telephone network.")
    offered: int = Field(description="That asked for a person: entered a queue.")
    answered: int
    answered_in_time: int = Field(description="Within 15 s of entering the queue.")
    answered_in_threshold: int = Field(
        description="Within the threshold of the queue; in total, each within its own queue's."
    )
    abandoned: int = Field(description="The caller hung up while waiting.")
    waiting: int = Field(description="In a queue now.")
    not_served: int = Field(description="Offered, and none of the three before.")
    blocked: int
    closed: int = Field(description="Found the line closed.")
    voice_messages: int
    connect_rate: float | None = Field(description="answered / offered; null: none offered.")
    service_rate: float | None = Field(
        description="answered_in_time / offered: the 15-second rate of GB/T 33358-2016."
    )
    threshold_seconds: int | None = Field(
        description="The queue's service_level_seconds; null in total, where each has its own."
    )
    threshold_rate: float | None = Field(description="answered_in_threshold / offered.")
    average_wait_seconds: float | None = Field(
        description="Over the offered calls whose wait is over, answered or not."
    )
    longest_wait_seconds: float = Field(description="Of the waits that are over.")
    waiting_since: AwareDatetime | None = Field(
        description="When the one who waits longest now began to."
    )
    average_talk_seconds: float | None = Field(description="Over answered calls that are over.")
    to_call_back: int = Field(description="Missed on that day, and still to be called back.")

    @classmethod
    def of(cls, figures: Figures, to_call_back: int, threshold: dt.timedelta | None) -> FiguresOut:
        """Rounded to milliseconds and a hundredth of a per cent."""
        return cls(
            inbound=figures.inbound,
            offered=figures.offered,
            answered=figures.answered,
            answered_in_time=figures.answered_in_time,
            answered_in_threshold=figures.answered_in_threshold,
            abandoned=figures.abandoned,
            waiting=figures.waiting,
            not_served=figures.not_served,
            blocked=figures.blocked,
            closed=figures.closed,
            voice_messages=figures.voice_messages,
            connect_rate=_rate(figures.connect_rate),
            service_rate=_rate(figures.service_rate),
            threshold_seconds=None if threshold is None else round(threshold.total_seconds()),
            threshold_rate=_rate(figures.threshold_rate),
            average_wait_seconds=_seconds(figures.average_wait),
            longest_wait_seconds=round(figures.longest_wait.total_seconds(), _SECOND_DIGITS),
            waiting_since=figures.waiting_since,
            average_talk_seconds=_seconds(figures.average_talk),
            to_call_back=to_call_back,
        )


class DayOut(BaseModel):
    """One day of the whole hotline."""

    model_config = ConfigDict(json_schema_extra={"examples": [DAY_EXAMPLE]})

    day: dt.date = Field(description="On the city's clock; a call belongs to the day it began.")
    total: FiguresOut
    queues: dict[str, FiguresOut] = Field(
        description="By the queue that was asked for first; calls that asked for none are in total."
    )
    recordings_left_out: int = Field(
        0, description="Talks that were not recorded: there was no room on the disk."
    )
    recordings_cut: int = Field(0, description="Talks of which only the beginning was recorded.")

    @classmethod
    def of(
        cls,
        figures: DayFigures,
        to_call_back: Mapping[str, int],
        recordings_left_out: int = 0,
        recordings_cut: int = 0,
    ) -> DayOut:
        """`to_call_back` is by queue."""
        names = {*figures.queues, *(name for name in to_call_back if name)}
        return cls(
            day=figures.day,
            total=FiguresOut.of(figures.total, sum(to_call_back.values()), None),
            queues={
                name: FiguresOut.of(
                    figures.queues.get(name, Figures()),
                    to_call_back.get(name, 0),
                    figures.threshold(name),
                )
                for name in sorted(names)
            },
            recordings_left_out=recordings_left_out,
            recordings_cut=recordings_cut,
        )


def _rate(value: float | None) -> float | None:
    return None if value is None else round(value, _RATE_DIGITS)


def _seconds(value: dt.timedelta | None) -> float | None:
    return None if value is None else round(value.total_seconds(), _SECOND_DIGITS)
