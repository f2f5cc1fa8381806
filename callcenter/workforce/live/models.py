"""What the live floor keeps for its next process."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import Base


class SeatClockRow(Base):
    """A seat's state and when it began, as it was last written; see `live.clocks`."""

    __tablename__ = "seat_clock"

    extension: Mapped[str] = mapped_column(String(16), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    since: Mapped[datetime]
