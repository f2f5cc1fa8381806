"""Many seats at once: a range, or a sheet. All or nothing, and every problem named before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from callcenter.platform.errors import BadInput
from callcenter.platform.sheets.faults import SheetFault, SheetProblem, refused
from callcenter.platform.sheets.reading import SheetLimits
from callcenter.platform.sheets.writing import Value
from callcenter.telephony.seats.service import (
    NewSeat,
    NewSecret,
    SeatChanges,
    SeatInfo,
    SeatService,
)
from callcenter.telephony.seats.sheet import (
    NAME_CHARACTERS,
    SeatFault,
    SeatRow,
    read_seats,
    written,
)

PLACE = "{extension}"
"""Stands for the seat's own extension in the name of a range."""


@dataclass(frozen=True, slots=True)
class SheetPlan:
    """What a sheet would do."""

    new: tuple[NewSeat, ...]
    changes: dict[str, SeatChanges]
    unchanged: int
    problems: tuple[SheetProblem, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What a sheet did, or would do."""

    plan: SheetPlan
    made: Sequence[NewSecret] = ()
    """Empty when it was only looked at."""


class SeatBulk:
    """Many seats at once."""

    def __init__(self, seats: SeatService) -> None:
        self._seats = seats

    async def make_range(self, first: NewSeat, count: int, *, actor: str) -> Sequence[NewSecret]:
        """`count` seats from `first` on, alike but for ``{extension}`` in their names.

        Errors as `SeatService.save`; also `BadInput` ``bad_extension`` if the last one has other
        digits than the dialplan knows.
        """
        self._seats.check_extension(first.extension)
        new = []
        for number in range(int(first.extension), int(first.extension) + count):
            name = first.name.replace(PLACE, str(number))
            if len(name) > NAME_CHARACTERS:
                raise BadInput(f"name: with the extension it is longer than {NAME_CHARACTERS}")
            new.append(NewSeat(str(number), name, first.enabled, first.in_queue, first.phones))
        return await self._seats.save(new, {}, actor=actor)

    async def export(self) -> list[list[Value]]:
        """Every seat as a row of a sheet, without secrets."""
        return written(await self._seats.all())

    async def take(
        self, data: bytes, limits: SheetLimits, *, dry_run: bool, actor: str
    ) -> Imported:
        """Do what the sheet says, or with `dry_run` only say what that would be.

        Seats that are not in the sheet stay. `BadInput` ``bad_sheet`` if there are problems and
        it was no dry run; nothing is done then. Errors as `SeatService.save`.
        """
        plan = await self.plan(data, limits)
        if dry_run:
            return Imported(plan)
        if plan.problems:
            raise refused(plan.problems, code="bad_sheet")
        return Imported(plan, await self._seats.save(plan.new, plan.changes, actor=actor))

    async def plan(self, data: bytes, limits: SheetLimits) -> SheetPlan:
        """What `data` would do to the seats as they are now."""
        sheet = await asyncio.to_thread(read_seats, data, limits)
        known = {str(seat.extension): seat for seat in await self._seats.all()}
        problems = list(sheet.problems)
        new: list[NewSeat] = []
        changes: dict[str, SeatChanges] = {}
        unchanged = 0
        for row in sheet.rows:
            seat = known.get(row.extension)
            if seat is None:
                problem = self._problem_of_new(row)
                if problem is None:
                    new.append(_new(row))
                else:
                    problems.append(problem)
            elif _differs(row, seat):
                changes[row.extension] = _changes(row)
            else:
                unchanged += 1
        problems.sort(key=lambda problem: problem.row)
        return SheetPlan(tuple(new), changes, unchanged, tuple(problems))

    def _problem_of_new(self, row: SeatRow) -> SheetProblem | None:
        try:
            self._seats.check_extension(row.extension)
        except BadInput as error:
            return SheetProblem(row.row, "extension", SeatFault.BAD_EXTENSION, error.message)
        if row.name is None:
            return SheetProblem(row.row, "name", SheetFault.MISSING, "a new seat needs a name")
        return None


def _changes(row: SeatRow) -> SeatChanges:
    return SeatChanges(row.name, row.enabled, row.in_queue, row.phones)


def _differs(row: SeatRow, seat: SeatInfo) -> bool:
    wanted = _changes(row)
    return any(
        (value := getattr(wanted, name)) is not None and value != getattr(seat, name)
        for name in SeatChanges.__slots__
    )


def _new(row: SeatRow) -> NewSeat:
    usual = NewSeat(row.extension, row.name or "")
    return NewSeat(
        row.extension,
        usual.name,
        usual.enabled if row.enabled is None else row.enabled,
        usual.in_queue if row.in_queue is None else row.in_queue,
        usual.phones if row.phones is None else row.phones,
    )
