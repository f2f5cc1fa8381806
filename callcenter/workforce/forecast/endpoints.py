"""``/api/forecast``: how many seats are needed, and what the rota gives."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from callcenter.people.access.rights import requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.api import error_body
from callcenter.platform.http.given import Given
from callcenter.platform.moments import BoundDay
from callcenter.platform.texts import Line
from callcenter.workforce.domain.staffing import HALF_HOUR_SECONDS, Demand
from callcenter.workforce.forecast.schemas import ForecastOut, ReckonedOut
from callcenter.workforce.forecast.service import ForecastService, TargetWanted, Wanted

router = APIRouter(prefix="/api/forecast", tags=["forecast"])

QUEUES_MAX = 100
"""More in one request is a slip: there are never many queues."""

_READ = [requires(Permission.FORECAST_READ)]

_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {
        "description": "Code `queue_not_found`.",
        "content": {
            "application/json": {
                "example": error_body("queue_not_found", "there is no queue night")
            }
        },
    }
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    422: {
        "description": "Codes `bad_input`, `bad_range`, `load_too_high`.",
        "content": {
            "application/json": {
                "example": error_body(
                    "load_too_high", "this load cannot be reckoned with: no number of seats …"
                )
            }
        },
    }
}


async def _target(
    within_seconds: Annotated[
        float | None,
        Query(
            ge=0,
            le=600,
            description="The time of the service level; by default the setting's, and of a queue"
            " its own.",
        ),
    ] = None,
    within_share: Annotated[
        float | None,
        Query(gt=0, lt=1, description="Share to be answered within it; by default the setting's."),
    ] = None,
    connect_share: Annotated[
        float | None,
        Query(gt=0, lt=1, description="Share to be answered at all; by default the setting's."),
    ] = None,
) -> TargetWanted:
    return TargetWanted(within_seconds, within_share, connect_share)


ForecastMade = Given[ForecastService]
TargetAsked = Annotated[TargetWanted, Depends(_target)]
Patience = Annotated[
    float | None,
    Query(ge=1, le=3600, description="Mean patience in seconds; by default as callers showed it."),
]


@router.get(
    "",
    summary="People needed by half-hour, and the rota",
    dependencies=_READ,
    responses=_UNKNOWN | _ERRORS,
)
async def read_forecast(
    first: Annotated[BoundDay, Query(alias="from", description="The city's day.")],
    last: Annotated[BoundDay, Query(alias="to", description="Included; 31 days at most.")],
    service: ForecastMade,
    target: TargetAsked,
    queue: Annotated[
        list[Line] | None,
        Query(
            max_length=QUEUES_MAX,
            description="Codes of the queues besides the whole line; by default every enabled one."
            " Empty: the whole line alone.",
        ),
    ] = None,
    weeks: Annotated[int | None, Query(ge=1, le=104, description="Weeks of history.")] = None,
    patience_seconds: Patience = None,
    shrinkage: Annotated[
        float | None, Query(ge=0, lt=0.9, description="Share of a shift not at the seat.")
    ] = None,
) -> ForecastOut:
    """Expected calls from days of the same kind; seats for the targets; people on the rota; of the
    whole line, and of each queue with the people who have its skill."""
    queues = None if queue is None else [code for code in queue if code]
    wanted = Wanted(target, weeks, patience_seconds, shrinkage, queues)
    return ForecastOut.from_forecast(await service.forecast(first, last, wanted))


@router.get("/erlang", summary="Reckon one load", dependencies=_READ, responses=_ERRORS)
async def reckon(
    calls: Annotated[float, Query(ge=0, le=1_000_000, description="Offered in the interval.")],
    handle_seconds: Annotated[float, Query(ge=10, le=7200, description="Talk and wrap-up.")],
    service: ForecastMade,
    target: TargetAsked,
    interval_seconds: Annotated[float, Query(ge=60, le=86400)] = HALF_HOUR_SECONDS,
    seats: Annotated[
        int | None, Query(ge=0, le=5000, description="By default as many as needed.")
    ] = None,
    patience_seconds: Patience = None,
) -> ReckonedOut:
    """By Erlang C (nobody gives up) and Erlang A (callers have patience)."""
    demand = Demand(calls, handle_seconds, interval_seconds)
    return ReckonedOut.from_reckoned(await service.reckon(demand, target, seats, patience_seconds))
