"""What the ledger and the agents' intervals tell a forecast, for the whole line and by queue.

The line is named '' here. Calls, talks and wrap-ups belong to the queue that was asked for first,
as in the day's figures, so that all load is counted once; waits belong to the queue in which they
were, for patience is a matter of where one waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from callcenter.telephony.calls.arrivals import Arrivals, HalfHour, TalkEnd
from callcenter.workforce.agents.planning import AgentPlanning
from callcenter.workforce.domain.agent_sums import Interval as AgentInterval
from callcenter.workforce.domain.forecast import HalfHourSums
from callcenter.workforce.domain.handling import Sum, Waits, wrap_ups_by_queue
from callcenter.workforce.domain.workdays import days_between

LINE = ""
"""The name of the whole line."""


@dataclass(frozen=True, slots=True)
class QueueHistory:
    """One queue's past, or the line's."""

    half_hours: Mapping[tuple[date, int], HalfHourSums]
    waits: Waits
    wrap_ups: Sum

    @property
    def talks(self) -> Sum:
        """Talk of all answered calls."""
        sums = self.half_hours.values()
        return Sum(sum(one.talk_seconds for one in sums), sum(one.answered for one in sums))


_NOTHING = QueueHistory({}, Waits(), Sum())


@dataclass(frozen=True, slots=True)
class Past:
    """What was read of the past; `made` in a thread, for it may be millions of rows."""

    half_hours: Sequence[HalfHour]
    waits: Mapping[str, Waits]
    talk_ends: Sequence[TalkEnd]
    wrap_ups: Sequence[AgentInterval]
    first: date
    last: date
    """Included; before `first`: there is none."""

    @property
    def days(self) -> list[date]:
        """All of them count, also those without calls."""
        return list(days_between(self.first, self.last))

    def made(self, zone: ZoneInfo) -> Mapping[str, QueueHistory]:
        """By queue, and the whole line."""
        wrap_ups = wrap_ups_by_queue(
            ((one.seat, one.at, one.queue) for one in self.talk_ends),
            (
                (one.seat, one.begun_at, one.ended_at)
                for one in self.wrap_ups
                if one.ended_at is not None
            ),
        )
        sums = _half_hour_sums(self.half_hours, zone)
        found = {
            queue: QueueHistory(
                sums.get(queue, {}), self.waits.get(queue, Waits()), wrap_ups.get(queue, Sum())
            )
            for queue in {*sums, *self.waits, *wrap_ups}
        }
        found[LINE] = QueueHistory(
            sums.get(LINE, {}),
            sum(self.waits.values(), Waits()),
            sum(wrap_ups.values(), Sum()),
        )
        return found


def of_queue(histories: Mapping[str, QueueHistory], queue: str) -> QueueHistory:
    """That of `queue`; an empty one if nothing is known of it."""
    return histories.get(queue, _NOTHING)


class HistoryReader:
    """Reads the past of whole days."""

    def __init__(
        self, arrivals: Arrivals, agents: AgentPlanning, zone: ZoneInfo, wrap_up_days: int
    ) -> None:
        self._arrivals = arrivals
        self._agents = agents
        self._zone = zone
        self._wrap_up_days = timedelta(days=wrap_up_days)

    async def read(self, first: date, today: date) -> Past:
        """From `first`, or the first day with a call after it, to the day before `today`."""
        start, end = midnight(first, self._zone), midnight(today, self._zone)
        half_hours = await self._arrivals.half_hours(start, end)
        waits = {
            one.queue: Waits(one.waited_seconds, one.waits, one.gave_up)
            for one in await self._arrivals.waiting(start, end)
        }
        recent = max(start, midnight(today - self._wrap_up_days, self._zone))
        return Past(
            half_hours,
            waits,
            await self._arrivals.talk_ends(recent, end),
            await self._agents.wrap_ups(recent, end),
            local_day(half_hours[0].starts, self._zone) if half_hours else today,
            today - timedelta(days=1),
        )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of the city's `day`, in UTC."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The city's day of `moment`."""
    return moment.astimezone(zone).date()


def half_hour_index(moment: datetime, zone: ZoneInfo) -> int:
    """Which half-hour of the city's day it is in, 0 … 47."""
    local = moment.astimezone(zone)
    return local.hour * 2 + local.minute // 30


def _half_hour_sums(
    half_hours: Iterable[HalfHour], zone: ZoneInfo
) -> dict[str, dict[tuple[date, int], HalfHourSums]]:
    found: dict[str, dict[tuple[date, int], HalfHourSums]] = {}
    for one in half_hours:
        key = local_day(one.starts, zone), half_hour_index(one.starts, zone)
        for name in (LINE, one.queue):
            sums = found.setdefault(name, {})
            # Of the line there is one of each queue; of a queue two where a clock was put back.
            other = sums.get(key, HalfHourSums(0, 0, 0.0))
            sums[key] = HalfHourSums(
                other.offered + one.offered,
                other.answered + one.answered,
                other.talk_seconds + one.talk_seconds,
            )
    return found
