"""The FastAGI server: accepts, reads, asks the question, tells the answer, closes.

Policy:

- A connection ends with a complete answer or it is closed; both are fine for the call, a
  connection that stays silent is not, for Asterisk waits on it without end. So every state has
  its own timer: the header, and from its last line on the answer. The timers close the socket
  themselves and depend on no task's good will.
- Variables are set one after the other, each after Asterisk's reply to the one before, and
  ``CC_ANSWER=ok`` last: a half answer is no answer. (Asterisk stalls on commands sent ahead:
  docs/decisions/0003-agi-answers.md.)
- Whoever asks is asked first: only the dialplan knows the secret (a global variable of its own,
  never an argument, so it stands in no log). Who does not is told nothing, and counted.
- Above the cap of connections, new ones are closed at once. An answer that goes on working after
  its deadline still counts: a stuck database cannot pile up tasks.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
from collections import deque
from collections.abc import Coroutine, Mapping
from enum import StrEnum
from typing import Any, Protocol, cast

from agi.log import Sparing, first_line
from agi.protocol import AgiReader, HungUp, ProtocolError, Reply, Request, set_variable
from agi.stats import Stats
from callcenter.platform.config import Settings

_log = logging.getLogger(__name__)

STOP_SECONDS = 1.0
"""What running answers get at a stop; then they are closed and the dialplan's default applies."""


GET_SECRET = b"GET VARIABLE CC_AGI_SECRET\n"
_SECRET_REPLY = re.compile(r"result=1 \((.*)\)")


class Question(Protocol):
    """One question of the dialplan's."""

    def __call__(self, request: Request, /) -> Coroutine[Any, Any, Mapping[str, str]]:
        """The variables to set; any exception means no answer."""


class Loss(StrEnum):
    """Why a connection ended without a complete answer."""

    REFUSED = "refused"
    """More connections than the cap."""
    HEADER_LATE = "header_late"
    BAD_REQUEST = "bad_request"
    UNKNOWN_QUESTION = "unknown_question"
    STRANGER = "stranger"
    """Who asked is not our dialplan."""
    DEADLINE = "deadline"
    FAILED = "failed"
    """The question raised; the log says what."""
    PBX_ERROR = "pbx_error"
    """Asterisk refused to set a variable."""
    HUNG_UP = "hung_up"
    GONE = "gone"
    """The other side closed, or was never more than a connect."""
    STOPPED = "stopped"


class AgiServer:
    """Serves `questions` on the loopback address until stopped."""

    def __init__(
        self,
        settings: Settings,
        questions: Mapping[str, Question],
        stats: Stats,
        secret: str | None = None,
    ) -> None:
        """`secret` is what the dialplan has to know; None: nobody is asked, for tests alone."""
        self.secret = secret
        self.settings = settings
        self.questions = questions
        self.stats = stats
        self.sparing = Sparing(_log)
        self._sessions: set[Session] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; `OSError` if the port cannot be had."""
        loop = asyncio.get_running_loop()
        # Only loopback, whatever the settings: an answer tells who is blocked. The backlog holds
        # what arrives while the loop is busy; above it connects are dropped and Asterisk gives up
        # after 2 s, so it is as large as the cap and no larger.
        self._listener = await loop.create_server(
            lambda: Session(self),
            "127.0.0.1",
            self.settings.agi_port,
            backlog=self.settings.agi_max_connections,
            reuse_address=True,
        )

    async def stop(self) -> None:
        """Refuse new connections, let running answers finish for up to a second, close."""
        if self._listener is not None:
            self._listener.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            for session in tuple(self._sessions):
                session.lose(Loss.STOPPED)

    def admit(self, session: Session) -> bool:
        """Whether `session` may go on; counts it until `release`."""
        if len(self._sessions) >= self.settings.agi_max_connections:
            self.stats.lost[Loss.REFUSED] += 1
            return False
        self._sessions.add(session)
        self._idle.clear()
        self.stats.accepted += 1
        self.stats.open = len(self._sessions)
        return True

    def release(self, session: Session) -> None:
        """`session` holds nothing any more."""
        self._sessions.discard(session)
        self.stats.open = len(self._sessions)
        if not self._sessions:
            self._idle.set()


class Session(asyncio.Protocol):
    """One connection of Asterisk's: one request, one answer."""

    __slots__ = (
        "_commands",
        "_loop",
        "_over",
        "_proven",
        "_reader",
        "_request",
        "_requested_at",
        "_server",
        "_task",
        "_timer",
        "_transport",
    )

    def __init__(self, server: AgiServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._reader = AgiReader(
            max_bytes=server.settings.agi_max_header_bytes,
            max_lines=server.settings.agi_max_header_lines,
        )
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Mapping[str, str]] | None = None
        self._request: Request | None = None
        self._requested_at = 0.0
        self._commands: deque[bytes] = deque()
        self._over = False
        self._proven = server.secret is None

    # -- asyncio's side ---------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection: watch it, or close it if there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        if not self._server.admit(self):
            self._over = True
            self._transport.abort()
            return
        seconds = self._server.settings.agi_header_seconds
        self._timer = self._loop.call_later(seconds, self.lose, Loss.HEADER_LATE)

    def data_received(self, data: bytes) -> None:
        """Bytes: take what they complete."""
        if self._over:
            return
        try:
            events = self._reader.receive(data)
        except ProtocolError as error:
            self._bad(error)
            return
        for event in events:
            if self._over:
                return
            match event:
                case Request():
                    self._greet(event)
                case Reply():
                    self._next(event)
                case HungUp():
                    self.lose(Loss.HUNG_UP)

    def eof_received(self) -> None:
        """The other side is done. Asterisk never half-closes: there is nobody to tell."""
        if self._over:
            return
        try:
            self._reader.receive_eof()
        except ProtocolError as error:
            self._bad(error)
        else:
            self.lose(Loss.GONE)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed, by whomever."""
        self._transport = None
        self.lose(Loss.GONE)
        self._release()

    # -- the answer's side ------------------------------------------------------------------
    def lose(self, why: Loss) -> None:
        """End without a complete answer; the dialplan's default applies."""
        if not self._over:
            self._server.stats.lost[why] += 1
            if why is Loss.DEADLINE and self._request is not None:
                self._say(why, f"{self._request.question} took too long")
            self._end(abort=True)

    def _bad(self, error: ProtocolError) -> None:
        self._server.stats.bad_requests[error.fault] += 1
        self._say(Loss.BAD_REQUEST, error.fault)
        self.lose(Loss.BAD_REQUEST)

    def _greet(self, request: Request) -> None:
        self._request = request
        self._requested_at = time.perf_counter()
        if self._proven:
            self._ask(request)
        elif self._transport is not None:
            # The header's timer goes on: the secret belongs to it.
            self._reader.expect_reply()
            self._transport.write(GET_SECRET)

    def _prove(self, reply: Reply, request: Request) -> None:
        said = _SECRET_REPLY.fullmatch(reply.text) if reply.success else None
        wanted = (self._server.secret or "").encode()
        if said is None or not hmac.compare_digest(said[1].encode(), wanted):
            self._say(Loss.STRANGER, "who asks does not know the secret")
            self.lose(Loss.STRANGER)
            return
        self._proven = True
        self._ask(request)

    def _ask(self, request: Request) -> None:
        self._stop_timer()
        question = self._server.questions.get(request.question)
        if question is None:
            self._say(Loss.UNKNOWN_QUESTION, ascii(request.question[:64]))
            self.lose(Loss.UNKNOWN_QUESTION)
            return
        seconds = self._server.settings.agi_deadline_ms / 1000
        self._timer = self._loop.call_later(seconds, self.lose, Loss.DEADLINE)
        self._task = self._loop.create_task(question(request))
        self._task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[Mapping[str, str]]) -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()
        if self._over:
            self._release()
            return
        if task.cancelled() or error is not None:
            kind = type(error).__name__ if error else "cancelled"
            self._say(Loss.FAILED, f"{self._name}: {kind}: {first_line(error)}")
            self.lose(Loss.FAILED)
            return
        try:
            variables = {**task.result(), "CC_ANSWER": "ok"}
            self._commands.extend(set_variable(*item) for item in variables.items())
        except ValueError as bad:
            self._say(Loss.FAILED, f"{self._name}: {bad}")
            self.lose(Loss.FAILED)
            return
        self._tell()

    def _tell(self) -> None:
        if self._transport is not None:
            self._reader.expect_reply()
            self._transport.write(self._commands.popleft())

    def _next(self, reply: Reply) -> None:
        if not self._proven and self._request is not None:
            self._prove(reply, self._request)
        elif not reply.success:
            self._say(Loss.PBX_ERROR, f"{self._name}: {reply.code} {reply.text[:100]!a}")
            self.lose(Loss.PBX_ERROR)
        elif self._commands:
            self._tell()
        else:
            self._server.stats.answered(self._name, time.perf_counter() - self._requested_at)
            self._end(abort=False)

    @property
    def _name(self) -> str:
        return self._request.question if self._request else ""

    def _say(self, why: Loss, message: str) -> None:
        kind = f"{why} {self._name}" if self._name in self._server.questions else str(why)
        self._server.sparing.error(kind, message, now=self._loop.time())

    def _end(self, *, abort: bool) -> None:
        self._over = True
        self._stop_timer()
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            if abort:
                self._transport.abort()
            else:
                self._transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _release(self) -> None:
        if self._transport is None and self._task is None:
            self._server.release(self)
