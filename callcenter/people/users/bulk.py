"""Many users at once, by a sheet. All or nothing, and every problem named before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from callcenter.people.domain.permissions import Role
from callcenter.people.users.service import (
    NewPassword,
    NewUser,
    UserChanges,
    UserInfo,
    UserService,
)
from callcenter.people.users.sheet import UserFault, UserRow, read_users, written
from callcenter.platform.sheets.faults import SheetFault, SheetProblem, refused
from callcenter.platform.sheets.reading import SheetLimits
from callcenter.platform.sheets.writing import Value


@dataclass(frozen=True, slots=True)
class UserPlan:
    """What a sheet would do."""

    new: tuple[NewUser, ...]
    changes: tuple[tuple[UserInfo, UserChanges], ...]
    """Users as they were looked at, and what becomes of them."""
    unchanged: int
    problems: tuple[SheetProblem, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What a sheet did, or would do."""

    plan: UserPlan
    made: Sequence[NewPassword] = ()
    """Empty when it was only looked at."""


class UserBulk:
    """Many users at once; `new_max` is how many a sheet may make, for each one's password is
    hashed slowly."""

    def __init__(self, users: UserService, *, new_max: int) -> None:
        self._users = users
        self._new_max = new_max

    async def export(self) -> list[list[Value]]:
        """Every user as a row of a sheet, without anything secret."""
        return written(await self._users.all())

    async def take(
        self, data: bytes, limits: SheetLimits, *, dry_run: bool, actor: str
    ) -> Imported:
        """Make and change users as a sheet says, or with `dry_run` only say what it would do.

        Users who are not in the sheet stay. `BadInput` ``bad_sheet`` if there are problems and it
        was no dry run; nothing is done then. Errors as `UserService.save`.
        """
        plan = await self.plan(data, limits)
        if dry_run:
            return Imported(plan)
        if plan.problems:
            raise refused(plan.problems, code="bad_sheet")
        return Imported(plan, await self._users.save(plan.new, plan.changes, actor=actor))

    async def plan(self, data: bytes, limits: SheetLimits) -> UserPlan:
        """What `data` would do to the users as they are now."""
        sheet = await asyncio.to_thread(read_users, data, limits)
        known = {user.login: user for user in await self._users.all()}
        reserved = await self._users.refusals(
            {row.login for row in sheet.rows if row.login not in known}
        )
        problems = list(sheet.problems)
        new: list[tuple[UserRow, NewUser]] = []
        changes: list[tuple[UserRow, UserInfo, UserChanges]] = []
        unchanged = 0
        for row in sheet.rows:
            user = known.get(row.login)
            if user is None and row.login in reserved:
                message = reserved[row.login].message
                problems.append(SheetProblem(row.row, "login", UserFault.RESERVED_NAME, message))
            elif user is None:
                problems += (wrong := _problems_of_new(row))
                if not wrong:
                    new.append((row, _new(row)))
            elif not _differs(row, user):
                unchanged += 1
            elif row.version not in (None, user.version):
                message = f"{row.login} was changed since the sheet was written; export it anew"
                problems.append(
                    SheetProblem(row.row, "version", SheetFault.VERSION_CONFLICT, message)
                )
            else:
                changes.append((row, user, UserChanges(row.name, row.roles, row.enabled)))
        problems += self._too_many(new)
        problems += _without_admin(known.values(), new, changes)
        problems.sort(key=lambda problem: problem.row)
        return UserPlan(
            tuple(user for _, user in new),
            tuple((user, wish) for _, user, wish in changes),
            unchanged,
            tuple(problems),
        )

    def _too_many(self, new: Sequence[tuple[UserRow, NewUser]]) -> list[SheetProblem]:
        if len(new) <= self._new_max:
            return []
        message = (
            f"at most {self._new_max} users are made at once (CALLCENTER_USERS_NEW_MAX); the rest"
            " in a sheet of its own"
        )
        return [SheetProblem(new[self._new_max][0].row, "", UserFault.TOO_MANY_NEW, message)]


def _new(row: UserRow) -> NewUser:
    return NewUser(
        row.login,
        row.name or "",
        row.roles or frozenset(),
        True if row.enabled is None else row.enabled,
    )


def _problems_of_new(row: UserRow) -> list[SheetProblem]:
    if row.version is not None:
        message = f"there is no user {row.login} any more, or the login was changed in the sheet"
        return [SheetProblem(row.row, "version", SheetFault.VERSION_CONFLICT, message)]
    return [
        SheetProblem(row.row, column, SheetFault.MISSING, f"a new user needs {what}")
        for column, what in (("name", "a name"), ("roles", "a role"))
        if getattr(row, column) is None
    ]


def _differs(row: UserRow, user: UserInfo) -> bool:
    return any(
        (value := getattr(row, name)) is not None and value != getattr(user, name)
        for name in UserChanges.__slots__
    )


def _without_admin(
    users: Iterable[UserInfo],
    new: Sequence[tuple[UserRow, NewUser]],
    changes: Sequence[tuple[UserRow, UserInfo, UserChanges]],
) -> list[SheetProblem]:
    """The rows that take the last admins away, if nobody would be left who may manage people."""
    admins = {user.login for user in users if _manages(user.enabled, user.roles)}
    left = admins | {user.login for _, user in new if _manages(user.enabled, user.roles)}
    losing = []
    for row, user, wish in changes:
        enabled = user.enabled if wish.enabled is None else wish.enabled
        if _manages(enabled, user.roles if wish.roles is None else wish.roles):
            left.add(user.login)
        elif user.login in admins:
            left.discard(user.login)
            losing.append(row)
    if left:
        return []
    message = "nobody would be left who may manage people; make another admin first"
    return [SheetProblem(row.row, "", UserFault.LAST_ADMIN, message) for row in losing]


def _manages(enabled: bool, roles: frozenset[Role]) -> bool:
    return enabled and Role.ADMIN in roles
