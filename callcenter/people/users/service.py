"""People: who there is, and what each may do by his roles.

A login never changes and is never given to somebody else: histories name people by it. So a user
who has ever logged in is disabled, not removed. A password is made here, shown once, and changed at
the first login; nobody but its owner knows the one after. There is always an enabled admin.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.access.free_name import refusals_of_logins
from callcenter.people.domain.permissions import Role, roles_in, words_of
from callcenter.people.trail.service import SYSTEM, Entry, record
from callcenter.people.users import repository
from callcenter.people.users.models import User
from callcenter.people.users.passwords import Passwords, one_time_password
from callcenter.platform.broadcast import Change
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, Conflict, NotFound, VersionConflict
from callcenter.platform.secrets import Secrets
from callcenter.platform.versions import check_version, version_of

_log = logging.getLogger(__name__)

FIRST_ADMIN = "admin"
LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A person, without anything secret."""

    id: int
    login: str
    name: str
    roles: frozenset[Role]
    enabled: bool
    must_change_password: bool
    has_password: bool
    """False: logs in at the identity provider alone."""
    oidc: bool
    """Whether the identity provider knows him; then it also says his roles, at each login."""
    last_login_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def version(self) -> int:
        """Of what people write of him."""
        return version_of(self.id, self.login, self.name, self.roles, self.enabled, self.created_at)


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A user whose one-time password was just made."""

    user: UserInfo
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UserChanges:
    """What to change; None leaves things as they are."""

    name: str | None = None
    roles: frozenset[Role] | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to be made."""

    login: str
    """Small letters, by `LOGIN`."""
    name: str
    roles: frozenset[Role]
    enabled: bool = True


class UserService:
    """Reads and changes people."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        *,
        clock: Clock = utc_now,
        publish: Callable[[Change], None] = lambda _change: None,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock
        self._publish = publish
        self._listeners: list[Callable[[int], None]] = []

    def on_change(self, listener: Callable[[int], None]) -> None:
        """Call `listener` with a user's id after each commit that changed what he may do."""
        self._listeners.append(listener)

    # -- reading ---------------------------------------------------------------------------

    async def page(self, *, after: str | None, limit: int) -> Sequence[UserInfo]:
        """Up to `limit` users behind the login `after`, by login."""
        async with self._database.reading() as session:
            return [
                info(row) for row in await repository.in_order(session, after=after, limit=limit)
            ]

    async def get(self, user_id: int) -> UserInfo:
        """One user; `NotFound` ``user_not_found``."""
        async with self._database.reading() as session:
            return info(found(await repository.by_id(session, user_id), user_id))

    async def all(self) -> Sequence[UserInfo]:
        """Everybody, by login."""
        async with self._database.reading() as session:
            return [info(row) for row in await repository.all_of_them(session)]

    async def refusals(self, logins: Collection[str]) -> Mapping[str, BadInput]:
        """Those of `logins` that no user may have, each with the error ``reserved_name``."""
        async with self._database.reading() as session:
            return await refusals_of_logins(session, logins)

    async def by_login(self, login: str) -> UserInfo:
        """The user with this login, however it is written; `NotFound` ``user_not_found``."""
        async with self._database.reading() as session:
            return info(found(await repository.by_login(session, login.casefold()), login))

    async def names(self, ids: Collection[int]) -> Mapping[int, str]:
        """What the users of `ids` are called; one who does not exist is left out."""
        async with self._database.reading() as session:
            return {row.id: row.name for row in await repository.by_ids(session, ids)}

    async def infos(self, ids: Collection[int]) -> Sequence[UserInfo]:
        """The users of `ids`; one who does not exist is left out."""
        async with self._database.reading() as session:
            return [info(row) for row in await repository.by_ids(session, ids)]

    # -- making and changing ---------------------------------------------------------------

    async def ensure_first_admin(self, secrets: Secrets) -> bool:
        """Make the user `FIRST_ADMIN` with the password of set-up if there is nobody at all;
        whether he was made. The password must be changed at the first login."""
        async with self._database.reading() as session:
            if not await repository.is_empty(session):
                return False
        hashed = await self._passwords.hash(secrets.admin_password)
        async with self._database.writing() as session:
            if not await repository.is_empty(session):
                return False
            row = self._new(FIRST_ADMIN, "管理员", frozenset({Role.ADMIN}), hashed)
            await self._add(session, row, actor=SYSTEM)
        return True

    async def create(
        self, login: str, *, name: str, roles: frozenset[Role], actor: str
    ) -> NewPassword:
        """A new user with a one-time password, shown this once.

        Errors: `BadInput` ``bad_login``, ``reserved_name``, ``no_roles``; `Conflict`
        ``login_exists``.
        """
        login = login.casefold()
        if not LOGIN.fullmatch(login):
            raise BadInput(
                "login: 1 to 32 letters, digits or . _ -, beginning with a letter or digit",
                code="bad_login",
            )
        _some(roles)
        (made,) = await self.save([NewUser(login, name, roles)], [], actor=actor)
        return made

    async def save(
        self,
        new: Sequence[NewUser],
        changes: Sequence[tuple[UserInfo, UserChanges]],
        *,
        actor: str,
    ) -> Sequence[NewPassword]:
        """Make the `new` users and change others, each as he was when he was looked at, all or
        none; the new ones' one-time passwords.

        Errors: `BadInput` ``reserved_name``; `Conflict` ``login_exists``, ``last_admin``;
        `VersionConflict` if one is not as he was.
        """
        rows, passwords = [], []
        for one in new:  # one after the other: those who log in meanwhile have a turn
            passwords.append(one_time_password())
            row = self._new(
                one.login, one.name, one.roles, await self._passwords.hash(passwords[-1])
            )
            row.enabled = one.enabled
            rows.append(row)
        wanted, login = {row.login for row in rows}, rows[0].login if rows else ""
        changed: list[User] = []
        try:
            async with self._database.writing() as session:
                there = {row.login: row for row in await repository.all_of_them(session)}
                for login in sorted(wanted & there.keys()):
                    raise _exists(login)
                for refusal in (await refusals_of_logins(session, wanted)).values():
                    raise refusal
                for row in rows:
                    await self._add(session, row, actor=actor)
                managed = False
                for before, wish in changes:
                    row = found(there.get(before.login), before.login)
                    if info(row).version != before.version:
                        raise VersionConflict(
                            f"user {row.login} was changed meanwhile: try it anew",
                            version=info(row).version,
                        )
                    if await self._apply(session, row, wish, actor=actor):
                        managed = managed or _manages(before)
                        changed.append(row)
                await session.flush()
                if managed:
                    await _an_admin_stays(session)
        except IntegrityError as error:
            # Another process was faster; on SQLite writers queue, so only a server database.
            raise _exists(login) from error
        if rows or changed:
            _log.info("users: %d made, %d changed by=%s", len(rows), len(changed), actor)
        for row in (*rows, *changed):
            self.changed(row.id, row.login)
        return [
            NewPassword(info(row), password) for row, password in zip(rows, passwords, strict=True)
        ]

    async def change(self, user_id: int, changes: UserChanges, *, actor: str) -> UserInfo:
        """Change a user; who is disabled is logged out everywhere.

        Errors: `NotFound` ``user_not_found``; `BadInput` ``no_roles``; `Conflict`
        ``last_admin``.
        """
        if changes.roles is not None:
            _some(changes.roles)
        async with self._database.writing() as session:
            row = found(await repository.by_id(session, user_id), user_id)
            before = info(row)
            check_version(before.version, f"user {row.login}")
            if not await self._apply(session, row, changes, actor=actor):
                return before
            if _manages(before):
                await _an_admin_stays(session)
        _log.info("user %s changed by=%s", row.login, actor)
        self.changed(user_id, row.login)
        return info(row)

    async def reset_password(self, user_id: int, *, actor: str) -> NewPassword:
        """A fresh one-time password, shown this once; the user is logged out everywhere and no
        browser of his is known any more. `NotFound` ``user_not_found``."""
        password = one_time_password()
        hashed = await self._passwords.hash(password)
        async with self._database.writing() as session:
            row = found(await repository.by_id(session, user_id), user_id)
            row.password_hash, row.must_change_password = hashed, True
            row.updated_at = now = self._clock()
            await repository.end_sessions(session, user_id)
            await repository.forget_devices(session, user_id)
            entry = Entry("user.password_reset", f"user:{row.login}", actor=actor)
            await record(session, entry, now=now)
        _log.info("user %s has a new password by=%s", row.login, actor)
        self.changed(user_id, row.login)
        return NewPassword(info(row), password)

    async def log_out(self, user_id: int, *, actor: str) -> int:
        """End all sessions of the user; how many there were. `NotFound` ``user_not_found``."""
        async with self._database.writing() as session:
            row = found(await repository.by_id(session, user_id), user_id)
            ended = await repository.end_sessions(session, user_id)
            entry = Entry("user.logged_out", f"user:{row.login}", {"sessions": ended}, actor)
            await record(session, entry, now=self._clock())
        self.changed(user_id, row.login)
        return ended

    async def remove(self, user_id: int, *, actor: str) -> None:
        """Remove a user who has never logged in.

        Errors: `NotFound` ``user_not_found``; `Conflict` ``user_has_history``, ``last_admin``.
        """
        async with self._database.writing() as session:
            row = found(await repository.by_id(session, user_id), user_id)
            check_version(info(row).version, f"user {row.login}")
            if row.last_login_at is not None:
                raise Conflict(
                    f"{row.login} has logged in, and histories may name him; disable him instead",
                    code="user_has_history",
                )
            managed = _manages(info(row))
            await session.delete(row)
            await session.flush()
            if managed:
                await _an_admin_stays(session)
            entry = Entry("user.removed", f"user:{row.login}", actor=actor)
            await record(session, entry, now=self._clock())
        _log.info("user %s removed by=%s", row.login, actor)
        self.changed(user_id, row.login)

    def changed(self, user_id: int, login: str) -> None:
        """Tell whoever must know; after the commit."""
        for listener in self._listeners:
            listener(user_id)
        self._publish(Change("user.changed", {"id": user_id, "login": login}))

    async def _apply(
        self, session: AsyncSession, row: User, changes: UserChanges, *, actor: str
    ) -> bool:
        """Make the changes and note them; whether there was one."""
        before = info(row)
        if changes.name is not None:
            row.name = changes.name
        if changes.roles is not None:
            row.roles = words_of(changes.roles)
        if changes.enabled is not None:
            row.enabled = changes.enabled
        after = info(row)
        if after == before:
            return False
        row.updated_at = now = self._clock()
        await session.flush()
        if before.enabled and not after.enabled:
            await repository.end_sessions(session, row.id)
            await repository.forget_devices(session, row.id)
        differences = _differences(before, after)
        await record(
            session, Entry("user.changed", f"user:{row.login}", differences, actor), now=now
        )
        return True

    def _new(self, login: str, name: str, roles: frozenset[Role], hashed: str) -> User:
        now = self._clock()
        return User(
            login=login,
            name=name,
            roles=words_of(roles),
            password_hash=hashed,
            must_change_password=True,
            enabled=True,
            created_at=now,
            updated_at=now,
        )

    async def _add(self, session: AsyncSession, row: User, *, actor: str) -> None:
        session.add(row)
        await session.flush()
        data = {"name": row.name, "roles": row.roles.split()}
        entry = Entry("user.made", f"user:{row.login}", data, actor)
        await record(session, entry, now=row.created_at)


def info(row: User) -> UserInfo:
    """A row without its secrets."""
    return UserInfo(
        id=row.id,
        login=row.login,
        name=row.name,
        roles=roles_in(row.roles),
        enabled=row.enabled,
        must_change_password=row.must_change_password,
        has_password=row.password_hash is not None,
        oidc=row.oidc_subject is not None,
        last_login_at=row.last_login_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def found(row: User | None, wanted: int | str) -> User:
    """`row`, or `NotFound` ``user_not_found``."""
    if row is None:
        raise NotFound(f"there is no user {wanted}", code="user_not_found")
    return row


def _some(roles: frozenset[Role]) -> None:
    if not roles:
        raise BadInput("roles: name one at least", code="no_roles")


def _manages(user: UserInfo) -> bool:
    return user.enabled and Role.ADMIN in user.roles


async def _an_admin_stays(session: AsyncSession) -> None:
    if not any(_manages(info(row)) for row in await repository.enabled(session)):
        raise Conflict(
            "nobody would be left who may manage people; make another admin first",
            code="last_admin",
        )


def _differences(before: UserInfo, after: UserInfo) -> dict[str, object]:
    changes: dict[str, object] = {}
    if before.name != after.name:
        changes["name"] = {"from": before.name, "to": after.name}
    if before.roles != after.roles:
        changes["roles"] = {"from": sorted(before.roles), "to": sorted(after.roles)}
    if before.enabled != after.enabled:
        changes["enabled"] = {"from": before.enabled, "to": after.enabled}
    return changes


def _exists(login: str) -> Conflict:
    return Conflict(f"there is a user {login} already; take another login", code="login_exists")
