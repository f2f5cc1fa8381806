"""The staffing forecast: calls expected, seats needed, and what the rota gives, by half-hour.

History is whole days before today, from the first call on. Handle time is talk plus wrap-up. The
seats for the share within the time are reckoned by Erlang C, those for the connect rate by Erlang
A with the patience that callers showed (`domain.staffing`); people on the rota are more than seats
by the shrinkage. While the line is open it needs at least as many as the rules of the rota say.

Reckoning runs in a thread: a large centre's month takes seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from callcenter.calls.arrivals import Arrivals, HalfHour
from callcenter.clock import Clock, utc_now
from callcenter.config import Settings
from callcenter.domain.forecast import Basis, Expected, Forecast, HalfHourSums
from callcenter.domain.shifts import Cover
from callcenter.domain.staffing import (
    Demand,
    SeatsNeeded,
    Service,
    Target,
    by_erlang_a,
    by_erlang_c,
    mean_patience,
    seats_needed,
    with_shrinkage,
)
from callcenter.domain.workdays import CalendarWarning, days_between
from callcenter.errors import BadInput
from callcenter.opening.service import OpeningService
from callcenter.shifts.service import ShiftService, check_range

T = TypeVar("T")

FORECAST_DAYS_MAX = 31
GAVE_UP_ENOUGH = 30
"""So many who gave up show how patient callers are; until then the setting is taken."""
_HALF_HOUR = timedelta(minutes=30)


class Staffing(StrEnum):
    """The rota against what is needed."""

    CLOSED = "closed"
    """The line is closed: nobody is needed."""
    UNKNOWN = "unknown"
    """Open, and there is no history to reckon with."""
    SHORT = "short"
    ENOUGH = "enough"
    SPARE = "spare"
    """More than needed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a forecast is to be made; None takes the setting."""

    target: Target
    weeks: int | None = None
    patience_seconds: float | None = None
    shrinkage: float | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """One half-hour."""

    starts: datetime
    day: date
    basis: Basis
    based_on_days: int
    calls: float
    handle_seconds: float | None
    erlangs: float
    needed: SeatsNeeded
    needed_seats: int
    """For both targets, and at least the cover that the line needs while it is open."""
    needed_people: int
    """On the rota, with shrinkage."""
    rostered: int
    """The fewest at any moment of it, without those on leave."""
    staffing: Staffing
    expected: Service | None
    """By Erlang A, from the people that the rota gives; None without calls."""


@dataclass(frozen=True, slots=True)
class StaffingForecast:
    """A forecast, and what it stands on."""

    intervals: Sequence[Interval]
    history_from: date
    history_to: date
    """Included; before `history_from`: there is none."""
    patience_seconds: float
    patience_measured: bool
    """False: by the request or the setting, as too few have given up."""
    shrinkage: float
    warnings: Sequence[CalendarWarning]


@dataclass(frozen=True, slots=True)
class Reckoned:
    """One load, reckoned by both models."""

    erlangs: float
    needed: SeatsNeeded
    by_c: Service
    by_a: Service


@dataclass(frozen=True, slots=True)
class _Slot:
    """One half-hour to be reckoned."""

    starts: datetime
    day: date
    expected: Expected
    open: bool
    rostered: int


class ForecastService:
    """Makes forecasts."""

    def __init__(
        self,
        settings: Settings,
        arrivals: Arrivals,
        opening: OpeningService,
        shifts: ShiftService,
        clock: Clock = utc_now,
    ) -> None:
        self._zone = ZoneInfo(settings.time_zone)
        self._weeks = settings.forecast_weeks
        self._patience = settings.forecast_patience_seconds
        self._shrinkage = settings.forecast_shrinkage
        self._wrap_up = settings.queue_wrapup_seconds
        self._arrivals = arrivals
        self._opening = opening
        self._shifts = shifts
        self._clock = clock

    async def forecast(self, first: date, last: date, wanted: Wanted) -> StaffingForecast:
        """The half-hours of the days ``first … last``; `BadInput` ``bad_range``,
        ``load_too_high``."""
        check_range(first, last, FORECAST_DAYS_MAX)
        today = self._clock().astimezone(self._zone).date()
        begin = today - timedelta(weeks=wanted.weeks or self._weeks)
        start, end = self._midnight(begin), self._midnight(today)
        workdays = (await self._opening.days()).workdays
        half_hours = await self._arrivals.half_hours(start, end)
        waiting = await self._arrivals.waiting(start, end)
        measured = max(mean_patience(waiting.waited_seconds, waiting.gave_up) or 0.0, 1.0)
        is_measured = wanted.patience_seconds is None and waiting.gave_up >= GAVE_UP_ENOUGH
        patience = measured if is_measured else wanted.patience_seconds or self._patience
        shrinkage = self._shrinkage if wanted.shrinkage is None else wanted.shrinkage
        begin = self._day(half_hours[0].starts) if half_hours else today
        history = list(days_between(begin, today - timedelta(days=1)))
        cover = await self._shifts.cover(
            self._midnight(first), self._midnight(last + timedelta(days=1))
        )
        moments = await self._opening.open_moments(first, last)

        def work() -> list[Interval]:
            made = Forecast(self._sums(half_hours), history, workdays)
            slots = self._slots(made, first, last, moments, cover)
            return self._reckon(slots, wanted.target, patience, shrinkage)

        return StaffingForecast(
            intervals=await _in_thread(work),
            history_from=begin,
            history_to=today - timedelta(days=1),
            patience_seconds=patience,
            patience_measured=is_measured,
            shrinkage=shrinkage,
            warnings=workdays.warnings(today),
        )

    async def reckon(
        self, demand: Demand, target: Target, seats: int | None, patience_seconds: float | None
    ) -> Reckoned:
        """One load by both models, for `seats` or as many as it needs; `BadInput`
        ``load_too_high``."""
        patience = patience_seconds or self._patience

        def work() -> Reckoned:
            needed = seats_needed(demand, target, patience)
            there = needed.seats if seats is None else seats
            return Reckoned(
                demand.erlangs,
                needed,
                by_erlang_c(demand, there, target.within_seconds),
                by_erlang_a(demand, there, target.within_seconds, patience),
            )

        return await _in_thread(work)

    def _slots(
        self,
        made: Forecast,
        first: date,
        last: date,
        moments: Sequence[tuple[datetime, datetime]],
        cover: Sequence[Cover],
    ) -> list[_Slot]:
        slots = []
        piece, span = 0, 0
        for day in days_between(first, last):
            expected = made.day(day)
            starts, ends = self._midnight(day), self._midnight(day + timedelta(days=1))
            while starts < ends:
                following = min(starts + _HALF_HOUR, ends)
                while piece < len(cover) - 1 and cover[piece].ends <= starts:
                    piece += 1
                people, ahead = cover[piece].people, piece + 1
                while ahead < len(cover) and cover[ahead].starts < following:
                    people = min(people, cover[ahead].people)
                    ahead += 1
                while span < len(moments) and moments[span][1] <= starts:
                    span += 1
                is_open = span < len(moments) and moments[span][0] < following
                index = self._index(starts)
                slots.append(_Slot(starts, day, expected[index], is_open, people))
                starts = following
        return slots

    def _reckon(
        self, slots: Sequence[_Slot], target: Target, patience: float, shrinkage: float
    ) -> list[Interval]:
        # Days of a kind are alike: each load is reckoned once.
        known: dict[tuple[float, float], SeatsNeeded] = {}
        intervals = []
        for slot in slots:
            expected = slot.expected
            talk = expected.talk_seconds
            handle = None if talk is None else max(talk + self._wrap_up, 1.0)
            needed, service, erlangs = SeatsNeeded(0, 0), None, 0.0
            if handle is not None and expected.calls > 0:
                demand = Demand(expected.calls, handle)
                erlangs = demand.erlangs
                load = (expected.calls, handle)
                if load not in known:
                    known[load] = seats_needed(demand, target, patience)
                needed = known[load]
                there = int(slot.rostered * (1 - shrinkage) + 1e-9)
                service = by_erlang_a(demand, there, target.within_seconds, patience)
            least = self._shifts.rules.covered if slot.open else 0
            # A half-hour that is closed now may have had calls under another calendar.
            seats = max(needed.seats, least) if slot.open else 0
            people = max(with_shrinkage(needed.seats, shrinkage), least) if slot.open else 0
            intervals.append(
                Interval(
                    starts=slot.starts,
                    day=slot.day,
                    basis=expected.basis,
                    based_on_days=expected.days,
                    calls=expected.calls,
                    handle_seconds=handle,
                    erlangs=erlangs,
                    needed=needed,
                    needed_seats=seats,
                    needed_people=people,
                    rostered=slot.rostered,
                    staffing=_staffing(slot, people),
                    expected=service,
                )
            )
        return intervals

    def _sums(self, half_hours: Sequence[HalfHour]) -> dict[tuple[date, int], HalfHourSums]:
        sums: dict[tuple[date, int], HalfHourSums] = {}
        for one in half_hours:
            key = self._day(one.starts), self._index(one.starts)
            # Twice only where a clock was put back.
            other = sums.get(key, HalfHourSums(0, 0, 0.0))
            sums[key] = HalfHourSums(
                other.offered + one.offered,
                other.answered + one.answered,
                other.talk_seconds + one.talk_seconds,
            )
        return sums

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), tzinfo=self._zone).astimezone(UTC)

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self._zone).date()

    def _index(self, moment: datetime) -> int:
        local = moment.astimezone(self._zone)
        return local.hour * 2 + local.minute // 30


def _staffing(slot: _Slot, people: int) -> Staffing:
    if not slot.open:
        return Staffing.CLOSED
    if slot.rostered < people:
        return Staffing.SHORT
    if slot.expected.basis is Basis.NONE:
        return Staffing.UNKNOWN
    return Staffing.SPARE if slot.rostered > people else Staffing.ENOUGH


async def _in_thread(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except ValueError as error:
        raise BadInput(
            f"this load cannot be reckoned with: {error}", code="load_too_high"
        ) from error
