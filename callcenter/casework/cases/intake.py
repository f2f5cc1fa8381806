"""From the ledger to cases: what a batch of ledger rows opens, updates and tells.

- An inbound call that a seat answered has one case; so has a call that left a voice message and
  was not answered. `case.call_id` is unique, so there is never a second one.
- The number's day is the city's day of the moment that opened the case, not of the writing: a
  journal that is read a day late gives the same days.
- Only the call's own fields follow the ledger. What people write is never touched here, and the
  version, which guards it, does not move: a hang-up must not spoil the operator's saving.
- Every step of the history has a key made of the ledger's own ids, so nothing is told twice.
- A rebuild passes through earlier forms of a call: one that has ended does not begin again.

The number of statements does not grow with the batch, but for one select per 500 calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.casework.cases import repository
from callcenter.casework.domain.cases import (
    CaseEventKind,
    CaseSource,
    CaseStatus,
    CaseValidity,
    case_day,
    case_number,
)
from callcenter.platform.broadcast import Change
from callcenter.telephony.calls.lookup import call_rows
from callcenter.telephony.domain.ledger import (
    CallRow,
    Direction,
    LedgerChanges,
    TalkRow,
    VoiceMessageRow,
)

SYSTEM = "system"
"""The actor of what no person did."""


@dataclass(frozen=True, slots=True)
class _Opening:
    """A case to be opened: by `message`, or else by the answer of `call`."""

    call: CallRow
    message: VoiceMessageRow | None
    at: datetime


async def take(
    session: AsyncSession, changes: LedgerChanges, zone: tzinfo, now: datetime
) -> Sequence[Change]:
    """Bring the cases to what `changes` say; the changes of cases, to be published."""
    calls = {call.id: call for call in changes.calls if call.direction is Direction.INBOUND}
    messages = _finished(changes.voice_messages)
    ids = {*calls, *messages, *(talk.call_id for talk in changes.talks)}
    if not ids:
        return ()
    present = await repository.of_calls(session, ids)
    missing = {call_id for call_id in messages if call_id not in calls and call_id not in present}
    if missing:
        rows = await call_rows(session, missing)
        calls |= {key: row for key, row in rows.items() if row.direction is Direction.INBOUND}

    openings = _openings(calls, messages, present)
    opened, published = await _open(session, openings, zone, now)
    updates = _updates(calls, messages, present)
    await repository.update_cases(session, [{**row, "updated_at": now} for row in updates])
    cases = {**{call_id: case["id"] for call_id, case in present.items()}, **opened}
    await repository.add_events(session, _events(calls, messages, changes.talks, openings, cases))
    numbers = {case["id"]: case for case in present.values()}
    published.extend(_updated(numbers[row["case_id"]], row) for row in updates)
    return published


def _finished(messages: Iterable[VoiceMessageRow]) -> dict[str, list[VoiceMessageRow]]:
    """The messages that are over, by call, in their order."""
    found: dict[str, list[VoiceMessageRow]] = defaultdict(list)
    for message in sorted(messages, key=lambda one: (one.started_at, one.id)):
        if message.ended_at is not None:
            found[message.call_id].append(message)
    return found


def _openings(
    calls: Mapping[str, CallRow],
    messages: Mapping[str, list[VoiceMessageRow]],
    present: Mapping[str, Any],
) -> list[_Opening]:
    """The cases that are due, in the order of their moments."""
    found: list[_Opening] = []
    for call_id, call in calls.items():
        if call_id in present:
            continue
        first = messages[call_id][0] if messages.get(call_id) else None
        left_at = first.ended_at if first else None
        if call.answered_at is not None and (left_at is None or call.answered_at <= left_at):
            found.append(_Opening(call, None, call.answered_at))
        elif left_at is not None:
            found.append(_Opening(call, first, left_at))
    return sorted(found, key=lambda one: (one.at, one.call.id))


async def _open(
    session: AsyncSession, openings: Sequence[_Opening], zone: tzinfo, now: datetime
) -> tuple[dict[str, int], list[Change]]:
    """The ids of the new cases by call, and the changes to be published."""
    if not openings:
        return {}, []
    counts = await repository.last_counts(session, {case_day(one.at, zone) for one in openings})
    rows: list[dict[str, Any]] = []
    for one in openings:
        day = case_day(one.at, zone)
        counts[day] += 1
        rows.append(
            {
                **_call_fields(one.call),
                "number": case_number(day, counts[day]),
                "day": day,
                "day_count": counts[day],
                "source": _source(one).value,
                "call_id": one.call.id,
                "voice_message_id": one.message.id if one.message else None,
                "opened_at": one.at,
                "status": CaseStatus.OPEN.value,
                "kind": None,
                "validity": CaseValidity.VALID.value,
                "title": "",
                "content": "",
                "citizen_name": "",
                "contact_number": one.call.caller_number,
                "address": "",
                "confidential": False,
                "version": 1,
                "updated_at": now,
            }
        )
    ids = await repository.add_cases(session, rows)
    return ids, [Change("case.opened", _plain(row, _TOLD_WHEN_OPENED)) for row in rows]


_TOLD_WHEN_OPENED = (
    "number",
    "call_id",
    "source",
    "caller_number",
    "caller_name",
    "queue",
    "seat",
    "opened_at",
    "version",
)
_TOLD_WHEN_UPDATED = ("number", "call_id", "seat", "call_ended_at", "version")


def _updates(
    calls: Mapping[str, CallRow],
    messages: Mapping[str, list[VoiceMessageRow]],
    present: Mapping[str, dict[str, Any]],
) -> list[dict[str, Any]]:
    """New call fields of the cases that are there and differ."""
    found: list[dict[str, Any]] = []
    for call_id, case in present.items():
        call = calls.get(call_id)
        fields: dict[str, Any] = {name: case[name] for name in _CALL_FIELDS}
        if call is not None and (call.ended_at is not None or case["call_ended_at"] is None):
            fields = _call_fields(call)
        message = case["voice_message_id"]
        if message is None and messages.get(call_id):
            message = messages[call_id][0].id
        fields["voice_message_id"] = message
        if any(case[name] != value for name, value in fields.items()):
            found.append({"case_id": case["id"], **fields})
    return found


def _events(
    calls: Mapping[str, CallRow],
    messages: Mapping[str, list[VoiceMessageRow]],
    talks: Iterable[TalkRow],
    openings: Iterable[_Opening],
    cases: Mapping[str, int],
) -> list[dict[str, Any]]:
    """What the batch adds to histories, oldest first; most of a repeated batch is known."""
    told: list[dict[str, Any]] = []

    def tell(
        call_id: str, key: str, kind: CaseEventKind, at: datetime, data: dict[str, Any]
    ) -> None:
        if call_id in cases:
            told.append(event(cases[call_id], kind, at, SYSTEM, data, key=key))

    for one in openings:
        data = {"source": _source(one).value, "seat": one.call.first_seat, "queue": one.call.queue}
        tell(one.call.id, f"{one.call.id}/opened", CaseEventKind.OPENED, one.at, data)
    for talk in talks:
        if not talk.id.endswith("/t1"):  # the first talk is the answer
            data = {"seat": talk.seat, "via": talk.via.value}
            tell(talk.call_id, talk.id, CaseEventKind.SEAT_CHANGED, talk.started_at, data)
    for call_id, left in messages.items():
        for message in left:
            data = {"voice_message_id": message.id, "reason": message.reason}
            at = message.ended_at or message.started_at
            tell(call_id, message.id, CaseEventKind.VOICE_MESSAGE, at, data)
    for call in calls.values():
        if call.ended_at is not None:
            data = {
                "ended_by": call.ended_by.value if call.ended_by else "",
                "outcome": call.outcome.value,
            }
            tell(call.id, f"{call.id}/ended", CaseEventKind.CALL_ENDED, call.ended_at, data)
    order = {CaseEventKind.OPENED.value: 0, CaseEventKind.CALL_ENDED.value: 2}
    return sorted(told, key=lambda row: (row["at"], order.get(row["kind"], 1), row["key"]))


def event(
    case_id: int,
    kind: CaseEventKind,
    at: datetime,
    actor: str,
    data: dict[str, Any],
    *,
    key: str | None = None,
) -> dict[str, Any]:
    """One row of a history; with `key` it is told once only."""
    return {
        "case_id": case_id,
        "at": at,
        "kind": kind.value,
        "actor": actor,
        "data": data,
        "key": key,
    }


_CALL_FIELDS = (
    "caller_number",
    "caller_name",
    "called_number",
    "queue",
    "seat",
    "first_seat",
    "call_started_at",
    "answered_at",
    "call_ended_at",
)


def _call_fields(call: CallRow) -> dict[str, Any]:
    """The case's fields that follow the call."""
    return {
        "caller_number": call.caller_number,
        "caller_name": call.caller_name,
        "called_number": call.called_number,
        "queue": call.queue,
        "seat": call.seat,
        "first_seat": call.first_seat,
        "call_started_at": call.started_at,
        "answered_at": call.answered_at,
        "call_ended_at": call.ended_at,
    }


def _source(one: _Opening) -> CaseSource:
    return CaseSource.CALL if one.message is None else CaseSource.VOICE_MESSAGE


def _updated(case: Mapping[str, Any], row: Mapping[str, Any]) -> Change:
    return Change("case.updated", _plain({**case, **row}, _TOLD_WHEN_UPDATED))


def _plain(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """JSON values of `names`."""
    return {
        name: row[name].isoformat() if isinstance(row[name], datetime) else row[name]
        for name in names
    }
