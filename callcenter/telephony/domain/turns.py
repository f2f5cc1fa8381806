"""Whose turn it is when a seat becomes free.

In the PBX's queue each caller looks for himself whether it is his turn, once a second and at his
own moment (app_queue.c, ``wait_our_turn``). So a free seat stands idle for up to a second, and of
two seats that become free in the same second the later caller's look may come first; where free
seats are of a level that nobody may be offered to yet, it may even take the only one that counts.
Whoever is next is therefore made to look the moment a seat is free, in order. It is a help and no
more: whoever is not woken looks by himself within the second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import islice

from callcenter.telephony.domain.floor import DeviceState, Floor, Member, WaitingCaller

MOST = 50
"""Callers woken at once in one queue: as many seats rarely become free together."""


def may_take_calls(floor: Floor, member: Member, resting: Collection[str] = ()) -> bool:
    """Whether this member could be offered a call, as far as the floor knows.

    `resting` are phones that have just rung in vain: nobody is hurried to them, so that whoever
    does not answer is set to a break before he is rung again.
    """
    endpoint = member.interface.removeprefix("PJSIP/")
    free = floor.devices.get(endpoint) is DeviceState.IDLE
    return free and not member.paused and endpoint not in resting


def queues_of(floor: Floor, endpoint: str) -> frozenset[str]:
    """The queues in which this phone could be offered a call now, and somebody waits."""
    interface = f"PJSIP/{endpoint}"
    return frozenset(
        queue
        for queue in floor.waiting
        if (member := floor.members.get((queue, interface))) and may_take_calls(floor, member)
    )


def whose_turn(
    floor: Floor, queues: Collection[str], resting: Collection[str] = ()
) -> tuple[WaitingCaller, ...]:
    """Who of those that wait in `queues` should look now, in order: of each queue as many as it
    has free seats that do not rest, but those for whom a seat rings."""
    lines = {queue: floor.waiting[queue] for queue in sorted(queues) if queue in floor.waiting}
    free = Counter(
        queue
        for (queue, _interface), member in floor.members.items()
        if queue in lines and may_take_calls(floor, member, resting)
    )
    if not free:
        return ()
    rung = floor.ringing_groups()
    found: list[WaitingCaller] = []
    for queue, line in lines.items():
        unserved = (
            caller
            for caller in line
            if (leg := floor.channels.get(caller.uniqueid)) is None or leg.linkedid not in rung
        )
        found += islice(unserved, min(free[queue], MOST))
    return tuple(found)
