"""What happens to every request before a feature sees it: its size, and its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callcenter.platform.http.api import error_body

Observer = Callable[[str, str, int, float], None]
"""Is told method, route template, status and seconds of every answered request."""

UNROUTED = "(none)"
"""The template of what no route takes, so that strangers cannot make new ones."""


class _BodyTooLarge(Exception):
    pass


class SizeLimit:
    """Refuses a body above `limit` bytes, announced or not, without reading on."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 ``too_large``, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _announced(scope) > self._limit:
            await self._refuse(scope, receive, send)
            return
        taken = 0
        begun = False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self._limit:
                    raise _BodyTooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            # Past the limit the only answer is ours, whatever the framework makes of it.
            if taken <= self._limit or begun:
                begun = True
                await send(message)

        with suppress(_BodyTooLarge):
            await self._app(scope, counted, watched)
        if taken > self._limit and not begun:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = error_body(
            "too_large",
            f"a request may have {self._limit} bytes (CALLCENTER_REQUEST_MAX_BYTES)",
            {"limit": self._limit},
        )
        response = JSONResponse(body, status_code=413, headers={"Connection": "close"})
        await response(scope, receive, send)


class RequestTimes:
    """Tells `observe` of every answered request."""

    def __init__(self, app: ASGIApp, observe: Observer) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on and take the time until the answer is sent whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        begun = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", UNROUTED)
            self._observe(scope["method"], route, status, time.perf_counter() - begun)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
