"""The case service: one case for each answered call or voice message, and its history.

Follows the ledger (`intake`), is told by the media worker what became of a recording, and is read
and edited by people. Audio is not the case's own: it is joined by call when a case is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.casework.cases import intake, repository
from callcenter.casework.cases.models import Case, CaseEvent
from callcenter.casework.cases.repository import CaseFilter
from callcenter.casework.domain.cases import CaseEventKind
from callcenter.people.trail.service import Entry, record
from callcenter.platform.broadcast import Change
from callcenter.platform.clock import Clock, utc_now
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.domain.numbers import normalise, parse
from callcenter.platform.errors import NotFound, VersionConflict
from callcenter.platform.versions import check_version
from callcenter.telephony.calls.lookup import call_rows
from callcenter.telephony.domain.ledger import CallRow, LedgerChanges
from callcenter.telephony.domain.media import MediaNote, MediaStatus

EDITABLE = (
    "status",
    "kind",
    "validity",
    "title",
    "content",
    "citizen_name",
    "contact_number",
    "address",
    "confidential",
)
"""What people write; everything else follows the call."""

EVENTS_MAX = 500
"""Steps of a history that are read with the case; the rest is paged."""


class MediaInfo(Protocol):
    """What a case shows of an audio file."""

    @property
    def id(self) -> str: ...
    @property
    def call_id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def status(self) -> str: ...


class MediaLookup(Protocol):
    """Audio files by call: the recordings' service."""

    async def for_calls(
        self, session: AsyncSession, call_ids: Collection[str]
    ) -> Mapping[str, Sequence[MediaInfo]]:
        """The files of each of `call_ids`; a call without any may be left out."""
        ...


@dataclass(frozen=True, slots=True)
class CaseStep:
    """One step of a case's history."""

    id: int
    at: datetime
    kind: str
    actor: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """A case with what belongs to it."""

    case: Case
    call: CallRow | None
    """None while the ledger is being rebuilt."""
    media: Sequence[MediaInfo]
    events: Sequence[CaseStep]


@dataclass(frozen=True, slots=True)
class CaseChanges:
    """What a person changes: `values` of `EDITABLE`, seen at `version`."""

    version: int | None = None
    """None: it was said at the door, or nobody asks."""
    values: Mapping[str, Any] = field(default_factory=dict)


class CaseService:
    """Opens, follows, reads and edits cases; a `calls.listener.LedgerListener`."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        media: MediaLookup | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._zone = ZoneInfo(settings.time_zone)
        self._media = media
        self._clock = clock
        self.opened = 0
        """Cases opened since this process began; a batch that is rolled back counts too."""

    # -- what the ledger and the media worker tell -----------------------------------------

    async def on_ledger(self, session: AsyncSession, changes: LedgerChanges) -> Sequence[Change]:
        """Open and update cases inside the ledger's transaction; see `intake`."""
        published = await intake.take(session, changes, self._zone, self._clock())
        self.opened += sum(change.topic == "case.opened" for change in published)
        return published

    async def note_media(
        self, session: AsyncSession, files: Sequence[MediaNote]
    ) -> Sequence[Change]:
        """Write into the cases' histories what became of audio files.

        Told once for each state of a file; a call without a case, and a file that still waits,
        have nothing to tell. The changes are to be published after the commit.
        """
        settled = {
            f"{one.media_id}/{one.status.value}": one
            for one in files
            if one.status is not MediaStatus.PENDING
        }
        cases = await repository.of_calls(session, {one.call_id for one in settled.values()})
        news = {key: one for key, one in settled.items() if one.call_id in cases}
        told = await repository.keys_told(session, news) if news else set()
        steps: list[dict[str, Any]] = []
        changes: list[Change] = []
        for key, one in news.items():
            if key in told:
                continue
            case, audible = cases[one.call_id], one.status.audible
            kind = CaseEventKind.RECORDING_READY if audible else CaseEventKind.RECORDING_MISSING
            data = {"media_id": one.media_id, "status": one.status.value}
            steps.append(
                intake.event(case["id"], kind, self._clock(), intake.SYSTEM, data, key=key)
            )
            facts = {"number": case["number"], "call_id": one.call_id, **data}
            changes.append(Change("case.recording", facts))
        await repository.add_events(session, steps)
        return changes

    # -- reading ---------------------------------------------------------------------------

    async def page(
        self, wanted: CaseFilter, *, before: tuple[datetime, int] | None, limit: int
    ) -> Sequence[Case]:
        """Up to `limit` cases, newest first, after the key `before` (moment of opening, id).

        The caller's number may be in any form.
        """
        statement = repository.list_statement(_normal(wanted), before=before, limit=limit)
        return await self._database.read_at_once(
            lambda session: repository.newest_first(session, statement)
        )

    async def get(self, number: str) -> CaseDetail:
        """One case with its call, audio and history; `NotFound` ``case_not_found``."""
        async with self._database.reading() as session:
            case = _found(await repository.by_number(session, number), number)
            return await self._detail(session, case)

    async def events(self, number: str, *, after_id: int, limit: int) -> Sequence[CaseStep]:
        """Up to `limit` steps after `after_id`, oldest first; `NotFound`."""
        async with self._database.reading() as session:
            case = _found(await repository.by_number(session, number), number)
            rows = await repository.events(session, case.id, after_id=after_id, limit=limit)
        return [_step(row) for row in rows]

    async def counts_by_call(self) -> Mapping[str, int]:
        """How many cases each call has that has any; for the audit. It should be one."""
        async with self._database.reading() as session:
            return await repository.counts_by_call(session)

    async def confidential_calls(self, call_ids: Collection[str]) -> frozenset[str]:
        """Those of `call_ids` whose case hides its citizen: the case that the call opened or, of
        one that a seat made, the case that it is about."""
        if not call_ids:
            return frozenset()

        async def hidden(session: AsyncSession) -> frozenset[str]:
            found = await repository.confidential_calls(session, call_ids)
            about = {
                call.id: call.case_number
                for call in (await call_rows(session, call_ids)).values()
                if call.case_number
            }
            secret = await repository.confidential_numbers(session, about.values())
            return frozenset(found | {call for call, case in about.items() if case in secret})

        return await self._database.read_at_once(hidden)

    async def is_confidential(self, number: str) -> bool:
        """Whether the case hides its citizen; `NotFound` ``case_not_found``."""
        async with self._database.reading() as session:
            return _found(await repository.by_number(session, number), number).confidential

    async def number_of_call(self, call_id: str) -> str | None:
        """The number of the case that the call opened."""
        async with self._database.reading() as session:
            case = (await repository.of_calls(session, [call_id])).get(call_id)
        return None if case is None else str(case["number"])

    async def _detail(self, session: AsyncSession, case: Case) -> CaseDetail:
        calls = await call_rows(session, [case.call_id])
        rows = await repository.events(session, case.id, after_id=0, limit=EVENTS_MAX)
        found: Mapping[str, Sequence[MediaInfo]] = {}
        if self._media is not None:
            found = await self._media.for_calls(session, [case.call_id])
        return CaseDetail(
            case=case,
            call=calls.get(case.call_id),
            media=found.get(case.call_id, ()),
            events=[_step(row) for row in rows],
        )

    # -- editing ---------------------------------------------------------------------------

    async def edit(
        self,
        number: str,
        changes: CaseChanges,
        *,
        actor: str,
        allowed: Callable[[bool, Collection[str]], None] = lambda _confidential, _names: None,
        meant: Callable[[bool, str, str], str] = lambda _confidential, _before, text: text,
    ) -> tuple[CaseDetail, Sequence[Change]]:
        """Write what `actor` changed, if nobody saved since `changes.version`.

        Old and new values go into the history. Values that are so already change nothing and
        move no version. `allowed` is told whether the case is confidential and which fields are
        to be written, and raises if that may not be. `meant` is given the text that is there and
        the one that was sent by somebody who may have seen it masked, and says what he means.
        Errors: `NotFound` ``case_not_found``; `VersionConflict` with the present version.
        """
        published: list[Change] = []
        async with self._database.writing() as session:
            case = _found(await repository.by_number(session, number), number)
            allowed(case.confidential, changes.values.keys())
            present = case.version
            if changes.version not in (None, present):
                raise _changed_meanwhile(case)
            check_version(present, f"case {number}")
            wanted = {
                name: meant(case.confidential, getattr(case, name), value)
                if type(value) is str and type(getattr(case, name)) is str
                else value
                for name, value in changes.values.items()
            }
            if (contact := wanted.get("contact_number")) and parse(contact) is not None:
                # One form, by which it can be found; what is more than a number stays as written.
                wanted["contact_number"] = normalise(contact)
            differences = {
                name: {"from": getattr(case, name), "to": value}
                for name, value in wanted.items()
                if getattr(case, name) != value
            }
            if differences:
                now = self._clock()
                values: dict[str, Any] = {
                    name: both["to"] for name, both in differences.items()
                } | {"updated_at": now}
                if not await repository.edit(session, case.id, present, values):
                    await session.refresh(case)
                    raise _changed_meanwhile(case)
                data = {"changes": differences, "version": present + 1}
                step = intake.event(case.id, CaseEventKind.EDITED, now, actor, data)
                await repository.add_events(session, [step])
                await session.refresh(case)
                # Names alone: what was written is in the case's own history.
                facts = {"changed": sorted(differences), "version": case.version}
                await record(session, Entry("case.edited", f"case:{number}", facts, actor), now=now)
                published.append(_edited(case, sorted(differences)))
            detail = await self._detail(session, case)
        return detail, published


def _found(case: Case | None, number: str) -> Case:
    if case is None:
        raise NotFound(f"there is no case {number}", code="case_not_found", number=number)
    return case


def _changed_meanwhile(case: Case) -> VersionConflict:
    return VersionConflict(
        f"case {case.number} was changed meanwhile (version {case.version}): read it again, then"
        " save",
        number=case.number,
        version=case.version,
    )


def _edited(case: Case, names: Sequence[str]) -> Change:
    facts = {
        "number": case.number,
        "call_id": case.call_id,
        "seat": case.seat,
        "status": case.status,
        "version": case.version,
        "changed": list(names),
    }
    return Change("case.edited", facts)


def _step(row: CaseEvent) -> CaseStep:
    return CaseStep(id=row.id, at=row.at, kind=row.kind, actor=row.actor, data=row.data)


def _normal(wanted: CaseFilter) -> CaseFilter:
    if wanted.contact_number is not None:
        wanted = replace(wanted, contact_number=normalise(wanted.contact_number))
    if wanted.caller_number is None:
        return wanted
    return replace(wanted, caller_number=normalise(wanted.caller_number))
