"""Logging in and out: sessions that the server keeps, and browsers that it knows again.

A session is 256 random bits in a cookie that scripts cannot read; only its SHA-256 is kept. It
ends after an idle time, and at the latest after an absolute one, at log-out, when the user is
disabled or gets another password. What is found is believed for `CACHE_SECONDS`, so that a screen
that polls costs no query each time; a change in this process counts at once. An answer that is open
as its session ends is ended too (`people.access.open_answers`), and keeps no session alive.

A write must carry the session's CSRF token in a header, which no other site can know or send.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.access.actor import Actor, acting
from callcenter.people.domain.permissions import permissions_of, roles_in
from callcenter.people.trail.chain import ActorKind
from callcenter.people.trail.service import Entry, record
from callcenter.people.users import repository
from callcenter.people.users.models import User, UserDevice, UserSession
from callcenter.people.users.passwords import Passwords, check_rules, normal_form
from callcenter.people.users.service import UserInfo, UserService, found, info
from callcenter.people.users.throttle import Bucket, Throttle, buckets_of, source_of
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, Forbidden, TooManyRequests, Unauthenticated

_log = logging.getLogger(__name__)

CACHE_SECONDS = 1.0
CACHE_ENTRIES = 5000
"""Twice the people of a large centre; the one unused longest goes first."""
TOUCH_SECONDS = 60.0
"""How exact the idle time is: a write per minute and person, not per request."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is valid now."""

    id: int
    who: Actor
    csrf: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """What a browser gets: two cookies, shown this once."""

    user: UserInfo
    token: str = field(repr=False)
    """For the session's cookie."""
    csrf: str = field(repr=False)
    device: str = field(repr=False)
    """For the cookie by which the browser is known again."""


@dataclass(frozen=True, slots=True)
class From:
    """Where a login comes from."""

    address: str
    user_agent: str = ""
    device: str = field(default="", repr=False)
    """The cookie of an earlier login, or empty."""


class SessionService:
    """Logs people in and out, and knows them again."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        users: UserService,
        passwords: Passwords,
        *,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._users = users
        self._passwords = passwords
        self._clock = clock
        self._monotonic = monotonic
        self._idle = timedelta(minutes=settings.session_idle_minutes)
        self._longest = timedelta(hours=settings.session_hours)
        self._known = timedelta(days=settings.known_device_days)
        self._throttle = Throttle(monotonic)
        self._cache: OrderedDict[str, tuple[Session, float]] = OrderedDict()
        self._changes = 0
        self._listeners: list[Callable[[int], None]] = []
        users.on_change(self._forget)

    def on_end(self, listener: Callable[[int], None]) -> None:
        """Call `listener` with a user's id after each commit that ended sessions of his, or
        changed what he may do."""
        self._listeners.append(listener)

    # -- logging in ------------------------------------------------------------------------

    async def log_in(self, login: str, password: str, place: From) -> LoggedIn:
        """Log in with a password.

        Errors: `Unauthenticated` ``wrong_login`` (whether the user exists, is disabled, or the
        password is wrong, is not said); `TooManyRequests` ``login_delayed`` with
        ``details.retry_after_seconds``, ``too_many_logins``.
        """
        login = login.casefold()
        async with self._database.reading() as session:
            row = await repository.by_login(session, login)
            buckets = await self._buckets(session, row, login, place)
        self._may_try(buckets)
        kept = row.password_hash if row is not None and row.enabled else None
        if not await self._passwords.verify(password, kept):
            await self._note_failure(login, place)
            raise Unauthenticated("login or password is wrong", code="wrong_login")
        self._throttle.succeeded(buckets)
        renewed = (
            await self._passwords.hash(password)
            if kept is not None and self._passwords.outdated(kept)
            else None
        )
        async with self._database.writing() as session:
            row = await repository.by_login(session, login)
            # As it is now: it may have been disabled, or have got another password, meanwhile.
            if row is None or not row.enabled or row.password_hash != kept:
                raise Unauthenticated("login or password is wrong", code="wrong_login")
            if renewed is not None:
                row.password_hash = renewed
            return await self.begin(session, row, place)

    async def begin(self, session: AsyncSession, row: User, place: From) -> LoggedIn:
        """A session for `row`, who has shown that it is he, inside a unit of work."""
        now = self._clock()
        await repository.forget_old(
            session, now, seen_before=now - self._idle, device_before=now - self._known
        )
        row.last_login_at = now
        token = await self._add_session(session, row.id, place, now)
        device = await self._remember(session, row.id, place, now)
        with acting(Actor(row.login, user_id=row.id, address=place.address)):
            await record(session, Entry("user.logged_in", f"user:{row.login}"), now=now)
        return LoggedIn(info(row), token, csrf_of(token), device)

    async def _add_session(
        self, session: AsyncSession, user_id: int, place: From, now: datetime
    ) -> str:
        token = secrets.token_urlsafe(32)
        session.add(
            UserSession(
                sha256=_hash(token),
                user_id=user_id,
                address=place.address[:64],
                user_agent=place.user_agent[:200],
                created_at=now,
                seen_at=now,
                expires_at=now + self._longest,
            )
        )
        await session.flush()
        return token

    async def _remember(
        self, session: AsyncSession, user_id: int, place: From, now: datetime
    ) -> str:
        """Know the browser and the address again; the value of its cookie."""
        source, digest = source_of(place.address), _hash(place.device)
        known = await repository.known_devices(session, user_id, digest, source, now - self._known)
        for device in known:
            if device.sha256 == digest:
                device.seen_at, device.address = now, source
                return place.device
        fresh = secrets.token_urlsafe(32)
        session.add(
            UserDevice(
                sha256=_hash(fresh), user_id=user_id, address=source, created_at=now, seen_at=now
            )
        )
        await session.flush()
        return fresh

    async def _buckets(
        self, session: AsyncSession, row: User | None, login: str, place: From
    ) -> list[Bucket]:
        source, digest = source_of(place.address), _hash(place.device)
        known = await repository.known_devices(
            session, row.id if row else 0, digest, source, self._clock() - self._known
        )
        known_by = None
        for device in known:
            # Its own cookie is worth more than an address that colleagues share.
            if device.sha256 == digest:
                known_by = f"browser {device.id}"
                break
            known_by = f"address {source}"
        return list(buckets_of(login, place.address, known_by))

    def _may_try(self, buckets: list[Bucket]) -> None:
        wait = self._throttle.begin(buckets)
        if wait > 0:
            seconds = int(wait) + 1
            raise TooManyRequests(
                f"too many wrong passwords; try again in {seconds} s",
                code="login_delayed",
                retry_after_seconds=seconds,
            )

    async def _note_failure(self, login: str, place: From) -> None:
        """Note it for a user that exists, which the throttle bounds; a row for each name that
        strangers invent would let them fill the disk. What was typed is kept nowhere: it may be a
        password in the wrong field."""
        async with self._database.writing() as session:
            row = await repository.by_login(session, login)
            if row is None:
                _log.info("login failed for nobody we know, from %s", place.address)
                return
            with acting(Actor("stranger", address=place.address)):
                about = f"user:{row.login}"
                entry = Entry("user.login_failed", about, kind=ActorKind.STRANGER)
                await record(session, entry, now=self._clock())

    # -- knowing again ---------------------------------------------------------------------

    async def check(self, token: str) -> Session | None:
        """The session of the cookie `token`, or None; it is kept alive by this."""
        digest = _hash(token)
        known = self._cache.get(digest)
        if known is not None and self._monotonic() < known[1]:
            self._cache.move_to_end(digest)
            return known[0]
        changes, asked_at = self._changes, self._monotonic()
        async with self._database.reading() as session:
            pair = await repository.session_by_hash(session, digest)
        now = self._clock()
        if pair is None or not self._valid(*pair, now):
            self._cache.pop(digest, None)
            return None
        row, user = pair
        if (now - row.seen_at).total_seconds() >= TOUCH_SECONDS:
            async with self._database.writing() as session:
                await repository.touch_session(session, row.id, now)
        made = Session(row.id, _actor(user), csrf_of(token))
        if changes == self._changes:
            self._cache[digest] = (made, asked_at + CACHE_SECONDS)
            self._cache.move_to_end(digest)
            if len(self._cache) > CACHE_ENTRIES:
                self._cache.popitem(last=False)
        return made

    async def standing(self, proofs: Collection[str]) -> Mapping[str, Actor]:
        """Who those cookies of `proofs` stand for whose sessions are valid now. From the database,
        and without keeping any session alive: for answers that go on."""
        by_hash = {_hash(token): token for token in proofs}
        async with self._database.reading() as session:
            pairs = await repository.sessions_by_hash(session, by_hash.keys())
        now = self._clock()
        return {
            by_hash[row.sha256]: _actor(user) for row, user in pairs if self._valid(row, user, now)
        }

    async def behind(self, user_ids: Collection[int]) -> frozenset[int]:
        """Those of `user_ids` who have a session that is valid now: somebody who can act for them.
        From the database; keeps no session alive."""
        if not user_ids:
            return frozenset()
        async with self._database.reading() as session:
            pairs = await repository.latest_sessions(session, user_ids)
        now = self._clock()
        return frozenset(row.user_id for row, user in pairs if self._valid(row, user, now))

    async def used_since(self, moments: Mapping[int, datetime]) -> frozenset[int]:
        """Those of `moments` (moments by user) who used a session at theirs or later; it may be
        over meanwhile. Sessions that were ended, not run out, are not known any more."""
        if not moments:
            return frozenset()
        async with self._database.reading() as session:
            pairs = await repository.latest_sessions(session, moments.keys())
        return frozenset(row.user_id for row, _ in pairs if row.seen_at >= moments[row.user_id])

    def _valid(self, row: UserSession, user: User, now: datetime) -> bool:
        return user.enabled and now < row.expires_at and now - row.seen_at < self._idle

    def _forget(self, user_id: int) -> None:
        self._changes += 1  # a look-up that is under way must not be remembered
        self._cache.clear()
        for listener in self._listeners:
            listener(user_id)

    # -- one's own account -----------------------------------------------------------------

    async def log_out(self, present: Session, *, everywhere: bool) -> None:
        """End this session, or all sessions of its user."""
        user_id = _person(present.who)
        async with self._database.writing() as session:
            if everywhere:
                await repository.end_sessions(session, user_id)
            else:
                await repository.end_session(session, present.id)
            entry = Entry("user.logged_out", f"user:{present.who.name}", {"everywhere": everywhere})
            await record(session, entry, now=self._clock())
        self._forget(user_id)

    async def change_password(
        self, present: Session, current: str, new: str, place: From
    ) -> LoggedIn:
        """Take `new` for the password of the one who is logged in. All his sessions end; the
        answer holds a fresh one.

        Errors: `Forbidden` ``wrong_password``; `BadInput` ``weak_password`` with
        ``details.rule``; `TooManyRequests` as of `log_in`.
        """
        user_id, login = _person(present.who), present.who.name
        check_rules(new, login)
        if normal_form(new) == normal_form(current):
            raise BadInput(
                "password: the new one is the old one", code="weak_password", rule="same"
            )
        async with self._database.reading() as session:
            row = found(await repository.by_id(session, user_id), user_id)
        # Its own bucket: somebody at an unlocked screen is no stranger, but guesses as well.
        buckets = [Bucket(f"change {login}", 5)]
        self._may_try(buckets)
        if not await self._passwords.verify(current, row.password_hash):
            raise Forbidden("the current password is wrong", code="wrong_password")
        self._throttle.succeeded(buckets)
        hashed = await self._passwords.hash(new)
        async with self._database.writing() as session:
            row = found(await repository.by_id(session, user_id), user_id)
            now = self._clock()
            row.password_hash, row.must_change_password = hashed, False
            row.password_changed_at = row.updated_at = now
            await repository.end_sessions(session, user_id)
            token = await self._add_session(session, user_id, place, now)
            device = await self._remember(session, user_id, place, now)
            entry = Entry("user.password_changed", f"user:{login}")
            await record(session, entry, now=now)
        self._users.changed(user_id, login)
        return LoggedIn(info(row), token, csrf_of(token), device)


def csrf_of(token: str) -> str:
    """The CSRF token of the session with the cookie `token`: only who has the cookie can tell."""
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"csrf", hashlib.sha256).hexdigest()


def _actor(user: User) -> Actor:
    roles = roles_in(user.roles)
    return Actor(
        name=user.login,
        permissions=permissions_of(roles),
        roles=roles,
        user_id=user.id,
        must_change_password=user.must_change_password,
    )


def _person(who: Actor) -> int:
    if who.user_id is None:
        raise Forbidden("a token is no person; log in with a password", code="not_a_person")
    return who.user_id


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
