"""Tables of what all contexts stand on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import Base


class HealthProbe(Base):
    """One row that health writes, to know that the database can be written."""

    __tablename__ = "health_probe"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    at: Mapped[datetime]


class OutboxEntry(Base):
    """What must still follow from something that is committed, see `outbox`.

    An entry comes as one row for all its `consumers`. What one of them fails on is split: a row of
    his own for each `key` (the call, say), which keeps its place before whatever comes of that key.
    """

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(primary_key=True)
    """In the order in which things happened."""
    topic: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(128))
    """'' for a whole entry."""
    consumers: Mapped[list[str]] = mapped_column(JSON)
    """Who has not taken it yet."""
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    attempts: Mapped[int]
    due_at: Mapped[datetime]
    problem: Mapped[str] = mapped_column(Text)
    """Of the last attempt; ''."""
    parked_at: Mapped[datetime | None]
    """Given up until somebody says to try again."""
