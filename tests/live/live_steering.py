"""What the tests of steering share: a carrier, commands, and what came of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx

from callcenter.simulator.call import Call
from callcenter.simulator.phone import Phone
from callcenter.simulator.sound import CALLER_HZ, SEAT_HZ
from callcenter.telephony.calls.models import Call as CallRow
from tests.live.live_stories import Stories, Talk
from tests.live.live_system import free_port

CARRIER = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
CARRIER_PORT = free_port(CARRIER)
NUMBER = "02161234567"
OUTSIDE_ALLOWED = {"trunk_host": f"{CARRIER}:{CARRIER_PORT}", "outbound_patterns": "_021XXXXXXXX"}


@asynccontextmanager
async def carrier(stories: Stories) -> AsyncIterator[Phone]:
    """Who takes calls to the telephone network."""
    phone = Phone(*stories.system.sip, "carrier", local_address=CARRIER)
    phone.local_port = CARRIER_PORT
    async with phone:
        yield phone


async def steer(stories: Stories, number: str, step: str, **body: Any) -> httpx.Response:
    """A supervisor's command about the call of `number`."""
    call_id = quote(await stories.call_id(number), safe="")
    return await stories.system.api.post(f"/api/steering/calls/{call_id}/{step}", json=body)


async def own(stories: Stories, step: str, **body: Any) -> httpx.Response:
    """An operator's command."""
    return await stories.system.api.post(f"/api/own-call/{step}", json=body)


def ok(answer: httpx.Response) -> Any:
    """Its JSON; it must be a success."""
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    return answer.json()


def code(answer: httpx.Response) -> str:
    """The code of a refusal."""
    assert not answer.is_success, answer.text
    return str(answer.json()["error"]["code"])


async def refused_soon(
    stories: Stories, expected: str, number: str, step: str, **body: Any
) -> None:
    """The command is refused with `expected` as soon as the floor shows why."""

    async def probe() -> bool:
        answer = await steer(stories, number, step, **body)
        return not answer.is_success and code(answer) == expected

    await stories.system.until(probe, 5)


async def listening(stories: Stories, talk: Talk, phone: Phone, mode: str = "listen") -> Call:
    """`phone` has come into `talk` and hears both."""
    assert not ok(await steer(stories, talk.number, "spy", seat=phone.user, mode=mode))["done"]
    leg = await phone.next_call()
    await leg.answer()
    leg.say(stories.seat_voice, repeat=True)
    await asyncio.gather(leg.hears(CALLER_HZ), leg.hears(SEAT_HZ))
    return leg


async def outbound_call(stories: Stories, call_id: str) -> CallRow:
    """An outbound call, once it is over."""

    async def probe() -> CallRow | None:
        async with stories.system.database.reading() as session:
            row = await session.get(CallRow, call_id)
        return row if row is not None and row.ended_at is not None else None

    return await stories.system.until(probe, 10)
