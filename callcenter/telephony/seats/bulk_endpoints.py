"""``/api/seats``: many at once."""

from __future__ import annotations

from fastapi import APIRouter, Response, status

from callcenter.people.access.rights import Who
from callcenter.platform.http.queries import DryRun
from callcenter.platform.http.sheets import (
    SHEET_ANSWER,
    SHEET_BODY,
    FormatWanted,
    Limits,
    SheetFile,
    SheetProblemOut,
    sheet_answer,
)
from callcenter.platform.sheets.writing import SheetFormat
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.seats.answers import EXISTS, READ, WRITE, Bulk, Now, error_example
from callcenter.telephony.seats.schemas import (
    SeatRangeIn,
    SeatsMade,
    SheetOut,
)
from callcenter.telephony.seats.service import NewSeat
from callcenter.telephony.seats.sheet import NAMES

router = APIRouter()


@router.post(
    "/range",
    status_code=status.HTTP_201_CREATED,
    summary="Make many seats",
    dependencies=WRITE,
    responses=EXISTS,
)
async def make_range(body: SeatRangeIn, bulk: Bulk, now: Now, who: Who) -> SeatsMade:
    """All or none. The secrets are shown in this answer and never again."""
    first = NewSeat(body.first, body.name, body.enabled, body.in_queue, body.phones)
    made = await bulk.make_range(first, body.count, actor=who.name)
    return SeatsMade(items=[now.secret(one) for one in made])


@router.get(
    "/export",
    summary="All seats as a sheet",
    dependencies=READ,
    response_class=Response,
    responses={200: SHEET_ANSWER},
)
async def export_sheet(bulk: Bulk, form: FormatWanted = SheetFormat.CSV) -> Response:
    """CSV in UTF-8 with a byte order mark, or .xlsx; without secrets; the import takes it back."""
    return sheet_answer("seats", NAMES, await bulk.export(), form)


@router.post(
    "/import",
    summary="Make and change seats by a sheet",
    dependencies=WRITE,
    openapi_extra=SHEET_BODY,
    responses={
        409: EXISTS[409],
        422: {
            "description": "Codes `bad_input`, `bad_sheet`: `details.problems` names every row.",
            **error_example(
                "bad_sheet", "the file is not taken: row 3: enabled: say yes or no (and 2 more)"
            ),
        },
    },
)
async def import_sheet(
    sheet: SheetFile, limits: Limits, bulk: Bulk, now: Now, who: Who, dry_run: DryRun = False
) -> SheetOut:
    """All of it or nothing. Columns: extension, name, enabled, in_queue, phones; of a seat that is
    there an empty cell changes nothing, and seats that are not in the sheet stay."""
    done = await bulk.take(sheet, limits, dry_run=dry_run, actor=who.name)
    plan = done.plan
    return SheetOut(
        dry_run=dry_run,
        created=[str(Extension(seat.extension)) for seat in plan.new],
        changed=list(plan.changes),
        unchanged=plan.unchanged,
        problems=[SheetProblemOut.model_validate(problem) for problem in plan.problems],
        items=[now.secret(one) for one in done.made],
    )
