"""When an agent's own screen must look again.

Each event of the stream is the whole of what it shows, a few hundred bytes, so a screen that
missed some has lost nothing by it, and needs no rule but to show the newest. It is made anew when
something that concerns the agent or his seat has happened, and only if it differs then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from callcenter.platform.broadcast import Broadcast, Change, Lagged
from callcenter.workforce.live.service import TOPIC as FLOOR
from callcenter.workforce.live.view import Difference

Form = bytes
"""JSON in UTF-8."""

OF_THE_AGENT = frozenset({"agent.state", "agent.alarm"})
OF_THE_CASE = frozenset({"case.opened", "case.updated", "case.edited"})
GATHER_SECONDS = 0.05
"""One step of a call changes floor, agent and case: they are told together."""
AGAIN_SECONDS = 10.0
"""What nothing told of (a phone that has gone silent) is seen so late at most."""


def concerns(change: Change, user_id: int, seat: str | None) -> bool:
    """Whether `change` may alter what the agent `user_id` at `seat` is shown."""
    if change.topic in OF_THE_AGENT:
        return bool(change.data.get("user_id") == user_id)
    if seat is None:
        return False
    if change.topic in OF_THE_CASE:
        return bool(change.data.get("seat") == seat)
    if change.topic == FLOOR:
        changes: Difference = change.data["frame"].changes
        return any(one.kind == "seats" and one.key == seat for one in changes)
    return False


async def watch(
    broadcast: Broadcast,
    look: Callable[[], Awaitable[tuple[Form, str | None]]],
    user_id: int,
    seconds: float,
) -> AsyncGenerator[bytes, None]:
    """SSE events `desk`: at once, and after whatever concerns him; ends after `seconds`.

    `look` gives what is shown now, and the seat it is about.
    """
    ends_at = asyncio.get_running_loop().time() + seconds
    number = 0
    try:
        # Subscribed before the first look: what comes between the two is looked at again.
        async with broadcast.subscribe() as changes:
            form, seat = await look()
            yield _event(number, form)
            while asyncio.get_running_loop().time() < ends_at:
                await _something(changes, user_id, seat)
                fresh, seat = await look()
                if fresh != form:
                    form, number = fresh, number + 1
                    yield _event(number, form)
    except Lagged:
        return  # He comes back, and is told everything.


async def _something(changes: AsyncIterator[Change], user_id: int, seat: str | None) -> None:
    try:
        async with asyncio.timeout(AGAIN_SECONDS):
            while not concerns(await anext(changes), user_id, seat):
                pass
    except TimeoutError:
        return
    await asyncio.sleep(GATHER_SECONDS)


def _event(number: int, form: Form) -> bytes:
    return b"id: %d\nevent: desk\ndata: %b\n\n" % (number, form)
