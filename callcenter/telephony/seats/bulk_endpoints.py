"""``/api/seats``: many at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Response, status

from callcenter.people.access.rights import Who
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.seats.answers import EXISTS, READ, WRITE, Bulk, Now, error_example
from callcenter.telephony.seats.schemas import (
    SeatRangeIn,
    SeatsMade,
    SheetForm,
    SheetOut,
    SheetProblemOut,
    SheetQuery,
)
from callcenter.telephony.seats.service import NewSeat

BYTE_ORDER_MARK = "\ufeff"

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
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export_sheet(bulk: Bulk) -> Response:
    """CSV in UTF-8 with a byte order mark, without secrets; the import takes it back."""
    return Response(
        BYTE_ORDER_MARK + await bulk.export(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="seats.csv"'},
    )


@router.post(
    "/import",
    summary="Make and change seats by a sheet",
    dependencies=WRITE,
    responses={
        409: EXISTS[409],
        422: {
            "description": "Codes `bad_input`, `bad_sheet`: `details.problems` names every row.",
            **error_example("bad_sheet", "row 3: say yes or no (and 2 more)"),
        },
    },
)
async def import_sheet(
    form: Annotated[SheetForm, Form(media_type="multipart/form-data")],
    query: Annotated[SheetQuery, Query()],
    bulk: Bulk,
    now: Now,
    who: Who,
) -> SheetOut:
    """All of it or nothing. Columns: extension, name, enabled, in_queue, phones; of a seat that is
    there an empty cell changes nothing, and seats that are not in the sheet stay."""
    done = await bulk.take(await form.file.read(), dry_run=query.dry_run, actor=who.name)
    plan = done.plan
    return SheetOut(
        dry_run=query.dry_run,
        created=[str(Extension(seat.extension)) for seat in plan.new],
        changed=list(plan.changes),
        unchanged=plan.unchanged,
        problems=[SheetProblemOut.model_validate(problem) for problem in plan.problems],
        items=[now.secret(one) for one in done.made],
    )
