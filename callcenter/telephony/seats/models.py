"""Seats: what the PBX should have."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import Base
from callcenter.telephony.domain.registrations import PhoneKinds


class Seat(Base):
    """A place and its extension; a SIP endpoint in the PBX."""

    __tablename__ = "seat"

    extension: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    secret: Mapped[str] = mapped_column(String(64))
    """The SIP password. Digest authentication needs it in the clear on both sides."""
    enabled: Mapped[bool]
    in_queue: Mapped[bool]
    """Member of the main queue whenever enabled (agents' log-in comes with people)."""
    phones: Mapped[str] = mapped_column(String(8), server_default=PhoneKinds.BOTH.value)
    """One of `PhoneKinds`."""
    browser: Mapped[bool] = mapped_column(server_default=sa.false())
    """Its last phone was a browser. Kept, so that a restart of ours does not take it for a desk
    phone while it talks."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
