"""Nothing under ``/api`` or ``/ws`` is reached without a valid token or session, but for
`OPEN_PATHS`; nor are the API's description and the metrics, unless a setting opens them.

At the door and not at each endpoint: a route that somebody forgets to guard cannot exist, and no
byte of a stranger's body is read. Who asks is `request.state.who` (and `actor`, his name), and
`people.access.actor.present_actor` for everything that the request does.

A token is in the Authorization header, which no other site can make a browser send. A session is in
a cookie, which a browser sends by itself; so whatever changes something, and every WebSocket, must
come from our own pages: `Origin` is ours, and for a write the header ``X-CSRF-Token`` holds the
session's CSRF token.

An answer that goes on, such as the floor's event stream, ends when its session or token does
(`open_answers`): its last piece is said, so a browser knows that it was no broken line.
"""

from __future__ import annotations

import asyncio
import hmac
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callcenter.people.access.actor import Actor, acting
from callcenter.people.access.open_answers import OpenAnswers, Standing
from callcenter.people.access.rights import OPEN_PATHS
from callcenter.people.tokens.service import TokenService
from callcenter.people.users.cookies import by_tls, session_cookie
from callcenter.people.users.sessions import Session, SessionService
from callcenter.platform.config import Settings
from callcenter.platform.errors import CallcenterError
from callcenter.platform.http.api import error_answer, error_body
from callcenter.platform.http.given import shelf_of

GUARDED = ("/api", "/ws")
DESCRIPTION = ("/docs", "/openapi.json")
METRICS = "/metrics"
_FOREIGN = "the request comes from another site"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110, section 9.2.1: they change nothing."""

_HEADERS = {"WWW-Authenticate": "Bearer"}
_POLICY_VIOLATION = 1008
"""RFC 6455, section 7.4.1."""
FAREWELL_SECONDS = 1.0
"""For the last piece of an answer that is ended; who takes nothing is cut off."""


@dataclass(frozen=True, slots=True)
class _Proof:
    """What let a request in, and who can say whether it still would."""

    keeper: Standing
    value: str
    who: Actor
    session: Session | None = None


class Gate:
    """ASGI middleware; asks the services of tokens and sessions."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._public = urlsplit(settings.public_url).netloc
        self._guarded = (
            *GUARDED,
            *(() if settings.docs_open else DESCRIPTION),
            *(() if settings.metrics_open else (METRICS,)),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `scope` pass if it says who asks, or asks for nothing that needs it."""
        path: str = scope.get("path", "")
        guarded = any(path == one or path.startswith(f"{one}/") for one in self._guarded)
        if scope["type"] not in ("http", "websocket") or not guarded:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if path in OPEN_PATHS:
            # Else another site could log a browser in, as somebody of its choice.
            if _writes(scope) and self._foreign(headers):
                await _refuse(scope, receive, send, _csrf_failed(_FOREIGN))
            else:
                await self._app(scope, receive, send)
            return
        authorization = headers.get("authorization")
        if authorization is not None:
            tokens = shelf_of(scope["app"]).take(TokenService)
            token = bearer(authorization)
            try:
                who = await tokens.actor(token) if token else None
            except CallcenterError as error:  # the database is away
                await _refuse(scope, receive, send, error_answer(error))
                return
            if who is None:
                await _refuse(scope, receive, send, _unauthenticated(known=bool(token)))
            else:
                await self._pass(_Proof(tokens, token, who), scope, receive, send)
            return
        tls = by_tls(scope.get("scheme", "http"), self._settings)
        cookie = cookie_of(headers, session_cookie(tls=tls))
        sessions = shelf_of(scope["app"]).take(SessionService)
        try:
            session = await sessions.check(cookie) if cookie else None
        except CallcenterError as error:
            await _refuse(scope, receive, send, error_answer(error))
            return
        if session is None:
            await _refuse(scope, receive, send, _logged_out(had=bool(cookie)))
            return
        if (problem := self._forged(scope, headers, session)) is not None:
            await _refuse(scope, receive, send, _csrf_failed(problem))
            return
        proof = _Proof(sessions, cookie, session.who, session)
        await self._pass(proof, scope, receive, send)

    async def _pass(self, proof: _Proof, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        who = replace(proof.who, address=str(client[0]) if client else "")
        state = scope.setdefault("state", {})
        state["who"], state["actor"], state["session"] = who, who.name, proof.session
        progress = _Progress()
        with acting(who), ExitStack() as going_on:

            async def noted(message: Message) -> None:
                if progress.begins_to_go_on(message):
                    answers = shelf_of(scope["app"]).take(OpenAnswers)
                    going_on.enter_context(
                        answers.going_on(proof.keeper, proof.value, proof.who, limit)
                    )
                await send(message)

            try:
                async with asyncio.timeout(None) as limit:
                    await self._app(scope, receive, noted)
            except TimeoutError:
                if not limit.expired():
                    raise
                await _say_farewell(progress, send)

    def _forged(self, scope: Scope, headers: Headers, session: Session) -> str | None:
        """Why a request with a cookie may be another site's doing; None if it cannot be."""
        if not _writes(scope):
            return None
        if self._foreign(headers):
            return _FOREIGN
        if scope["type"] == "websocket":
            # Scripts cannot set headers on it; but browsers always say where it comes from.
            return None if headers.get("origin") else "Origin is missing"
        given = headers.get("x-csrf-token", "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(given, session.csrf.encode()):
            return "X-CSRF-Token must hold `csrf_token` of GET /api/me"
        return None

    def _foreign(self, headers: Headers) -> bool:
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return True
        origin = headers.get("origin")
        if origin is None:
            return False
        ours = {headers.get("host", "").casefold(), self._public.casefold()} - {""}
        try:
            return urlsplit(origin).netloc.casefold() not in ours
        except ValueError:  # brackets that are no address
            return True


class _Progress:
    """How far an answer has come."""

    def __init__(self) -> None:
        self._goes_on = False
        self._counted = False
        """Its length was announced, so it cannot end early in good order."""
        self._ended = False
        self._socket = False

    def begins_to_go_on(self, message: Message) -> bool:
        """Take note of `message`; whether more than a moment's answer begins with it."""
        match message["type"]:
            case "http.response.start":
                names = {name.lower() for name, _value in message.get("headers", ())}
                self._counted = b"content-length" in names
                begins = not self._counted
            case "http.response.body":
                self._ended = not message.get("more_body", False)
                begins = not self._ended
            case "websocket.accept":
                begins = self._socket = True
            case _:
                self._ended = message["type"] == "websocket.close"
                begins = False
        before, self._goes_on = self._goes_on, self._goes_on or begins
        return self._goes_on and not before

    def farewell(self) -> Message | None:
        """What ends it in good order; None if nothing does, and the line must be cut."""
        if self._ended or self._counted:
            return None
        if self._socket:
            return {"type": "websocket.close", "code": _POLICY_VIOLATION}
        return {"type": "http.response.body", "body": b"", "more_body": False}


async def _say_farewell(progress: _Progress, send: Send) -> None:
    message = progress.farewell()
    if message is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await send(message)


def bearer(header: str) -> str:
    """The token in an Authorization header (RFC 6750, section 2.1), or ''."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.casefold() == "bearer" else ""


def cookie_of(headers: Headers, name: str) -> str:
    """The value of the cookie `name`, or ''."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return ""
    return jar[name].value if name in jar else ""


def _writes(scope: Scope) -> bool:
    return scope["type"] == "websocket" or scope["method"] not in SAFE


async def _refuse(scope: Scope, receive: Receive, send: Send, answer: JSONResponse) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
    else:
        await answer(scope, receive, send)


def _unauthenticated(*, known: bool) -> JSONResponse:
    message = (
        "this token is not valid: it was mistyped or revoked"
        if known
        else "send a token: `Authorization: Bearer TOKEN`"
    )
    return JSONResponse(error_body("unauthenticated", message), status_code=401, headers=_HEADERS)


def _logged_out(*, had: bool) -> JSONResponse:
    message = (
        "the session is over: log in again"
        if had
        else "log in (POST /api/login), or send a token: `Authorization: Bearer TOKEN`"
    )
    return JSONResponse(error_body("unauthenticated", message), status_code=401, headers=_HEADERS)


def _csrf_failed(problem: str) -> JSONResponse:
    return JSONResponse(error_body("csrf_failed", problem), status_code=403)
