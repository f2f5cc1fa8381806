"""Seats: what the PBX should have. The reconciler makes it so.

Nothing here talks to the PBX: a change is committed, then whoever must know is told
(`on_change`), and finds it by its own rounds if that is lost. A secret is made here, never
chosen by people, and shown to people only once: when it is made. A browser phone gets, each time
it begins, what it needs to prove that it has the secret (`browser_login`), and no more.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from callcenter.people.trail.service import Entry, record
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import BadInput, Conflict, NotFound, SetupError
from callcenter.platform.versions import check_version, version_of
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.registrations import PhoneKinds, Registration
from callcenter.telephony.domain.seating import DesiredSeat, is_seat_extension
from callcenter.telephony.seats import repository
from callcenter.telephony.seats.models import Seat

_log = logging.getLogger(__name__)

SECRET_BYTES = 16
"""128 bits, written as 32 hexadecimal digits: they can be typed into any phone."""
NAMED = 10
"""Seats in one sentence; `details` has them all."""
SIP_REALM = "asterisk"
"""The PBX's ``default_realm``; nothing of ours sets another."""


@dataclass(frozen=True, slots=True)
class SeatInfo:
    """A seat without its secret."""

    extension: Extension
    name: str
    enabled: bool
    """False: the PBX has no such endpoint, so nobody can register as it."""
    in_queue: bool
    """Whether callers of the main queue are offered to it while it is enabled."""
    phones: PhoneKinds
    browser: bool
    """Its sound is a browser's now; a SIP phone that registers makes it its own again."""
    created_at: datetime
    updated_at: datetime

    @property
    def version(self) -> int:
        """Of what people write of it; a seat made anew has another than the one before."""
        return version_of(
            self.extension, self.name, self.enabled, self.in_queue, self.phones, self.created_at
        )


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A seat whose secret was just made."""

    seat: SeatInfo
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SeatChanges:
    """What to change; None leaves things as they are."""

    name: str | None = None
    enabled: bool | None = None
    in_queue: bool | None = None
    phones: PhoneKinds | None = None


@dataclass(frozen=True, slots=True)
class NewSeat:
    """A seat to be made."""

    extension: str
    name: str
    enabled: bool = True
    in_queue: bool = True
    phones: PhoneKinds = PhoneKinds.BOTH


@dataclass(frozen=True, slots=True)
class BrowserLogin:
    """What a browser phone registers with (RFC 2617, section 3.2.2.2)."""

    seat: SeatInfo
    realm: str
    ha1: str = field(repr=False)
    """MD5 of name, realm and secret: it proves the secret, which cannot be had from it."""


class SeatService:
    """Reads and changes the seats."""

    def __init__(self, database: Database, settings: Settings, clock: Clock = utc_now) -> None:
        self._database = database
        self._first = settings.first_seat
        self._count = settings.seats
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that changed a seat."""
        self._listeners.append(listener)

    async def desired(self) -> Sequence[DesiredSeat]:
        """The seats that the PBX should have, by extension."""
        async with self._database.reading() as session:
            return [
                DesiredSeat(
                    Extension(row.extension),
                    row.name,
                    row.secret,
                    row.in_queue,
                    browser=_is_browser(row),
                )
                for row in await repository.enabled(session)
            ]

    async def ensure_first(self) -> int:
        """Make the seats of the settings if there is none at all; how many were made.

        `SetupError` ``bad_setting`` if so many do not fit into the digits of the first one.
        """
        last = self._first + self._count - 1
        if not is_seat_extension(str(last), self._first):
            raise SetupError(
                f"CALLCENTER_SEATS: {self._count} seats from {self._first} on would reach {last},"
                " which is outside the digits of the first one; set fewer, or another"
                " CALLCENTER_FIRST_SEAT.",
                code="bad_setting",
                setting="seats",
            )
        async with self._database.writing() as session:
            if not await repository.is_empty(session):
                return 0
            for number in range(self._first, last + 1):
                session.add(self._row(NewSeat(str(number), f"座席 {number}")))
        self._changed()
        return self._count

    async def page(self, *, after: str | None, limit: int) -> Sequence[SeatInfo]:
        """Up to `limit` seats behind extension `after`, by extension."""
        async with self._database.reading() as session:
            rows = await repository.in_order(session, after=after, limit=limit)
        return [_info(row) for row in rows]

    async def get(self, extension: str) -> SeatInfo:
        """One seat; `NotFound` ``seat_not_found``."""
        async with self._database.reading() as session:
            return _info(_found(await repository.by_extension(session, extension), extension))

    async def all(self) -> Sequence[SeatInfo]:
        """Every seat, by extension."""
        async with self._database.reading() as session:
            return [_info(row) for row in await repository.all_of_them(session)]

    def check_extension(self, extension: str) -> None:
        """`BadInput` ``bad_extension`` if the dialplan gives its digits to no seat."""
        if not is_seat_extension(extension, self._first):
            raise BadInput(
                f"extension: must have {len(str(self._first))} digits and begin with"
                f" {str(self._first)[0]}, as the seats that the dialplan knows",
                code="bad_extension",
            )

    async def create(self, seat: NewSeat, *, actor: str) -> NewSecret:
        """Make a seat; `BadInput` ``bad_extension``, `Conflict` ``seat_exists``."""
        (made,) = await self.save([seat], {}, actor=actor)
        return made

    async def save(
        self, new: Sequence[NewSeat], changes: Mapping[str, SeatChanges], *, actor: str
    ) -> Sequence[NewSecret]:
        """Make the `new` seats and change others, all or none; the new ones' secrets.

        `BadInput` ``bad_extension``, `Conflict` ``seat_exists``, `NotFound` ``seat_not_found``.
        """
        for seat in new:
            self.check_extension(seat.extension)
        rows = [self._row(seat) for seat in new]
        wanted = [row.extension for row in rows]
        try:
            async with self._database.writing() as session:
                taken = await repository.existing(session, wanted)
                if taken:
                    raise _seats_exist(taken)
                session.add_all(rows)
                now = self._clock()
                entries = [
                    Entry("seat.created", f"seat:{row.extension}", {"name": row.name}, actor)
                    for row in rows
                ]
                for extension, wish in changes.items():
                    row = _found(await repository.by_extension(session, extension), extension)
                    if named := self._apply(row, wish, now):
                        entries.append(
                            Entry("seat.changed", f"seat:{extension}", {"fields": named}, actor)
                        )
                await record(session, *entries, now=now)
        except IntegrityError as error:
            # Another process was faster; on SQLite writers queue, so only a server database.
            raise _seats_exist(wanted) from error
        if entries:
            _log.info("seats: %d made, %d changed by=%s", len(new), len(entries) - len(new), actor)
            self._changed()
        return [NewSecret(_info(row), row.secret) for row in rows]

    async def change(self, extension: str, changes: SeatChanges, *, actor: str) -> SeatInfo:
        """Change a seat; `NotFound`. A seat that is disabled loses its registration at once; a
        talk that it is in goes on."""
        async with self._database.writing() as session:
            row = _found(await repository.by_extension(session, extension), extension)
            check_version(_info(row).version, f"seat {extension}")
            now = self._clock()
            named = self._apply(row, changes, now)
            if not named:
                return _info(row)
            entry = Entry("seat.changed", f"seat:{extension}", {"fields": named}, actor)
            await record(session, entry, now=now)
        _log.info("seat %s changed by=%s", extension, actor)
        self._changed()
        return _info(row)

    async def rotate_secret(self, extension: str, *, actor: str) -> NewSecret:
        """Give the seat a fresh secret; its phone must be told. `NotFound`."""
        async with self._database.writing() as session:
            row = _found(await repository.by_extension(session, extension), extension)
            row.secret = secrets.token_hex(SECRET_BYTES)
            row.updated_at = self._clock()
            entry = Entry("seat.secret_rotated", f"seat:{extension}", actor=actor)
            await record(session, entry, now=row.updated_at)
        _log.info("seat %s has a new secret by=%s", extension, actor)
        self._changed()
        return NewSecret(_info(row), row.secret)

    async def remove(self, extension: str, *, actor: str) -> None:
        """Remove a seat; its calls and cases stay. `NotFound`."""
        async with self._database.writing() as session:
            row = _found(await repository.by_extension(session, extension), extension)
            check_version(_info(row).version, f"seat {extension}")
            await session.delete(row)
            entry = Entry("seat.removed", f"seat:{extension}", {"name": row.name}, actor)
            await record(session, entry, now=self._clock())
        _log.info("seat %s removed by=%s", extension, actor)
        self._changed()

    # -- browser phones -----------------------------------------------------------------------

    async def browser_login(
        self, extension: str, *, phone_is_there: bool, actor: str
    ) -> BrowserLogin:
        """What a browser needs to become the seat's phone; `NotFound`, `Conflict`
        ``seat_disabled`` and ``seat_no_browser``.

        While no other phone is there the PBX is made to expect a browser at once, so that its
        first call finds everything ready; else when it registers.
        """
        async with self._database.writing() as session:
            row = _found(await repository.by_extension(session, extension), extension)
            if not row.enabled:
                raise Conflict(f"seat {extension} is disabled", code="seat_disabled")
            if row.phones == PhoneKinds.SIP:
                raise Conflict(
                    f"seat {extension} is for SIP phones; set `phones` to webrtc or both",
                    code="seat_no_browser",
                )
            before = _is_browser(row)
            if not phone_is_there:
                row.browser = True
            entry = Entry("seat.browser_login", f"seat:{extension}", actor=actor)
            await record(session, entry, now=self._clock())
        if _is_browser(row) is not before:
            self._changed()
        proof = hashlib.md5(  # noqa: S324 - what the PBX's digest asks for
            f"{row.extension}:{SIP_REALM}:{row.secret}".encode()
        )
        return BrowserLogin(_info(row), SIP_REALM, proof.hexdigest())

    async def phones_came(self, phones: Mapping[Extension, Registration]) -> None:
        """Phones registered: the seats that may have either kind follow them.

        May be told the same twice. A phone of a kind that its seat must not have changes nothing.
        """
        browsers = {seat: one.transport.browser for seat, one in phones.items()}
        async with self._database.reading() as session:
            followers = await repository.followers(session)
        turned = [seat for seat, last in followers.items() if browsers.get(seat, last) is not last]
        if not turned:
            return
        async with self._database.writing() as session:
            for seat in turned:
                row = await repository.by_extension(session, seat)
                if row is not None:
                    row.browser = browsers[seat]
        _log.info("seats: %d have another kind of phone now", len(turned))
        self._changed()

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()

    def _apply(self, row: Seat, changes: SeatChanges, now: datetime) -> list[str]:
        """Make the changes; the names of what is different now."""
        wishes = {name: getattr(changes, name) for name in SeatChanges.__slots__}
        named = [
            name
            for name, value in wishes.items()
            if value is not None and value != getattr(row, name)
        ]
        for name in named:
            setattr(row, name, wishes[name])
        if named:
            row.updated_at = now
        return named

    def _row(self, seat: NewSeat) -> Seat:
        now = self._clock()
        return Seat(
            extension=seat.extension,
            name=seat.name,
            secret=secrets.token_hex(SECRET_BYTES),
            enabled=seat.enabled,
            in_queue=seat.in_queue,
            phones=seat.phones.value,
            browser=False,
            created_at=now,
            updated_at=now,
        )


def _found(row: Seat | None, extension: str) -> Seat:
    if row is None:
        raise NotFound(f"there is no seat {extension}", code="seat_not_found", extension=extension)
    return row


def _seats_exist(extensions: Sequence[str]) -> Conflict:
    named = ", ".join(extensions[:NAMED]) + (" …" if len(extensions) > NAMED else "")
    return Conflict(
        f"there is a seat {named} already; change that one",
        code="seat_exists",
        extension=extensions[0],
        extensions=list(extensions),
    )


def _is_browser(row: Seat) -> bool:
    return PhoneKinds(row.phones).is_browser(row.browser)


def _info(row: Seat) -> SeatInfo:
    return SeatInfo(
        extension=Extension(row.extension),
        name=row.name,
        enabled=row.enabled,
        in_queue=row.in_queue,
        phones=PhoneKinds(row.phones),
        browser=_is_browser(row),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
