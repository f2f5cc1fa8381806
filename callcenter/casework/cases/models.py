"""Cases and their history. What people wrote here is never derived again."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import REBUILT, Base, loose


class Case(Base):
    """One citizen's matter, opened by exactly one answered call or one voice message."""

    __tablename__ = "case"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    """``YYYYMMDD-NNNNN``: the city's day and the count within it."""
    day: Mapped[date]
    day_count: Mapped[int]
    source: Mapped[str] = mapped_column(String(16))
    """call or voice_message."""
    call_id: Mapped[str] = mapped_column(String(64), unique=True, info=loose(REBUILT))
    voice_message_id: Mapped[str | None] = mapped_column(String(72), info=loose(REBUILT))
    caller_number: Mapped[str] = mapped_column(String(128))
    caller_name: Mapped[str] = mapped_column(String(256))
    called_number: Mapped[str] = mapped_column(String(128))
    queue: Mapped[str] = mapped_column(String(64))
    seat: Mapped[str] = mapped_column(String(128))
    """The seat that holds the case: the one the caller talked to last."""
    first_seat: Mapped[str] = mapped_column(String(128))
    agent_id: Mapped[int | None] = mapped_column(
        info=loose("a record of who had it; no other ever has his number")
    )
    call_started_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    call_ended_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str | None] = mapped_column(String(16))
    validity: Mapped[str] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(String(200))
    content: Mapped[str] = mapped_column(Text)
    citizen_name: Mapped[str] = mapped_column(String(100))
    contact_number: Mapped[str] = mapped_column(String(128), index=True)
    address: Mapped[str] = mapped_column(String(300))
    confidential: Mapped[bool]
    version: Mapped[int]
    updated_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("day", "day_count"),
        Index("ix_case_opened_at_id", "opened_at", "id"),
        Index("ix_case_caller_number_opened_at_id", "caller_number", "opened_at", "id"),
        Index("ix_case_seat_opened_at_id", "seat", "opened_at", "id"),
        Index("ix_case_status_opened_at_id", "status", "opened_at", "id"),
        # Nearly all cases come from calls, and few are confidential.
        Index(
            "ix_case_source",
            "source",
            "opened_at",
            "id",
            sqlite_where=text("source != 'call'"),
            postgresql_where=text("source != 'call'"),
        ),
        Index(
            "ix_case_confidential",
            "opened_at",
            "id",
            sqlite_where=text("confidential = 1"),
            postgresql_where=text("confidential"),
        ),
    )


class CaseEvent(Base):
    """One step in a case's history; append-only."""

    __tablename__ = "case_event"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id"), index=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(64))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    key: Mapped[str | None] = mapped_column(String(96), unique=True)
    """What of the ledger it tells, e.g. ``CALL/t2``: told once, however often the ledger's rows
    come. Empty for what people do."""
