"""The cookies of a browser that is logged in.

HttpOnly: no script reads them. SameSite=Strict: no other site's page makes a browser send them.
Behind TLS (`cookie_secure`) they carry the prefix ``__Host-`` (RFC 6265bis, section 4.1.3.2): no
neighbouring host and no plain connection can set or read them.
"""

from __future__ import annotations

from typing import Literal

from fastapi import Request, Response

from callcenter.people.users.sessions import From, LoggedIn
from callcenter.platform.config import Settings

_DAY_SECONDS = 86400
_HOUR_SECONDS = 3600


def session_cookie(settings: Settings) -> str:
    """The name of the session's cookie."""
    return _named("callcenter_session", settings)


def device_cookie(settings: Settings) -> str:
    """The name of the cookie by which a browser is known again."""
    return _named("callcenter_device", settings)


def place_of(request: Request, settings: Settings) -> From:
    """Where a login comes from."""
    return From(
        address=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
        device=request.cookies.get(device_cookie(settings), ""),
    )


def give(response: Response, settings: Settings, made: LoggedIn) -> None:
    """Set both cookies."""
    _set(
        response, settings, session_cookie(settings), made.token,
        seconds=settings.session_hours * _HOUR_SECONDS,
    )  # fmt: skip
    _set(
        response, settings, device_cookie(settings), made.device,
        seconds=settings.known_device_days * _DAY_SECONDS,
    )  # fmt: skip


def take_back(response: Response, settings: Settings) -> None:
    """Remove the session's cookie; the browser stays known."""
    _set(response, settings, session_cookie(settings), "", seconds=0)


def pending_cookie(settings: Settings) -> str:
    """The name of the cookie that a login at the identity provider needs."""
    return _named("callcenter_oidc", settings)


def give_pending(response: Response, settings: Settings, value: str, *, seconds: int) -> None:
    """Set it, or with 0 seconds remove it. Lax: the provider's page sends the browser back."""
    _set(response, settings, pending_cookie(settings), value, seconds=seconds, samesite="lax")


def _set(
    response: Response,
    settings: Settings,
    name: str,
    value: str,
    *,
    seconds: int,
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/",
        httponly=True,
        secure=settings.cookie_secure,
        samesite=samesite,
    )


def _named(name: str, settings: Settings) -> str:
    return f"__Host-{name}" if settings.cookie_secure else name
