"""SQL of people, sessions and known browsers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.users.models import User, UserDevice, UserSession


async def by_id(session: AsyncSession, user_id: int) -> User | None:
    """One user."""
    return await session.get(User, user_id)


async def by_ids(session: AsyncSession, ids: Collection[int]) -> Sequence[User]:
    """The users of `ids` that there are."""
    return (await session.scalars(select(User).where(User.id.in_(ids)))).all()


async def by_login(session: AsyncSession, login: str) -> User | None:
    """The user with this login (small letters)."""
    found: User | None = await session.scalar(select(User).where(User.login == login))
    return found


async def by_oidc(session: AsyncSession, issuer: str, subject: str) -> User | None:
    """The user whom the identity provider calls `subject`."""
    statement = select(User).where(User.oidc_issuer == issuer, User.oidc_subject == subject)
    found: User | None = await session.scalar(statement)
    return found


async def is_empty(session: AsyncSession) -> bool:
    """Whether there is nobody."""
    return await session.scalar(select(func.count()).select_from(User)) == 0


async def enabled(session: AsyncSession) -> Sequence[User]:
    """Everybody who may log in."""
    return (await session.scalars(select(User).where(User.enabled).order_by(User.login))).all()


async def all_of_them(session: AsyncSession) -> Sequence[User]:
    """Everybody, by login."""
    return (await session.scalars(select(User).order_by(User.login))).all()


async def in_order(session: AsyncSession, *, after: str | None, limit: int) -> Sequence[User]:
    """Up to `limit` users behind the login `after`, by login."""
    statement = select(User).order_by(User.login).limit(limit)
    if after is not None:
        statement = statement.where(User.login > after)
    return (await session.scalars(statement)).all()


# -- sessions -------------------------------------------------------------------------------


async def session_by_hash(session: AsyncSession, sha256: str) -> tuple[UserSession, User] | None:
    """The session with this hash, and whose it is."""
    statement = (
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.sha256 == sha256)
    )
    row = (await session.execute(statement)).first()
    return None if row is None else (row[0], row[1])


async def sessions_by_hash(
    session: AsyncSession, hashes: Collection[str]
) -> Sequence[tuple[UserSession, User]]:
    """The sessions with these hashes, and whose they are."""
    statement = (
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.sha256.in_(hashes))
    )
    return [(row[0], row[1]) for row in (await session.execute(statement)).all()]


async def touch_session(session: AsyncSession, session_id: int, now: datetime) -> None:
    """The session was used."""
    await session.execute(
        update(UserSession).where(UserSession.id == session_id).values(seen_at=now)
    )


async def latest_sessions(
    session: AsyncSession, user_ids: Collection[int]
) -> Sequence[tuple[UserSession, User]]:
    """The sessions of these users, and whose they are."""
    statement = (
        select(UserSession, User)
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.user_id.in_(user_ids))
    )
    return [(row, user) for row, user in await session.execute(statement)]


async def end_sessions(session: AsyncSession, user_id: int, *, but_not: int | None = None) -> int:
    """Remove the sessions of the user; how many there were."""
    statement = delete(UserSession).where(UserSession.user_id == user_id)
    if but_not is not None:
        statement = statement.where(UserSession.id != but_not)
    return len((await session.execute(statement.returning(UserSession.id))).all())


async def end_session(session: AsyncSession, session_id: int) -> None:
    """Remove one session."""
    await session.execute(delete(UserSession).where(UserSession.id == session_id))


async def forget_old(
    session: AsyncSession, now: datetime, *, seen_before: datetime, device_before: datetime
) -> None:
    """Remove sessions that are over and browsers that were long not seen."""
    await session.execute(
        delete(UserSession).where(
            or_(UserSession.expires_at <= now, UserSession.seen_at <= seen_before)
        )
    )
    await session.execute(delete(UserDevice).where(UserDevice.seen_at <= device_before))


# -- known browsers -------------------------------------------------------------------------


async def known_devices(
    session: AsyncSession, user_id: int, sha256: str, address: str, since: datetime
) -> Sequence[UserDevice]:
    """What of the browser's cookie and the address the user logged in with before."""
    statement = select(UserDevice).where(
        UserDevice.user_id == user_id,
        UserDevice.seen_at > since,
        or_(UserDevice.sha256 == sha256, UserDevice.address == address),
    )
    return (await session.scalars(statement)).all()


async def forget_devices(session: AsyncSession, user_id: int) -> None:
    """No browser of the user is known any more."""
    await session.execute(delete(UserDevice).where(UserDevice.user_id == user_id))
