"""A day's figures: offered, answered, abandoned, waits, talks and the rates over offered calls.

One way of counting for the live floor and for the report, so that both are equal at any moment:
`DayBook` takes the ledger's rows in any pieces, each as often as it likes, and holds what it would
hold if all had come at once in their newest form. Definitions (the vocabulary's):

- A call belongs to the day on which it began, on the city's clock, and to the queue that it asked
  for first. What happens to it after midnight is still that day's.
- *Offered*: an inbound call that asked for a person: it entered a queue. Blocked and closed calls
  and callers who hung up during the notice never did; they are counted beside it.
- *Answered*: a person talked with the caller. *Abandoned*: the caller hung up while waiting.
  *Waiting*: neither has happened and the caller is in a queue. What is left over (no place, too
  long, a voice message, a call-back asked for, the PBX died) is *not served*.
- A *wait* runs from entering the first queue to the answer, or to leaving the last queue.
- Rates are over offered calls, never over answered ones (Asterisk's own service level is).
- The *15-second rate* is the standard's and the same for every queue. Beside it each queue has the
  rate within its *threshold*, the seconds that an admin gave it; of all queues together it is each
  call within the threshold of its own queue. The thresholds are those of now: a changed one holds
  for the whole day, on the floor and in the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import TypeVar

from callcenter.telephony.domain.ledger import CallRow, Direction, LedgerChanges, Outcome

SERVICE_LEVEL = timedelta(seconds=15)
"""Answered within it counts for the 15-second rate (GB/T 33358-2016 asks for it); and the threshold
of a queue that is no more."""

Thresholds = Mapping[str, timedelta]
"""By queue: answered within it counts for the queue's own rate."""

_ZERO = timedelta()


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What one inbound call adds to the figures."""

    queue: str
    """The first queue it asked for, or ''."""
    blocked: bool = False
    closed: bool = False
    """Told that the line is closed, whether or not a message was left."""
    answered: bool = False
    abandoned: bool = False
    waiting_since: datetime | None = None
    """Entered the first queue, and is in a queue unanswered; None otherwise."""
    wait: timedelta | None = None
    """None while it waits, and for a call that entered no queue."""
    talk: timedelta | None = None
    """Of all its talks together, once an answered call is over."""
    voice_messages: int = 0
    threshold: timedelta = SERVICE_LEVEL
    """Of its queue."""

    @property
    def offered(self) -> bool:
        """Whether it asked for a person."""
        return self.queue != ""

    @property
    def in_time(self) -> bool:
        """Whether it was answered within `SERVICE_LEVEL`."""
        return self.answered and self.wait is not None and self.wait <= SERVICE_LEVEL

    @property
    def in_threshold(self) -> bool:
        """Whether it was answered within the threshold of its queue."""
        return self.answered and self.wait is not None and self.wait <= self.threshold


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one day, of one queue or of all calls."""

    inbound: int = 0
    offered: int = 0
    answered: int = 0
    answered_in_time: int = 0
    """Within `SERVICE_LEVEL`."""
    answered_in_threshold: int = 0
    """Each within the threshold of its queue."""
    abandoned: int = 0
    waiting: int = 0
    blocked: int = 0
    closed: int = 0
    voice_messages: int = 0
    waits: int = 0
    """Offered calls whose wait is over."""
    wait_total: timedelta = _ZERO
    longest_wait: timedelta = _ZERO
    """Of the waits that are over; see `waiting_since` for those that are not."""
    talked: int = 0
    """Answered calls that are over."""
    talk_total: timedelta = _ZERO
    waiting_since: datetime | None = None
    """When the one who waits longest began to; None if nobody waits."""

    @property
    def not_served(self) -> int:
        """Offered, and neither answered nor abandoned nor waiting."""
        return self.offered - self.answered - self.abandoned - self.waiting

    @property
    def connect_rate(self) -> float | None:
        """Answered ÷ offered; None if nothing was offered."""
        return self.answered / self.offered if self.offered else None

    @property
    def service_rate(self) -> float | None:
        """Answered within 15 s ÷ offered; None if nothing was offered."""
        return self.answered_in_time / self.offered if self.offered else None

    @property
    def threshold_rate(self) -> float | None:
        """Answered within the queue's threshold ÷ offered; None if nothing was offered."""
        return self.answered_in_threshold / self.offered if self.offered else None

    @property
    def average_wait(self) -> timedelta | None:
        """Over all offered calls whose wait is over, whether or not they were answered."""
        return self.wait_total / self.waits if self.waits else None

    @property
    def average_talk(self) -> timedelta | None:
        """Over answered calls that are over; the talks of several seats are added up."""
        return self.talk_total / self.talked if self.talked else None

    def plus(self, facts: CallFacts, sign: int = 1) -> Figures:
        """The figures with `facts`, or with `sign` -1 without them.

        What was the longest wait stays so when it is taken away: see `DayBook`.
        """
        offered = facts.offered
        wait = facts.wait if offered else None
        since = facts.waiting_since
        return Figures(
            self.inbound + sign,
            self.offered + sign * offered,
            self.answered + sign * (offered and facts.answered),
            self.answered_in_time + sign * (offered and facts.in_time),
            self.answered_in_threshold + sign * (offered and facts.in_threshold),
            self.abandoned + sign * (offered and facts.abandoned),
            self.waiting + sign * (offered and since is not None),
            self.blocked + sign * facts.blocked,
            self.closed + sign * facts.closed,
            self.voice_messages + sign * facts.voice_messages,
            self.waits + sign * (wait is not None),
            self.wait_total + sign * (wait or _ZERO),
            max(self.longest_wait, wait or _ZERO),
            self.talked + sign * (facts.talk is not None),
            self.talk_total + sign * (facts.talk or _ZERO),
            _earlier(self.waiting_since, since),
        )


def figures_of(calls: Iterable[CallFacts]) -> Figures:
    """All of `calls` together."""
    figures = Figures()
    for facts in calls:
        figures = figures.plus(facts)
    return figures


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One day of the whole hotline."""

    day: date
    total: Figures
    queues: Mapping[str, Figures] = field(default_factory=dict)
    """By name; calls that entered no queue are in `total` only."""
    thresholds: Thresholds = field(default_factory=dict)
    """By queue; those that are not named have `SERVICE_LEVEL`."""

    def threshold(self, queue: str) -> timedelta:
        """What the queue's own rate is measured by."""
        return self.thresholds.get(queue, SERVICE_LEVEL)


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call in progress."""

    call: CallRow
    waiting: bool
    """In a queue, unanswered."""
    talking: bool
    """A talk goes on."""


_Part = TypeVar("_Part")
_Parts = tuple[tuple[str, _Part], ...]
_Stay = tuple[datetime, datetime | None]


@dataclass(slots=True)
class _Entry:
    """What is kept of one call: little, for there are tens of thousands a day."""

    call: CallRow | None = None
    visits: _Parts[_Stay] = ()
    talks: _Parts[_Stay] = ()
    messages: _Parts[bool] = ()
    day: date | None = None
    facts: CallFacts | None = None
    """What it adds now; None while it adds nothing (no inbound call)."""


def _put(parts: _Parts[_Part], key: str, value: _Part) -> _Parts[_Part]:
    """`parts` with `value` under `key`, in the order of the keys' numbers."""
    rest = [part for part in parts if part[0] != key]
    return tuple(sorted([*rest, (key, value)], key=lambda part: (len(part[0]), part[0])))


def _facts(entry: _Entry, call: CallRow, threshold: timedelta) -> CallFacts:
    answered_at, queue = call.answered_at, call.queue
    stays = [stay for _, stay in entry.visits if answered_at is None or stay[0] <= answered_at]
    began = min((joined for joined, _ in stays), default=None)
    ends = [left for _, left in stays if left is not None]
    over = call.ended_at is not None
    waits_on = answered_at is None and not over and len(ends) < len(stays)
    until = answered_at or (max(ends) if ends else call.ended_at)
    wait = None
    if began is not None and until is not None and not waits_on:
        wait = max(_ZERO, until - began)
    talk = None
    if answered_at is not None and over:
        spans = (end - begun for _, (begun, end) in entry.talks if end is not None)
        talk = sum(spans, _ZERO)
    return CallFacts(
        queue=queue,
        blocked=call.outcome is Outcome.BLOCKED,
        closed=call.route == "closed",
        answered=answered_at is not None,
        abandoned=call.outcome is Outcome.ABANDONED,
        waiting_since=began if waits_on else None,
        wait=wait if queue else None,
        talk=talk if queue else None,
        voice_messages=sum(ended for _, ended in entry.messages),
        threshold=threshold,
    )


class DayBook:
    """The figures of the days from `first` on, and the calls in progress, held in memory.

    Each change of a call takes away what it added before and adds what it adds now, so a batch
    costs as much as it has rows, however long the day is.
    """

    def __init__(self, zone: tzinfo, first: date, thresholds: Thresholds | None = None) -> None:
        self._zone = zone
        self._first = first
        self._thresholds = dict(thresholds or {})
        self._entries: dict[str, _Entry] = {}
        self._open: dict[str, None] = {}
        self._days: dict[date, dict[str, Figures]] = {}
        """By day and queue; calls of no queue under ''."""
        self._longest_gone: set[tuple[date, str]] = set()
        """Where the longest wait was taken away and must be looked for."""

    def take(self, changes: LedgerChanges) -> bool:
        """Take rows of the ledger, each in its newest form; whether anything changed."""
        touched: dict[str, None] = {}
        for call in changes.calls:
            self._entry(call.id, touched).call = call
        for visit in changes.queue_visits:
            entry = self._entry(visit.call_id, touched)
            entry.visits = _put(entry.visits, visit.id, (visit.joined_at, visit.left_at))
        for gone in changes.talks_taken_back:
            entry = self._entry(gone.call_id, touched)
            entry.talks = tuple(one for one in entry.talks if one[0] != gone.id)
        for talk in changes.talks:
            entry = self._entry(talk.call_id, touched)
            entry.talks = _put(entry.talks, talk.id, (talk.started_at, talk.ended_at))
        for message in changes.voice_messages:
            entry = self._entry(message.call_id, touched)
            entry.messages = _put(entry.messages, message.id, message.ended_at is not None)
        for call_id in touched:
            self._settle(call_id)
        return bool(touched)

    def set_thresholds(self, thresholds: Thresholds) -> bool:
        """Count by `thresholds` from now on, what is counted already too; whether that is new."""
        before, self._thresholds = self._thresholds, dict(thresholds)
        changed = {
            queue
            for queue in {*before, *thresholds}
            if before.get(queue, SERVICE_LEVEL) != thresholds.get(queue, SERVICE_LEVEL)
        }
        if changed:
            for call_id, entry in tuple(self._entries.items()):
                if entry.facts is not None and entry.facts.queue in changed:
                    self._settle(call_id)
        return before != self._thresholds

    def figures(self, day: date) -> DayFigures:
        """The figures of `day`; all zero if no call of it is known."""
        queues = self._days.get(day, {})
        for name in [key for at, key in self._longest_gone if at == day]:
            self._longest_gone.discard((day, name))
            if name in queues:
                longest = max((f.wait or _ZERO for f in self._of(day, name)), default=_ZERO)
                queues[name] = replace(queues[name], longest_wait=longest)
        since: dict[str, datetime | None] = {}
        for call_id in self._open:
            entry = self._entries[call_id]
            if entry.day == day and entry.facts is not None:
                name = entry.facts.queue
                since[name] = _earlier(since.get(name), entry.facts.waiting_since)
        found = {
            name: replace(figures, waiting_since=since.get(name))
            for name, figures in sorted(queues.items())
            if figures.inbound
        }
        return DayFigures(
            day,
            _together(found.values()),
            {name: one for name, one in found.items() if name},
            self._thresholds,
        )

    def open_calls(self) -> Iterator[OpenCall]:
        """Calls in progress of any day and direction, oldest first."""
        calls = [self._entries[call_id] for call_id in self._open]
        calls.sort(key=lambda entry: (entry.call.started_at, entry.call.id) if entry.call else ())
        for entry in calls:
            if entry.call is not None:
                waiting = entry.facts is not None and entry.facts.waiting_since is not None
                talking = any(end is None for _, (_, end) in entry.talks)
                yield OpenCall(entry.call, waiting, talking)

    def forget_before(self, first: date) -> None:
        """Only `first` and later days are asked for from now on; calls in progress stay."""
        if first <= self._first:
            return
        self._first = first
        for day in [day for day in self._days if day < first]:
            del self._days[day]
        for call_id, entry in tuple(self._entries.items()):
            if entry.day is not None and entry.day < first and call_id not in self._open:
                del self._entries[call_id]

    # -- inside -------------------------------------------------------------------------------

    def _entry(self, call_id: str, touched: dict[str, None]) -> _Entry:
        touched[call_id] = None
        return self._entries.setdefault(call_id, _Entry())

    def _settle(self, call_id: str) -> None:
        entry = self._entries[call_id]
        call = entry.call
        if call is None:  # Something was said of a call that is over and forgotten.
            del self._entries[call_id]
            return
        entry.day = call.started_at.astimezone(self._zone).date()
        if call.ended_at is None:
            self._open[call_id] = None
        else:
            self._open.pop(call_id, None)
        before = entry.facts
        threshold = self._thresholds.get(call.queue, SERVICE_LEVEL)
        after = _facts(entry, call, threshold) if call.direction is Direction.INBOUND else None
        entry.facts = after
        if entry.day < self._first:
            if call.ended_at is not None:
                del self._entries[call_id]
            return
        if before == after:
            return
        if before is not None:
            self._add(entry.day, before, -1)
            if before.wait and (after is None or (after.queue, after.wait) != _place(before)):
                self._longest_gone.add((entry.day, before.queue))
        if after is not None:
            self._add(entry.day, after, 1)

    def _add(self, day: date, facts: CallFacts, sign: int) -> None:
        queues = self._days.setdefault(day, {})
        queues[facts.queue] = queues.get(facts.queue, Figures()).plus(facts, sign)

    def _of(self, day: date, queue: str) -> Iterator[CallFacts]:
        for entry in self._entries.values():
            if entry.day == day and entry.facts is not None and entry.facts.queue == queue:
                yield entry.facts


def _place(facts: CallFacts) -> tuple[str, timedelta | None]:
    return facts.queue, facts.wait


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return one or other
    return min(one, other)


def _together(parts: Iterable[Figures]) -> Figures:
    total = Figures()
    for part in parts:
        total = Figures(
            total.inbound + part.inbound,
            total.offered + part.offered,
            total.answered + part.answered,
            total.answered_in_time + part.answered_in_time,
            total.answered_in_threshold + part.answered_in_threshold,
            total.abandoned + part.abandoned,
            total.waiting + part.waiting,
            total.blocked + part.blocked,
            total.closed + part.closed,
            total.voice_messages + part.voice_messages,
            total.waits + part.waits,
            total.wait_total + part.wait_total,
            max(total.longest_wait, part.longest_wait),
            total.talked + part.talked,
            total.talk_total + part.talk_total,
            _earlier(total.waiting_since, part.waiting_since),
        )
    return total
