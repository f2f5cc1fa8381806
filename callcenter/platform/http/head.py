"""HEAD wherever GET is (RFC 9110, section 9.3.2): the same answer, without its body.

An endpoint that has a HEAD of its own keeps it; for every other one its GET is carried out and its
body thrown away. An answer that would go on for ever ends where its body would begin.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOT_ALLOWED = 405


class Head:
    """ASGI middleware, next to the router."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer HEAD; pass everything else on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        own = _Own(send)
        await self._app(dict(scope), receive, own)
        if own.missing:
            # The router refused before anything was done.
            get = dict(scope, method="GET")
            await self._app(get, receive, _WithoutBody(send))
            if "route" in get:
                scope["route"] = get["route"]


class _Own:
    """Passes the answer of an endpoint's own HEAD on, and keeps back that there is none."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.missing = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.missing = message["status"] == NOT_ALLOWED
        if not self.missing:
            await self._send(message)


class _WithoutBody:
    """The beginning of an answer, and its end at once: whoever writes on writes for nobody."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
