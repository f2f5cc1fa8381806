"""The cookies of a browser that is logged in.

HttpOnly: no script reads them. SameSite=Strict: no other site's page makes a browser send them.
Over TLS, ours or a proxy's (`cookie_secure`), they carry the prefix ``__Host-`` (RFC 6265bis,
section 4.1.3.2): no neighbouring host and no plain connection can set or read them. A browser that
comes by both doors has a session for each.
"""

from __future__ import annotations

from typing import Literal

from fastapi import Request, Response

from callcenter.people.users.sessions import From, LoggedIn
from callcenter.platform.config import Settings

_PENDING = "callcenter_oidc"
_DAY_SECONDS = 86400
_HOUR_SECONDS = 3600


def by_tls(scheme: str, settings: Settings) -> bool:
    """Whether who comes by `scheme` (http, https, ws, wss) gets cookies for TLS alone."""
    return settings.cookie_secure or scheme in ("https", "wss")


def session_cookie(*, tls: bool) -> str:
    """The name of the session's cookie."""
    return _named("callcenter_session", tls=tls)


def device_cookie(*, tls: bool) -> str:
    """The name of the cookie by which a browser is known again."""
    return _named("callcenter_device", tls=tls)


def place_of(request: Request, settings: Settings) -> From:
    """Where a login comes from."""
    return From(
        address=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
        device=request.cookies.get(device_cookie(tls=_tls(request, settings)), ""),
    )


def give(response: Response, request: Request, settings: Settings, made: LoggedIn) -> None:
    """Set both cookies, as the way that `request` came by allows."""
    tls = _tls(request, settings)
    hours, days = settings.session_hours, settings.known_device_days
    _set(response, session_cookie(tls=tls), made.token, seconds=hours * _HOUR_SECONDS, tls=tls)
    _set(response, device_cookie(tls=tls), made.device, seconds=days * _DAY_SECONDS, tls=tls)


def take_back(response: Response, request: Request, settings: Settings) -> None:
    """Remove the session's cookie; the browser stays known."""
    tls = _tls(request, settings)
    _set(response, session_cookie(tls=tls), "", seconds=0, tls=tls)


def pending_of(request: Request, settings: Settings) -> str:
    """The cookie that a login at the identity provider needs, or ''."""
    return request.cookies.get(_named(_PENDING, tls=_tls(request, settings)), "")


def give_pending(
    response: Response, request: Request, settings: Settings, value: str, *, seconds: int
) -> None:
    """Set it, or with 0 seconds remove it. Lax: the provider's page sends the browser back."""
    tls = _tls(request, settings)
    _set(response, _named(_PENDING, tls=tls), value, seconds=seconds, tls=tls, samesite="lax")


def _tls(request: Request, settings: Settings) -> bool:
    return by_tls(request.url.scheme, settings)


def _set(
    response: Response,
    name: str,
    value: str,
    *,
    seconds: int,
    tls: bool,
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/",
        httponly=True,
        secure=tls,
        samesite=samesite,
    )


def _named(name: str, *, tls: bool) -> str:
    return f"__Host-{name}" if tls else name
