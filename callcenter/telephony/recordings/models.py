"""The audio files behind recordings and voice messages, and what became of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import REBUILT, Base, loose


class MediaFile(Base):
    """State of one audio file; the worker's own table, not derived from the journal.

    `id` equals the recording's or voice message's id, so a rebuilt ledger finds its files again.
    """

    __tablename__ = "media_file"

    id: Mapped[str] = mapped_column(String(72), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    """recording or voice_message."""
    call_id: Mapped[str] = mapped_column(String(64), index=True, info=loose(REBUILT))
    source_path: Mapped[str] = mapped_column(Text)
    """The PBX's file, relative to the kind's folder."""
    expected_ms: Mapped[int | None]
    expected_left_ms: Mapped[int | None]
    """At least so much voice was sent by the caller; None if it is not known."""
    expected_right_ms: Mapped[int | None]
    """At least so much was sent to him."""
    started_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(16))
    """See `domain.media.MediaStatus`."""
    due_at: Mapped[datetime]
    """While pending, or `source_left`: not to be tried before."""
    source_left: Mapped[bool]
    """The row says what became of the file, and what it leaves on the disk (the PBX's own file; of
    a removed one all files) is still to be deleted."""
    path: Mapped[str | None] = mapped_column(Text)
    """The finished file, relative to the kind's folder."""
    wav_kept: Mapped[bool]
    format: Mapped[str | None] = mapped_column(String(8))
    channels: Mapped[int | None]
    duration_ms: Mapped[int | None]
    left_ms: Mapped[int | None]
    """How much of the caller's side is no digital silence."""
    right_ms: Mapped[int | None]
    """How much of the other side."""
    bytes: Mapped[int | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    """Of the finished file, in hexadecimal."""
    no_room: Mapped[str] = mapped_column(String(16), default="", server_default="")
    """What the full disk took of it, as the ledger says; see `domain.ledger.NoRoom`."""
    attempts: Mapped[int]
    error: Mapped[str | None] = mapped_column(Text)
    finished_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_media_file_started_at_id", "started_at", "id"),
        Index("ix_media_file_status_due_at", "status", "due_at"),
        Index(
            "ix_media_file_left",
            "due_at",
            sqlite_where=text("source_left = 1"),
            postgresql_where=text("source_left"),
        ),
    )


class MediaRemoval(Base):
    """The log of what retention removed, and why."""

    __tablename__ = "media_removal"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    media_id: Mapped[str] = mapped_column(String(72), ForeignKey("media_file.id"))
    kind: Mapped[str] = mapped_column(String(16))
    path: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(String(64))
    bytes: Mapped[int]
    reason: Mapped[str] = mapped_column(String(16))
    """age or free_space."""
    at: Mapped[datetime]


class MediaAccess(Base):
    """Who listened to what, and when: no audio is served without a row here."""

    __tablename__ = "media_access"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    media_id: Mapped[str] = mapped_column(String(72), ForeignKey("media_file.id"), index=True)
    actor: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
