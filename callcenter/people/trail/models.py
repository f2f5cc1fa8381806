"""The audit trail's table."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import Base, loose


class TrailEntry(Base):
    """Who read or changed what. The database itself refuses to change or remove a row."""

    __tablename__ = "trail_entry"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, 3 … without a gap."""
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    """The user's login, the token's name, or system."""
    actor_kind: Mapped[str] = mapped_column(String(8), server_default="")
    """`trail.chain.ActorKind`; empty in entries from before kinds were kept."""
    user_id: Mapped[int | None] = mapped_column(
        info=loose("no entry is ever changed or removed; what it names may be")
    )
    """None for tokens and for the system."""
    address: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(48))
    subject: Mapped[str] = mapped_column(String(128))
    """Such as ``case:20261124-00017``."""
    data: Mapped[str] = mapped_column(Text)
    """A JSON object, written as it was hashed. Never a secret, never a whole number."""
    previous: Mapped[str] = mapped_column(String(64))
    """`sha256` of the entry before."""
    sha256: Mapped[str] = mapped_column(String(64))
    """Of all fields above; see `trail.chain`."""
    scheme: Mapped[int] = mapped_column(Integer, server_default="1")
    """How that was made: `trail.chain.Scheme`."""

    __table_args__ = (
        Index("ix_trail_entry_actor_seq", "actor", "seq"),
        Index("ix_trail_entry_actor_kind_seq", "actor_kind", "seq"),
        Index("ix_trail_entry_action_seq", "action", "seq"),
        Index("ix_trail_entry_subject_seq", "subject", "seq"),
        Index("ix_trail_entry_at_seq", "at", "seq"),
    )
