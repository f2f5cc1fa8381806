"""``/api/login``, ``/api/logout``, ``/api/me`` and ``/api/password``: one's own account."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, status

from callcenter.people.access.rights import OPEN, Who, requires
from callcenter.people.domain.permissions import Permission, permissions_of
from callcenter.people.users.cookies import give, place_of, take_back
from callcenter.people.users.schemas import LoginIn, LogoutIn, MeOut, PasswordIn
from callcenter.people.users.service import UserService
from callcenter.people.users.sessions import LoggedIn, Session, SessionService
from callcenter.platform.errors import Forbidden
from callcenter.platform.http.api import Config, error_body
from callcenter.platform.http.given import Given

router = APIRouter(prefix="/api", tags=["one's own account"])
open_router = APIRouter(prefix="/api", tags=["one's own account"], dependencies=[OPEN])
"""What strangers may ask."""

SELF = [requires(Permission.SELF)]


async def _session(request: Request) -> Session | None:
    found: Session | None = getattr(request.state, "session", None)
    return found


Service = Given[SessionService]
Users = Given[UserService]
Present = Annotated[Session | None, Depends(_session)]


def _error(description: str, code: str, message: str) -> dict[str, Any]:
    body = error_body(code, message)
    return {"description": description, "content": {"application/json": {"example": body}}}


_DELAYED = _error(
    "Codes `login_delayed`, `too_many_logins`; `details.retry_after_seconds` says when.",
    "login_delayed",
    "too many wrong passwords; try again in 8 s",
)
_NO_PERSON = _error(
    "Codes `not_a_person`, `csrf_failed`.",
    "not_a_person",
    "a token is no person; log in with a password",
)


@open_router.post(
    "/login",
    summary="Log in with a password",
    responses={
        401: _error(
            "Code `wrong_login`: it is not said which of the two is wrong.",
            "wrong_login",
            "login or password is wrong",
        ),
        403: _error("Code `csrf_failed`.", "csrf_failed", "the request comes from another site"),
        429: _DELAYED,
    },
)
async def log_in(
    body: LoginIn, request: Request, response: Response, service: Service, config: Config
) -> MeOut:
    """Sets the session's cookie. If `must_change_password` is true, nothing but one's own account
    can be reached before POST /api/password."""
    made = await service.log_in(body.login, body.password, place_of(request, config))
    give(response, request, config, made)
    return _me(made)


@router.post(
    "/logout",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Log out",
    dependencies=SELF,
    responses={403: _NO_PERSON},
)
async def log_out(
    request: Request,
    response: Response,
    service: Service,
    config: Config,
    present: Present,
    body: LogoutIn | None = None,
) -> None:
    """This browser, or with `everywhere` all of them."""
    await service.log_out(_needed(present), everywhere=body is not None and body.everywhere)
    take_back(response, request, config)


@router.get("/me", summary="Who am I, and what may I do?", dependencies=SELF)
async def me(who: Who, present: Present, users: Users) -> MeOut:
    """For a screen: it shows what is permitted."""
    name = who.name
    if who.user_id is not None:
        name = (await users.names([who.user_id])).get(who.user_id, who.name)
    return MeOut(
        user_id=who.user_id,
        login=who.name,
        name=name,
        roles=sorted(who.roles),
        permissions=sorted(who.permissions),
        must_change_password=who.must_change_password,
        csrf_token=present.csrf if present else None,
    )


@router.post(
    "/password",
    summary="Change one's own password",
    dependencies=SELF,
    responses={
        403: _error(
            "Codes `wrong_password`, `not_a_person`, `csrf_failed`.",
            "wrong_password",
            "the current password is wrong",
        ),
        422: _error(
            "Codes `bad_input`, `weak_password` (`details.rule`: length, login, repeated, common,"
            " same).",
            "weak_password",
            "password: a password has 10 to 128 characters",
        ),
        429: _DELAYED,
    },
)
async def change_password(
    body: PasswordIn,
    request: Request,
    response: Response,
    service: Service,
    config: Config,
    present: Present,
) -> MeOut:
    """All other browsers are logged out; this one gets a fresh session and CSRF token."""
    made = await service.change_password(
        _needed(present), body.current, body.new, place_of(request, config)
    )
    give(response, request, config, made)
    return _me(made)


def _needed(present: Session | None) -> Session:
    if present is None:
        raise Forbidden("a token is no person; log in with a password", code="not_a_person")
    return present


def _me(made: LoggedIn) -> MeOut:
    user = made.user
    return MeOut(
        user_id=user.id,
        login=user.login,
        name=user.name,
        roles=sorted(user.roles),
        permissions=sorted(permissions_of(user.roles)),
        must_change_password=user.must_change_password,
        csrf_token=made.csrf,
    )
