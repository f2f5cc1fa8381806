"""Reading the traces, and telling a ledger in lines that a person can check."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from callcenter.telephony.domain.callbook import CallBook
from callcenter.telephony.domain.journal import parse
from callcenter.telephony.domain.ledger import CallRow, LedgerChanges

FOLDER = Path(__file__).resolve().parents[1] / "traces"
NAMES = sorted(path.stem for path in FOLDER.glob("*.csv"))


def journal(name: str) -> bytes:
    """The bytes of one story's journal."""
    return (FOLDER / f"{name}.csv").read_bytes()


def ledger_of(data: bytes, node: str = "pbx1") -> LedgerChanges:
    """What the ledger holds after all of `data`."""
    parsed = parse(data)
    assert parsed.rejects == []
    book = CallBook(node)
    for row in parsed.rows:
        book.apply(row, row.position)
    assert book.open_calls == 0
    assert book.resume_position() is None
    return book.take()


def tell(changes: LedgerChanges) -> list[str]:
    """Every call and what hangs on it; times are seconds since the call began."""
    lines: list[str] = []
    for call in sorted(changes.calls, key=lambda one: (one.started_at, one.id)):
        lines += _tell_call(call, changes)
    return lines


def _tell_call(call: CallRow, changes: LedgerChanges) -> Iterable[str]:
    def at(moment: datetime | None) -> str:
        return "…" if moment is None else f"{(moment - call.started_at).total_seconds():.2f}"

    def span(start: datetime, end: datetime | None) -> str:
        return f"{at(start)}–{at(end)}"

    yield (
        f"{call.direction} {call.called_number}: {call.outcome} by {call.ended_by},"
        f" answered {at(call.answered_at)}, ended {at(call.ended_at)},"
        f" {call.route or '-'} {call.queue or '-'}, {call.first_seat or '-'} {call.seat or '-'}"
    )
    for visit in changes.queue_visits:
        if visit.call_id == call.id:
            yield f"  waited {span(visit.joined_at, visit.left_at)} {visit.how}"
    for ring in changes.rings:
        if ring.call_id == call.id:
            of = "queue" if ring.visit_id else "dial"
            yield f"  rang {ring.seat} {span(ring.rang_at, ring.ended_at)} {ring.how} ({of})"
    for talk in changes.talks:
        if talk.call_id == call.id:
            yield (
                f"  talked {talk.seat} {span(talk.started_at, talk.ended_at)} via {talk.via},"
                f" ended by {talk.ended_by}"
            )
    for transfer in changes.transfers:
        if transfer.call_id == call.id:
            yield (
                f"  {transfer.kind} {transfer.from_seat} → {transfer.target} at {at(transfer.at)}:"
                f" {transfer.how}"
            )
    for recording in changes.recordings:
        if recording.call_id == call.id:
            yield f"  recorded {recording.bridged_ms} ms"
    for message in changes.voice_messages:
        if message.call_id == call.id:
            yield f"  message {message.reason} {span(message.started_at, message.ended_at)}"
    for rating in changes.ratings:
        if rating.call_id == call.id:
            yield f"  scored {rating.seat} {rating.score}"
