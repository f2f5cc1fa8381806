"""``/api/blocklist``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response, status

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.api import Config, Page, error_body
from callcenter.platform.http.cursors import ID, Limit, cursor_of, encode_cursor
from callcenter.platform.http.given import Given
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
from callcenter.platform.http.versions import VERSIONED, VersionedRoute
from callcenter.platform.sheets.writing import SheetFormat
from callcenter.platform.texts import Line
from callcenter.telephony.blocklist.bulk import BlocklistBulk
from callcenter.telephony.blocklist.schemas import BlockedOut, BlockIn, BlockPatch, BlockSheetOut
from callcenter.telephony.blocklist.service import BlockedChanges, BlocklistService
from callcenter.telephony.blocklist.sheet import NAMES

router = APIRouter(prefix="/api/blocklist", tags=["blocklist"], route_class=VersionedRoute)


Service = Given[BlocklistService]
Bulk = Given[BlocklistBulk]
READ = [requires(Permission.BLOCKLIST_READ)]
WRITE = [requires(Permission.BLOCKLIST_WRITE)]
BlockedId = Annotated[int, Path(ge=1, le=2**63 - 1)]


def _error(code: str, message: str) -> dict[str, Any]:
    return {"content": {"application/json": {"example": error_body(code, message)}}}


_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {
        "description": "No such entry.",
        **_error("blocked_number_not_found", "no such entry in the blocklist"),
    }
}


@router.get("", summary="List blocked numbers, newest first", dependencies=READ)
async def list_blocked(
    service: Service,
    config: Config,
    before: Annotated[tuple[int] | None, Depends(cursor_of(ID))],
    limit: Limit = 50,
    number: Annotated[
        Line | None, Query(min_length=1, max_length=128, description="Only this number.")
    ] = None,
) -> Page[BlockedOut]:
    """Newest first; pass `next` of a page as `cursor` to get the following one."""
    limit = min(limit, config.page_size_max)
    found = await service.page(before_id=before and before[0], number=number, limit=limit + 1)
    items = [BlockedOut.model_validate(entry) for entry in found[:limit]]
    following = encode_cursor(items[-1].id) if len(found) > limit else None
    return Page[BlockedOut](items=items, next=following)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Block a number",
    dependencies=WRITE,
    responses={
        409: {
            "description": "It is blocked already; `details.id` names the entry.",
            **_error("already_blocked", "13800138000 is blocked already; change that entry"),
        },
        422: {
            "description": "Codes `bad_input`, `anonymous_number`, `until_in_the_past`.",
            **_error("anonymous_number", "number: callers without a number cannot be blocked"),
        },
    },
)
async def block(body: BlockIn, service: Service, who: Who) -> BlockedOut:
    """From the next call on, the number hears the blocked message and reaches no seat."""
    entry = await service.add(body.number, reason=body.reason, until=body.until, actor=who.name)
    return BlockedOut.model_validate(entry)


@router.get(
    "/export",
    summary="The blocklist as a sheet",
    dependencies=READ,
    response_class=Response,
    responses={200: SHEET_ANSWER},
)
async def export_blocklist(bulk: Bulk, form: FormatWanted = SheetFormat.CSV) -> Response:
    """CSV in UTF-8 with a byte order mark, or .xlsx; ends are on the city's clock; the import takes
    it back."""
    return sheet_answer("blocklist", NAMES, await bulk.export(), form)


@router.post(
    "/import",
    summary="Block numbers by a sheet",
    dependencies=WRITE,
    openapi_extra=SHEET_BODY,
    responses={
        409: {
            "description": "Codes `already_blocked`, `version_conflict`: somebody was faster.",
            **_error("version_conflict", "the entry 17 was changed meanwhile: try it anew"),
        },
        422: {
            "description": "Codes `bad_input`, `bad_sheet`: `details.problems` names every row.",
            **_error(
                "bad_sheet",
                "the file is not taken: row 3: until: must be in the future (and 2 more)",
            ),
        },
    },
)
async def import_blocklist(
    sheet: SheetFile, limits: Limits, bulk: Bulk, who: Who, dry_run: DryRun = False
) -> BlockSheetOut:
    """All of it or nothing. Columns: number, reason, until, version. `until` is a moment on the
    city's clock, or `for good`; of an entry that is there an empty cell changes nothing, a new one
    is for good then. Entries that are not in the sheet stay. With a version the row is refused if
    the entry was changed since."""
    plan = await bulk.take(sheet, limits, dry_run=dry_run, actor=who.name)
    return BlockSheetOut(
        dry_run=dry_run,
        created=len(plan.new),
        changed=len(plan.changes),
        unchanged=plan.unchanged,
        problems=[SheetProblemOut.model_validate(problem) for problem in plan.problems],
    )


@router.get("/{blocked_id}", summary="One blocked number", responses=_NOT_FOUND, dependencies=READ)
async def read_blocked(blocked_id: BlockedId, service: Service) -> BlockedOut:
    """One entry."""
    return BlockedOut.model_validate(await service.get(blocked_id))


@router.patch(
    "/{blocked_id}",
    summary="Change reason or end",
    responses=_NOT_FOUND,
    dependencies=[*WRITE, VERSIONED],
)
async def change_blocked(
    blocked_id: BlockedId, body: BlockPatch, service: Service, who: Who
) -> BlockedOut:
    """What is left out stays; `until: null` blocks for good."""
    changes = BlockedChanges(
        reason=body.reason, until=body.until, set_until="until" in body.model_fields_set
    )
    return BlockedOut.model_validate(await service.change(blocked_id, changes, actor=who.name))


@router.delete(
    "/{blocked_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Put the number through again",
    dependencies=[*WRITE, VERSIONED],
    responses=_NOT_FOUND,
)
async def unblock(blocked_id: BlockedId, service: Service, who: Who) -> None:
    """From the next call on."""
    await service.remove(blocked_id, actor=who.name)
