"""API tokens, for machines: only their SHA-256 is kept, and each has roles as people have.

The first token is an admin's: set-up, tools and whoever may read the home use it.

A token is 256 random bits, so a plain hash is enough: there is nothing to guess. It is looked up
by its hash; the comparison of what was found takes the same time wherever it differs.

What was found is remembered for `CACHE_SECONDS`, so that a token revoked from the command line
(another process) ends within that time; revoked in this process, it ends at once. Unknown tokens
are not remembered: a stranger could fill the memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from callcenter.people.access.actor import Actor
from callcenter.people.access.free_name import must_be_free_of_users
from callcenter.people.domain.permissions import Role, permissions_of, roles_in, words_of
from callcenter.people.tokens import repository
from callcenter.people.tokens.models import ApiToken
from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, Conflict, NotFound
from callcenter.platform.secrets import write_private

CACHE_SECONDS = 1.0
CACHE_ENTRIES = 1000
"""More tokens than an office has programs; the one unused longest goes first."""

DAYS = 365
RENEWED_DAYS = 30
"""The first token is made anew at a start if it ends so soon: nobody would notice in time."""

FIRST_NAME = "first"
PREFIX = "cc_"
"""So that scanners of leaked secrets know one when they see it."""

_NAME = re.compile(r"[\w.@-]([\w .@-]{0,62}[\w.@-])?")


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A token without its secret."""

    name: str
    roles: frozenset[Role]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class TokenService:
    """Makes, checks and ends tokens."""

    def __init__(
        self,
        database: Database,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        days: int = DAYS,
    ) -> None:
        """`days` is how long a new token is valid, unless it is said."""
        self._days = days
        self._database = database
        self._clock = clock
        self._monotonic = monotonic
        self._cache: OrderedDict[str, tuple[Actor, float]] = OrderedDict()
        """Hash to who it is, and the moment until which it is believed."""
        self._revocations = 0
        self._listeners: list[Callable[[], None]] = []

    def on_end(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that ended a token."""
        self._listeners.append(listener)

    async def create(
        self, name: str, roles: Collection[Role] = (Role.ADMIN,), *, days: int | None = None
    ) -> str:
        """A new token, shown this once, valid for so many days. The name of one that is revoked or
        has ended may be used again.

        `BadInput` ``bad_token_name``, ``reserved_name``, ``no_roles``; `Conflict` ``token_exists``.
        """
        if not roles:
            raise BadInput("roles: name one at least", code="no_roles")
        if not _NAME.fullmatch(name):
            raise BadInput(
                "name: 1 to 64 letters, digits, blanks or . @ _ -, no blank at the ends",
                code="bad_token_name",
            )
        token = PREFIX + secrets.token_urlsafe(32)
        try:
            async with self._database.writing() as session:
                row = await repository.by_name(session, name)
                if row is not None and self._valid(row):
                    raise _exists(name)
                await must_be_free_of_users(session, name)
                if row is None:
                    row = ApiToken(name=name)
                    session.add(row)
                now = self._clock()
                row.sha256, row.created_at, row.revoked_at = _hash(token), now, None
                row.expires_at = now + timedelta(days=days or self._days)
                row.roles = words_of(roles)
                about = {"roles": sorted(roles), "expires_at": row.expires_at}
                made = Entry("token.made", f"token:{name}", about)
                await record(session, made, now=now)
        except IntegrityError as error:  # another process was faster
            raise _exists(name) from error
        return token

    async def list(self) -> Sequence[TokenInfo]:
        """All tokens, oldest first, revoked ones too."""
        async with self._database.reading() as session:
            rows = await repository.all_tokens(session)
        return [
            TokenInfo(row.name, roles_in(row.roles), row.created_at, row.expires_at, row.revoked_at)
            for row in rows
        ]

    async def revoke(self, name: str) -> None:
        """End the token `name`; ended already is fine. `NotFound` ``token_not_found``."""
        async with self._database.writing() as session:
            row = await repository.by_name(session, name)
            if row is None:
                raise NotFound(f"there is no token {name!r}", code="token_not_found")
            if row.revoked_at is None:
                row.revoked_at = self._clock()
                ended = Entry("token.revoked", f"token:{name}")
                await record(session, ended, now=row.revoked_at)
        self._revocations += 1  # a look-up that is under way must not be remembered
        self._cache.clear()
        for listener in self._listeners:
            listener()

    async def named(self, name: str) -> Actor | None:
        """The token `name` with its present roles; None if it is not valid."""
        async with self._database.reading() as session:
            row = await repository.by_name(session, name)
        return None if row is None or not self._valid(row) else _actor(row)

    async def check(self, token: str) -> str | None:
        """The name of a valid `token`, or None."""
        who = await self.actor(token)
        return None if who is None else who.name

    async def actor(self, token: str) -> Actor | None:
        """Who shows `token`; None if it is not valid."""
        digest = _hash(token)
        known = self._cache.get(digest)
        if known is not None and self._monotonic() < known[1]:
            self._cache.move_to_end(digest)
            return known[0]
        revocations, asked_at = self._revocations, self._monotonic()
        async with self._database.reading() as session:
            row = await repository.by_hash(session, digest)
        if row is None or not self._valid(row) or not hmac.compare_digest(row.sha256, digest):
            self._cache.pop(digest, None)
            return None
        who = _actor(row)
        if revocations == self._revocations:
            self._cache[digest] = (who, asked_at + CACHE_SECONDS)
            self._cache.move_to_end(digest)
            if len(self._cache) > CACHE_ENTRIES:
                self._cache.popitem(last=False)
        return who

    async def standing(self, proofs: Collection[str]) -> Mapping[str, Actor]:
        """Who those of `proofs` stand for that are valid tokens now, from the database: for answers
        that go on."""
        by_hash = {_hash(token): token for token in proofs}
        async with self._database.reading() as session:
            rows = await repository.by_hashes(session, by_hash.keys())
        return {by_hash[row.sha256]: _actor(row) for row in rows if self._valid(row)}

    def _valid(self, row: ApiToken) -> bool:
        """Neither revoked nor at its end."""
        ended = row.expires_at is not None and row.expires_at <= self._clock()
        return row.revoked_at is None and not ended

    async def ensure_first(self, token_file: Path) -> bool:
        """See to it that `token_file` (mode 600) holds a valid token; whether one was made.

        If the file is gone, or its token is not valid, a new token is written and the one that it
        held before ends: what was lost may be in wrong hands.
        """
        present = await asyncio.to_thread(_read, token_file)
        if present and await self._lasts(present):
            return False
        with suppress(NotFound):
            await self.revoke(FIRST_NAME)
        token = await self.create(FIRST_NAME)
        await asyncio.to_thread(write_private, token_file, f"{token}\n")
        return True

    async def _lasts(self, token: str) -> bool:
        """Whether it is valid, and will be for a while."""
        async with self._database.reading() as session:
            row = await repository.by_hash(session, _hash(token))
        if row is None or not self._valid(row):
            return False
        soon = self._clock() + timedelta(days=RENEWED_DAYS)
        return row.expires_at is None or row.expires_at > soon


def _actor(row: ApiToken) -> Actor:
    roles = roles_in(row.roles)
    return Actor(row.name, permissions_of(roles), roles)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _exists(name: str) -> Conflict:
    return Conflict(
        f"there is a token {name!r} already; revoke it first, or take another name",
        code="token_exists",
    )
