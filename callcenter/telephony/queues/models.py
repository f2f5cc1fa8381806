"""Queues, and what leads to them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import Base


class Queue(Base):
    """One queue; see `domain.queues.QueuePlan` for what each column means."""

    __tablename__ = "call_queue"

    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    name_en: Mapped[str] = mapped_column(String(100))
    transfer_number: Mapped[str | None] = mapped_column(String(8), unique=True)
    strategy: Mapped[str] = mapped_column(String(16))
    ring_seconds: Mapped[int]
    wrapup_seconds: Mapped[int]
    max_waiting: Mapped[int]
    wait_limit_seconds: Mapped[int]
    announcements: Mapped[bool]
    announce_position_seconds: Mapped[int]
    announce_voice_message_seconds: Mapped[int]
    music: Mapped[str] = mapped_column(String(40))
    overflow: Mapped[str | None] = mapped_column(ForeignKey("call_queue.code"))
    service_level_seconds: Mapped[int]
    language: Mapped[str] = mapped_column(String(2))
    weight: Mapped[int]
    enabled: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class QueueNumber(Base):
    """A direct number (DID): whoever dials it comes into the queue."""

    __tablename__ = "queue_number"

    number: Mapped[str] = mapped_column(String(15), primary_key=True)
    """Digits alone."""
    queue: Mapped[str] = mapped_column(ForeignKey("call_queue.code"), index=True)
    note: Mapped[str] = mapped_column(String(200))
    updated_at: Mapped[datetime]


class QueueMenuKey(Base):
    """A key of the menu."""

    __tablename__ = "queue_menu_key"

    key: Mapped[str] = mapped_column(String(1), primary_key=True)
    queue: Mapped[str | None] = mapped_column(ForeignKey("call_queue.code"), index=True)
    """None: a voice message."""
    language: Mapped[str | None] = mapped_column(String(2))
    """None: the queue's."""
    updated_at: Mapped[datetime]
