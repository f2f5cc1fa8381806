"""The ledger's tables: derived from the journal only, thrown away and rebuilt at will.

Other tables point to a call by its id without a foreign key: a rebuild empties these tables,
and what people wrote (cases) must not depend on it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import DERIVED, Base, loose


class Call(Base):
    """See `domain.ledger.CallRow`; `version` counts changes, for clients that poll."""

    __tablename__ = "call"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    node: Mapped[str] = mapped_column(String(16))
    linkedid: Mapped[str] = mapped_column(String(40))
    direction: Mapped[str] = mapped_column(String(16))
    caller_number: Mapped[str] = mapped_column(String(128))
    caller_name: Mapped[str] = mapped_column(String(256))
    called_number: Mapped[str] = mapped_column(String(128))
    started_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(16))
    outcome: Mapped[str] = mapped_column(String(16))
    route: Mapped[str] = mapped_column(String(32))
    queue: Mapped[str] = mapped_column(String(64))
    seat: Mapped[str] = mapped_column(String(128))
    first_seat: Mapped[str] = mapped_column(String(128))
    case_number: Mapped[str] = mapped_column(String(32), default="", server_default="")

    __table_args__ = (
        Index("ix_call_started_at_id", "started_at", "id"),
        # The route step asks for a number's newest calls while the caller waits: a company's
        # number may have tens of thousands.
        Index("ix_call_caller_number_started_at", "caller_number", "started_at"),
        # Few calls are about a case by name; the rest would only make the index long.
        Index(
            "ix_call_case_number",
            "case_number",
            sqlite_where=text("case_number != ''"),
            postgresql_where=text("case_number != ''"),
        ),
        # Of the lists by one word those that hold most calls need none: they are read along the
        # moments and soon have a page.
        *(
            Index(
                f"ix_call_{name}",
                *columns,
                sqlite_where=text(where),
                postgresql_where=text(where),
            )
            for name, columns, where in (
                ("open", ("started_at", "id"), "ended_at IS NULL"),
                ("seat", ("seat", "started_at", "id"), "seat != ''"),
                ("queue", ("queue", "started_at", "id"), "queue != ''"),
                ("outcome", ("outcome", "started_at", "id"), "outcome != 'answered'"),
                ("direction", ("direction", "started_at", "id"), "direction != 'inbound'"),
            )
        ),
    )


class QueueVisit(Base):
    """One stay of a call in a queue."""

    __tablename__ = "queue_visit"

    id: Mapped[str] = mapped_column(String(72), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True, info=loose(DERIVED))
    channel: Mapped[str] = mapped_column(String(40))
    queue: Mapped[str] = mapped_column(String(64))
    joined_at: Mapped[datetime] = mapped_column(index=True)
    left_at: Mapped[datetime | None]
    how: Mapped[str | None] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(default=0, server_default="0")


class Ring(Base):
    """One offer to a seat."""

    __tablename__ = "ring"

    id: Mapped[str] = mapped_column(String(72), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True, info=loose(DERIVED))
    visit_id: Mapped[str | None] = mapped_column(String(72), info=loose(DERIVED))
    seat: Mapped[str] = mapped_column(String(128))
    channel: Mapped[str] = mapped_column(String(40))
    rang_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    how: Mapped[str | None] = mapped_column(String(16))


class Talk(Base):
    """One conversation of the caller with a seat or an outside number."""

    __tablename__ = "talk"

    id: Mapped[str] = mapped_column(String(72), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True, info=loose(DERIVED))
    seat: Mapped[str] = mapped_column(String(128), index=True)
    channel: Mapped[str] = mapped_column(String(40))
    channel_name: Mapped[str] = mapped_column(String(128))
    via: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(16))


class Transfer(Base):
    """One transfer, whoever asked for it and however (REFER, feature code, API)."""

    __tablename__ = "transfer"

    id: Mapped[str] = mapped_column(String(72), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True, info=loose(DERIVED))
    kind: Mapped[str] = mapped_column(String(16))
    from_seat: Mapped[str] = mapped_column(String(128))
    target: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime]
    how: Mapped[str] = mapped_column(String(16))


class Recording(Base):
    """What the journal says of a recording; what became of the file is a `media_file`."""

    __tablename__ = "recording"

    id: Mapped[str] = mapped_column(String(72), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True, info=loose(DERIVED))
    path: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    bridged_ms: Mapped[int]
    gaps: Mapped[str] = mapped_column(Text, default="", server_default="")
    no_room: Mapped[str] = mapped_column(String(16), default="", server_default="")
    """See `domain.ledger.NoRoom`."""
    renewed: Mapped[int] = mapped_column(default=0, server_default="0")
    left_sent_ms: Mapped[int | None]
    right_sent_ms: Mapped[int | None]


class VoiceMessage(Base):
    """A voice message as the journal tells it; its audio is a `media_file`."""

    __tablename__ = "voice_message"

    id: Mapped[str] = mapped_column(String(72), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True, info=loose(DERIVED))
    path: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    no_room: Mapped[str] = mapped_column(String(16), default="", server_default="")
    """See `domain.ledger.NoRoom`."""

    __table_args__ = (
        Index("ix_voice_message_started_at_id", "started_at", "id"),
        Index("ix_voice_message_reason_started_at_id", "reason", "started_at", "id"),
    )


class Rating(Base):
    """The caller's score of the talk."""

    __tablename__ = "rating"

    id: Mapped[str] = mapped_column(String(72), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(64), index=True, info=loose(DERIVED))
    seat: Mapped[str] = mapped_column(String(128))
    score: Mapped[int]
    at: Mapped[datetime]


class JournalOffset(Base):
    """How far one node's journal is in the ledger; moves in the transaction that writes it.

    `position` is the byte after the last row taken. `resume_*` is where the oldest open call
    began: a restarted reader reads from there to have the open calls in memory again, and
    writes only what lies behind `position`.
    """

    __tablename__ = "journal_offset"

    node: Mapped[str] = mapped_column(String(16), primary_key=True)
    file_id: Mapped[str] = mapped_column(String(128), info=loose("of a file, not of a row"))
    position: Mapped[int]
    resume_file_id: Mapped[str] = mapped_column(String(128), info=loose("of a file, not of a row"))
    resume_position: Mapped[int]
    last_row_at: Mapped[datetime | None]
    rows: Mapped[int]
    updated_at: Mapped[datetime]
    generation: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often the ledger was derived anew (`calls.rebuild`); the reader leaves it alone."""


class JournalReject(Base):
    """A journal line that would not parse, kept as it was."""

    __tablename__ = "journal_reject"

    node: Mapped[str] = mapped_column(String(16), primary_key=True)
    file_id: Mapped[str] = mapped_column(
        String(128), primary_key=True, info=loose("of a file, not of a row")
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(String(256))
    seen_at: Mapped[datetime]
