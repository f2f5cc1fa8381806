"""Nothing under ``/api`` is reached without a valid token.

At the door and not at each endpoint: a route that somebody forgets to guard cannot exist, and no
byte of a stranger's body is read. The name of the token that asks is `request.state.actor`.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from callcenter.access import Actor
from callcenter.api import error_body
from callcenter.domain.permissions import Permission
from callcenter.tokens.service import TokenService

GUARDED = "/api"

_HEADERS = {"WWW-Authenticate": "Bearer"}
_POLICY_VIOLATION = 1008
"""RFC 6455, section 7.4.1."""


class TokenGate:
    """ASGI middleware; asks `app.state.tokens`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `scope` pass if it carries a valid token, or asks for nothing that needs one."""
        path: str = scope.get("path", "")
        guarded = path == GUARDED or path.startswith(f"{GUARDED}/")
        if scope["type"] not in ("http", "websocket") or not guarded:
            await self._app(scope, receive, send)
            return
        tokens: TokenService = scope["app"].state.tokens
        token = bearer(Headers(scope=scope).get("authorization", ""))
        actor = await tokens.check(token) if token else None
        if actor is not None:
            state = scope.setdefault("state", {})
            state["actor"] = actor
            # A token stands for the whole API until tokens have roles.
            state["who"] = Actor(actor, frozenset(Permission))
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            await _unauthenticated(known=bool(token))(scope, receive, send)


def bearer(header: str) -> str:
    """The token in an Authorization header (RFC 6750, section 2.1), or ''."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.casefold() == "bearer" else ""


def _unauthenticated(*, known: bool) -> JSONResponse:
    message = (
        "this token is not valid: it was mistyped or revoked"
        if known
        else "send a token: `Authorization: Bearer TOKEN`"
    )
    return JSONResponse(error_body("unauthenticated", message), status_code=401, headers=_HEADERS)
