"""Who should be here, who is, and who was: the rota held against the times of being logged in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.workforce.domain.attendance import Attendance, Attended, judge
from callcenter.workforce.domain.rest_rules import split_leave
from callcenter.workforce.domain.shifts import Assignment, next_change, on_shift
from callcenter.workforce.domain.workdays import CalendarWarning
from callcenter.workforce.opening.service import OpeningNow, OpeningService
from callcenter.workforce.opening.workdays import WorkdayService
from callcenter.workforce.shifts.ports import Presence
from callcenter.workforce.shifts.service import Rota, ShiftService, check_range

ATTENDANCE_DAYS_MAX = 31


@dataclass(frozen=True, slots=True)
class Unplanned:
    """Somebody who is logged in though no shift of theirs runs: early, or still here.

    With the setting `members_by_shift` such a person is offered no calls.
    """

    user_id: int
    next_starts: datetime | None
    """Of their own shifts; None: none begins until the end of tomorrow."""


@dataclass(frozen=True, slots=True)
class ShiftsNow:
    """The line and its people at this moment."""

    now: datetime
    opening: OpeningNow
    expected: Sequence[Attended]
    """Those whose shift at a seat runs, and those on leave instead; by begin and user."""
    unplanned: Sequence[Unplanned]
    """By user."""
    on_duty: Sequence[Assignment]
    """Who answers for the line today (`ShiftKind.DUTY`)."""
    covered: int
    """People on shift, without leave."""
    needed: int
    """While the line is open; 0 while it is closed."""
    next_change: datetime | None
    names: Mapping[int, str]
    warnings: Sequence[CalendarWarning]


class AttendanceService:
    """Answers who should be here and who is."""

    def __init__(
        self,
        settings: Settings,
        shifts: ShiftService,
        opening: OpeningService,
        workdays: WorkdayService,
        presence: Presence,
        clock: Clock = utc_now,
    ) -> None:
        self._grace = timedelta(seconds=settings.shift_grace_seconds)
        self._shifts = shifts
        self._opening = opening
        self._workdays = workdays
        self._presence = presence
        self._clock = clock

    async def now(self) -> ShiftsNow:
        """The line and its people at this moment."""
        now = self._clock()
        rota = await self._shifts.around(now)
        opening = await self._opening.now()
        running = [a for a in rota.able if a.covers(now)]
        seats = [a for a in running if a.kind.covers]
        standing = rota.standing
        at_work = on_shift(standing, now)
        unplanned = [
            Unplanned(
                user_id,
                min(
                    (a.starts for a in standing if a.user_id == user_id and a.starts > now),
                    default=None,
                ),
            )
            for user_id in sorted(set(await self._presence.here()) - at_work)
        ]
        return ShiftsNow(
            now=now,
            opening=opening,
            expected=await self._judged(Rota(seats, rota.leave), now),
            unplanned=unplanned,
            on_duty=[a for a in standing if not a.kind.covers and a.covers(now)],
            covered=len(at_work),
            needed=self._shifts.rules.covered if opening.open else 0,
            next_change=next_change(standing, now),
            names=await self._shifts.names(
                {a.user_id for a in running} | {one.user_id for one in unplanned}
            ),
            warnings=(await self._workdays.status()).warnings,
        )

    async def between(
        self, first: date, last: date, *, user_id: int | None = None
    ) -> tuple[Sequence[Attended], Mapping[int, str]]:
        """How the shifts of the days ``first … last`` were kept, or stand; and names.

        `BadInput` ``bad_range``.
        """
        check_range(first, last, ATTENDANCE_DAYS_MAX)
        rota = await self._shifts.rota(first, last)
        seats = [
            a
            for a in rota.assignments
            if a.kind.covers and (user_id is None or a.user_id == user_id)
        ]
        judged = await self._judged(Rota(seats, rota.leave), self._clock())
        return judged, await self._shifts.names({a.user_id for a in seats})

    async def _judged(self, rota: Rota, now: datetime) -> list[Attended]:
        stand, fall = split_leave(rota.assignments, rota.leave)
        judged = [Attended(a, Attendance.ON_LEAVE) for a in fall]
        by_user: dict[int, list[Assignment]] = {}
        for assignment in stand:
            by_user.setdefault(assignment.user_id, []).append(assignment)
        for user_id, own in by_user.items():
            # One question a person, however many shifts.
            begins = min(a.starts for a in own)
            spans = (
                await self._presence.presence(user_id, begins, max(a.ends for a in own))
                if begins <= now
                else ()
            )
            judged += [judge(a, spans, now, self._grace) for a in own]
        return sorted(judged, key=lambda j: (j.assignment.starts, j.assignment.user_id))
