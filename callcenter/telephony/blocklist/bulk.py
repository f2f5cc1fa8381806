"""Many blocked numbers at once, by a sheet. All or nothing, and every problem named before."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.sheets.faults import SheetFault, SheetProblem, refused
from callcenter.platform.sheets.reading import SheetLimits
from callcenter.platform.sheets.writing import Value
from callcenter.telephony.blocklist.service import (
    Blocked,
    BlockedChanges,
    BlocklistService,
    NewBlock,
)
from callcenter.telephony.blocklist.sheet import (
    BlockFault,
    BlockRow,
    Until,
    read_blocklist,
    written,
)

SAME = timedelta(minutes=1)
"""Ends that are nearer than this are one: spreadsheets drop seconds."""


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """What a sheet would do."""

    new: tuple[NewBlock, ...]
    changes: tuple[tuple[Blocked, BlockedChanges], ...]
    """Entries as they were looked at, and what becomes of them."""
    unchanged: int
    problems: tuple[SheetProblem, ...]


class BlocklistBulk:
    """Many numbers at once. `time_zone` is the city's (an IANA name)."""

    def __init__(self, blocklist: BlocklistService, time_zone: str, clock: Clock = utc_now) -> None:
        self._blocklist = blocklist
        self._zone = ZoneInfo(time_zone)
        self._clock = clock

    async def export(self) -> list[list[Value]]:
        """Every entry as a row of a sheet, expired ones too."""
        return written(await self._blocklist.all(), self._zone)

    async def take(
        self, data: bytes, limits: SheetLimits, *, dry_run: bool, actor: str
    ) -> BlockPlan:
        """Block numbers and change entries as a sheet says, or with `dry_run` only say what it
        would do.

        Entries that are not in the sheet stay. `BadInput` ``bad_sheet`` if there are problems and
        it was no dry run; nothing is done then. Errors as `BlocklistService.save`.
        """
        plan = await self.plan(data, limits)
        if not dry_run:
            if plan.problems:
                raise refused(plan.problems, code="bad_sheet")
            await self._blocklist.save(plan.new, plan.changes, actor=actor)
        return plan

    async def plan(self, data: bytes, limits: SheetLimits) -> BlockPlan:
        """What `data` would do to the blocklist as it is now."""
        sheet = await asyncio.to_thread(read_blocklist, data, limits, self._zone)
        known = {entry.number: entry for entry in await self._blocklist.all()}
        problems = list(sheet.problems)
        new: list[NewBlock] = []
        changes: list[tuple[Blocked, BlockedChanges]] = []
        unchanged = 0
        for row in sheet.rows:
            entry = known.get(row.number)
            wish = _wish(row, entry)
            if entry is not None and wish == BlockedChanges():
                unchanged += 1
            elif (problem := self._problem(row, entry, wish)) is not None:
                problems.append(problem)
            elif entry is None:
                new.append(NewBlock(row.number, wish.reason or "", wish.until))
            else:
                changes.append((entry, wish))
        problems.sort(key=lambda problem: problem.row)
        return BlockPlan(tuple(new), tuple(changes), unchanged, tuple(problems))

    def _problem(
        self, row: BlockRow, entry: Blocked | None, wish: BlockedChanges
    ) -> SheetProblem | None:
        if row.version is not None and (entry is None or row.version != entry.version):
            message = "the entry was changed or removed since the sheet was written; export it anew"
            return SheetProblem(row.row, "version", SheetFault.VERSION_CONFLICT, message)
        if entry is None and wish.reason is None:
            message = "a number that is not blocked yet needs a reason"
            return SheetProblem(row.row, "reason", SheetFault.MISSING, message)
        if wish.until is not None and wish.until <= self._clock():
            message = "must be in the future"
            return SheetProblem(row.row, "until", BlockFault.UNTIL_IN_THE_PAST, message)
        return None


def _wish(row: BlockRow, entry: Blocked | None) -> BlockedChanges:
    """What of `row` is other than it is."""
    reason = row.reason
    if entry is not None and reason == entry.reason:
        reason = None
    until = row.until
    if until is None and not (entry is not None and entry.active):
        # Who writes down a number that is not blocked, and no end, blocks it for good.
        until = Until(None)
    if until is None or (entry is not None and _same(until, entry)):
        return BlockedChanges(reason)
    return BlockedChanges(reason, until.moment, set_until=True)


def _same(until: Until, entry: Blocked) -> bool:
    if until.moment is None or entry.until is None:
        return until.moment is entry.until
    return abs(until.moment - entry.until) < SAME
