"""Rows of the rota as the domain's records, and what a rotation plans: without SQL.

`plan` says what has to change so that the rota holds what a rotation gives. It touches nothing
that somebody else put there: an entry that was swapped, imported or made by hand stays, and so
does the day of the member that it was planned for. Entries that are right already stay as they
are, with their ids, so that a swap which is asked for them stays valid.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from callcenter.workforce.domain.rest_rules import LeaveDays
from callcenter.workforce.domain.shifts import (
    Assignment,
    EntrySource,
    Rotation,
    ShiftKind,
    ShiftPattern,
)
from callcenter.workforce.domain.workdays import Workdays, days_between
from callcenter.workforce.shifts.models import LeaveRequest, RotaEntry, Shift


@dataclass(frozen=True, slots=True)
class RotationPlan:
    """What has to change in the rota."""

    add: tuple[tuple[int, date, int], ...]
    """(user, day, shift)."""
    change: tuple[tuple[RotaEntry, int], ...]
    """Entries that get another shift, or the present hours of theirs."""
    remove: tuple[RotaEntry, ...]
    unchanged: int
    kept: int
    """Days of members on which somebody else has planned; they stay."""
    assumed_years: tuple[int, ...]
    """Years whose holidays are not known, though the rotation goes by working days."""


def pattern_of(row: Shift) -> ShiftPattern:
    """The pattern in a row."""
    return ShiftPattern(row.starts, row.minutes, ShiftKind(row.kind))


def assignment(row: RotaEntry, zone: tzinfo) -> Assignment:
    """An entry as moments."""
    kind = ShiftKind(row.kind)
    starts, ends = ShiftPattern(row.starts, row.minutes, kind).on(row.day, zone)
    return Assignment(row.id, row.user_id, row.shift_id, row.day, starts, ends, kind)


def set_hours(row: RotaEntry, shift: Shift) -> None:
    """Give the entry the present hours of `shift`."""
    row.shift_id, row.starts, row.minutes, row.kind = (
        shift.id,
        shift.starts,
        shift.minutes,
        shift.kind,
    )


def fill(
    row: RotaEntry, shift: Shift, source: EntrySource, note: str, actor: str, now: datetime
) -> None:
    """Make a new entry whole."""
    set_hours(row, shift)
    row.source, row.note, row.version = source.value, note, 1
    row.updated_by, row.updated_at = actor, now


def touch(row: RotaEntry, actor: str, now: datetime) -> None:
    """Note a change of an entry: who agreed on it as it was sees that it is another."""
    row.version += 1
    row.updated_by, row.updated_at = actor, now


def has_hours(row: RotaEntry, shift: Shift) -> bool:
    """Whether the entry has the present hours of `shift`."""
    return (row.shift_id, row.starts, row.minutes, row.kind) == (
        shift.id,
        shift.starts,
        shift.minutes,
        shift.kind,
    )


def leave_days(rows: Iterable[LeaveRequest], first: date, last: date) -> LeaveDays:
    """Days of leave by user, cut to ``first … last``."""
    days: dict[int, set[date]] = {}
    for row in rows:
        days.setdefault(row.user_id, set()).update(
            days_between(max(row.first_day, first), min(row.last_day, last))
        )
    return days


def plan(
    rotation_id: int,
    rotation: Rotation,
    members: Mapping[int, int],
    days: Iterable[date],
    present: Collection[RotaEntry],
    shifts: Mapping[int, Shift],
    workdays: Workdays,
) -> RotationPlan:
    """What `rotation` changes on `days`, of which `present` are the rota's entries."""
    own = {(row.planned_for, row.day): row for row in present if row.rotation_id == rotation_id}
    others = {(row.user_id, row.day) for row in present if row.rotation_id != rotation_id}
    # A person has a pattern once a day, however it came there.
    taken = {(row.user_id, row.day, row.shift_id): row for row in present}
    add: list[tuple[int, date, int]] = []
    change: list[tuple[RotaEntry, int]] = []
    unchanged = kept = 0
    wanted_slots: set[tuple[int | None, date]] = set()
    assumed: set[int] = set()
    for day in days:
        rests = rotation.workdays_only and not workdays.works(day)
        if rotation.workdays_only and not workdays.knows(day.year):
            assumed.add(day.year)
        for user_id, place in members.items():
            shift_id = None if rests else rotation.shift(day, place)
            slot = (user_id, day)
            row = own.get(slot)
            if row is not None and row.source != EntrySource.ROTATION.value:
                kept += 1
                wanted_slots.add(slot)
            elif shift_id is None:
                continue
            elif slot in others or taken.get((user_id, day, shift_id), row) is not row:
                kept += 1
                wanted_slots.add(slot)
            elif row is None:
                add.append((user_id, day, shift_id))
            else:
                wanted_slots.add(slot)
                if has_hours(row, shifts[shift_id]):
                    unchanged += 1
                else:
                    change.append((row, shift_id))
    remove = tuple(
        row
        for slot, row in own.items()
        if slot not in wanted_slots and row.source == EntrySource.ROTATION.value
    )
    return RotationPlan(tuple(add), tuple(change), remove, unchanged, kept, tuple(sorted(assumed)))
