"""``/api/rota``: who works when; rotations, conflicts, attendance, files and feeds.

``/calendar/TOKEN.ics`` stands outside ``/api``: a calendar program cannot log in, the address is
its key.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response, status

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.etags import etag_of, is_known
from callcenter.platform.http.given import Given
from callcenter.platform.http.queries import DryRun, takes_any_query
from callcenter.platform.http.sheets import (
    SHEET_ANSWER,
    SHEET_BODY,
    FormatWanted,
    Limits,
    SheetFile,
    sheet_answer,
)
from callcenter.platform.http.versions import VERSIONED, WHOLE, VersionedRoute
from callcenter.platform.sheets.writing import SheetFormat
from callcenter.platform.texts import Line
from callcenter.workforce.shifts.attendance import AttendanceService
from callcenter.workforce.shifts.attendance_schemas import AttendedOut
from callcenter.workforce.shifts.changes import RotaChanges
from callcenter.workforce.shifts.common import First, Id, Last, Me, problem
from callcenter.workforce.shifts.feed import FRESH_SECONDS, FeedService
from callcenter.workforce.shifts.pattern_schemas import RotationBody, RotationOut
from callcenter.workforce.shifts.patterns import PatternService
from callcenter.workforce.shifts.rota_sheet import NAMES, RotaImport, written
from callcenter.workforce.shifts.schemas import (
    ColleagueOut,
    ConflictOut,
    EntryIn,
    EntryOut,
    EntryPatch,
    FeedOut,
    GenerateBody,
    GeneratedOut,
    ImportedOut,
    SavedEntryOut,
)
from callcenter.workforce.shifts.service import EntryInfo, ShiftService

router = APIRouter(prefix="/api/rota", tags=["shifts"], route_class=VersionedRoute)
feed_router = APIRouter(prefix="/calendar", tags=["shifts"])

_READ = [requires(Permission.SHIFT_READ)]
_OWN = [requires(Permission.SHIFT_OWN)]
_WRITE = [requires(Permission.SHIFT_WRITE)]


Shifts = Given[ShiftService]
Changes = Given[RotaChanges]
Patterns = Given[PatternService]
Attendances = Given[AttendanceService]
Importer = Given[RotaImport]
Feeds = Given[FeedService]
UserFilter = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only this person.")]

_RANGE: dict[int | str, dict[str, Any]] = {
    422: problem(
        "Codes `bad_input`, `bad_range`.",
        "bad_range",
        "from, to: `to` must not be before `from`, and at most 92 days may be asked for at once",
    )
}
_NO_ENTRY = problem("No such entry.", "rota_entry_not_found", "there is no rota entry 512")
_NO_ROTATION = problem("No such rotation.", "rotation_not_found", "there is no rotation 1")
_BAD_ENTRY = problem(
    "Codes `bad_input`, `unknown_user`, `unknown_shift`, `shift_disabled`.",
    "unknown_user",
    "user_id: there is no user 7",
)


@router.get("", summary="The rota", dependencies=_READ, responses=_RANGE)
async def list_entries(
    first: First, last: Last, service: Shifts, user_id: UserFilter = None
) -> list[EntryOut]:
    """Shifts that begin on the days from … to (92 at most), by day and begin."""
    return [EntryOut.from_info(e) for e in await service.entries(first, last, user_id=user_id)]


@router.get("/mine", summary="One's own shifts", dependencies=_OWN, responses=_RANGE)
async def my_entries(first: First, last: Last, service: Shifts, me: Me) -> list[EntryOut]:
    """As `GET /api/rota`, for whoever asks."""
    return [EntryOut.from_info(e) for e in await service.entries(first, last, user_id=me)]


@router.get("/colleagues", summary="Whom one can swap with", dependencies=_OWN, responses=_RANGE)
async def list_colleagues(first: First, last: Last, service: Shifts, me: Me) -> list[ColleagueOut]:
    """Everybody else who works at a seat, by name, with the shifts that have not begun yet. Why
    somebody is free, and what stands in notes, is not for colleagues."""
    found = await service.colleagues(first, last)
    return [ColleagueOut.from_colleague(one) for one in found if one.user_id != me]


@router.get(
    "/conflicts", summary="What is wrong with the rota", dependencies=_READ, responses=_RANGE
)
async def list_conflicts(first: First, last: Last, service: Shifts) -> list[ConflictOut]:
    """Double booking, too little rest, too many days, shifts on leave, people who are not users,
    and times at which the line is open and not covered; by time."""
    found = await service.conflicts(first, last)
    names = await service.names({c.user_id for c in found if c.user_id is not None})
    return [ConflictOut.from_conflict(conflict, names) for conflict in found]


@router.get("/attendance", summary="How shifts were kept", dependencies=_READ, responses=_RANGE)
async def list_attendance(
    first: First, last: Last, service: Attendances, user_id: UserFilter = None
) -> list[AttendedOut]:
    """On time, late, gone early, absent; 31 days at most. What runs is told as it stands."""
    attended, names = await service.between(first, last, user_id=user_id)
    return [AttendedOut.from_attended(one, names) for one in attended]


@router.get(
    "/export",
    summary="The rota as a sheet",
    dependencies=_READ,
    response_class=Response,
    responses={**_RANGE, 200: SHEET_ANSWER},
)
async def export(
    first: First, last: Last, service: Shifts, form: FormatWanted = SheetFormat.CSV
) -> Response:
    """Columns day, user_id, name, shift, note; what goes out may come back in."""
    rows = written(await service.entries(first, last))
    return sheet_answer(f"rota-{first}-{last}", NAMES, rows, form)


@router.post(
    "/import",
    summary="Take a sheet into the rota",
    dependencies=_WRITE,
    openapi_extra=SHEET_BODY,
    response_model_exclude_none=True,
    responses={
        422: problem(
            "Codes `bad_input`, `bad_csv`: `details.problems` names every row.",
            "bad_csv",
            "the file is not taken: row 3: shift: there is no shift 'nigth'; is it night?",
        )
    },
)
async def import_rota(
    sheet: SheetFile, limits: Limits, importer: Importer, who: Who, dry_run: DryRun = False
) -> ImportedOut:
    """Whole or not at all. For each day and person in the file the rota then holds what it says; a
    row without a shift is a day off. Columns: day, user_id, shift, note; without the last, notes
    stay."""
    done = await importer.take(sheet, limits, dry_run=dry_run, actor=who.name)
    return ImportedOut.of(done, dry_run=dry_run)


@router.get("/rotations", summary="Rotations", dependencies=_READ)
async def list_rotations(service: Patterns) -> list[RotationOut]:
    """By name."""
    return [RotationOut.from_info(info) for info in await service.rotations()]


_BAD_ROTATION = problem(
    "Codes `bad_input`, `bad_rotation`, `unknown_shift`.",
    "unknown_shift",
    "circle: there is no shift 9",
)
_ROTATION_EXISTS = problem("The name is taken.", "rotation_exists", "there is a rotation 三班倒")


@router.post(
    "/rotations",
    status_code=status.HTTP_201_CREATED,
    summary="Make a rotation",
    dependencies=_WRITE,
    responses={409: _ROTATION_EXISTS, 422: _BAD_ROTATION},
)
async def add_rotation(body: RotationBody, service: Patterns, who: Who) -> RotationOut:
    """It plans nothing until it is told to."""
    return RotationOut.from_info(await service.add_rotation(body.to_domain(), actor=who.name))


@router.get(
    "/rotations/{rotation_id}",
    summary="One rotation",
    dependencies=_READ,
    responses={404: _NO_ROTATION},
)
async def read_rotation(rotation_id: Id, service: Patterns) -> RotationOut:
    """One."""
    return RotationOut.from_info(await service.rotation(rotation_id))


@router.put(
    "/rotations/{rotation_id}",
    summary="Change a rotation",
    dependencies=[*_WRITE, WHOLE],
    responses={404: _NO_ROTATION, 409: _ROTATION_EXISTS, 422: _BAD_ROTATION},
)
async def change_rotation(
    rotation_id: Id, body: RotationBody, service: Patterns, who: Who
) -> RotationOut:
    """As a whole. What is planned stays until it is planned anew."""
    info = await service.change_rotation(rotation_id, body.to_domain(), actor=who.name)
    return RotationOut.from_info(info)


@router.delete(
    "/rotations/{rotation_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a rotation",
    dependencies=[*_WRITE, VERSIONED],
    responses={404: _NO_ROTATION},
)
async def remove_rotation(rotation_id: Id, service: Patterns, who: Who) -> None:
    """With what it planned from tomorrow on; what was changed by hand stays."""
    await service.remove_rotation(rotation_id, actor=who.name)


@router.post(
    "/rotations/{rotation_id}/plan",
    summary="Plan a rotation for some days",
    dependencies=_WRITE,
    responses={
        404: _NO_ROTATION,
        422: problem(
            "Codes `bad_input`, `bad_range`, `rota_in_the_past`, `shift_disabled`.",
            "rota_in_the_past",
            "from: 2026-11-01 is past; a rotation is planned from today on",
        ),
    },
)
async def plan_rotation(
    rotation_id: Id, body: GenerateBody, service: Changes, who: Who
) -> GeneratedOut:
    """May be repeated: what is right already stays, and so does what others planned."""
    result = await service.generate(
        rotation_id, body.first, body.last, dry_run=body.dry_run, actor=who.name
    )
    return GeneratedOut.model_validate(result)


@router.post("/feed", summary="Make the address of one's calendar feed", dependencies=_OWN)
async def make_feed(service: Feeds, me: Me, who: Who) -> FeedOut:
    """Shown this once; an older address is void from now on."""
    return FeedOut(path=f"/calendar/{await service.create(me, actor=who.name)}.ics")


@router.delete(
    "/feed",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Void the address of one's calendar feed",
    dependencies=_OWN,
    responses={404: problem("There is none.", "feed_not_found", "no such calendar feed")},
)
async def remove_feed(service: Feeds, me: Me, who: Who) -> None:
    """Calendars that have it stop being refreshed."""
    await service.remove(me, actor=who.name)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Put a shift into the rota",
    dependencies=_WRITE,
    responses={
        409: problem("It is there.", "rota_entry_exists", "user 7 has this shift already"),
        422: _BAD_ENTRY,
    },
)
async def add_entry(body: EntryIn, changes: Changes, service: Shifts, who: Who) -> SavedEntryOut:
    """With what is then wrong with that person's shifts; nothing is forbidden."""
    info = await changes.add(body.user_id, body.day, body.shift_id, note=body.note, actor=who.name)
    return await _saved(service, info)


@router.get("/{entry_id}", summary="One entry", dependencies=_READ, responses={404: _NO_ENTRY})
async def read_entry(entry_id: Id, service: Shifts) -> EntryOut:
    """One."""
    return EntryOut.from_info(await service.entry(entry_id))


@router.patch(
    "/{entry_id}",
    summary="Change an entry",
    dependencies=[*_WRITE, WHOLE],
    responses={
        404: _NO_ENTRY,
        409: problem(
            "Codes `version_conflict`, `rota_entry_exists`.",
            "version_conflict",
            "rota entry 512 was changed meanwhile (version 2): read it again, then save",
        ),
        422: _BAD_ENTRY,
    },
)
async def change_entry(
    entry_id: Id, body: EntryPatch, changes: Changes, service: Shifts, who: Who
) -> SavedEntryOut:
    """What is left out stays."""
    info = await changes.change(
        entry_id,
        version=body.version,
        user_id=body.user_id,
        shift_id=body.shift_id,
        note=body.note,
        actor=who.name,
    )
    return await _saved(service, info)


@router.delete(
    "/{entry_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Take an entry out",
    dependencies=[*_WRITE, VERSIONED],
    responses={404: _NO_ENTRY},
)
async def remove_entry(entry_id: Id, changes: Changes, who: Who) -> None:
    """A rotation that is planned anew puts its own back: for a day off, leave is what stays."""
    await changes.remove(entry_id, actor=who.name)


# Calendar programs add words of their own, against caches.
@feed_router.get(
    "/{token}.ics",
    summary="Somebody's shifts as iCalendar",
    response_class=Response,
    responses={
        200: {"content": {"text/calendar": {}}},
        304: {"description": "You have it: your ETag is the feed's."},
        404: problem("No such feed.", "feed_not_found", "no such calendar feed"),
    },
)
@takes_any_query
async def read_feed(
    token: Annotated[Line, Path(min_length=20, max_length=100)],
    service: Feeds,
    if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="ETags of feeds that you have.")
    ] = None,
) -> Response:
    """For calendar programs; the address is the key. Ask again after an hour, and with the ETag:
    what has not changed is not sent again."""
    data = await service.calendar(token)
    etag = etag_of(data)
    headers = {
        "Cache-Control": f"private, max-age={FRESH_SECONDS}",
        "ETag": etag,
        "Referrer-Policy": "no-referrer",
    }
    if is_known(if_none_match, etag):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(data, media_type="text/calendar; charset=utf-8", headers=headers)


async def _saved(service: ShiftService, info: EntryInfo) -> SavedEntryOut:
    conflicts = await service.conflicts_of(info.user_id, info.day)
    names = {info.user_id: info.name}
    return SavedEntryOut(
        entry=EntryOut.from_info(info),
        conflicts=[ConflictOut.from_conflict(conflict, names) for conflict in conflicts],
    )
