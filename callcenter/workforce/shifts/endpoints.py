"""``/api/shifts``: patterns, and who is here now."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, status

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.platform.http.given import Given
from callcenter.platform.http.versions import VERSIONED, WHOLE, VersionedRoute
from callcenter.workforce.shifts.attendance import AttendanceService
from callcenter.workforce.shifts.attendance_schemas import ShiftsNowOut
from callcenter.workforce.shifts.common import Id, problem
from callcenter.workforce.shifts.pattern_schemas import ShiftBody, ShiftOut
from callcenter.workforce.shifts.patterns import PatternService

router = APIRouter(prefix="/api/shifts", tags=["shifts"], route_class=VersionedRoute)

_READ = [requires(Permission.SHIFT_READ)]
_OWN = [requires(Permission.SHIFT_OWN)]
_WRITE = [requires(Permission.SHIFT_WRITE)]


Patterns = Given[PatternService]
AttendanceNow = Given[AttendanceService]

_ERRORS: dict[int | str, dict[str, Any]] = {
    404: problem("No such shift.", "shift_not_found", "there is no shift 3"),
    409: problem(
        "Codes `shift_exists`, `shift_in_use`, `version_conflict`.",
        "shift_exists",
        "there is a shift night already",
    ),
}


@router.get("", summary="Shift patterns", dependencies=_OWN)
async def list_shifts(service: Patterns) -> list[ShiftOut]:
    """By their begin. Whoever has shifts may know what they are."""
    return [ShiftOut.from_info(info) for info in await service.shifts()]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Make a pattern",
    dependencies=_WRITE,
    responses={409: _ERRORS[409]},
)
async def add_shift(body: ShiftBody, service: Patterns, who: Who) -> ShiftOut:
    """Such as early, late, night."""
    return ShiftOut.from_info(await service.add_shift(body.to_domain(), actor=who.name))


@router.get("/now", summary="Who should be here, and who is", dependencies=_READ)
async def shifts_now(service: AttendanceNow) -> ShiftsNowOut:
    """Is the line open, who is expected, late or missing, who answers for the line today."""
    return ShiftsNowOut.from_now(await service.now())


@router.get("/{shift_id}", summary="One pattern", dependencies=_OWN, responses={404: _ERRORS[404]})
async def read_shift(shift_id: Id, service: Patterns) -> ShiftOut:
    """One."""
    return ShiftOut.from_info(await service.shift(shift_id))


@router.put(
    "/{shift_id}",
    summary="Change a pattern",
    dependencies=[*_WRITE, WHOLE],
    responses=_ERRORS,
)
async def change_shift(shift_id: Id, body: ShiftBody, service: Patterns, who: Who) -> ShiftOut:
    """As a whole. The rota has the new hours from tomorrow on; what was worked stays."""
    info = await service.change_shift(shift_id, body.to_domain(), actor=who.name)
    return ShiftOut.from_info(info)


@router.delete(
    "/{shift_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a pattern",
    dependencies=[*_WRITE, VERSIONED],
    responses=_ERRORS,
)
async def remove_shift(shift_id: Id, service: Patterns, who: Who) -> None:
    """Only if no rota and no rotation has it; else disable it."""
    await service.remove_shift(shift_id, actor=who.name)
