"""People with browsers of their own: they log in, and do everything with their session alone."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import quote

import httpx

from callcenter.simulator.phone import Phone
from tests.live.live_stories import HOTLINE, Stories
from tests.live.live_system import System

PASSWORD = "the river runs past six seats"
ENDS_WITHIN_SECONDS = 2.0
"""An open stream lives no longer than that after its session."""

_numbers = itertools.count(1)


class Person:
    """Somebody, and the browser that keeps his cookies."""

    def __init__(self, system: System, login: str) -> None:
        self.system = system
        self.login = login
        self.user_id = 0
        self.csrf = ""
        self.browser = httpx.AsyncClient(base_url=system.api.base_url, timeout=10, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.browser.aclose()

    # -- logging in ---------------------------------------------------------------------------

    async def log_in(self, password: str) -> httpx.Response:
        """With a password."""
        answer = await self.browser.post(
            "/api/login", json={"login": self.login, "password": password}
        )
        if answer.is_success:
            self._is_in(answer)
        return answer

    async def chooses(self, password: str, new: str = PASSWORD) -> None:
        """The first password is changed."""
        self._is_in(await self.send("POST", "/api/password", {"current": password, "new": new}))

    def _is_in(self, answer: httpx.Response) -> None:
        me = ok(answer)
        self.csrf, self.user_id = me["csrf_token"], me["user_id"]

    # -- asking -------------------------------------------------------------------------------

    async def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """As our own pages do."""
        headers = {"X-CSRF-Token": self.csrf}
        return await self.browser.request(method, path, json=body, headers=headers)

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON there; it must be a success."""
        return ok(await self.browser.get(path, params=query))

    async def post(self, path: str, **body: Any) -> Any:
        """The JSON of the answer; it must be a success."""
        answer = await self.send("POST", path, body)
        return ok(answer) if answer.content else answer

    async def refused(self, path: str, **body: Any) -> tuple[int, str]:
        """Status and code of a POST that must be refused."""
        return refusal(await self.send("POST", path, body))

    # -- at work ------------------------------------------------------------------------------

    async def own(self, step: str, **body: Any) -> Any:
        """A command about one's own call."""
        return await self.post(f"/api/own-call/{step}", **body)

    async def own_call_is(self, state: str) -> Any:
        """One's own call, once it is in `state`."""

        async def probe() -> Any:
            now = await self.get("/api/own-call")
            return now if now["state"] == state else None

        return await self.system.until(probe, 5)

    async def becomes(self, state: str, timeout: float = 10) -> Any:
        """Oneself as an agent, once in `state`."""

        async def probe() -> Any:
            now = await self.get("/api/agents/me")
            return now if now["state"] == state else None

        try:
            return await self.system.until(probe, timeout)
        except TimeoutError:
            raise AssertionError(f"not {state} but {await self.get('/api/agents/me')}") from None

    async def states(self) -> list[str]:
        """Those of his intervals, oldest first; without ringing, which a phone that answers at once
        may not be seen to do."""
        now = datetime.now(UTC)
        begin, end = ((now + timedelta(hours=hours)).isoformat() for hours in (-1, 1))
        kept = await self.get("/api/agents/me/intervals", **{"from": begin, "to": end})
        return [one["state"] for one in kept["items"] if one["state"] != "ringing"]

    async def sits_at(self, seat: Phone, *, ready: bool = True) -> None:
        """Logged in at the seat: ready, and offered calls; or on a break, and not."""
        await self.post("/api/agents/me/login", seat=seat.user)
        if not ready:
            await self.post("/api/agents/me/break", reason="meal")
        await self.becomes("ready" if ready else "break")

        async def placed() -> bool:
            floor = (await self.system.get("/api/live"))["items"]
            now = floor["seats"].get(seat.user, {})
            return HOTLINE in now.get("queues", ()) and now["paused"] is not ready

        await self.system.until(placed, 10)

    async def transfer(self, call_id: str, step: str = "", **body: Any) -> httpx.Response:
        """Ask for a transfer of a call, or for the next step of one."""
        return await self.send("POST", f"/api/calls/{quote(call_id, safe='')}/transfer{step}", body)

    # -- watching -----------------------------------------------------------------------------

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[Stream]:
        """The floor's stream, open."""
        async with self.browser.stream("GET", "/api/live/stream", timeout=60) as answer:
            assert answer.status_code == 200
            stream = Stream(answer)
            reading = asyncio.create_task(stream.read())
            try:
                async with asyncio.timeout(10):
                    await stream.begun.wait()
                yield stream
            finally:
                reading.cancel()


class Stream:
    """What a browser that watches the floor is told."""

    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer
        self.begun = asyncio.Event()
        self.over = asyncio.Event()
        """It came to its end in good order."""
        self.lines: list[str] = []
        self._news = asyncio.Condition()

    async def read(self) -> None:
        """Take what comes."""
        async for line in self._answer.aiter_lines():
            self.begun.set()
            async with self._news:
                self.lines.append(line)
                self._news.notify_all()
        self.over.set()

    async def says(self, holds: Callable[[str], bool], timeout: float = 10) -> str:
        """The first line of data that `holds`."""

        def found() -> str:
            return next((one for one in self.lines if one.startswith("data") and holds(one)), "")

        async with asyncio.timeout(timeout), self._news:
            await self._news.wait_for(lambda: bool(found()))
        return found()

    async def ends(self) -> None:
        """It ends in time."""
        async with asyncio.timeout(ENDS_WITHIN_SECONDS):
            await self.over.wait()


class Office:
    """The admin, who has his own password, and whoever he makes."""

    def __init__(self, stories: Stories, admin: Person, stack: AsyncExitStack) -> None:
        self.stories = stories
        self.system = stories.system
        self.admin = admin
        self._stack = stack

    async def made(self, *roles: str) -> tuple[Person, str]:
        """A new user with `roles` and his one-time password."""
        login = f"person{next(_numbers)}"
        made = await self.admin.post("/api/users", login=login, name="王芳", roles=list(roles))
        person = await self._stack.enter_async_context(Person(self.system, login))
        person.user_id = made["id"]
        return person, made["password"]

    async def person(self, *roles: str) -> Person:
        """Somebody with `roles` who is logged in and has a password of his own."""
        person, password = await self.made(*roles)
        ok(await person.log_in(password))
        await person.chooses(password)
        if {"operator", "supervisor", "reviewer"} & set(roles):
            self._stack.push_async_callback(self._leaves, person)
        return person

    async def at_seat(self, index: int, *, ready: bool = True) -> tuple[Person, Phone]:
        """An operator at a registered phone."""
        person, seat = await self.person("operator"), await self.stories.seat(index)
        await person.sits_at(seat, ready=ready)
        return person, seat

    async def _leaves(self, person: Person) -> None:
        await self.system.api.post(f"/api/agents/{person.user_id}/state", json={"state": "offline"})

    async def acts(self, person: Person) -> list[str]:
        """What the audit trail has of `person`, oldest first."""
        found = await self.admin.get("/api/trail", actor=person.login, limit=200)
        for one in found["items"]:
            assert (one["user_id"], one["address"]) == (person.user_id, "127.0.0.1"), one
        return [one["action"] for one in reversed(found["items"])]

    async def verified(self, *options: str) -> str:
        """The head that ``callcenter trail verify`` prints; it must find the trail whole."""
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("CALLCENTER_")
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "callcenter.cli.main", "trail", "verify", "--json", *options,
            env={**environment, "CALLCENTER_HOME": str(self.system.settings.home)},
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await process.communicate()
        verdict = json.loads(said)
        assert process.returncode == 0, verdict
        assert verdict["problem"] is None
        head = verdict["head"]
        return f"{head['seq']}:{head['sha256']}"


def ok(answer: httpx.Response) -> Any:
    """Its JSON; it must be a success."""
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code; it must be a refusal."""
    assert not answer.is_success, answer.text
    return answer.status_code, answer.json()["error"]["code"]
