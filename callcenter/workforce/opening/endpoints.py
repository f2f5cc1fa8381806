"""``/api/opening``: the week, special days and periods, and what is done on holidays."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, status

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.api import error_body
from callcenter.platform.http.given import Given
from callcenter.platform.http.versions import VERSIONED, WHOLE, VersionedRoute
from callcenter.workforce.opening.schemas import (
    CalendarBody,
    HolidayRuleBody,
    OpeningNowOut,
    PeriodIn,
    PeriodOut,
)
from callcenter.workforce.opening.service import OpeningService

router = APIRouter(prefix="/api/opening", tags=["opening"], route_class=VersionedRoute)

_READ = [requires(Permission.OPENING_READ)]
_WRITE = [requires(Permission.OPENING_WRITE)]


Service = Given[OpeningService]
PeriodId = Annotated[int, Path(ge=1, le=2**63 - 1)]

_OVERLAP: dict[int | str, dict[str, Any]] = {
    422: {
        "description": "Codes `bad_input`, `spans_overlap`.",
        "content": {
            "application/json": {
                "example": error_body(
                    "spans_overlap",
                    "week: on Monday 08:00–12:00 and 11:00–18:00 overlap",
                    {"weekday": 0},
                )
            }
        },
    }
}


_CHANGED: dict[int | str, dict[str, Any]] = {
    409: {
        "description": "Somebody saved first: `version_conflict`.",
        "content": {
            "application/json": {
                "example": error_body(
                    "version_conflict",
                    "the calendar was changed meanwhile (version 4): read it again, then save",
                    {"version": 4},
                )
            }
        },
    }
}

_NO_PERIOD: dict[int | str, dict[str, Any]] = {
    404: {
        "description": "No such period.",
        "content": {
            "application/json": {
                "example": error_body("period_not_found", "no such special period")
            }
        },
    }
}


@router.get("", summary="The opening calendar", dependencies=_READ)
async def read_calendar(service: Service) -> CalendarBody:
    """The week's spans and the days that differ. An empty week means always open."""
    return CalendarBody.from_domain(await service.calendar())


@router.put(
    "",
    summary="Replace the opening calendar",
    responses=_OVERLAP | _CHANGED,
    dependencies=[*_WRITE, WHOLE],
)
async def replace_calendar(body: CalendarBody, service: Service, who: Who) -> CalendarBody:
    """As a whole and at once; the next call is decided by it.

    Periods and the rule for holidays are kept apart and stay as they are.
    """
    return CalendarBody.from_domain(await service.replace(body.to_domain(), actor=who.name))


@router.get("/now", summary="Is the line open now?", dependencies=_READ)
async def opening_now(service: Service) -> OpeningNowOut:
    """By the calendar, on the city's clock; and when that changes."""
    return OpeningNowOut.model_validate(await service.now())


@router.get("/holidays", summary="What is done on public holidays", dependencies=_READ)
async def read_rule(service: Service) -> HolidayRuleBody:
    """Special days and special periods stand above it. The days themselves: `/api/holidays`."""
    return HolidayRuleBody.from_domain(await service.rule())


@router.put(
    "/holidays", summary="Say what is done on public holidays", dependencies=[*_WRITE, WHOLE]
)
async def set_rule(body: HolidayRuleBody, service: Service, who: Who) -> HolidayRuleBody:
    """The next call is decided by it."""
    return HolidayRuleBody.from_domain(await service.set_rule(body.to_domain(), actor=who.name))


@router.get("/periods", summary="Special periods", dependencies=_READ)
async def list_periods(service: Service) -> list[PeriodOut]:
    """In order of their first day. A special day stands above a period, a period above the week.

    Of two that share a day, the one that begins later holds.
    """
    return [PeriodOut.from_domain(period) for period in await service.periods()]


@router.post(
    "/periods",
    status_code=status.HTTP_201_CREATED,
    summary="Add a special period",
    dependencies=_WRITE,
    responses={422: {"description": "Codes `bad_input`, `too_many_periods`."}},
)
async def add_period(body: PeriodIn, service: Service, who: Who) -> PeriodOut:
    """Such as 24 hours at Spring Festival."""
    period = await service.add_period(body.to_domain(), body.note, actor=who.name)
    return PeriodOut.from_domain(period)


@router.put(
    "/periods/{period_id}",
    summary="Change a special period",
    dependencies=[*_WRITE, WHOLE],
    responses=_NO_PERIOD,
)
async def change_period(
    period_id: PeriodId, body: PeriodIn, service: Service, who: Who
) -> PeriodOut:
    """As a whole."""
    period = await service.change_period(period_id, body.to_domain(), body.note, actor=who.name)
    return PeriodOut.from_domain(period)


@router.delete(
    "/periods/{period_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a special period",
    dependencies=[*_WRITE, VERSIONED],
    responses=_NO_PERIOD,
)
async def remove_period(period_id: PeriodId, service: Service, who: Who) -> None:
    """Its days are ordinary ones again."""
    await service.remove_period(period_id, actor=who.name)
