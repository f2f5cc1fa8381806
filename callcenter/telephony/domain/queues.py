"""Queues as an admin defines them, and what of them the PBX and the dialplan must know.

A caller reaches a queue by the number that he dialled, by a menu key, by a transfer, or because
another queue had no place. Whatever does not lead to an enabled queue leads to the main one, which
is always there: no mistake of an admin loses a caller. A chain of overflows never comes back to
where it was; it ends with a voice message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from callcenter.platform.domain.numbers import normalise, writings

SHORT_SERVICE = 6
"""Digits at most of a service number, which has no area code of its own."""
_CODE = re.compile(r"[a-z0-9]{2,20}", re.ASCII)
"""One letter would be an extension of the dialplan's own (s, t, i, h)."""
RESERVED_CODES = frozenset({"general", "hotline", "default", "none", "null"})
"""Sections of the PBX's queues.conf, and words that read like the absence of a queue."""
_NUMBER = re.compile(r"\+?([0-9]{3,15})", re.ASCII)
_TRANSFER_NUMBER = re.compile(r"[0-9]{2,8}", re.ASCII)
MENU_KEYS = tuple("0123456789")


class Strategy(StrEnum):
    """Which free member is offered the next caller (Asterisk, queues.conf, ``strategy``).

    ``linear`` is not here: the PBX would have to be restarted to change to it.
    """

    RRMEMORY = "rrmemory"
    """One after the other, going on behind the last one."""
    RRORDERED = "rrordered"
    """The same, in the order in which they became members."""
    LEASTRECENT = "leastrecent"
    FEWESTCALLS = "fewestcalls"
    RANDOM = "random"
    RINGALL = "ringall"


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """One queue."""

    code: str
    """Its name in the PBX, the ledger and the API; never changes."""
    name: str
    name_en: str
    transfer_number: str | None
    """What a seat dials to reach it or to send a citizen there; None: no seat can."""
    strategy: Strategy
    ring_seconds: int
    """Then the next seat rings."""
    wrapup_seconds: int
    """Guard between two calls of one seat; the agent's own wrap-up is another thing."""
    max_waiting: int
    """More callers go to overflow."""
    wait_limit_seconds: int
    """Who waited so long goes to overflow."""
    announcements: bool
    """Whether those who wait are told anything at all."""
    announce_position_seconds: int
    """How often the place in the queue is said; 0: never."""
    announce_voice_message_seconds: int
    """How often the way to a voice message is said; 0: never."""
    music: str
    """Class of music on hold."""
    overflow: str | None
    """The queue of those who found no place; None: a voice message."""
    service_level_seconds: int
    """An answer within it counts as in time."""
    language: str
    """Spoken to who waits: zh or en."""
    weight: int
    """Of two queues with waiting callers and the same seats, the heavier one is served first."""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class MenuKey:
    """What a key of the menu leads to."""

    key: str
    queue: str | None
    """None: a voice message."""
    language: str | None = None
    """Spoken from then on; None: the queue's."""


@dataclass(frozen=True, slots=True)
class PbxQueues:
    """Everything of queues that the PBX must know: enabled ones alone, every target one of them."""

    main: str
    queues: tuple[QueuePlan, ...]
    overflow: Mapping[str, str]
    """From queue to queue, without a loop."""
    numbers: Mapping[str, str]
    """Dialled number (digits) to queue."""
    menu: tuple[MenuKey, ...]

    @property
    def codes(self) -> frozenset[str]:
        """Of the queues that there should be."""
        return frozenset(queue.code for queue in self.queues)


def is_queue_code(text: str) -> bool:
    """Whether a queue may be called `text`."""
    return _CODE.fullmatch(text) is not None and text not in RESERVED_CODES


def is_transfer_number(text: str) -> bool:
    """Whether a seat could dial `text`."""
    return _TRANSFER_NUMBER.fullmatch(text) is not None


def bare_number(text: str) -> str | None:
    """The digits of a dialled number; None if it is none.

    A carrier sends the same number with a + or without one, so they are one number here.
    """
    found = _NUMBER.fullmatch(text)
    return found[1] if found else None


def dialled_patterns(numbers: Iterable[str]) -> dict[str, str]:
    """Every way in which a carrier writes one of our `numbers`, in digits, to that number.

    A way is digits or, behind a ``_``, a dial pattern: a service number (12345) is also dialled
    with the area code of any city, and then our carrier means us. What is a number of its own
    comes before a way of writing another.
    """
    own = tuple(dict.fromkeys(numbers))
    ways = {number: number for number in own}
    for number in own:
        form = normalise(number)
        for way in writings(form):
            ways.setdefault(way.removeprefix("+"), number)
        if len(form) <= SHORT_SERVICE and not form.startswith(("0", "+")):
            for prefix in ("0", "86", "0086"):
                ways.setdefault(f"_{prefix}[12]X{form}", number)
                ways.setdefault(f"_{prefix}[3-9]XX{form}", number)
    return ways


def overflow_targets(queues: Iterable[QueuePlan]) -> dict[str, str]:
    """Where each queue's overflow goes, among `queues` alone; a step that would close a loop is
    left out, so a caller comes through no queue twice."""
    known = {queue.code: queue for queue in queues}
    targets: dict[str, str] = {}
    for code in sorted(known):
        target = known[code].overflow
        if target in known and not _leads_to(targets, target, code):
            targets[code] = target
    return targets


def closes_loop(queues: Sequence[QueuePlan]) -> bool:
    """Whether some chain of overflows comes back to where it was."""
    known = {queue.code for queue in queues}
    wanted = {queue.code for queue in queues if queue.overflow in known}
    return wanted != set(overflow_targets(queues))


def _leads_to(targets: Mapping[str, str], start: str | None, end: str) -> bool:
    at = start
    while at is not None and at != end:
        at = targets.get(at)
    return at == end


def pbx_queues(
    main: str,
    queues: Iterable[QueuePlan],
    *,
    own_numbers: Iterable[str],
    numbers: Mapping[str, str],
    menu: Iterable[MenuKey],
) -> PbxQueues:
    """What the PBX must know.

    `own_numbers` are always answered and lead to the main queue unless `numbers` says otherwise.
    What leads to a queue that is disabled leads to the main one; a menu key does nothing then.
    """
    enabled = tuple(sorted((one for one in queues if one.enabled), key=lambda one: one.code))
    codes = {queue.code for queue in enabled}
    asked = dict.fromkeys(filter(None, map(bare_number, own_numbers)), main) | dict(numbers)
    return PbxQueues(
        main=main,
        queues=enabled,
        overflow=overflow_targets(enabled),
        numbers={
            number: queue if queue in codes else main for number, queue in sorted(asked.items())
        },
        menu=tuple(key for key in menu if key.queue is None or key.queue in codes),
    )
