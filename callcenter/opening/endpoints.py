"""``/api/opening``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from callcenter.api import error_body
from callcenter.opening.schemas import CalendarBody, OpeningNowOut
from callcenter.opening.service import OpeningService

router = APIRouter(prefix="/api/opening", tags=["opening"])


def _service(request: Request) -> OpeningService:
    service: OpeningService = request.app.state.opening
    return service


def _actor(request: Request) -> str:
    return str(getattr(request.state, "actor", "system"))


Service = Annotated[OpeningService, Depends(_service)]
Actor = Annotated[str, Depends(_actor)]

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


@router.get("", summary="The opening calendar")
async def read_calendar(service: Service) -> CalendarBody:
    """The week's spans and the days that differ. An empty week means always open."""
    return CalendarBody.from_domain(await service.calendar())


@router.put("", summary="Replace the opening calendar", responses=_OVERLAP)
async def replace_calendar(body: CalendarBody, service: Service, actor: Actor) -> CalendarBody:
    """As a whole and at once; the next call is decided by it."""
    return CalendarBody.from_domain(await service.replace(body.to_domain(), actor=actor))


@router.get("/now", summary="Is the line open now?")
async def opening_now(service: Service) -> OpeningNowOut:
    """By the calendar, on the city's clock; and when that changes."""
    return OpeningNowOut.model_validate(await service.now())
