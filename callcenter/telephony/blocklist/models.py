"""Numbers that are not put through."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import Base


class BlockedNumber(Base):
    """A caller number that hears the blocked message, until `until` if set."""

    __tablename__ = "blocked_number"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    number: Mapped[str] = mapped_column(String(128), unique=True)
    """Normalised by `platform.domain.numbers`."""
    reason: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime | None]
    created_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
