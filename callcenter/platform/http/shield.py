"""What every answer tells the browser: where its content may come from, who may frame it, and that
nothing of it is kept.

The rules are OWASP's for an API (Secure Headers Project; REST Security cheat sheet). A route that
knows better sets the header itself, and it stays.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""JSON, CSV and sound need nothing; a page brings a policy of its own."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    # Numbers, names, what citizens said: on a shared PC they must not outlive the log-out.
    "Cache-Control": "no-store",
}
STRICT_TRANSPORT = "max-age=31536000"
"""A year (RFC 6797, section 11.2), where people come by https: elsewhere browsers pass it over."""


class Shield:
    """ASGI middleware that adds them, to errors and refusals too."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = HEADERS | ({"Strict-Transport-Security": STRICT_TRANSPORT} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; the answer leaves with every header."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, shielded)
