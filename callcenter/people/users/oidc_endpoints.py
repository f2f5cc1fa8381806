"""``/api/oidc``: log-in at the identity provider."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, status
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict

from callcenter.people.access.rights import OPEN
from callcenter.people.users.cookies import give, give_pending, pending_of, place_of
from callcenter.people.users.oidc import PENDING_SECONDS, OidcService, Pending
from callcenter.platform.config import Settings
from callcenter.platform.errors import Forbidden
from callcenter.platform.http.api import Config, error_body
from callcenter.platform.http.given import Given
from callcenter.platform.http.queries import takes_any_query
from callcenter.platform.texts import Line

router = APIRouter(prefix="/api/oidc", tags=["one's own account"], dependencies=[OPEN])

# Not a redirect: the browser came from another site, so it would not send a SameSite=Strict cookie
# with the request that follows; from this page it does.
_PAGE = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/">'
    '<title>12345</title><a href="/">12345</a>'
)


class OidcOut(BaseModel):
    """Whether there is an identity provider."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    enabled: bool


Service = Given[OidcService]


def _error(description: str, code: str, message: str) -> dict[str, Any]:
    body = error_body(code, message)
    return {"description": description, "content": {"application/json": {"example": body}}}


_FAILED = _error(
    "Code `oidc_failed`: the provider cannot be reached, or its answer does not hold.",
    "oidc_failed",
    "the identity provider does not answer as it should: https://id.example/token",
)
_OFF = _error("Code `oidc_off`.", "oidc_off", "no identity provider is set")


@router.get("", summary="Is there an identity provider?")
async def oidc(service: Service) -> OidcOut:
    """For the page where people log in."""
    return OidcOut(enabled=service.enabled)


@router.get(
    "/login",
    summary="Go to the identity provider",
    status_code=status.HTTP_303_SEE_OTHER,
    response_class=RedirectResponse,
    responses={404: _OFF, 502: _FAILED},
)
async def oidc_login(request: Request, service: Service, config: Config) -> Response:
    """The browser comes back to /api/oidc/callback."""
    where, pending = await service.begin(_base(request))
    answer = RedirectResponse(where, status_code=status.HTTP_303_SEE_OTHER)
    give_pending(answer, request, config, pending.cookie(), seconds=PENDING_SECONDS)
    return answer


# A provider may add words of its own (iss, session_state, scope ...): RFC 6749, section 4.1.2, has
# us ignore them.
@router.get(
    "/callback",
    summary="Come back from the identity provider",
    response_class=HTMLResponse,
    responses={
        403: _error(
            "Codes `oidc_refused`, `oidc_no_role`, `user_disabled`.",
            "oidc_no_role",
            "the identity provider gives you no role here; ask whoever manages people",
        ),
        404: _OFF,
        409: _error(
            "Code `oidc_login_taken`.",
            "oidc_login_taken",
            "there is a user wang.fang already, who logs in with a password; an admin must give"
            " him another login",
        ),
        422: _error(
            "Codes `bad_input`, `oidc_state`.",
            "oidc_state",
            "this log-in was begun in another browser, or too long ago; begin it again",
        ),
        502: _FAILED,
    },
)
@takes_any_query
async def oidc_callback(
    request: Request,
    service: Service,
    config: Config,
    state: Annotated[Line, Query(min_length=1, max_length=500)],
    code: Annotated[Line | None, Query(min_length=1, max_length=4000)] = None,
    error: Annotated[Line | None, Query(max_length=200)] = None,
) -> Response:
    """Sets the session's cookie and goes on to the first page."""
    if code is None:
        raise Forbidden(
            f"the identity provider did not let you in: {error or 'no code'}", code="oidc_refused"
        )
    made = await service.finish(
        code=code,
        state=state,
        pending=Pending.of(pending_of(request, config)),
        base_url=_base(request),
        place=place_of(request, config),
    )
    answer = HTMLResponse(_PAGE, headers={"Cache-Control": "no-store"})
    give(answer, request, config, made)
    _forget_pending(answer, request, config)
    return answer


def _forget_pending(answer: Response, request: Request, config: Settings) -> None:
    give_pending(answer, request, config, "", seconds=0)


def _base(request: Request) -> str:
    return str(request.base_url)
