"""The rule of order: nobody is offered to a seat before one who goes before him.

Of two callers in one queue the one of higher priority goes first, and of equals the one whose call
came first (dialplan, ``queue-order``). Who goes first is *overtaken* when a seat rings for the
other one while he waits, no seat rings for him then or within `TOLERANCE`, and he waits on for
longer than that. Not counted is:

- whoever could not have been offered that seat, for its level was not his yet: a seat that has rung
  for somebody who had only just joined is everybody's; else he must have joined as early as the
  other one, or so long ago that all levels are open to him (queuerules.conf);
- what a seat's consult waits for: it is no caller.

That a seat stood idle cannot be found here: the ledger does not know whether its phone was in reach
and its agent on a break.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from callcenter.insight.audit.compare import Difference, Kind

TOLERANCE = timedelta(seconds=2)
"""The PBX's callers look once a second (app_queue.c, RECHECK), and who was held up before the queue
0.6 s after he joined (dialplan, ``queue-settle``); the rest is for a machine that is busy."""
LEVEL_SECONDS = 6
LAST_LEVEL = timedelta(seconds=48)
"""queuerules.conf: a level more every six seconds, and after that time there is none left."""
JUST_JOINED = timedelta(seconds=LEVEL_SECONDS - 1)
SAME_TIME = timedelta(seconds=1)
NAMED = 5
"""Of those who overtook one caller so many are named."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A seat rang."""

    seat: str
    rang_at: datetime
    ended_at: datetime | None
    """None: it rings still."""

    def near(self, at: datetime) -> bool:
        """Whether it rang at that moment, give or take the tolerance."""
        over = self.ended_at is not None and self.ended_at < at - TOLERANCE
        return self.rang_at <= at + TOLERANCE and not over


@dataclass(frozen=True, slots=True)
class Stay:
    """One caller's stay in a queue."""

    call: str
    queue: str
    priority: int
    came_at: datetime
    """His call's beginning."""
    joined_at: datetime
    left_at: datetime | None
    """None: he waits still."""
    offers: tuple[Offer, ...] = ()

    def goes_before(self, other: Stay) -> bool:
        """Whether he must be served before `other`."""
        if self.priority != other.priority:
            return self.priority > other.priority
        return self.came_at < other.came_at

    def waits_on(self, at: datetime) -> bool:
        """Whether he waits at that moment, no seat rings for him, and so it stays."""
        leaves = self.left_at is not None and self.left_at <= at + TOLERANCE
        return self.joined_at <= at and not leaves and not any(one.near(at) for one in self.offers)


def overtakings(stays: Iterable[Stay], since: datetime, until: datetime) -> Iterator[Difference]:
    """Who was overtaken by a ring in [`since`, `until`), one difference a stay.

    `stays` must be all that touch that stretch and `TOLERANCE` behind it.
    """
    queues: dict[str, list[Stay]] = {}
    for stay in stays:
        queues.setdefault(stay.queue, []).append(stay)
    for queue in sorted(queues):
        yield from _in_one_queue(queues[queue], since, until)


def _in_one_queue(stays: list[Stay], since: datetime, until: datetime) -> Iterator[Difference]:
    everybodys = {
        offer.seat
        for stay in stays
        for offer in stay.offers
        if offer.rang_at - stay.joined_at < JUST_JOINED
    }
    offers = sorted(
        (
            (offer.rang_at, offer.seat, stay)
            for stay in stays
            for offer in stay.offers
            if since <= offer.rang_at < until
        ),
        key=lambda one: one[0],
    )
    stays = sorted(stays, key=lambda stay: stay.joined_at)
    found: dict[int, list[str]] = {}
    waiting: list[int] = []
    joined = 0
    for at, seat, taken in offers:
        while joined < len(stays) and stays[joined].joined_at <= at:
            waiting.append(joined)
            joined += 1
        waiting = [one for one in waiting if (left := stays[one].left_at) is None or left > at]
        for one in waiting:
            stay = stays[one]
            if (
                stay is not taken
                and stay.goes_before(taken)
                and stay.waits_on(at)
                and _could_have(stay, taken, seat, at, everybodys)
            ):
                found.setdefault(one, []).append(f"{taken.call} at {at:%H:%M:%S.%f} ({seat})")
    for one in sorted(found):
        stay, by = stays[one], found[one]
        more = f" and {len(by) - NAMED} more" if len(by) > NAMED else ""
        yield Difference(
            Kind.OVERTAKEN,
            stay.call,
            f"in {stay.queue}, waiting since {stay.joined_at:%H:%M:%S.%f}, by"
            f" {', '.join(by[:NAMED])}{more}",
        )


def _could_have(
    stay: Stay, taken: Stay, seat: str, at: datetime, everybodys: Collection[str]
) -> bool:
    """Whether `stay` could have been offered the seat that rang for `taken`."""
    return (
        seat in everybodys
        or stay.joined_at <= taken.joined_at + SAME_TIME
        or at - stay.joined_at >= LAST_LEVEL
    )
