"""JSON forms of people and of one's own account."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StringConstraints,
)

from callcenter.people.domain.permissions import Permission, Role
from callcenter.people.users.passwords import LENGTH_MAX
from callcenter.platform.http.sheets import SheetProblemOut
from callcenter.platform.http.versions import VersionIn
from callcenter.platform.texts import LINE

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), LINE]
Login = Annotated[str, StringConstraints(min_length=1, max_length=32), LINE]
Password = Annotated[str, StringConstraints(min_length=1, max_length=LENGTH_MAX)]
"""One that somebody has: it is compared with a hash and goes nowhere else."""
Chosen = Annotated[str, StringConstraints(min_length=1, max_length=LENGTH_MAX), LINE]
Roles = Annotated[list[Role], Field(min_length=1, max_length=len(Role))]

USER_EXAMPLE: dict[str, JsonValue] = {
    "id": 12,
    "version": 3,
    "login": "wang.fang",
    "name": "王芳",
    "roles": ["operator"],
    "enabled": True,
    "must_change_password": False,
    "has_password": True,
    "oidc": False,
    "last_login_at": "2026-11-24T00:01:17Z",
    "created_at": "2026-11-02T03:57:04Z",
    "updated_at": "2026-11-02T03:57:04Z",
}
ME_EXAMPLE: dict[str, JsonValue] = {
    "user_id": 12,
    "login": "wang.fang",
    "name": "王芳",
    "roles": ["operator"],
    "permissions": ["agent.own", "call.own", "call.read", "case.read", "self"],
    "must_change_password": False,
    "csrf_token": "6f1c1d…",
}


class UserOut(BaseModel):
    """A person."""

    model_config = ConfigDict(json_schema_extra={"examples": [USER_EXAMPLE]})

    id: int
    version: int
    login: str = Field(description="Small letters; never changes.")
    name: str
    roles: list[Role]
    enabled: bool = Field(description="False: cannot log in, and is logged out.")
    must_change_password: bool
    has_password: bool = Field(description="False: logs in at the identity provider alone.")
    oidc: bool = Field(description="The identity provider says the roles, at each login.")
    last_login_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class UserPasswordOut(UserOut):
    """A person, and the one-time password that was just made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**USER_EXAMPLE, "password": "k7Rw…"}]}
    )

    password: str = Field(description="Shown in this answer and never again.")


class UserIn(BaseModel):
    """Make a user."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"login": "wang.fang", "name": "王芳", "roles": ["operator"]}]
        },
    )

    login: Login
    name: Name
    roles: Roles


class UserPatch(VersionIn):
    """What changes; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"roles": ["operator", "supervisor"]}]}
    )

    name: Name | None = None
    roles: Roles | None = None
    enabled: StrictBool | None = None


class UserSheetOut(BaseModel):
    """What a sheet did, or in a dry run would do."""

    dry_run: bool
    created: list[str] = Field(description="Logins.")
    changed: list[str] = Field(description="Logins.")
    unchanged: int
    problems: list[SheetProblemOut] = Field(description="In a dry run only; else it is an error.")
    items: list[UserPasswordOut] = Field(description="The new users with their passwords.")


class LoginIn(BaseModel):
    """Log in."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"login": "wang.fang", "password": "…"}]},
    )

    login: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), LINE
    ]
    password: Password


class MeOut(BaseModel):
    """Who asks, and what he may do."""

    model_config = ConfigDict(json_schema_extra={"examples": [ME_EXAMPLE]})

    user_id: int | None = Field(description="Null: a machine's token.")
    login: str = Field(description="The user's login, or the token's name.")
    name: str
    roles: list[Role]
    permissions: list[Permission]
    must_change_password: bool = Field(
        description="Until then only one's own account can be reached."
    )
    csrf_token: str | None = Field(
        description="Send it as X-CSRF-Token with every write. Null: a token needs none."
    )


class LogoutIn(BaseModel):
    """Which sessions end."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"everywhere": True}]}
    )

    everywhere: StrictBool = Field(False, description="All browsers, not only this one.")


class LoggedOutOut(BaseModel):
    """How many sessions ended."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"sessions": 2}]})

    sessions: int


class PasswordIn(BaseModel):
    """Another password for oneself."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"current": "…", "new": "…"}]}
    )

    current: Password
    new: Chosen = Field(
        description="10 to 128 characters, five different ones, not the login, none of the usual."
    )
