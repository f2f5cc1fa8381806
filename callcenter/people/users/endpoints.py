"""``/api/users``: people, for those who manage them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response, status

from callcenter.people.access.rights import Who, requires
from callcenter.people.domain.permissions import Permission
from callcenter.people.users.bulk import UserBulk
from callcenter.people.users.schemas import (
    LoggedOutOut,
    UserIn,
    UserOut,
    UserPasswordOut,
    UserPatch,
    UserSheetOut,
)
from callcenter.people.users.service import NewPassword, UserChanges, UserInfo, UserService
from callcenter.people.users.sheet import NAMES
from callcenter.platform.errors import BadInput
from callcenter.platform.http.api import Config, Page, error_body
from callcenter.platform.http.cursors import TEXT, Limit, cursor_of, encode_cursor
from callcenter.platform.http.given import Given
from callcenter.platform.http.queries import DryRun
from callcenter.platform.http.sheets import (
    SHEET_ANSWER,
    SHEET_BODY,
    FormatWanted,
    Limits,
    SheetFile,
    SheetProblemOut,
    sheet_answer,
)
from callcenter.platform.http.versions import VERSIONED, VersionedRoute
from callcenter.platform.sheets.writing import SheetFormat

router = APIRouter(prefix="/api/users", tags=["users"], route_class=VersionedRoute)

READ = [requires(Permission.USER_READ)]
WRITE = [requires(Permission.USER_WRITE)]


Service = Given[UserService]
Bulk = Given[UserBulk]
UserId = Annotated[int, Path(ge=1, le=2**31 - 1)]


def _error(description: str, code: str, message: str) -> dict[str, Any]:
    body = error_body(code, message)
    return {"description": description, "content": {"application/json": {"example": body}}}


_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: _error("No such user.", "user_not_found", "there is no user 99")
}
_LAST = _error(
    "Codes `last_admin`, `user_has_history`, `version_conflict`.",
    "last_admin",
    "nobody would be left who may manage people; make another admin first",
)
_BUSY: dict[int | str, dict[str, Any]] = {
    429: _error(
        "Too many passwords are being hashed.",
        "too_many_logins",
        "too many people log in at this moment; try again in a few seconds",
    )
}


@router.get("", summary="List users by login", dependencies=READ)
async def list_users(
    service: Service,
    config: Config,
    after: Annotated[tuple[str] | None, Depends(cursor_of(TEXT))],
    limit: Limit = 50,
) -> Page[UserOut]:
    """Disabled ones too."""
    limit = min(limit, config.page_size_max)
    found = await service.page(after=after and after[0], limit=limit + 1)
    items = [user_out(user) for user in found[:limit]]
    following = encode_cursor(items[-1].login) if len(found) > limit else None
    return Page[UserOut](items=items, next=following)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Make a user",
    dependencies=WRITE,
    responses={
        **_BUSY,
        409: _error(
            "The login is taken.",
            "login_exists",
            "there is a user wang.fang already; take another login",
        ),
        422: _error(
            "Codes `bad_input`, `bad_login`.",
            "bad_login",
            "login: 1 to 32 letters, digits or . _ -, beginning with a letter or digit",
        ),
    },
)
async def make_user(body: UserIn, service: Service, who: Who) -> UserPasswordOut:
    """The one-time password is shown in this answer and never again; it must be changed at the
    first login."""
    made = await service.create(
        body.login, name=body.name, roles=frozenset(body.roles), actor=who.name
    )
    return _with_password(made)


@router.get(
    "/export",
    summary="All users as a sheet",
    dependencies=READ,
    response_class=Response,
    responses={200: SHEET_ANSWER},
)
async def export_users(bulk: Bulk, form: FormatWanted = SheetFormat.CSV) -> Response:
    """CSV in UTF-8 with a byte order mark, or .xlsx; without passwords; the import takes it
    back."""
    return sheet_answer("users", NAMES, await bulk.export(), form)


@router.post(
    "/import",
    summary="Make and change users by a sheet",
    dependencies=WRITE,
    openapi_extra=SHEET_BODY,
    responses={
        **_BUSY,
        409: _error(
            "Codes `login_exists`, `last_admin`, `version_conflict`: somebody was faster.",
            "version_conflict",
            "user wang.fang was changed meanwhile: try it anew",
        ),
        422: _error(
            "Codes `bad_input`, `bad_sheet`: `details.problems` names every row.",
            "bad_sheet",
            "the file is not taken: row 3: roles: there is no role 'king' (and 2 more)",
        ),
    },
)
async def import_users(
    sheet: SheetFile, limits: Limits, bulk: Bulk, who: Who, dry_run: DryRun = False
) -> UserSheetOut:
    """All of it or nothing. Columns: login, name, roles, enabled, version; of a user who is there
    an empty cell changes nothing, and users who are not in the sheet stay. With a version the row
    is refused if he was changed since. The one-time passwords of new users are shown in this answer
    and never again."""
    done = await bulk.take(sheet, limits, dry_run=dry_run, actor=who.name)
    plan = done.plan
    return UserSheetOut(
        dry_run=dry_run,
        created=[user.login for user in plan.new],
        changed=[user.login for user, _ in plan.changes],
        unchanged=plan.unchanged,
        problems=[SheetProblemOut.model_validate(problem) for problem in plan.problems],
        items=[_with_password(made) for made in done.made],
    )


@router.get("/{user_id}", summary="One user", dependencies=READ, responses=_NOT_FOUND)
async def read_user(user_id: UserId, service: Service) -> UserOut:
    """With his roles."""
    return user_out(await service.get(user_id))


@router.patch(
    "/{user_id}",
    summary="Change a user",
    dependencies=[*WRITE, VERSIONED],
    responses={**_NOT_FOUND, 409: _LAST},
)
async def change_user(user_id: UserId, body: UserPatch, service: Service, who: Who) -> UserOut:
    """What is left out stays. Who is disabled is logged out everywhere, at once."""
    values = body.model_dump(exclude_unset=True, exclude={"version"})
    for name, value in values.items():
        if value is None:
            raise BadInput(f"{name}: leave it out, or say what it is", field=name)
    if body.roles is not None:
        values["roles"] = frozenset(body.roles)
    return user_out(await service.change(user_id, UserChanges(**values), actor=who.name))


@router.delete(
    "/{user_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove a user",
    dependencies=[*WRITE, VERSIONED],
    responses={**_NOT_FOUND, 409: _LAST},
)
async def remove_user(user_id: UserId, service: Service, who: Who) -> None:
    """Only one who has never logged in; disable others: histories name them."""
    await service.remove(user_id, actor=who.name)


@router.post(
    "/{user_id}/password",
    summary="Give a user a one-time password",
    dependencies=WRITE,
    responses={**_NOT_FOUND, **_BUSY},
)
async def reset_password(user_id: UserId, service: Service, who: Who) -> UserPasswordOut:
    """He is logged out everywhere, and must change it at the next login. Shown in this answer and
    never again."""
    made = await service.reset_password(user_id, actor=who.name)
    return _with_password(made)


@router.post(
    "/{user_id}/logout",
    summary="Log a user out everywhere",
    dependencies=WRITE,
    responses=_NOT_FOUND,
)
async def log_user_out(user_id: UserId, service: Service, who: Who) -> LoggedOutOut:
    """He may log in again."""
    return LoggedOutOut(sessions=await service.log_out(user_id, actor=who.name))


def user_out(user: UserInfo) -> UserOut:
    """The JSON form."""
    return UserOut(
        id=user.id,
        version=user.version,
        login=user.login,
        name=user.name,
        roles=sorted(user.roles),
        enabled=user.enabled,
        must_change_password=user.must_change_password,
        has_password=user.has_password,
        oidc=user.oidc,
        last_login_at=user.last_login_at,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


def _with_password(made: NewPassword) -> UserPasswordOut:
    return UserPasswordOut(**dict(user_out(made.user)), password=made.password)
