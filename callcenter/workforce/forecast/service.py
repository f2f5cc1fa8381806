"""The staffing forecast: calls expected, people needed, and what the rota gives, by half-hour; for
the whole line, and for each queue with the people who have its skill.

History is whole days before today, from the first call on. Handle time is talk, from the ledger,
plus wrap-up, from the agents' intervals; patience is estimated from all waits; for each of them the
answer says whether it was measured (`domain.handling`). The line's need is that of one pool, in
which everybody takes every call; a queue's is its own, and whoever has several skills is counted in
each of his queues. So the queues do not add up to the line: the line is what a well-mixed team
needs at least, the queues what each of them would need alone.

Reckoning runs in a thread: a large centre's month takes seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.errors import BadInput, NotFound
from callcenter.telephony.calls.arrivals import Arrivals
from callcenter.telephony.domain.queues import QueuePlan
from callcenter.telephony.queues.service import QueueService
from callcenter.workforce.agents.planning import AgentPlanning
from callcenter.workforce.domain.forecast import Forecast, fewest_people
from callcenter.workforce.domain.handling import Measure, Source, best_mean, best_patience
from callcenter.workforce.domain.shifts import Assignment
from callcenter.workforce.domain.staffing import (
    Demand,
    SeatsNeeded,
    Service,
    Target,
    by_erlang_a,
    by_erlang_c,
    seats_needed,
)
from callcenter.workforce.domain.workdays import CalendarWarning, Workdays, days_between
from callcenter.workforce.forecast.history import (
    LINE,
    HistoryReader,
    QueueHistory,
    half_hour_index,
    midnight,
    of_queue,
)
from callcenter.workforce.forecast.reckoning import Basics, Interval, Slot, reckon
from callcenter.workforce.opening.service import OpeningService
from callcenter.workforce.shifts.service import ShiftService, check_range

T = TypeVar("T")

FORECAST_DAYS_MAX = 31
GAVE_UP_ENOUGH = 30
"""So many who gave up show how patient callers are; fewer take the line's, or the setting."""
WRAP_UPS_ENOUGH = 30
"""So many wrap-ups make a mean of their own: it is then right to a fifth (one standard error, of
times that spread as widely as exponential ones)."""
ANSWERED_ENOUGH = 1
"""One talk is better than none: the half-hours take their own mean as soon as it stands."""
_HALF_HOUR = timedelta(minutes=30)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TargetWanted:
    """What callers should get; None takes the setting, or the queue's own service level."""

    within_seconds: float | None = None
    within_share: float | None = None
    connect_share: float | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a forecast is to be made; None takes the setting."""

    target: TargetWanted = TargetWanted()
    weeks: int | None = None
    patience_seconds: float | None = None
    shrinkage: float | None = None
    queues: Collection[str] | None = None
    """Besides the whole line; None: every enabled one."""


@dataclass(frozen=True, slots=True)
class LineForecast:
    """One queue's half-hours, or the whole line's, and what they stand on."""

    queue: str | None
    """None: the whole line."""
    name: str
    target: Target
    talk: Measure | None
    """Mean of all its talks; None: nobody was ever answered."""
    wrap_up: Measure
    patience: Measure
    intervals: Sequence[Interval]


@dataclass(frozen=True, slots=True)
class StaffingForecast:
    """A forecast."""

    overall: LineForecast
    queues: Sequence[LineForecast]
    """By code."""
    history_from: date
    history_to: date
    """Included; before `history_from`: there is none."""
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
class _Question:
    """What is known of the days that are forecast."""

    days: Sequence[date]
    moments: Sequence[tuple[datetime, datetime]]
    """When the line is open."""
    shifts: Sequence[Assignment]
    groups: Mapping[int, Collection[str]]
    """By user id the names of the lines that he counts in."""
    others: Collection[str]
    workdays: Workdays


class ForecastService:
    """Makes forecasts."""

    def __init__(
        self,
        settings: Settings,
        arrivals: Arrivals,
        opening: OpeningService,
        shifts: ShiftService,
        agents: AgentPlanning,
        queues: QueueService,
        clock: Clock = utc_now,
    ) -> None:
        self._zone = ZoneInfo(settings.time_zone)
        self._settings = settings
        self._history = HistoryReader(arrivals, agents, self._zone, settings.forecast_wrap_up_days)
        self._opening = opening
        self._shifts = shifts
        self._agents = agents
        self._queues = queues
        self._clock = clock

    async def forecast(self, first: date, last: date, wanted: Wanted) -> StaffingForecast:
        """The half-hours of the days ``first … last``; `BadInput` ``bad_range``,
        ``load_too_high``; `NotFound` ``queue_not_found``."""
        check_range(first, last, FORECAST_DAYS_MAX)
        plans = await self._wanted_queues(wanted.queues)
        today = self._clock().astimezone(self._zone).date()
        begin = today - timedelta(weeks=wanted.weeks or self._settings.forecast_weeks)
        past = await self._history.read(begin, today)
        usual, by_queue = await self._agents.wrap_up_seconds()
        shrinkage = self._settings.forecast_shrinkage
        if wanted.shrinkage is not None:
            shrinkage = wanted.shrinkage
        question = await self._question(first, last)

        def work() -> list[LineForecast]:
            histories = past.made(self._zone)
            rostered = self._rostered(question)
            lines = []
            for plan in (None, *plans):
                name = LINE if plan is None else plan.code
                basics = self._basics(
                    plan,
                    of_queue(histories, name),
                    histories[LINE],
                    by_queue.get(name, usual),
                    wanted,
                    shrinkage,
                )
                made = Forecast(of_queue(histories, name).half_hours, past.days, question.workdays)
                slots = self._slots(made, question, rostered.get(name))
                lines.append(_line(plan, basics, reckon(slots, basics)))
            return lines

        overall, *queues = await _in_thread(work)
        return StaffingForecast(
            overall=overall,
            queues=queues,
            history_from=past.first,
            history_to=past.last,
            shrinkage=shrinkage,
            warnings=question.workdays.warnings(today),
        )

    def target(self, wanted: TargetWanted, plan: QueuePlan | None = None) -> Target:
        """What callers should get, of the whole line or of one queue."""
        settings = self._settings
        seconds = settings.forecast_within_seconds
        if plan is not None:
            seconds = float(plan.service_level_seconds)
        return Target(
            seconds if wanted.within_seconds is None else wanted.within_seconds,
            wanted.within_share or settings.forecast_within_share,
            wanted.connect_share or settings.forecast_connect_share,
        )

    async def reckon(
        self,
        demand: Demand,
        wanted: TargetWanted,
        seats: int | None,
        patience_seconds: float | None,
    ) -> Reckoned:
        """One load by both models, for `seats` or as many as it needs; `BadInput`
        ``load_too_high``."""
        patience = patience_seconds or self._settings.forecast_patience_seconds
        target = self.target(wanted)

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

    # -- inside -------------------------------------------------------------------------------

    async def _wanted_queues(self, codes: Collection[str] | None) -> Sequence[QueuePlan]:
        plans = {plan.code: plan for plan in await self._queues.plans()}
        if codes is None:
            return [plan for plan in plans.values() if plan.enabled]
        for code in codes:
            if code not in plans:
                raise NotFound(f"there is no queue {code}", code="queue_not_found", queue=code)
        return [plans[code] for code in sorted(set(codes))]

    async def _question(self, first: date, last: date) -> _Question:
        # A shift of the day before may still run.
        rota = await self._shifts.rota(first - _DAY, last)
        skills = await self._agents.queues_of()
        return _Question(
            days=list(days_between(first, last)),
            moments=await self._opening.open_moments(first, last),
            shifts=rota.standing,
            groups={user_id: (LINE, *queues) for user_id, queues in skills.items()},
            others=(LINE, self._agents.main),
            workdays=(await self._opening.days()).workdays,
        )

    def _basics(
        self,
        plan: QueuePlan | None,
        own: QueueHistory,
        overall: QueueHistory,
        set_wrap_up: float,
        wanted: Wanted,
        shrinkage: float,
    ) -> Basics:
        settings = self._settings
        if wanted.patience_seconds is not None:
            patience = Measure(wanted.patience_seconds, Source.REQUEST, own.waits.gave_up)
        else:
            patience = best_patience(
                own.waits, overall.waits, GAVE_UP_ENOUGH, settings.forecast_patience_seconds
            )
        talk = best_mean(own.talks, overall.talks, ANSWERED_ENOUGH, 0.0)
        return Basics(
            target=self.target(wanted.target, plan),
            patience=patience,
            talk=None if talk.source is Source.SETTING else talk,
            wrap_up=best_mean(own.wrap_ups, overall.wrap_ups, WRAP_UPS_ENOUGH, set_wrap_up),
            shrinkage=shrinkage,
            # Who covers a line that is open is a matter of the line, not of each queue.
            least=self._shifts.rules.covered if plan is None else 0,
        )

    def _half_hours(self, question: _Question) -> list[tuple[datetime, datetime, date]]:
        found = []
        for day in question.days:
            starts, ends = midnight(day, self._zone), midnight(day + _DAY, self._zone)
            while starts < ends:
                following = min(starts + _HALF_HOUR, ends)
                found.append((starts, following, day))
                starts = following
        return found

    def _rostered(self, question: _Question) -> Mapping[str, Sequence[int]]:
        spans = [(starts, ends) for starts, ends, _ in self._half_hours(question)]
        return fewest_people(question.shifts, spans, question.groups, question.others)

    def _slots(
        self, made: Forecast, question: _Question, rostered: Sequence[int] | None
    ) -> list[Slot]:
        slots, span, moments = [], 0, question.moments
        expected = {day: made.day(day) for day in question.days}
        for place, (starts, ends, day) in enumerate(self._half_hours(question)):
            while span < len(moments) and moments[span][1] <= starts:
                span += 1
            is_open = span < len(moments) and moments[span][0] < ends
            people = 0 if rostered is None else rostered[place]
            index = half_hour_index(starts, self._zone)
            slots.append(Slot(starts, day, expected[day][index], is_open, people))
        return slots


def _line(plan: QueuePlan | None, basics: Basics, intervals: Sequence[Interval]) -> LineForecast:
    return LineForecast(
        queue=None if plan is None else plan.code,
        name="" if plan is None else plan.name,
        target=basics.target,
        talk=basics.talk,
        wrap_up=basics.wrap_up,
        patience=basics.patience,
        intervals=intervals,
    )


async def _in_thread(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except ValueError as error:
        raise BadInput(
            f"this load cannot be reckoned with: {error}", code="load_too_high"
        ) from error
