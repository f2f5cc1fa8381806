"""Whom a change concerns, and that a screen is told the whole, once for each difference."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from callcenter.platform.broadcast import Broadcast, Change
from callcenter.workforce.desk.watch import concerns, watch
from callcenter.workforce.live.frames import Frame
from callcenter.workforce.live.view import Gone, Put


def floor(*changes: Put | Gone) -> Change:
    return Change("live.frame", {"frame": Frame("e", 1, "now", changes)})


@pytest.mark.parametrize(
    ("change", "mine"),
    [
        (Change("agent.state", {"user_id": 7}), True),
        (Change("agent.state", {"user_id": 8}), False),
        (floor(Put("seats", "8001", {})), True),
        (floor(Put("seats", "8002", {}), Gone("seats", "8001")), True),
        (floor(Put("seats", "8002", {}), Put("agents", "8001", {})), False),
        (Change("case.opened", {"seat": "8001"}), True),
        (Change("case.opened", {"seat": "8002"}), False),
        (Change("user.changed", {"id": 7}), False),
    ],
)
def test_whom_a_change_concerns(change: Change, *, mine: bool) -> None:
    assert concerns(change, 7, "8001") is mine


def test_at_no_seat_only_ones_own_state_matters() -> None:
    assert concerns(Change("agent.alarm", {"user_id": 7}), 7, None)
    assert not concerns(floor(Put("seats", "8001", {})), 7, None)


async def test_each_difference_is_told_whole_and_once() -> None:
    broadcast, looks = Broadcast(), [b"one", b"one", b"two"]
    looked = asyncio.Event()

    async def look() -> tuple[bytes, str | None]:
        looked.set()
        return looks.pop(0), "8001"

    events: Any = watch(broadcast, look, 7, 60)
    assert await anext(events) == b"id: 0\nevent: desk\ndata: one\n\n"
    following = asyncio.ensure_future(anext(events))
    for _ in range(2):
        looked.clear()
        await asyncio.sleep(0)
        broadcast.publish(Change("agent.state", {"user_id": 8}))
        broadcast.publish(Change("agent.state", {"user_id": 7}))
        await looked.wait()
    assert await following == b"id: 1\nevent: desk\ndata: two\n\n"
    await events.aclose()


async def test_whoever_is_too_slow_comes_back_for_everything() -> None:
    broadcast = Broadcast()

    async def look() -> tuple[bytes, str | None]:
        return b"", None

    events = watch(broadcast, look, 7, 60)
    await anext(events)
    for _ in range(1001):
        broadcast.publish(Change("agent.state", {"user_id": 8}))
    assert [event async for event in events] == []
