"""API tokens: what machines show."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import Base


class ApiToken(Base):
    """A machine's token; only its SHA-256 is kept."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    roles: Mapped[str] = mapped_column(String(200), server_default="admin")
    """Words of `domain.permissions.Role`, sorted, with a blank between."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """None: made before tokens ended by themselves, and renewed by nobody."""
    revoked_at: Mapped[datetime | None]
