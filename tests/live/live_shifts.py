"""A city whose minutes are short, and a hotline that goes by shifts: for the live tests."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import os
import struct
import zoneinfo
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx

from callcenter.simulator.phone import Phone
from tests.live.live_stories import HOTLINE, Stories
from tests.live.test_live_agents import Agent
from tests.live.test_live_queues import House, members

MINUTE_SECONDS = 2
MINUTES = 250
"""A zone has 256 offsets at most: eight minutes of ours, four hours of the city's."""
BEGINS_AT = 10 * 60
TURN_SECONDS = 10.0
"""From a shift's edge, or a change, until the PBX has it: two rounds of the reconciler on a machine
that does much else."""
RUNNING, OVER, COMING = (6, 22), (1, 9), (20, 24)
"""Hours of shifts, at any time of these tests."""

_codes = itertools.count()


class City:
    """A city whose wall clock shows the next minute every `MINUTE_SECONDS`.

    Shifts and opening hours begin and end at whole minutes of the wall clock. So that nobody has to
    wait for one, the zone of this city puts the clock forward by the rest of each minute; moments
    pass here as everywhere. Its clock shows ten in the morning when it is made, so no test comes
    near midnight.
    """

    ZONE = "Live/City"

    def __init__(self, folder: Path) -> None:
        self._begun = math.floor(datetime.now(UTC).timestamp())
        path = folder / self.ZONE
        path.parent.mkdir(parents=True)
        path.write_bytes(self._zone())
        with path.open("rb") as file:
            self.info = zoneinfo.ZoneInfo.from_file(file)

    def _zone(self) -> bytes:
        """RFC 8536, version 2; only the second block is ever read."""
        first = BEGINS_AT * 60 - self._begun % 86400
        jumps = [self._begun + MINUTE_SECONDS * step for step in range(1, MINUTES + 1)]
        offsets = [first + (60 - MINUTE_SECONDS) * step for step in range(MINUTES + 1)]
        name = b"CITY\0"
        counts = (0, 0, 0, len(jumps), len(offsets), len(name))
        header = struct.Struct(">4sc15x6l")
        return b"".join(
            (
                header.pack(b"TZif", b"2", 0, 0, 0, 0, 0, 0),
                header.pack(b"TZif", b"2", *counts),
                struct.pack(f">{len(jumps)}q", *jumps),
                bytes(range(1, len(offsets))),
                *(struct.pack(">lbb", offset, 0, 0) for offset in offsets),
                name,
                b"\n\n",
            )
        )

    @property
    def today(self) -> date:
        """The city's day."""
        return datetime.now(self.info).date()

    def edge(self, after: float = 1.0) -> Edge:
        """The next whole minute that is at least `after` seconds from now."""
        past = datetime.now(UTC).timestamp() + after - self._begun
        step = math.ceil(past / MINUTE_SECONDS)
        assert step <= MINUTES, "the city's clock has run out"
        moment = datetime.fromtimestamp(self._begun + step * MINUTE_SECONDS, UTC)
        return Edge(BEGINS_AT + step, moment)


@dataclass(frozen=True, slots=True)
class Edge:
    """A whole minute of the city's wall clock."""

    minute: int
    """After midnight."""
    moment: datetime

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return datetime.now(UTC) >= self.moment


@contextmanager
def founded(folder: Path) -> Iterator[City]:
    """A city that this process, and all that it starts, know by its zone's name."""
    paths = [str(folder), *zoneinfo.TZPATH]
    before = os.environ.get("PYTHONTZPATH")
    city = City(folder)
    os.environ["PYTHONTZPATH"] = os.pathsep.join(paths)
    zoneinfo.reset_tzpath(paths)
    zoneinfo.ZoneInfo.clear_cache(only_keys=[City.ZONE])
    try:
        yield city
    finally:
        if before is None:
            del os.environ["PYTHONTZPATH"]
        else:
            os.environ["PYTHONTZPATH"] = before
        zoneinfo.reset_tzpath()


class Desk:
    """Somebody's own browser: what people must say themselves."""

    def __init__(self, client: httpx.AsyncClient, csrf: str) -> None:
        self._client = client
        self._csrf = csrf

    async def send(self, method: str, path: str, **body: Any) -> Any:
        """The JSON answer; an error is an error."""
        headers = {"X-CSRF-Token": self._csrf, "Origin": str(self._client.base_url).rstrip("/")}
        answer = await self._client.request(
            method, path, json=body if method != "GET" else None, headers=headers
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


@asynccontextmanager
async def desk_of(house: ShiftHouse, login: str, password: str) -> AsyncIterator[Desk]:
    """Logged in with the one-time password, and with one of their own since."""
    address = f"http://127.0.0.1:{house.system.settings.api_port}"
    async with httpx.AsyncClient(base_url=address, timeout=10, trust_env=False) as client:
        answer = await client.post("/api/login", json={"login": login, "password": password})
        answer.raise_for_status()
        desk = Desk(client, answer.json()["csrf_token"])
        changed = await desk.send(
            "POST", "/api/password", current=password, new="six seats by the river"
        )
        yield Desk(client, changed["csrf_token"])


class ShiftHouse(House):
    """Agents, rotas, and who is in the PBX's queue by them."""

    def __init__(self, stories: Stories, city: City, stack: contextlib.AsyncExitStack) -> None:
        super().__init__(stories)
        self.city = city
        self._stack = stack
        self._patterns: dict[tuple[int, int, str], int] = {}
        self.passwords: dict[int, tuple[str, str]] = {}
        self.stranger = httpx.AsyncClient(trust_env=False)
        """Not logged in at all."""

    async def agent(self) -> Agent:
        """A new operator, who can have a desk."""
        login = f"shift{next(_codes)}"
        made = await self.system.post(
            "/api/users", login=login, name=f"话务员{login}", roles=["operator"]
        )
        self.passwords[made["id"]] = login, made["password"]
        agent = Agent(self.system, made["id"])
        self._agents.append(agent)
        return agent

    async def crew(self, size: int, *queues: str) -> list[tuple[Agent, Phone]]:
        """So many at as many seats, ready, for `queues` or the main one."""
        return await asyncio.gather(
            *(self.serving(index, *(queues or (HOTLINE,))) for index in range(size))
        )

    async def back(self, phone: Phone) -> None:
        """Register again, and wait until the PBX would ring it: not at once after its start."""

        async def probe() -> bool:
            live = (await self.system.get(f"/api/seats/{phone.user}"))["live"]
            return live is not None and live["reachable"]

        await phone.register()
        await self.system.until(probe, TURN_SECONDS)

    async def desk(self, agent: Agent) -> Desk:
        """The agent's own browser."""
        return await self._stack.enter_async_context(desk_of(self, *self.passwords[agent.user_id]))

    async def close(self) -> None:
        """Everybody goes home."""
        await super().close()
        await self.stranger.aclose()

    # -- the rota -----------------------------------------------------------------------------

    async def pattern(self, begins: int, ends: int, kind: str = "seat") -> int:
        """A shift pattern from minute to minute of the wall clock; its id."""
        key = begins, ends, kind
        if key not in self._patterns:
            made = await self.system.post(
                "/api/shifts", code=f"s{next(_codes)}", name=f"{begins}至{ends}",
                starts=begins, minutes=ends - begins, kind=kind,
            )  # fmt: skip
            self._patterns[key] = made["id"]
        return self._patterns[key]

    async def plan(self, agent: Agent, begins: int, ends: int, kind: str = "seat") -> Any:
        """Put a shift of today into the rota, by the minutes; the entry."""
        saved = await self.system.post(
            "/api/rota", user_id=agent.user_id, day=str(self.city.today),
            shift_id=await self.pattern(begins, ends, kind),
        )  # fmt: skip
        return saved["entry"]

    async def on(self, agent: Agent, hours: tuple[int, int]) -> Any:
        """The same by the hours."""
        return await self.plan(agent, hours[0] * 60, hours[1] * 60)

    async def ends_at(self, entry: Any, edge: Edge) -> None:
        """The planner lets a shift of this morning end then."""
        begun = datetime.fromisoformat(entry["starts"]).astimezone(self.city.info)
        pattern = await self.pattern(begun.hour * 60 + begun.minute, edge.minute)
        body = {"version": entry["version"], "shift_id": pattern}
        answer = await self.system.api.patch(f"/api/rota/{entry['id']}", json=body)
        assert datetime.fromisoformat(answer.json()["entry"]["ends"]) == edge.moment

    async def leave(self, agent: Agent) -> str:
        """Approved leave of today, asked for by a planner; its path."""
        day = str(self.city.today)
        asked = await self.system.post(
            "/api/leave", user_id=agent.user_id, first_day=day, last_day=day, kind="sick"
        )
        path = f"/api/leave/{asked['id']}"
        await self.system.post(f"{path}/approve")
        return path

    async def today(self, path: str, **query: Any) -> Any:
        """GET of a list over today."""
        day = str(self.city.today)
        return await self.system.get(path, **{"from": day, "to": day}, **query)

    # -- the queue ----------------------------------------------------------------------------

    async def members(self, queue: str = HOTLINE) -> set[str]:
        """Seats in the PBX's queue, as the PBX itself says."""
        return {name.removeprefix("PJSIP/") for name in members(await self.shown(queue))}

    async def has(self, *phones: Phone, queue: str = HOTLINE) -> None:
        """Wait until those are the queue's members and nobody else."""
        wanted = {phone.user for phone in phones}

        async def probe() -> bool:
            return await self.members(queue) == wanted

        try:
            await self.system.until(probe, TURN_SECONDS)
        except TimeoutError:
            raise AssertionError(f"not {wanted} but {await self.shown(queue)}") from None

    async def turns(self, edge: Edge, before: set[str], after: set[str]) -> None:
        """The queue has those members until `edge` and these from then on, by itself."""

        async def probe() -> bool:
            found = await self.members()
            if not edge.passed:
                assert found == before, "nobody comes or goes before the edge"
            return found == after

        seconds = (edge.moment - datetime.now(UTC)).total_seconds()
        await self.system.until(probe, seconds + TURN_SECONDS)
        assert edge.passed

    async def passes(self, edge: Edge) -> None:
        """Wait for the minute."""

        async def probe() -> bool:
            return edge.passed

        await self.system.until(probe, MINUTE_SECONDS * 10)

    async def reaches(self, phone: Phone, *others: Phone) -> None:
        """The next citizen talks with `phone`, and none of `others` has ever rung."""
        talk = await self.talk(HOTLINE, phone)
        await talk.out.hang_up()
        await self.rang_only(talk.number, phone)
        for other in others:
            assert not rings(other), f"{other.user} rang"

    async def rang_only(self, number: str, phone: Phone) -> None:
        """The call of `number` was offered to `phone` alone, which took it."""
        told = await self.stories.told(number)
        assert ({ring.seat for ring in told.rings}, told.seats) == ({phone.user}, [phone.user])


def rings(phone: Phone) -> list[str]:
    """Calls that were offered to it."""
    return [line for line in phone.log if line.startswith("< INVITE")]
