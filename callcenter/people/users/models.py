"""People who log in, their sessions and the browsers they are known by."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import Base


class User(Base):
    """A person."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    login: Mapped[str] = mapped_column(String(32), unique=True)
    """Small letters; never changes, for histories name people by it."""
    name: Mapped[str] = mapped_column(String(100))
    roles: Mapped[str] = mapped_column(String(200))
    """Words of `domain.permissions.Role`, sorted, with a blank between."""
    password_hash: Mapped[str | None] = mapped_column(Text)
    """Argon2id in PHC form; None for who logs in at the identity provider alone."""
    must_change_password: Mapped[bool]
    password_changed_at: Mapped[datetime | None]
    enabled: Mapped[bool]
    oidc_issuer: Mapped[str | None] = mapped_column(String(200))
    oidc_subject: Mapped[str | None] = mapped_column(String(255))
    last_login_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("oidc_issuer", "oidc_subject"),)


class UserSession(Base):
    """A browser that is logged in; only the SHA-256 of its cookie is kept."""

    __tablename__ = "user_session"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """To the minute."""
    expires_at: Mapped[datetime] = mapped_column(index=True)
    """The absolute end, however busy it is."""


class UserDevice(Base):
    """A browser and an address from which a user has logged in: strangers' guesses do not slow it
    down. Only the SHA-256 of its cookie is kept."""

    __tablename__ = "user_device"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    address: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)
