"""``/api/reports``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from callcenter.insight.reports.service import ReportService
from callcenter.people.access.rights import requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.api import error_body
from callcenter.platform.http.given import Given
from callcenter.platform.moments import CityDay
from callcenter.workforce.figures.schemas import DAY_EXAMPLE, DayOut

router = APIRouter(prefix="/api/reports", tags=["reports"])


Service = Given[ReportService]

_DAY: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The day.",
        "content": {"application/json": {"example": DAY_EXAMPLE}},
    },
    422: {
        "description": "Codes `bad_input`, `day_out_of_range`.",
        "content": {
            "application/json": {
                "example": error_body(
                    "day_out_of_range", "day: from 2000-01-01 to today, 2026-11-24"
                )
            }
        },
    },
}


@router.get(
    "/day",
    dependencies=[requires(Permission.FLOOR_READ)],
    responses=_DAY,
    summary="The figures of one day",
)
async def day_report(
    service: Service,
    day: Annotated[
        CityDay | None, Query(description="On the city's clock; today if left out.")
    ] = None,
) -> DayOut:
    """Counted from the ledger; of today, equal to what the live floor shows."""
    report = await service.day(day)
    return DayOut.of(
        report.figures, report.to_call_back, report.recordings_left_out, report.recordings_cut
    )
