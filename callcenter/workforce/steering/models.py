"""The switches of the line as somebody wants them; the PBX's own database has what holds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import Base


class SteeringSwitchRow(Base):
    """One switch that was touched at least once: ``line`` or ``announcement``."""

    __tablename__ = "steering_switch"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[str] = mapped_column(String(32))
    changed_by: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime]
