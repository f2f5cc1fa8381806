"""Call-back tasks, the missed calls that they come from, and the attempts.

They point to calls by their ids without a foreign key: the ledger may be rebuilt, and what people
did with a task must not depend on it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import REBUILT, Base, loose


class CallbackTask(Base):
    """One citizen who is to be called back; see `domain.callbacks`."""

    __tablename__ = "callback_task"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    number: Mapped[str] = mapped_column(String(128))
    """Normalised by `platform.domain.numbers`."""
    open_number: Mapped[str | None] = mapped_column(String(128), unique=True)
    """`number` while the task is open or taken, else null: there is one such task a number."""
    queue: Mapped[str] = mapped_column(String(64))
    """That the citizen asked for, or ''."""
    reason: Mapped[str] = mapped_column(String(16))
    """Of the last missed call; ``requested`` stays."""
    requested: Mapped[bool]
    joined_at: Mapped[datetime]
    """His place: when he joined the queue first."""
    first_missed_at: Mapped[datetime]
    last_missed_at: Mapped[datetime]
    last_call_id: Mapped[str] = mapped_column(String(64), info=loose(REBUILT))
    missed_count: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    """Times that it was dialled."""
    not_before: Mapped[datetime | None]
    taken_by: Mapped[str] = mapped_column(String(64))
    """Who has it or had it last, or ''."""
    taken_at: Mapped[datetime | None]
    got_through_call_id: Mapped[str | None] = mapped_column(String(64), info=loose(REBUILT))
    """The call in which the citizen talked with somebody by himself."""
    outcome: Mapped[str | None] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(Text)
    case_number: Mapped[str | None] = mapped_column(String(20))
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_callback_task_status_joined_at", "status", "joined_at"),
        Index("ix_callback_task_last_missed_at_id", "last_missed_at", "id"),
        Index("ix_callback_task_first_missed_at", "first_missed_at"),
        *(
            Index(f"ix_callback_task_{name}_last_missed_at_id", name, "last_missed_at", "id")
            for name in ("status", "queue", "number", "reason")
        ),
    )


class CallbackMissed(Base):
    """A missed call and the task that it made or was merged into; each call once."""

    __tablename__ = "callback_missed"

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True, info=loose(REBUILT))
    task_id: Mapped[int] = mapped_column(ForeignKey("callback_task.id"), index=True)
    reason: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime]


class CallbackAttempt(Base):
    """One time that a task was dialled; `call_id` is chosen before the PBX is asked."""

    __tablename__ = "callback_attempt"

    call_id: Mapped[str] = mapped_column(String(64), primary_key=True, info=loose(REBUILT))
    task_id: Mapped[int] = mapped_column(ForeignKey("callback_task.id"), index=True)
    serial: Mapped[int]
    """1 for the task's first."""
    agent: Mapped[str] = mapped_column(String(64))
    seat: Mapped[str] = mapped_column(String(16))
    dialled_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    """When the citizen answered, as the ledger has it."""
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(Text)
