"""``/api/holidays``: public holidays, moved working days, and what is not known of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response, status

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.api import error_body
from callcenter.platform.http.given import Given
from callcenter.platform.http.queries import DryRun
from callcenter.platform.http.sheets import (
    SHEET_ANSWER,
    SHEET_BODY,
    FormatWanted,
    Limits,
    SheetFile,
    sheet_answer,
)
from callcenter.platform.http.versions import VERSIONED, WHOLE, VersionedRoute
from callcenter.platform.moments import CityDay
from callcenter.platform.sheets.writing import SheetFormat
from callcenter.workforce.opening.holiday_schemas import (
    DayBody,
    DayOut,
    StatusOut,
    YearBody,
    YearOut,
    YearSheetOut,
)
from callcenter.workforce.opening.holiday_sheet import NAMES, HolidayImport, written
from callcenter.workforce.opening.workdays import WorkdayService

router = APIRouter(prefix="/api/holidays", tags=["opening"], route_class=VersionedRoute)

_READ = [requires(Permission.OPENING_READ)]
_WRITE = [requires(Permission.OPENING_WRITE)]


Service = Given[WorkdayService]
Year = Annotated[int, Path(ge=1, le=9999, description="2004 … 2100.")]

_BAD: dict[int | str, dict[str, Any]] = {
    422: {
        "description": "Codes `bad_input`, `bad_year`, `bad_calendar_day`.",
        "content": {
            "application/json": {
                "example": error_body("bad_year", "year: must be from 2004 to 2100", {"year": 1})
            }
        },
    }
}


@router.get("/status", summary="Which years are known, and what is missing", dependencies=_READ)
async def read_status(service: Service) -> StatusOut:
    """Show `warnings` to whoever may write: from November on, the next year should be known."""
    return StatusOut.model_validate(await service.status())


@router.get(
    "/years/{year}", summary="The days of a year that differ", dependencies=_READ, responses=_BAD
)
async def read_year(year: Year, service: Service) -> YearOut:
    """The published list with what an admin entered above it."""
    return YearOut.model_validate(await service.year(year))


@router.put(
    "/years/{year}",
    summary="Enter a year whole",
    dependencies=[*_WRITE, WHOLE],
    responses=_BAD,
)
async def replace_year(year: Year, body: YearBody, service: Service, who: Who) -> YearOut:
    """As the State Council publishes it: holidays and moved working days. It counts as known then,
    and stands above the published list."""
    days = {entered.day: entered.to_domain() for entered in body.days}
    return YearOut.model_validate(await service.replace_year(year, days, actor=who.name))


@router.get(
    "/years/{year}/export",
    summary="A year as a sheet",
    dependencies=_READ,
    response_class=Response,
    responses={**_BAD, 200: SHEET_ANSWER},
)
async def export_year(
    year: Year, service: Service, form: FormatWanted = SheetFormat.CSV
) -> Response:
    """The days that differ, as CSV in UTF-8 with a byte order mark, or .xlsx; the import takes it
    back."""
    found = await service.year(year)
    answer = sheet_answer(f"holidays-{found.year}", NAMES, written(found), form)
    answer.headers["ETag"] = f'"{found.version}"'
    return answer


@router.post(
    "/years/{year}/import",
    summary="Enter a year whole by a sheet",
    dependencies=[*_WRITE, WHOLE],
    openapi_extra=SHEET_BODY,
    responses={
        422: {
            "description": "Codes `bad_input`, `bad_year`, `bad_sheet`: `details.problems` names"
            " every row.",
            "content": {
                "application/json": {
                    "example": error_body(
                        "bad_sheet",
                        "the file is not taken: row 3: kind: 2027-01-01 is a weekday: it can be"
                        " workday or holiday (and 2 more)",
                    )
                }
            },
        }
    },
)
async def import_year(
    year: Year,
    sheet: SheetFile,
    limits: Limits,
    taking: Given[HolidayImport],
    who: Who,
    dry_run: DryRun = False,
) -> YearSheetOut:
    """All of it or nothing; as PUT of the year, so If-Match says which one you read. Columns: day,
    kind, name. Days that the sheet does not name are ordinary ones then."""
    done = await taking.take(year, sheet, limits, dry_run=dry_run, actor=who.name)
    return YearSheetOut.model_validate(done)


@router.delete(
    "/years/{year}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove all that was entered of a year",
    dependencies=[*_WRITE, VERSIONED],
    responses={**_BAD, 404: {"description": "Code `calendar_year_not_found`."}},
)
async def forget_year(year: Year, service: Service, who: Who) -> None:
    """The published list holds again, if there is one."""
    await service.forget_year(year, actor=who.name)


@router.put(
    "/days/{day}", summary="Say what one day is", dependencies=[*_WRITE, WHOLE], responses=_BAD
)
async def set_day(day: CityDay, body: DayBody, service: Service, who: Who) -> DayOut:
    """It stands above the published list; the year does not count as known for that."""
    return DayOut.model_validate(await service.set_day(day, body.to_domain(), actor=who.name))


@router.delete(
    "/days/{day}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Take back what was said of one day",
    dependencies=[*_WRITE, VERSIONED],
    responses={404: {"description": "Code `calendar_day_not_found`."}},
)
async def remove_day(day: CityDay, service: Service, who: Who) -> None:
    """The published list holds again."""
    await service.remove_day(day, actor=who.name)
