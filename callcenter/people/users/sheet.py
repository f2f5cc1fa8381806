"""Users as a sheet of a spreadsheet (`platform.sheets`): what its columns mean. Passwords are in no
sheet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from callcenter.people.domain.permissions import Role, words_of
from callcenter.people.users.service import LOGIN, UserInfo
from callcenter.platform.domain.nearest import nearest
from callcenter.platform.sheets import cells
from callcenter.platform.sheets.faults import SheetProblem
from callcenter.platform.sheets.reading import Column, SheetLimits, read_sheet
from callcenter.platform.sheets.writing import Value

NAME_CHARACTERS = 100

ROLE_WORDS = {
    "话务员": Role.OPERATOR,
    "派单员": Role.DISPATCHER,
    "回访员": Role.REVIEWER,
    "班长": Role.SUPERVISOR,
    "签批领导": Role.LEADER,
    "承办人": Role.UNIT_USER,
    "统计员": Role.ANALYST,
    "管理员": Role.ADMIN,
} | {str(role): role for role in Role}
"""What people call the roles."""
_BETWEEN = re.compile("[\\s,;|/\u3001\uff0c\uff1b]+")


class UserFault(StrEnum):
    """What can be wrong in a sheet of users besides what can be in any (`SheetFault`)."""

    LOGIN_TWICE = "login_twice"
    RESERVED_NAME = "reserved_name"
    LAST_ADMIN = "last_admin"
    TOO_MANY_NEW = "too_many_new"


def _login(cell: str) -> str:
    login = cell.casefold()
    if not LOGIN.fullmatch(login):
        raise ValueError("1 to 32 letters, digits or . _ -, beginning with a letter or digit")
    return login


def _roles(cell: str) -> frozenset[Role]:
    roles = set()
    for word in filter(None, _BETWEEN.split(cell)):
        role = ROLE_WORDS.get(word.lower())
        if role is None:
            meant = nearest(word[:40], ROLE_WORDS)
            question = f"is it {meant}?" if meant else f"say {', '.join(Role)}"
            raise ValueError(f"there is no role {word[:40]!r}; {question}")
        roles.add(role)
    if not roles:
        raise ValueError(f"name one at least: {', '.join(Role)}")
    return frozenset(roles)


COLUMNS = (
    Column("login", _login, also=("登录名", "用户名", "账号"), needed=True, filled=True),
    Column("name", cells.text(NAME_CHARACTERS), also=("姓名",)),
    Column("roles", _roles, also=("角色",)),
    Column("enabled", cells.flag, also=("启用",)),
    Column("version", cells.version, also=("版本",)),
)
NAMES = tuple(column.name for column in COLUMNS)


@dataclass(frozen=True, slots=True)
class UserRow:
    """One user of a sheet; None: the cell is empty or its column is missing, so it stays as it
    is."""

    row: int
    login: str
    name: str | None = None
    roles: frozenset[Role] | None = None
    enabled: bool | None = None
    version: int | None = None
    """Of the user as the sheet was written; None: whatever he is now."""


@dataclass(frozen=True, slots=True)
class UserSheet:
    """What was read."""

    rows: tuple[UserRow, ...]
    problems: tuple[SheetProblem, ...]


def written(users: Iterable[UserInfo]) -> list[list[Value]]:
    """The rows of `users`."""
    return [
        [
            user.login,
            user.name,
            words_of(user.roles),
            user.enabled,
            cells.version_text(user.version),
        ]
        for user in users
    ]


def read_users(data: bytes, limits: SheetLimits) -> UserSheet:
    """The users in `data`, and everything that is wrong with it."""
    sheet = read_sheet(data, COLUMNS, limits)
    problems = list(sheet.problems)
    rows: list[UserRow] = []
    first: dict[str, int] = {}
    for row in sheet.rows:
        user = UserRow(row.number, **row.values)
        if (before := first.setdefault(user.login, row.number)) != row.number:
            message = f"{user.login} stands in row {before} already"
            problems.append(SheetProblem(row.number, "login", UserFault.LOGIN_TWICE, message))
        else:
            rows.append(user)
    return UserSheet(tuple(rows), tuple(problems))
