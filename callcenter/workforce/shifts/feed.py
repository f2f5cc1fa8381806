"""A calendar feed (iCalendar, RFC 5545) of one person's shifts, at a secret address.

Calendar programs cannot log in, so the address itself is the key: 256 random bits, of which only
the hash is kept, shown once when it is made, and worthless after a new one is. It shows that
person's shifts and nothing else.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import date, timedelta

from icalendar import Calendar, Event

from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import NotFound
from callcenter.workforce.shifts import repository
from callcenter.workforce.shifts.models import RotaFeed
from callcenter.workforce.shifts.service import EntryInfo, ShiftService

_log = logging.getLogger(__name__)

TOKEN_BYTES = 32
FRESH_SECONDS, FRESH = 3600, "PT1H"
"""A rota that changes is told sooner than this by those who change it."""
PAST_DAYS, COMING_DAYS = 30, 60
"""What a feed shows around today; together within `service.RANGE_DAYS_MAX`."""


class FeedService:
    """Makes and answers feeds."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        shifts: ShiftService,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._node = settings.node
        self._shifts = shifts
        self._clock = clock

    async def create(self, user_id: int, *, actor: str) -> str:
        """A fresh secret for the feed of `user_id`; an older one is void from now on."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        async with self._database.writing() as session:
            row = await repository.feed(session, user_id)
            if row is None:
                row = RotaFeed(user_id=user_id)
                session.add(row)
            row.sha256, row.created_at = _hash(token), self._clock()
            entry = Entry("rota.feed_made", f"user:{user_id}", {}, actor)
            await record(session, entry, now=row.created_at)
        _log.info("rota feed made user=%d by=%s", user_id, actor)
        return token

    async def remove(self, user_id: int, *, actor: str) -> None:
        """Void the secret; `NotFound` ``feed_not_found``."""
        async with self._database.writing() as session:
            row = await repository.feed(session, user_id)
            if row is None:
                raise _no_feed()
            entry = Entry("rota.feed_removed", f"user:{user_id}", {}, actor)
            await record(session, entry, now=self._clock())
            await session.delete(row)
        _log.info("rota feed removed user=%d by=%s", user_id, actor)

    async def calendar(self, token: str) -> bytes:
        """The feed with the secret `token`; `NotFound` ``feed_not_found``."""
        async with self._database.reading() as session:
            row = await repository.feed_by_hash(session, _hash(token))
        if row is None:
            raise _no_feed()
        names = await self._shifts.names((row.user_id,))
        if row.user_id not in names:
            raise _no_feed()
        today = self._shifts.today()
        entries = await self._shifts.entries(
            today - timedelta(days=PAST_DAYS),
            today + timedelta(days=COMING_DAYS),
            user_id=row.user_id,
        )
        return self.render(names[row.user_id], today, [e for e in entries if not e.on_leave])

    def render(self, name: str, today: date, entries: list[EntryInfo]) -> bytes:
        """The entries as a calendar, moments in UTC."""
        calendar = Calendar()
        calendar.add("prodid", "-//callcenter//rota//ZH")
        calendar.add("version", "2.0")
        calendar.add("method", "PUBLISH")
        calendar.add("x-wr-calname", name)
        # How often to look again: RFC 7986, section 5.7, and the older word that others read.
        calendar.add("refresh-interval;value=duration", FRESH)
        calendar.add("x-published-ttl", FRESH)
        for entry in entries:
            event = Event()
            # The same entry keeps its id, so a change moves it instead of doubling it.
            event.add("uid", f"rota-{entry.id}@{self._node}")
            event.add("dtstamp", entry.updated_at)
            event.add("last-modified", entry.updated_at)
            event.add("sequence", entry.version)
            event.add("dtstart", entry.assignment.starts)
            event.add("dtend", entry.assignment.ends)
            event.add("summary", entry.shift_name)
            if entry.note:
                event.add("description", entry.note)
            calendar.add_component(event)
        text: bytes = calendar.to_ical()
        return text


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _no_feed() -> NotFound:
    return NotFound("no such calendar feed: make a new address", code="feed_not_found")
