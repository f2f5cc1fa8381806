"""Nothing under ``/api`` is reached without a valid token or session, but for `OPEN_PATHS`.

At the door and not at each endpoint: a route that somebody forgets to guard cannot exist, and no
byte of a stranger's body is read. Who asks is `request.state.who` (and `actor`, his name), and
`callcenter.actor.present_actor` for everything that the request does.

A token is in the Authorization header, which no other site can make a browser send. A session is in
a cookie, which a browser sends by itself; so whatever changes something, and every WebSocket, must
come from our own pages: `Origin` is ours, and for a write the header ``X-CSRF-Token`` holds the
session's CSRF token.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from callcenter.access import OPEN_PATHS
from callcenter.actor import Actor, acting
from callcenter.api import error_body
from callcenter.config import Settings
from callcenter.tokens.service import TokenService
from callcenter.users.cookies import session_cookie
from callcenter.users.sessions import Session, SessionService

GUARDED = "/api"
_FOREIGN = "the request comes from another site"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110, section 9.2.1: they change nothing."""

_HEADERS = {"WWW-Authenticate": "Bearer"}
_POLICY_VIOLATION = 1008
"""RFC 6455, section 7.4.1."""


class Gate:
    """ASGI middleware; asks `app.state.tokens` and `app.state.sessions`."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._cookie = session_cookie(settings)
        self._public = urlsplit(settings.public_url).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `scope` pass if it says who asks, or asks for nothing that needs it."""
        path: str = scope.get("path", "")
        guarded = path == GUARDED or path.startswith(f"{GUARDED}/")
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
            tokens: TokenService = scope["app"].state.tokens
            token = bearer(authorization)
            who = await tokens.actor(token) if token else None
            if who is None:
                await _refuse(scope, receive, send, _unauthenticated(known=bool(token)))
            else:
                await self._pass(who, None, scope, receive, send)
            return
        cookie = cookie_of(headers, self._cookie)
        sessions: SessionService = scope["app"].state.sessions
        session = await sessions.check(cookie) if cookie else None
        if session is None:
            await _refuse(scope, receive, send, _logged_out(had=bool(cookie)))
            return
        if (problem := self._forged(scope, headers, session)) is not None:
            await _refuse(scope, receive, send, _csrf_failed(problem))
            return
        await self._pass(session.who, session, scope, receive, send)

    async def _pass(
        self, who: Actor, session: Session | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        client = scope.get("client")
        who = replace(who, address=str(client[0]) if client else "")
        state = scope.setdefault("state", {})
        state["who"], state["actor"], state["session"] = who, who.name, session
        with acting(who):
            await self._app(scope, receive, send)

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
