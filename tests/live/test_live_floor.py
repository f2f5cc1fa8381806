"""The live floor on a real PBX: snapshot + events = snapshot over HTTP, figures = the report."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from callcenter.simulator.phone import Phone
from callcenter.telephony.calls.models import Call
from callcenter.workforce.live.frames import read_difference
from callcenter.workforce.live.models import SeatClockRow
from callcenter.workforce.live.service import CLOCKS_SECONDS
from callcenter.workforce.live.view import apply, empty_view
from tests.live.live_stories import Stories

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(90),
    pytest.mark.asyncio(loop_scope="module"),
]


class Screen:
    """A browser that watches; `items` is what it holds."""

    def __init__(self, lines: AsyncIterator[str], items: Any = None) -> None:
        self.items: Any = items or empty_view()
        self.kinds: list[str] = []
        self.last_id = ""
        self.number = 0
        self._lines = lines

    async def take(self) -> None:
        """Take the next event."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if not line and "data" in fields:
                break
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
        data = json.loads(fields["data"])
        if fields["event"] == "snapshot":
            self.items = data["items"]
        else:
            self.items = apply(self.items, read_difference(data))
        self.number, self.last_id = data["number"], fields["id"]
        self.kinds.append(fields["event"])

    async def sees(self, holds: Any, timeout: float = 10) -> Any:
        """The first true answer of `holds` to what is shown."""
        async with asyncio.timeout(timeout):
            while not (found := holds(self.items)):
                await self.take()
        return found


@asynccontextmanager
async def watching(stories: Stories, last_id: str = "", items: Any = None) -> AsyncIterator[Screen]:
    """A screen that is open."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with stories.system.api.stream("GET", "/api/live/stream", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Screen(answer.aiter_lines(), items)


async def same_as_fresh(stories: Stories, screen: Screen) -> None:
    """A fresh snapshot is what the screen holds, once it has taken what is in it."""
    fresh = await stories.system.get("/api/live")
    async with asyncio.timeout(10):
        while screen.number < fresh["number"]:
            await screen.take()
        while screen.number > fresh["number"]:
            fresh = await stories.system.get("/api/live")
            while screen.number < fresh["number"]:
                await screen.take()
    assert screen.items == fresh["items"]


async def same_as_report(stories: Stories) -> None:
    """Once the ledger rests, today's figures are the report's."""
    await stories.system.settle()

    async def probe() -> bool:
        report = await stories.system.get("/api/reports/day")
        items = (await stories.system.get("/api/live"))["items"]
        total = dict(items["today"]["total"])
        # What the disk had no room for is the report's alone.
        assert (report.pop("recordings_left_out"), report.pop("recordings_cut")) == (0, 0)
        shown = {"day": total.pop("day"), "total": total, "queues": items["queues"]}
        return bool(shown == report)

    await stories.system.until(probe, 5)


def waiting(number: str) -> Any:
    """Whether `number` waits, for `Screen.sees`."""
    return lambda items: next(
        (one for one in items["waiting"].values() if one["caller_number"] == number), None
    )


def seat_is(seat: Phone, *states: str) -> Any:
    """Whether the seat is in one of `states`."""
    return lambda items: items["seats"].get(seat.user, {}).get("state") in states


def agent_is(user_id: str, state: str) -> Any:
    """The agent, once he is in `state`, for `Screen.sees`."""
    return lambda items: (
        items["agents"].get(user_id)
        if items["agents"].get(user_id, {}).get("state") == state
        else None
    )


async def test_a_call_from_the_first_ring_to_the_end_as_a_screen_sees_it(stories: Stories) -> None:
    async with watching(stories) as screen:
        await screen.take()
        assert screen.kinds == ["snapshot"]
        before = screen.items["today"]["total"]
        seat = await stories.seat()
        await screen.sees(seat_is(seat, "idle"))
        citizen, out = await stories.dial()
        taken = await seat.next_call(10)
        found = await screen.sees(waiting(citizen.user))
        assert (found["queue"], found["position"]) == ("12345", 1)
        await screen.sees(seat_is(seat, "ringing"))
        await same_as_fresh(stories, screen)
        await taken.answer()
        await stories.speak(out, taken)
        await screen.sees(seat_is(seat, "talking"))
        await screen.sees(lambda items: not items["waiting"])
        call = await screen.sees(
            lambda items: next(
                (one for one in items["calls"].values() if one["state"] == "talking"), None
            )
        )
        assert (call["caller_number"], call["seat"]) == (citizen.user, seat.user)
        assert screen.items["seats"][seat.user]["since"] is not None
        await same_as_fresh(stories, screen)
        await out.hang_up()
        await screen.sees(seat_is(seat, "idle"))
        await screen.sees(lambda items: not items["calls"])
        total = screen.items["today"]["total"]
        assert total["answered"] == before["answered"] + 1
        assert total["offered"] == before["offered"] + 1
        await same_as_fresh(stories, screen)
    await same_as_report(stories)
    await stories.answered_story(citizen.user, seat.user)


async def test_positions_and_the_one_who_gives_up(stories: Stories) -> None:
    seat = await stories.seat()
    seat.refuse_with = 486
    async with watching(stories) as screen:
        await screen.take()
        first, one = await stories.dial()
        await one.answered()
        await screen.sees(waiting(first.user))
        second, two = await stories.dial()
        await two.answered()
        behind = await screen.sees(waiting(second.user))
        assert behind["position"] == 2
        # The figures come with the ledger, which may be behind the floor for a moment.
        await screen.sees(lambda items: items["today"]["total"]["waiting"] == 2)
        await one.hang_up()
        await screen.sees(
            lambda items: (found := waiting(second.user)(items)) and found["position"] == 1
        )
        await two.hang_up()
        await screen.sees(lambda items: not items["waiting"])
        missed = await screen.sees(
            lambda items: items["callbacks"]["now"]["open"] >= 2 and items["callbacks"]["now"]
        )
        assert missed["queues"]["12345"] >= 2
        await same_as_fresh(stories, screen)
    await same_as_report(stories)


async def test_a_line_that_breaks_goes_on_where_it_was(stories: Stories) -> None:
    seat = await stories.seat()
    async with watching(stories) as screen:
        await screen.sees(seat_is(seat, "idle"))
        last_id, items = screen.last_id, screen.items
    talk = await stories.talk(seat)
    async with watching(stories, last_id, items) as again:
        await again.sees(seat_is(seat, "talking"))
        assert set(again.kinds) == {"changes"}
        await same_as_fresh(stories, again)
    await talk.out.hang_up()
    async with watching(stories, "00000000-1") as stranger:
        await stranger.take()
        assert stranger.kinds == ["snapshot"]
    await stories.answered_story(talk.number, seat.user)


async def test_the_service_comes_back_and_shows_the_same_day(stories: Stories) -> None:
    seat = await stories.seat()
    talk = await stories.talk(seat)
    before = await stories.system.get("/api/live")
    stories.system.kill("callcenter")
    stories.system.begin("callcenter")
    await stories.system.ready()
    async with watching(stories, f"{before['epoch']}-{before['number']}") as screen:
        await screen.take()
        assert screen.kinds == ["snapshot"]
        await screen.sees(seat_is(seat, "talking"))
        await screen.sees(lambda items: len(items["calls"]) == 1)
        assert screen.items["today"]["total"]["offered"] >= 1
        await talk.out.hang_up()
        await screen.sees(lambda items: not items["calls"])
        await same_as_fresh(stories, screen)
    await stories.answered_story(talk.number, seat.user)
    await same_as_report(stories)


async def test_the_seats_clocks_go_on_over_a_restart(stories: Stories) -> None:
    """One seat talks, one is idle and nobody ever called it: the service is killed and begins
    again, and neither clock is lost; the call that ends meanwhile moves the clock to its end."""
    talker = await stories.seat()
    talk = await stories.talk(talker)
    idler = await stories.seat(1)

    async def clocks() -> dict[str, datetime]:
        seats = (await stories.system.get("/api/live"))["items"]["seats"]
        return {
            seat.user: datetime.fromisoformat(seats[seat.user]["since"])
            for seat in (talker, idler)
            if seats.get(seat.user, {}).get("since")
        }

    async def kept() -> bool:
        """The clocks that are shown are in the database."""
        shown = await clocks()
        async with stories.system.database.reading() as session:
            rows = {row.extension: row for row in await session.scalars(select(SeatClockRow))}
        return len(shown) == 2 and all(
            name in rows and rows[name].since == since for name, since in shown.items()
        )

    async with watching(stories) as screen:
        await screen.sees(seat_is(talker, "talking"))
        await screen.sees(seat_is(idler, "idle"))
    await stories.system.until(kept, CLOCKS_SECONDS * 3)
    before = await clocks()
    stories.system.kill("callcenter")
    stories.system.begin("callcenter")
    await stories.system.ready()
    async with watching(stories) as screen:
        await screen.sees(seat_is(talker, "talking"))
        await screen.sees(seat_is(idler, "idle"))
    assert await clocks() == before
    stories.system.kill("callcenter")
    await talk.out.hang_up()
    ended = datetime.now(UTC)
    stories.system.begin("callcenter")
    await stories.system.ready()

    async def at_the_talks_end() -> bool:
        since = (await clocks()).get(talker.user)
        return since is not None and abs((since - ended).total_seconds()) < 2

    # Once the journal is caught up: nobody saw the talk end, the PBX wrote it down.
    await stories.system.until(at_the_talks_end, 15)
    assert (await clocks())[idler.user] == before[idler.user]
    await stories.answered_story(talk.number, talker.user)


async def test_a_rebuild_in_another_process_is_on_the_floor_soon(stories: Stories) -> None:
    """The ledger is wrong, and the service has read it so; ``callcenter rebuild`` mends it, and
    the floor shows what the report says, without a restart."""
    seat = await stories.seat()
    talk = await stories.talk(seat)
    await talk.out.hang_up()
    await stories.system.settle()
    right = await stories.system.get("/api/reports/day")
    stories.system.kill("callcenter")
    async with stories.system.database.writing() as session:
        await session.execute(update(Call).values(queue="nowhere", answered_at=None))
    stories.system.begin("callcenter")
    await stories.system.ready()
    wrong = (await stories.system.get("/api/live"))["items"]["today"]["total"]
    assert (wrong["answered"], right["total"]["answered"] > 0) == (0, True)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from callcenter.cli.main import main; main()",
        "rebuild",
        env=os.environ | {"CALLCENTER_HOME": str(stories.system.settings.home)},
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(process.wait(), 60) == 0
    await same_as_report(stories)
    shown = (await stories.system.get("/api/live"))["items"]["today"]["total"]
    assert shown["answered"] == right["total"]["answered"]
    await stories.answered_story(talk.number, seat.user)


async def test_the_pbx_goes_and_comes_and_no_old_picture_is_shown(stories: Stories) -> None:
    async with watching(stories) as screen:
        await screen.take()
        await screen.sees(lambda items: items["pbx"]["link"]["up"])
        stories.system.kill("asterisk")
        await screen.sees(lambda items: not items["pbx"]["link"]["up"], 20)
        assert (screen.items["seats"], screen.items["waiting"]) == ({}, {})
        stories.system.begin("asterisk")
        await screen.sees(lambda items: items["pbx"]["link"]["up"] and items["seats"], 40)
    await stories.system.ready()
    async with watching(stories) as screen:
        await screen.take()
        await same_as_fresh(stories, screen)


async def test_an_agent_is_on_the_floor_with_his_clock(stories: Stories) -> None:
    seat = await stories.seat()
    login = f"floor{seat.local_port}"
    made = await stories.system.post("/api/users", login=login, name="王芳", roles=["operator"])
    user_id = str(made.get("user", made)["id"])
    async with watching(stories) as screen:
        await screen.sees(lambda items: items["agents"].get(user_id, {}).get("state") == "offline")

        async def state(**body: str) -> None:
            await stories.system.post(f"/api/agents/{user_id}/state", **body)

        await state(state="ready", seat=seat.user)
        ready = await screen.sees(agent_is(user_id, "ready"))
        assert (ready["name"], ready["seat"]) == ("王芳", seat.user)
        talk = await stories.talk(seat)
        talking = await screen.sees(agent_is(user_id, "talking"))
        assert talking["since"] > ready["since"]
        await talk.out.hang_up()
        await screen.sees(agent_is(user_id, "wrap_up"))
        await state(state="offline")
        gone = await screen.sees(agent_is(user_id, "offline"))
        assert (gone["seat"], gone["since"]) == (None, None)
        await same_as_fresh(stories, screen)
    await stories.answered_story(talk.number, seat.user)


async def test_without_a_token_nothing_is_told(stories: Stories) -> None:
    async with httpx.AsyncClient(base_url=stories.system.api.base_url, trust_env=False) as stranger:
        for path in ("/api/live", "/api/live/stream"):
            assert (await stranger.get(path)).status_code == 401
