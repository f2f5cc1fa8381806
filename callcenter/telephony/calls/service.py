"""Reads the ledger for people and for other features. The journal reader alone writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeVar

from callcenter.platform.db.engine import Database
from callcenter.platform.domain.numbers import normalise
from callcenter.platform.errors import NotFound
from callcenter.telephony.calls import reading
from callcenter.telephony.calls.models import Call, QueueVisit, Recording, Talk, VoiceMessage
from callcenter.telephony.calls.reading import CallFilter
from callcenter.telephony.calls.stays import StayOfCall, stays
from callcenter.telephony.domain.ledger import (
    CallRow,
    Direction,
    EndedBy,
    Outcome,
    QueueVisitRow,
    TalkRow,
    Via,
    VisitEnd,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CallDetail:
    """One call with all that hangs on it, each in its own order."""

    call: Call
    visits: Sequence[Any]
    rings: Sequence[Any]
    talks: Sequence[Any]
    transfers: Sequence[Any]
    recordings: Sequence[Any]
    voice_messages: Sequence[Any]
    ratings: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Books:
    """As much of the whole ledger as the audit compares."""

    calls: Sequence[CallRow]
    visits: Sequence[QueueVisitRow]
    talks: Sequence[TalkRow]
    refused: frozenset[str]
    """Legs that were rung and refused, or answered without a talk coming of it."""
    ended_recordings: Sequence[str]
    """Ids of the recordings of calls that are over."""
    ended_messages: Sequence[str]
    message_calls: frozenset[str]
    """Calls that left a voice message."""
    recording_paths: frozenset[str]
    message_paths: frozenset[str]


class CallService:
    """Lists and reads calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: CallFilter, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Call]:
        """Up to `limit` calls, newest first, after the key `before` (started_at, id).

        The caller's number may be in any form.
        """
        if wanted.caller_number is not None:
            wanted = replace(wanted, caller_number=normalise(wanted.caller_number))
        async with self._database.reading() as session:
            return await reading.newest_first(session, wanted, before=before, limit=limit)

    async def get(self, call_id: str) -> CallDetail:
        """One call; `NotFound` ``call_not_found``."""
        async with self._database.reading() as session:
            call = await reading.one(session, call_id)
            if call is None:
                raise NotFound(f"there is no call {call_id}", code="call_not_found", id=call_id)
            parts = [await reading.of_call(session, table, call_id) for table in reading.PARTS]
        return CallDetail(call, *parts)

    async def stays(self, start: datetime, end: datetime) -> list[StayOfCall]:
        """Stays in queues that began in [`start`, `end`), with the seats that rang."""
        return await stays(self._database, start, end)

    async def books(self) -> Books:
        """The whole ledger, from one consistent state."""
        async with self._database.reading() as session:
            calls = await reading.everything(session, Call)
            visits = await reading.everything(session, QueueVisit)
            talks = await reading.everything(session, Talk)
            refused = await reading.refused_legs(session)
            recordings = await reading.everything(session, Recording)
            messages = await reading.everything(session, VoiceMessage)
        ended = [message for message in messages if message.ended_at is not None]
        return Books(
            calls=[
                _typed(CallRow, row, direction=Direction, outcome=Outcome, ended_by=EndedBy)
                for row in calls
            ],
            visits=[_typed(QueueVisitRow, row, how=VisitEnd) for row in visits],
            talks=[_typed(TalkRow, row, via=Via, ended_by=EndedBy) for row in talks],
            refused=refused,
            ended_recordings=[row.id for row in recordings if row.ended_at is not None],
            ended_messages=[row.id for row in ended],
            message_calls=frozenset(row.call_id for row in ended),
            recording_paths=frozenset(row.path for row in recordings),
            message_paths=frozenset(row.path for row in messages),
        )


def _typed(kind: type[T], row: Any, **words: Any) -> T:
    """A row of the database as the domain's record, its words as their enums."""
    values = {field.name: getattr(row, field.name) for field in fields(kind)}  # type: ignore[arg-type]
    for name, word in words.items():
        if values[name] is not None:
            values[name] = word(values[name])
    return kind(**values)
