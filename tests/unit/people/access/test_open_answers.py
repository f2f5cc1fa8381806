"""An answer that goes on ends with what allowed it: the stream of the floor as browsers have it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.types import Message

from callcenter.people.access.actor import Actor
from callcenter.people.access.open_answers import OpenAnswers
from callcenter.people.domain.permissions import Role
from callcenter.people.gate import Gate
from callcenter.people.tokens.service import TokenService
from callcenter.people.users.models import UserSession
from callcenter.people.users.sessions import Session, SessionService
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.http.given import Shelf
from callcenter.workforce.live.service import LiveService
from tests.unit.app.running import GOOD, Browser, Service, service
from tests.unit.asking import person

ENDS_WITHIN_SECONDS = 2.0
"""The promise."""


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Service]:
    async with service(tmp_path) as made:
        yield made


class Stream:
    """One open request for the floor's stream."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.status = 0
        self.whole = False
        """Whether the end was said; else the line was cut."""
        self.over = asyncio.Event()

    async def first(self) -> bytes:
        """The first piece of the answer, whatever it is."""
        while True:
            message = await self.sent.get()
            if message["type"] == "http.response.body":
                return bytes(message["body"])

    async def ends(self) -> None:
        """Wait for the end, which must be said and come in time."""
        async with asyncio.timeout(ENDS_WITHIN_SECONDS):
            await self.over.wait()
        assert self.whole

    async def goes_on(self) -> None:
        """It does not end within the time in which it would."""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(ENDS_WITHIN_SECONDS):
                await self.over.wait()


@asynccontextmanager
async def watching(running: Service, **headers: str) -> AsyncIterator[Stream]:
    """Somebody whose browser sends `headers` watches; raw, for the usual clients gather an answer
    until its end."""
    stream = Stream()
    gone = asyncio.Event()
    asked = asyncio.Event()

    async def receive() -> Message:
        if not asked.is_set():
            asked.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        assert not stream.whole
        if message["type"] == "http.response.start":
            stream.status = message["status"]
        else:
            stream.whole = not message.get("more_body", False)
        stream.sent.put_nowait(message)

    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": "/api/live/stream", "raw_path": b"/api/live/stream",
        "root_path": "", "query_string": b"", "client": ("192.0.2.1", 4711),
        "server": ("service", 80),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    task = asyncio.create_task(running.app(scope, receive, send))
    task.add_done_callback(lambda _task: stream.over.set())
    try:
        yield stream
    finally:
        gone.set()
        async with asyncio.timeout(5):
            await task


def of(browser: Browser) -> dict[str, str]:
    """What the browser sends by itself."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    return {"cookie": cookies}


async def disabled(running: Service, user_id: int) -> None:
    admin = await running.machine(Role.ADMIN)
    assert (await admin.patch(f"/api/users/{user_id}", json={"enabled": False})).is_success


async def lowered(running: Service, user_id: int) -> None:
    admin = await running.machine(Role.ADMIN)
    answer = await admin.patch(f"/api/users/{user_id}", json={"roles": ["operator"]})
    assert answer.is_success


async def given_another_password(running: Service, user_id: int) -> None:
    admin = await running.machine(Role.ADMIN)
    assert (await admin.post(f"/api/users/{user_id}/password")).is_success


async def thrown_out(running: Service, user_id: int) -> None:
    admin = await running.machine(Role.ADMIN)
    assert (await admin.post(f"/api/users/{user_id}/logout")).is_success


async def expired(running: Service, user_id: int) -> None:
    await _dated(running, user_id, expires_at=datetime.now(UTC))


async def left_idle(running: Service, user_id: int) -> None:
    idle = timedelta(minutes=running.settings.session_idle_minutes)
    await _dated(running, user_id, seen_at=datetime.now(UTC) - idle)


async def _dated(running: Service, user_id: int, **moments: datetime) -> None:
    """Nobody in the service is told, as when the time has come or another process did it."""
    database: Database = running.get(Database)
    async with database.writing() as session:
        await session.execute(
            update(UserSession).where(UserSession.user_id == user_id).values(**moments)
        )


def kept(keeper: object, answers: OpenAnswers) -> Shelf:
    """What the gate asks: `keeper` for sessions."""
    shelf = Shelf()
    shelf.put(answers)
    shelf.put_as(SessionService, keeper)
    return shelf


@pytest.mark.parametrize(
    "happens", [disabled, lowered, given_another_password, thrown_out, expired, left_idle]
)
async def test_a_stream_ends_with_its_session(
    running: Service, happens: Callable[[Service, int], Awaitable[None]]
) -> None:
    chief = await running.person("li.na", Role.SUPERVISOR)
    other = await running.person("wang.fang", Role.SUPERVISOR)
    user_id = (await chief.get("/api/me")).json()["user_id"]
    async with watching(running, **of(chief)) as mine, watching(running, **of(other)) as theirs:
        assert b"event: snapshot" in await mine.first()
        assert b"event: snapshot" in await theirs.first()
        await happens(running, user_id)
        await mine.ends()
        assert not theirs.over.is_set()
    # It was ended, and the count of watchers knows.
    assert running.get(LiveService).watchers == 0


async def test_a_stream_ends_as_its_browser_logs_out_and_only_that_one(running: Service) -> None:
    desk = await running.person("li.na", Role.SUPERVISOR)
    phone = Browser(running.browser(), "li.na")
    await phone.log_in(GOOD)
    async with watching(running, **of(desk)) as here, watching(running, **of(phone)) as there:
        await here.first()
        await there.first()
        await desk.post("/api/logout")
        await here.ends()
        await there.goes_on()


async def test_a_stream_goes_on_while_nothing_changes_and_keeps_no_session_alive(
    running: Service,
) -> None:
    chief = await running.person("li.na", Role.SUPERVISOR)
    admin = await running.machine(Role.ADMIN)
    user_id = (await chief.get("/api/me")).json()["user_id"]
    before = datetime.now(UTC) - timedelta(minutes=5)
    async with watching(running, **of(chief)) as stream:
        await stream.first()
        await _dated(running, user_id, seen_at=before)
        # Not what he may do.
        await admin.patch(f"/api/users/{user_id}", json={"name": "李娜娜"})
        await stream.goes_on()
    database: Database = running.get(Database)
    async with database.reading() as session:
        seen = await session.scalars(
            select(UserSession.seen_at).where(UserSession.user_id == user_id)
        )
        assert list(seen) == [before]


@pytest.mark.parametrize("here", [True, False])
async def test_a_machines_stream_ends_with_its_token(running: Service, here: bool) -> None:
    token = await running.get(TokenService).create("wall", [Role.ANALYST])
    async with watching(running, authorization=f"Bearer {token}") as stream:
        await stream.first()
        # From the command line it is another process that revokes.
        tokens: TokenService = (
            running.get(TokenService) if here else TokenService(running.get(Database))
        )
        await tokens.revoke("wall")
        await stream.ends()


async def test_who_may_not_watch_is_refused_at_once(running: Service) -> None:
    operator = await running.person("wang.fang", Role.OPERATOR)
    async with watching(running, **of(operator)) as stream:
        await stream.ends()
        assert stream.status == 403


# -- what else goes on --------------------------------------------------------------------------


class Keeper:
    """A session that is over as soon as anybody asks again."""

    async def check(self, _cookie: str) -> Session:
        return Session(1, person("li.na", Role.SUPERVISOR, user_id=12), "csrf")

    async def standing(self, _proofs: Collection[str]) -> Mapping[str, Actor]:
        return {}


Send = Callable[[Message], Awaitable[None]]


async def ended(
    kind: str, *begin: Message, send: Send | None = None
) -> tuple[list[Message], list[str]]:
    """A service says `begin` and then nothing more; what was sent, and what the service saw."""
    sent: list[Message] = []
    saw: list[str] = []

    async def noted(message: Message) -> None:
        sent.append(message)

    async def service(_scope: Any, _receive: Any, out: Send) -> None:
        for message in begin:
            await out(message)
        try:
            await asyncio.Event().wait()
        finally:
            saw.append("ended")

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {}

    answers = OpenAnswers()
    state = SimpleNamespace(shelf=kept(Keeper(), answers))
    scope = {
        "type": kind, "method": "GET", "path": "/api/recordings/1/audio",
        "headers": [(b"cookie", b"callcenter_session=x"), (b"origin", b"http://service"),
                    (b"host", b"service")],
        "app": SimpleNamespace(state=state),
    }  # fmt: skip
    gate = Gate(service, Settings(_env_file=None, home=Path("x")))
    looking = asyncio.create_task(answers.run())
    try:
        async with asyncio.timeout(5):
            await gate(scope, receive, send or noted)
    finally:
        looking.cancel()
    assert len(answers) == 0
    return sent, saw


def start(*headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


def piece(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def test_a_websocket_is_closed_with_its_session() -> None:
    sent, saw = await ended("websocket", {"type": "websocket.accept"})
    assert sent[-1] == {"type": "websocket.close", "code": 1008}
    assert saw == ["ended"]


async def test_a_download_of_known_length_is_cut_not_passed_off_as_whole() -> None:
    sent, saw = await ended("http", start((b"Content-Length", b"1000")), piece(b"RIFF"))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"]
    assert saw == ["ended"]


async def test_who_takes_nothing_holds_nothing_up() -> None:
    async def full(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    _sent, saw = await ended("http", start(), piece(b"data: 1\n\n"), send=full)
    assert saw == []  # It was held up in saying its first piece, and came to an end all the same.


async def test_a_time_out_of_the_service_itself_stays_one() -> None:
    async def service(_scope: Any, _receive: Any, _send: Any) -> None:
        raise TimeoutError("of the service")

    state = SimpleNamespace(shelf=kept(Keeper(), OpenAnswers()))
    scope = {
        "type": "http", "method": "GET", "path": "/api/cases",
        "headers": [(b"cookie", b"callcenter_session=x")],
        "app": SimpleNamespace(state=state),
    }  # fmt: skip
    gate = Gate(service, Settings(_env_file=None, home=Path("x")))
    with pytest.raises(TimeoutError, match="of the service"):
        await gate(scope, None, None)  # type: ignore[arg-type]
