"""The door that every answer leaves by: no number whole for who may not see it, none unnoted.

It stands behind the gate, before every endpoint, and reads what they answer: lists, files,
calendars, streams, errors, answers to a change. So a field that somebody adds, a text in which a
citizen's number stands, and an endpoint that thinks of neither, are treated as all others are.
Endpoints hide besides what they know to be a citizen's (`people.citizens`), and what a confidential
case hides.

What is shown whole is noted before it leaves: how many numbers, of what, and what was asked. The
same number of the same thing, shown to the same person again within a minute, is noted once, for
screens refresh; a stream says each minute what came to be shown in it.
"""

from __future__ import annotations

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from functools import lru_cache
from urllib.parse import parse_qsl, unquote_plus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callcenter.people.access.actor import Actor, present_actor
from callcenter.people.access.shown import answering
from callcenter.people.domain.answers import Form, Shown, form_of, masked_answer, numbers_shown
from callcenter.people.domain.masking import mask_number
from callcenter.people.domain.permissions import Permission
from callcenter.people.trail.service import Entry, Trail
from callcenter.platform.domain.numbers_in_text import mask_numbers
from callcenter.platform.errors import CallcenterError
from callcenter.platform.http.api import error_answer
from callcenter.platform.http.given import shelf_of

_log = logging.getLogger(__name__)

AGAIN_SECONDS = 60.0
"""As long as a screen that refreshes is taken for one look, and between two entries of a stream."""
REMEMBERED = 50_000
"""Numbers shown in the last minute that are known again; the oldest are noted once more."""
NAMED = 100
"""Things that one entry names; of more it says how many: a page has no more of them."""
ACTION = "number.shown"
_AREA = re.compile(r"/api/([a-z-]+)")
_SINGULAR = {"callbacks": "callback", "agents": "agent", "users": "user", "cases": "case"}
_OPAQUE = frozenset({"cursor"})


class Leaving:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._known = KnownNumbers(monotonic)
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and let out what may leave."""
        if scope["type"] != "http" or not _has_words(scope["path"]):
            await self._app(scope, receive, send)
            return
        with answering() as told:
            door = _Door(scope, receive, send, told, self._known, self._monotonic)
            try:
                await self._app(scope, door.receive, door.send)
            finally:
                await door.close()


class KnownNumbers:
    """What the trail has been told of in the last minute."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def fresh(self, who: Actor, shown: Shown) -> Shown:
        """Those of `shown` that are new to `who`."""
        now, name = self._monotonic(), _name(who)
        return frozenset(one for one in shown if self._until.get((name, *one), 0.0) <= now)

    def noted(self, who: Actor, shown: Shown) -> None:
        """Remember them."""
        until, name = self._monotonic() + AGAIN_SECONDS, _name(who)
        for one in shown:
            self._until[(name, *one)] = until
            self._until.move_to_end((name, *one))
        while len(self._until) > REMEMBERED:
            self._until.popitem(last=False)


class _Door:
    """One answer."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        told: Collection[str],
        known: KnownNumbers,
        monotonic: Callable[[], float],
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._told = told
        self._known = known
        self._monotonic = monotonic
        self._who = present_actor()
        self._form: Form | None = None
        self._start: Message | None = None
        self._held = b""
        self._sent = b""
        self._over = False
        self._gathered: Shown = frozenset()
        self._note_at = 0.0

    @property
    def _sees(self) -> bool:
        return self._who is not None and self._who.may(Permission.NUMBER_SEE)

    async def receive(self) -> Message:
        """What the endpoint is sent: numbers in it are nothing new to who sent them."""
        message = await self._receive()
        if message["type"] == "http.request" and self._sees:
            self._sent += message.get("body", b"")
        return message

    async def send(self, message: Message) -> None:
        """What the endpoint sends."""
        if self._over:
            return
        if message["type"] == "http.response.start":
            self._form = form_of(Headers(raw=message["headers"]).get("content-type", ""))
            if self._form in (None, Form.EVENTS) or self._scope["method"] == "HEAD":
                await self._send(message)
            else:
                self._start = message
        elif message["type"] != "http.response.body" or self._form is None:
            await self._send(message)
        elif self._form is Form.EVENTS:
            await self._stream(message)
        elif self._start is None:  # HEAD
            await self._send(message)
        else:
            self._held += message.get("body", b"")
            if not message.get("more_body", False):
                await self._whole(self._start)

    async def close(self) -> None:
        """The endpoint is done: what a stream has shown last is noted."""
        if self._gathered:
            shown, self._gathered = self._gathered, frozenset()
            try:
                await self._note(shown)
            except CallcenterError as error:
                _log.error("%d numbers shown to %s are not noted: %s", len(shown), self._who, error)

    async def _whole(self, start: Message) -> None:
        body, form = self._held, self._form
        assert form is not None  # noqa: S101
        if not self._sees:
            body = masked_answer(body, form)
        elif start["status"] < 400 and self._who is not None:
            shown = self._new(numbers_shown(body, form, _area(self._scope["path"])))
            if self._sent and shown:
                own = [one for _of, one in numbers_shown(self._sent, Form.JSON, "")]
                shown = frozenset(one for one in shown if not _is_own(one[1], own))
            if shown and not await self._noted(shown):
                return
        MutableHeaders(raw=start["headers"])["content-length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})

    async def _noted(self, shown: Shown) -> bool:
        """Whether the trail has it; else the answer is that it has not, and nothing is shown."""
        try:
            await self._note(shown)
        except CallcenterError as error:
            self._over = True
            await error_answer(error)(self._scope, self._receive, self._send)
            return False
        return True

    async def _stream(self, message: Message) -> None:
        self._held += message.get("body", b"")
        more = message.get("more_body", False)
        # An event is whole at its blank line; only whole ones can be read.
        end = self._held.rfind(b"\n\n") + 2 if more else len(self._held)
        if more and end < 2:
            return
        piece, self._held = self._held[:end], self._held[end:]
        if not self._sees:
            piece = _masked_events(piece)
        elif self._who is not None and piece:
            self._gathered |= self._new(_shown_events(piece))
            if self._gathered and self._monotonic() >= self._note_at:
                shown, self._gathered = self._gathered, frozenset()
                await self._note(shown)
                self._note_at = self._monotonic() + AGAIN_SECONDS
        await self._send({**message, "body": piece})

    def _new(self, shown: Shown) -> Shown:
        if self._who is None:
            return frozenset()
        shown = frozenset(one for one in shown if one[0] not in self._told)
        return self._known.fresh(self._who, shown) - self._gathered

    async def _note(self, shown: Shown) -> None:
        if self._who is None:
            return
        subjects = sorted({of or f"number:{mask_number(digits)}" for of, digits in shown})
        data: dict[str, object] = {"count": len(shown), "of": subjects[:NAMED]}
        if len(subjects) > NAMED:
            data["more"] = len(subjects) - NAMED
        if asked := _asked(self._scope):
            data["asked"] = asked
        trail = shelf_of(self._scope["app"]).take(Trail)
        await trail.note(Entry(ACTION, _what(self._scope), data))
        self._known.noted(self._who, shown)


def _is_own(digits: str, own: Collection[str]) -> bool:
    """Whether it is a number that was sent, perhaps written without the country's code now."""
    return any(one.endswith(digits) or digits.endswith(one) for one in own)


def _has_words(path: str) -> bool:
    """Whether people's words can be in the answer; the API's description has made-up ones."""
    return path.startswith(("/api/", "/calendar/"))


# A stream's pieces are the same bytes for all who watch and may see the same: read once.
@lru_cache(maxsize=64)
def _masked_events(piece: bytes) -> bytes:
    return masked_answer(piece, Form.EVENTS)


@lru_cache(maxsize=64)
def _shown_events(piece: bytes) -> Shown:
    return numbers_shown(piece, Form.EVENTS, "")


def _name(who: Actor) -> str:
    return f"token:{who.name}" if who.user_id is None else f"user:{who.user_id}"


def _area(path: str) -> str:
    found = _AREA.match(path)
    return "" if found is None else _SINGULAR.get(found[1], found[1])


def _what(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", scope["path"])
    return str(path) if scope["method"] == "GET" else f"{scope['method']} {path}"


def _asked(scope: Scope) -> dict[str, str]:
    """The filters of the question, without a whole number."""
    pairs = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    return {
        unquote_plus(name)[:40]: mask_numbers(value)[:100]
        for name, value in pairs[:20]
        if name not in _OPAQUE
    }
