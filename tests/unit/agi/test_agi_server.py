"""A complete answer or a closed connection, in bounded time, whatever the other side does."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from agi.client import AgiUnanswered, ask, request_bytes
from agi.protocol import Request
from agi.server import GET_SECRET, AgiServer, Question, Session
from agi.stats import Stats
from callcenter.platform.config import Settings

# A hanging server is what is tested for, and uvloop lets no signal end a test.
pytestmark = pytest.mark.timeout(60, method="thread")

ROUTE = {"CC_ROUTE": "queue", "CC_QUEUE": "12345", "CC_PRIORITY": "0"}
COMMANDS = [
    b'SET VARIABLE CC_ROUTE "queue"\n',
    b'SET VARIABLE CC_QUEUE "12345"\n',
    b'SET VARIABLE CC_PRIORITY "0"\n',
    b'SET VARIABLE CC_ANSWER "ok"\n',
]
DONE = b"200 result=1\n"
ANSWER_SOON = {"agi_deadline_ms": 200}
HEADER_SOON = {"agi_header_seconds": 0.1}


@dataclass(frozen=True)
class Serving:
    """A running server."""

    server: AgiServer
    stats: Stats
    port: int

    async def ask(self, question: str, *args: str) -> dict[str, str]:
        """As a call asks."""
        return await ask(self.port, question, *args)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """As Asterisk connects."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def say(self, *parts: bytes) -> bytes:
        """Connect, send `parts` and read what comes until the server closes."""
        reader, writer = await self.connect()
        for part in parts:
            writer.write(part)
            with suppress(ConnectionError):
                await writer.drain()
        heard = await heard_until_closed(reader)
        writer.transport.abort()
        return heard

    async def idle(self) -> None:
        """Wait until no connection and no unfinished answer is left."""
        await self.server._idle.wait()

    @property
    def lost(self) -> dict[str, int]:
        return {str(why): count for why, count in self.stats.lost.items()}


class Serve(Protocol):
    """Starts a server; it ends with the test."""

    async def __call__(self, questions: Mapping[str, Question], **changes: Any) -> Serving: ...


@pytest.fixture
async def serve(free_port: int, tmp_path: Path) -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(questions: Mapping[str, Question], **changes: Any) -> Serving:
            secret = changes.pop("secret", None)
            # Nothing here takes so long, unless a test asks for a shorter time.
            values = {"agi_deadline_ms": 5000, "agi_header_seconds": 10.0, **changes}
            settings = Settings(_env_file=None, home=tmp_path, agi_port=free_port, **values)
            stats = Stats(datetime.now(UTC), 0)
            server = AgiServer(settings, questions, stats, secret)
            await server.start()
            stack.push_async_callback(server.stop)
            return Serving(server, stats, free_port)

        yield start


async def heard_until_closed(reader: asyncio.StreamReader) -> bytes:
    heard = b""
    with suppress(ConnectionError):
        while part := await reader.read(65536):
            heard += part
    return heard


async def route(_request: Request) -> Mapping[str, str]:
    return ROUTE


async def fail(_request: Request) -> Mapping[str, str]:
    raise RuntimeError("no such table: call\nadvice below")


async def for_ever(_request: Request) -> Mapping[str, str]:
    await asyncio.Event().wait()
    return ROUTE


class Held:
    """A question that answers when it is told to, and goes on when it is cancelled."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.asked = asyncio.Semaphore(0)

    async def __call__(self, _request: Request) -> Mapping[str, str]:
        self.asked.release()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            await self.release.wait()
        return ROUTE


# -- a complete answer ----------------------------------------------------------------------------


async def test_all_variables_arrive_and_the_connection_is_closed(serve: Serve) -> None:
    serving = await serve({"route": route})
    assert await serving.ask("route", "12345") == ROUTE
    await serving.idle()
    assert serving.stats.answers == Counter(route=1)
    assert serving.lost == {}


class Wire(asyncio.Transport):
    """A transport that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = ""

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = self.closed or "closed"

    def abort(self) -> None:
        self.closed = self.closed or "aborted"


@dataclass
class Side:
    """One session on a wire of the test's own: nothing happens but what the test does."""

    session: Session
    wire: Wire
    stats: Stats

    async def asked(self) -> None:
        """Send the request and wait until the question is answered."""
        self.session.data_received(request_bytes("route"))
        task = self.session._task
        assert task is not None
        await asyncio.wait({task})
        await asyncio.sleep(0)  # the loop calls what waits for the task in its next turn


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[Side]:
    stats = Stats(datetime.now(UTC), 0)
    settings = Settings(_env_file=None, home=tmp_path, agi_deadline_ms=5000)
    session, wire = Session(AgiServer(settings, {"route": route}, stats)), Wire()
    session.connection_made(wire)
    yield Side(session, wire, stats)
    session.connection_lost(None)


async def test_a_variable_is_set_only_after_the_reply_to_the_one_before(side: Side) -> None:
    await side.asked()
    for count in range(1, len(COMMANDS) + 1):
        assert side.wire.sent == COMMANDS[:count]
        assert side.wire.closed == ""
        side.session.data_received(DONE)
    assert side.wire.sent == COMMANDS
    assert side.wire.closed == "closed"
    assert side.stats.answers == Counter(route=1)


@pytest.mark.parametrize("refused_at", range(len(COMMANDS)))
@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"510 Invalid or unknown command\n", "pbx_error"),
        (b"520-Invalid\nusage\n520 End of proper usage.\n", "pbx_error"),
        (b"511 Command Not Permitted on a dead channel\n", "pbx_error"),
        (b"HANGUP\n", "hung_up"),
        (b"what?\n", "bad_request"),
        (DONE + DONE, "bad_request"),
    ],
)
async def test_half_an_answer_is_none(side: Side, refused_at: int, said: bytes, why: str) -> None:
    await side.asked()
    for _ in range(refused_at):
        side.session.data_received(DONE)
    before = list(side.wire.sent)
    side.session.data_received(said)
    assert side.wire.closed
    assert side.stats.lost == Counter({why: 1})
    assert side.stats.answers == Counter()
    assert COMMANDS[-1] not in side.wire.sent or refused_at == len(COMMANDS) - 1
    assert len(side.wire.sent) - len(before) <= 1


async def test_a_caller_who_is_gone_before_the_question_is_asked(side: Side) -> None:
    side.session.data_received(request_bytes("route") + b"HANGUP\n")
    assert (side.wire.sent, side.wire.closed) == ([], "aborted")
    assert side.stats.lost == Counter(hung_up=1)


async def test_after_the_end_nothing_is_said_or_counted(side: Side) -> None:
    side.session.data_received(request_bytes("route") + b"garbage\n")
    assert side.wire.closed == "aborted"
    side.session.data_received(request_bytes("route"))
    side.session.eof_received()
    side.session.connection_lost(ConnectionResetError())
    assert side.wire.sent == []
    assert side.stats.lost == Counter(bad_request=1)


@pytest.mark.parametrize(
    "variables",
    [
        {"cc_route": "x"},
        {"CC_ROUTE": "queue", "CC_X": "x" * 3000},
        {"CC_ROUTE": "queue", "A B": ""},
    ],
)
async def test_an_answer_that_cannot_be_told_is_not_begun(
    serve: Serve, variables: dict[str, str]
) -> None:
    async def bad(_request: Request) -> Mapping[str, str]:
        return variables

    serving = await serve({"route": bad})
    assert await serving.say(request_bytes("route")) == b""
    assert serving.lost == {"failed": 1}


async def test_a_hundred_calls_at_once_each_get_their_own_answer(serve: Serve) -> None:
    async def echo(request: Request) -> Mapping[str, str]:
        await asyncio.sleep(0)
        return {"CC_ARG": request.args[0]}

    serving = await serve({"echo": echo})
    answers = await asyncio.gather(*(serving.ask("echo", f"call {n}") for n in range(100)))
    assert answers == [{"CC_ARG": f"call {n}"} for n in range(100)]


# -- no answer ------------------------------------------------------------------------------------


async def test_a_question_that_raises_is_no_answer_and_one_line_of_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    serving = await serve({"route": fail})
    for _ in range(20):
        with pytest.raises(AgiUnanswered):
            await serving.ask("route")
    assert serving.lost == {"failed": 20}
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert "no such table: call" in record.getMessage()
    assert "advice" not in record.getMessage()


async def test_a_question_that_nobody_knows(serve: Serve) -> None:
    serving = await serve({"route": route})
    for question in ("", "Route", "route/", "../route", "\x1b[2J"):
        assert await serving.say(request_bytes(question)) == b""
    assert serving.lost == {"unknown_question": 5}


async def test_a_question_that_never_ends_is_over_at_the_deadline(serve: Serve) -> None:
    serving = await serve({"route": for_ever, "ping": route}, **ANSWER_SOON)
    assert await serving.say(request_bytes("route")) == b""
    await serving.idle()
    assert serving.lost == {"deadline": 1}
    assert await serving.ask("ping") == ROUTE


async def test_a_pbx_that_does_not_reply_is_over_at_the_deadline(serve: Serve) -> None:
    serving = await serve({"route": route}, **ANSWER_SOON)
    assert await serving.say(request_bytes("route")) == COMMANDS[0]
    assert serving.lost == {"deadline": 1}


@pytest.mark.parametrize("sent", [b"", b"a", b"agi_network: yes\n", request_bytes("route")[:-1]])
async def test_a_header_that_does_not_come_is_not_waited_for(serve: Serve, sent: bytes) -> None:
    serving = await serve({"route": route}, **HEADER_SOON)
    assert await serving.say(sent) == b""
    await serving.idle()
    assert serving.lost == {"header_late": 1}


async def test_bytes_that_drip_in_move_no_deadline(serve: Serve) -> None:
    serving = await serve({"route": route}, **HEADER_SOON)
    reader, writer = await serving.connect()
    closed = asyncio.create_task(heard_until_closed(reader))
    sent = 0
    for byte in request_bytes("route"):
        writer.write(bytes([byte]))
        sent += 1
        done, _ = await asyncio.wait({closed}, timeout=0.01)
        if done:
            break
    assert sent < len(request_bytes("route"))
    assert await closed == b""
    assert serving.lost == {"header_late": 1}
    writer.transport.abort()


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "bad_line"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", "bad_line"),
        (b"\0\n\0\n", "bad_line"),
        (b"agi_request: x\n" * 2, "double_header"),
        (b"a" * 20_000, "too_many_bytes"),
        (b"".join(b"agi_arg_%d: x\n" % n for n in range(1, 200)), "too_many_lines"),
    ],
)
async def test_what_is_not_asterisk_is_closed_at_once(
    serve: Serve, sent: bytes, fault: str
) -> None:
    serving = await serve({"route": route})
    assert await serving.say(sent) == b""
    await serving.idle()
    assert serving.lost == {"bad_request": 1}
    assert serving.stats.bad_requests == Counter({fault: 1})
    assert await serving.ask("route") == ROUTE


# -- the other side goes --------------------------------------------------------------------------


async def test_who_connects_and_closes_costs_nothing(serve: Serve) -> None:
    """A fault of other FastAGI servers: such a peer spins the event loop for ever."""
    serving = await serve({"route": route})
    tasks = len(asyncio.all_tasks())
    for _ in range(100):
        _, writer = await serving.connect()
        writer.close()
    for _ in range(100):  # and one that resets
        _, writer = await serving.connect()
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
    assert await serving.ask("route") == ROUTE
    await serving.idle()
    # A reset may come before the connection is accepted; what was accepted is gone.
    assert serving.stats.accepted == serving.lost["gone"] + 1
    assert 100 <= serving.lost["gone"] <= 200
    assert serving.stats.open == 0
    assert len(asyncio.all_tasks()) == tasks
    assert serving.stats.bad_requests == Counter()


async def test_half_a_header_and_an_end(serve: Serve) -> None:
    serving = await serve({"route": route})
    reader, writer = await serving.connect()
    writer.write(request_bytes("route")[:100])
    writer.write_eof()
    assert await heard_until_closed(reader) == b""
    await serving.idle()
    assert serving.stats.bad_requests == Counter(ended_early=1)
    writer.transport.abort()


async def test_who_closes_his_half_is_gone_though_an_answer_was_under_way(serve: Serve) -> None:
    held = Held()
    serving = await serve({"route": held})
    reader, writer = await serving.connect()
    writer.write(request_bytes("route"))
    await held.asked.acquire()
    writer.write_eof()
    assert await heard_until_closed(reader) == b""
    assert serving.lost == {"gone": 1}
    held.release.set()
    await serving.idle()
    assert serving.stats.answers == Counter()
    writer.transport.abort()


async def test_who_goes_while_the_answer_is_told_gets_no_more(serve: Serve) -> None:
    serving = await serve({"route": route})
    reader, writer = await serving.connect()
    writer.write(request_bytes("route"))
    assert await reader.readline() == COMMANDS[0]
    writer.transport.abort()
    await serving.idle()
    assert serving.lost == {"gone": 1}
    assert serving.stats.answers == Counter()


# -- limits ---------------------------------------------------------------------------------------


async def test_above_the_cap_connections_are_closed_and_below_it_served(serve: Serve) -> None:
    held = Held()
    serving = await serve({"route": held}, agi_max_connections=3)
    waiting = [asyncio.create_task(serving.ask("route")) for _ in range(3)]
    for _ in waiting:
        await held.asked.acquire()
    for _ in range(5):
        with pytest.raises(AgiUnanswered):
            await serving.ask("route")
    assert serving.lost == {"refused": 5}
    assert serving.stats.accepted == 3
    held.release.set()
    assert await asyncio.gather(*waiting) == [ROUTE] * 3
    await serving.idle()
    assert await serving.ask("route") == ROUTE


async def test_an_answer_that_goes_on_after_its_deadline_still_counts(serve: Serve) -> None:
    held = Held()
    serving = await serve({"route": held}, agi_max_connections=2, **ANSWER_SOON)
    for _ in range(2):
        assert await serving.say(request_bytes("route")) == b""
    assert serving.lost == {"deadline": 2}
    assert serving.stats.open == 2
    with pytest.raises(AgiUnanswered):
        await serving.ask("route")
    assert serving.lost == {"deadline": 2, "refused": 1}
    held.release.set()
    await serving.idle()
    assert serving.stats.open == 0
    assert serving.stats.answers == Counter()


async def test_only_this_machine_can_ask(serve: Serve) -> None:
    serving = await serve({"route": route})
    assert serving.server._listener is not None
    (listening,) = serving.server._listener.sockets
    assert listening.getsockname() == ("127.0.0.1", serving.port)


# -- the end --------------------------------------------------------------------------------------


@pytest.fixture
def short_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agi.server.STOP_SECONDS", 0.05)


async def test_a_stop_refuses_new_calls_and_lets_running_answers_finish(serve: Serve) -> None:
    held = Held()
    serving = await serve({"route": held})
    waiting = asyncio.create_task(serving.ask("route"))
    await held.asked.acquire()
    stopping = asyncio.create_task(serving.server.stop())
    await asyncio.sleep(0)
    with pytest.raises(AgiUnanswered):
        await serving.ask("route")
    assert not stopping.done()
    held.release.set()
    assert await waiting == ROUTE
    await stopping


@pytest.mark.usefixtures("short_stop")
async def test_what_does_not_finish_is_closed_at_a_stop(serve: Serve) -> None:
    held = Held()
    serving = await serve({"route": held})
    waiting = [asyncio.create_task(serving.say(request_bytes("route"))) for _ in range(2)]
    for _ in waiting:
        await held.asked.acquire()
    await serving.server.stop()
    assert await asyncio.gather(*waiting) == [b"", b""]
    assert serving.lost == {"stopped": 2}
    held.release.set()
    await serving.idle()


async def test_a_port_that_is_taken_is_an_error(serve: Serve, tmp_path: Path) -> None:
    serving = await serve({"route": route})
    settings = Settings(_env_file=None, home=tmp_path, agi_port=serving.port)
    second = AgiServer(settings, {}, Stats(datetime.now(UTC), 0))
    with pytest.raises(OSError, match="in use"):
        await second.start()
    await second.stop()
    assert await serving.ask("route") == ROUTE


# -- who asks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        b"200 result=1 (wrong)\n",
        b"200 result=0\n",
        b"200 result=1 ()\n",
        b"510 Invalid or unknown command\n",
        b"511 Command Not Permitted on a dead channel or intercept routine\n",
        b"200 result=1 (the secret\n",
    ],
)
async def test_who_does_not_know_the_secret_is_told_nothing_and_counted(
    serve: Serve, reply: bytes
) -> None:
    serving = await serve({"route": route}, secret="the secret")
    reader, writer = await serving.connect()
    writer.write(request_bytes("route"))
    assert await reader.readline() == GET_SECRET
    writer.write(reply)
    assert await heard_until_closed(reader) == b""
    writer.transport.abort()
    assert serving.lost == {"stranger": 1}
    assert serving.stats.answers == {}


async def test_who_does_not_answer_for_the_secret_has_the_headers_time_for_it(
    serve: Serve,
) -> None:
    serving = await serve({"route": route}, secret="the secret", agi_header_seconds=0.05)
    assert await serving.say(request_bytes("route")) == GET_SECRET
    assert serving.lost == {"header_late": 1}


async def test_who_knows_the_secret_is_answered(serve: Serve, free_port: int) -> None:
    serving = await serve({"route": route}, secret="the secret")
    assert await ask(free_port, "route", secret="the secret") == ROUTE
    with pytest.raises(AgiUnanswered):
        await ask(free_port, "route", secret="the secret ")
    assert serving.lost == {"stranger": 1}
