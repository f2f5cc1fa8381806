"""What is expected of a coming half-hour, from what such half-hours were.

A day is expected to be like the days of its own kind: a Tuesday like Tuesdays, a holiday like
holidays, a moved working day like working days. If there were too few of those, like wider ones,
and the forecast says how it was made and from how many days: a number without its footing is a
guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby

from callcenter.workforce.domain.shifts import Assignment
from callcenter.workforce.domain.staffing import HALF_HOURS
from callcenter.workforce.domain.workdays import DayKind, Workdays

DAYS_ENOUGH = 2
"""So many days of a kind are better than more of a wider one."""
ANSWERED_ENOUGH = 20
"""So many talks make a mean of their own; fewer take that of all."""


class Basis(StrEnum):
    """Which days a forecast is made from; narrower ones first."""

    SAME_WEEKDAY = "same_weekday"
    SAME_KIND = "same_kind"
    """Working days, weekends, holidays or moved working days."""
    SAME_WORK = "same_work"
    """Days on which offices work, or those on which they do not."""
    ALL_DAYS = "all_days"
    NONE = "none"
    """There is no history: nothing is said of the calls."""


@dataclass(frozen=True, slots=True)
class HalfHourSums:
    """What came in one half-hour of one day."""

    offered: int
    answered: int
    talk_seconds: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected in one half-hour of a day."""

    basis: Basis
    days: int
    """So many days it was made from."""
    calls: float
    talk_seconds: float | None
    """Mean talk of an answered call; None if nobody was ever answered."""


History = Mapping[tuple[date, int], HalfHourSums]
"""By day and half-hour of the day (0 … 47), on the city's clock; missing ones had no calls."""


class Forecast:
    """Expects from `history` of the days `days`, all of which count, also those without calls."""

    def __init__(self, history: History, days: Sequence[date], workdays: Workdays) -> None:
        self._history = history
        self._workdays = workdays
        self._groups: dict[tuple[object, ...], list[date]] = {}
        for day in days:
            for _, key in self._keys(day):
                self._groups.setdefault(key, []).append(day)
        self._mean_talk = _mean_talk(history.values())

    def day(self, day: date) -> list[Expected]:
        """What is expected in each of the 48 half-hours of `day`."""
        basis, days = self._like(day)
        return [self._expected(basis, days, index) for index in range(HALF_HOURS)]

    def _expected(self, basis: Basis, days: Sequence[date], index: int) -> Expected:
        if not days:
            return Expected(Basis.NONE, 0, 0.0, self._mean_talk)
        sums = [self._history[day, index] for day in days if (day, index) in self._history]
        own = _mean_talk(sums) if sum(s.answered for s in sums) >= ANSWERED_ENOUGH else None
        return Expected(
            basis,
            len(days),
            sum(s.offered for s in sums) / len(days),
            self._mean_talk if own is None else own,
        )

    def _like(self, day: date) -> tuple[Basis, Sequence[date]]:
        best: tuple[Basis, Sequence[date]] = (Basis.NONE, ())
        for basis, key in self._keys(day):
            days = self._groups.get(key, ())
            if len(days) >= DAYS_ENOUGH:
                return basis, days
            if len(days) > len(best[1]):
                best = basis, days
        return best

    def _keys(self, day: date) -> Iterator[tuple[Basis, tuple[object, ...]]]:
        kind = self._workdays.facts(day).kind
        if kind in (DayKind.WORKDAY, DayKind.WEEKEND):
            yield Basis.SAME_WEEKDAY, (kind, day.weekday())
        yield Basis.SAME_KIND, (kind,)
        yield Basis.SAME_WORK, ("works", kind.works)
        yield Basis.ALL_DAYS, ()


def _mean_talk(sums: Iterable[HalfHourSums]) -> float | None:
    talked = answered = 0.0
    for one in sums:
        talked += one.talk_seconds
        answered += one.answered
    return talked / answered if answered else None


def fewest_people(
    assignments: Iterable[Assignment],
    slots: Sequence[tuple[datetime, datetime]],
    groups_of: Mapping[int, Collection[str]],
    groups_of_others: Collection[str],
) -> Mapping[str, Sequence[int]]:
    """For each group, the fewest people on a shift at a seat at any moment of each slot.

    `slots` are begin and end, in order and not overlapping. `groups_of` says by user id which
    groups somebody counts in; whoever is not named counts in `groups_of_others`. Somebody with two
    shifts at once is one person; who has several groups counts in each of them.
    """
    edges: list[tuple[datetime, int, int]] = []
    for one in assignments:
        if one.kind.covers and one.starts < one.ends:
            edges += [(one.starts, one.user_id, 1), (one.ends, one.user_id, -1)]
    edges.sort()
    moments = [(at, list(many)) for at, many in groupby(edges, key=lambda edge: edge[0])]
    shifts: Counter[int] = Counter()
    people: Counter[str] = Counter()
    names = {*groups_of_others, *(group for groups in groups_of.values() for group in groups)}
    fewest: dict[str, list[int]] = {name: [] for name in names}

    def pass_moment(place: int) -> None:
        for _, user_id, step in moments[place][1]:
            before = shifts[user_id] > 0
            shifts[user_id] += step
            change = (shifts[user_id] > 0) - before
            for group in groups_of.get(user_id, groups_of_others) if change else ():
                people[group] += change

    place = 0
    for starts, ends in slots:
        while place < len(moments) and moments[place][0] <= starts:
            pass_moment(place)
            place += 1
        least = dict(people)
        while place < len(moments) and moments[place][0] < ends:
            pass_moment(place)
            place += 1
            for group in least:
                least[group] = min(least[group], people[group])
        for name in names:
            fewest[name].append(least.get(name, 0))
    return fewest
