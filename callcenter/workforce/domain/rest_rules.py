"""What is wrong with a rota: each conflict is named with a code, a person or a time, and a reason.

Nothing here forbids: a rota with a conflict can be kept, because on the day of a typhoon it must
be. It is found and named; whoever plans decides. Only a duty (`ShiftKind.DUTY`) is left out of
rest and booking, for it is answered from anywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from callcenter.workforce.domain.shifts import Assignment, cover


class ConflictCode(StrEnum):
    """What kind of conflict; stable, screens translate it."""

    DOUBLE_BOOKING = "double_booking"
    """Two shifts of one person share time."""
    TOO_LITTLE_REST = "too_little_rest"
    """The next shift begins too soon after the last."""
    TOO_LONG = "too_long"
    """One shift, or several that touch, without rest for too long."""
    TOO_MANY_DAYS = "too_many_days"
    """No day off for too long."""
    ON_LEAVE = "on_leave"
    """A shift on a day of approved leave; it does not count as cover."""
    UNKNOWN_PERSON = "unknown_person"
    """The rota names somebody who is not (or no longer) a user."""
    MAY_NOT_WORK = "may_not_work"
    """Of somebody who is disabled or has lost the role since; it does not count as cover."""
    NOT_COVERED = "not_covered"
    """The line is open and fewer seats are covered than it needs."""


@dataclass(frozen=True, slots=True)
class RestRules:
    """What people must get, and the line."""

    rest: timedelta
    """Between the end of a shift and the begin of the next."""
    days_in_a_row: int
    """Days with a shift that may follow one another."""
    covered: int = 1
    """Seats that must be covered while the line is open."""
    longest: timedelta = timedelta(hours=12)
    """Of work without rest."""


@dataclass(frozen=True, slots=True)
class RotaConflict:
    """One conflict; what does not apply is None or empty."""

    code: ConflictCode
    starts: datetime
    ends: datetime
    user_id: int | None = None
    entries: tuple[int, ...] = ()
    """Ids of the rota's entries that are concerned."""
    facts: Mapping[str, int] = field(default_factory=dict)
    """Numbers of the case: minutes of rest, days, people."""


LeaveDays = Mapping[int, Collection[date]]
"""Days of approved leave by user."""


def split_leave(
    assignments: Iterable[Assignment], leave: LeaveDays
) -> tuple[list[Assignment], list[Assignment]]:
    """(those that stand, those that fall on a day of leave), each in its order.

    A night belongs to the day that it begins on, so leave on the next day leaves it standing.
    """
    stand: list[Assignment] = []
    fall: list[Assignment] = []
    for assignment in assignments:
        (fall if assignment.day in leave.get(assignment.user_id, ()) else stand).append(assignment)
    return stand, fall


def people_conflicts(
    assignments: Iterable[Assignment], leave: LeaveDays, rules: RestRules
) -> list[RotaConflict]:
    """Conflicts of persons, by time."""
    stand, fall = split_leave(assignments, leave)
    found = [
        RotaConflict(ConflictCode.ON_LEAVE, a.starts, a.ends, a.user_id, (a.entry_id,))
        for a in fall
    ]
    by_user: defaultdict[int, list[Assignment]] = defaultdict(list)
    for assignment in stand:
        if assignment.kind.covers:
            by_user[assignment.user_id].append(assignment)
    for own in by_user.values():
        own.sort(key=lambda a: (a.starts, a.ends, a.entry_id))
        found.extend(_booking_and_rest(own, rules))
        found.extend(_too_long(own, rules))
        found.extend(_days_in_a_row(own, rules))
    return sorted(found, key=_by_time)


def cover_conflicts(
    assignments: Iterable[Assignment],
    leave: LeaveDays,
    open_spans: Iterable[tuple[datetime, datetime]],
    rules: RestRules,
) -> list[RotaConflict]:
    """Times at which the line is open and too few seats are covered, by time.

    `open_spans` are moments in order; a gap over a midnight is one if the spans touch.
    """
    stand, _ = split_leave(assignments, leave)
    found: list[RotaConflict] = []
    for starts, ends in open_spans:
        near = [a for a in stand if a.overlaps(starts, ends)]
        for piece in cover(near, starts, ends):
            if piece.people >= rules.covered:
                continue
            last = found[-1] if found else None
            facts = {"people": piece.people, "needed": rules.covered}
            if last is not None and last.ends == piece.starts and last.facts == facts:
                found[-1] = RotaConflict(
                    ConflictCode.NOT_COVERED, last.starts, piece.ends, facts=facts
                )
            else:
                found.append(
                    RotaConflict(ConflictCode.NOT_COVERED, piece.starts, piece.ends, facts=facts)
                )
    return found


def _booking_and_rest(own: Sequence[Assignment], rules: RestRules) -> Iterator[RotaConflict]:
    """Of one person's shifts in order of their begin."""
    latest: Assignment | None = None
    for current in own:
        if latest is not None:
            entries = (latest.entry_id, current.entry_id)
            rest = current.starts - latest.ends
            if rest < timedelta(0):
                yield RotaConflict(
                    ConflictCode.DOUBLE_BOOKING,
                    current.starts,
                    min(latest.ends, current.ends),
                    current.user_id,
                    entries,
                )
            # Touching shifts are one long one, split at the planner's will: see `_too_long`.
            elif timedelta(0) < rest < rules.rest:
                yield RotaConflict(
                    ConflictCode.TOO_LITTLE_REST,
                    latest.ends,
                    current.starts,
                    current.user_id,
                    entries,
                    {"minutes": _minutes(rest), "needed": _minutes(rules.rest)},
                )
        if latest is None or current.ends > latest.ends:
            latest = current


def _too_long(own: Sequence[Assignment], rules: RestRules) -> Iterator[RotaConflict]:
    """Of one person's shifts in order of their begin."""
    runs: list[list[Assignment]] = []
    until: datetime | None = None
    for current in own:
        if until is None or current.starts > until:
            runs.append([])
        runs[-1].append(current)
        until = current.ends if until is None else max(until, current.ends)
    for run in runs:
        starts, ends = run[0].starts, max(a.ends for a in run)
        if ends - starts > rules.longest:
            yield RotaConflict(
                ConflictCode.TOO_LONG,
                starts,
                ends,
                run[0].user_id,
                tuple(a.entry_id for a in run),
                {"minutes": _minutes(ends - starts), "allowed": _minutes(rules.longest)},
            )


def _days_in_a_row(own: Sequence[Assignment], rules: RestRules) -> Iterator[RotaConflict]:
    runs: list[list[Assignment]] = [[own[0]]]
    for before, current in pairwise(own):
        if (current.day - before.day).days > 1:
            runs.append([])
        runs[-1].append(current)
    for run in runs:
        days = (run[-1].day - run[0].day).days + 1
        if days > rules.days_in_a_row:
            yield RotaConflict(
                ConflictCode.TOO_MANY_DAYS,
                run[0].starts,
                max(a.ends for a in run),
                run[0].user_id,
                tuple(a.entry_id for a in run),
                {"days": days, "allowed": rules.days_in_a_row},
            )


def _minutes(span: timedelta) -> int:
    return int(span / timedelta(minutes=1))


def _by_time(conflict: RotaConflict) -> tuple[datetime, str, int]:
    return conflict.starts, conflict.code.value, conflict.user_id or 0
