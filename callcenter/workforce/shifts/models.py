"""Tables of shifts, rotations, the rota, leave, swaps and calendar feeds.

An entry of the rota carries the hours that it was planned with, so that a changed pattern does not
rewrite the past. Only somebody who has never logged in can be removed, so he has never worked, and
what was planned for him goes with him.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import Base, loose

OUTLIVED = "a request is a record of what was asked, also when that is gone"


class Shift(Base):
    """A pattern: early, late, night."""

    __tablename__ = "shift"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    code: Mapped[str] = mapped_column(String(32), unique=True)
    """For files and programs."""
    name: Mapped[str] = mapped_column(String(100))
    starts: Mapped[int]
    """Minutes after midnight, on the city's clock."""
    minutes: Mapped[int]
    """At most 1440; over midnight if it must."""
    kind: Mapped[str] = mapped_column(String(16))
    """`domain.shifts.ShiftKind`."""
    enabled: Mapped[bool]
    """False: kept for what was planned with it, and planned no more."""
    updated_by: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime]


class ShiftRotation(Base):
    """A circle of shifts; see `domain.shifts.Rotation`."""

    __tablename__ = "shift_rotation"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    every_days: Mapped[int]
    anchor: Mapped[date]
    workdays_only: Mapped[bool]
    updated_by: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime]


class RotationPlace(Base):
    """One place of a circle; without a shift it is a day off."""

    __tablename__ = "rotation_place"

    rotation_id: Mapped[int] = mapped_column(
        ForeignKey("shift_rotation.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    shift_id: Mapped[int | None] = mapped_column(ForeignKey("shift.id"), index=True)


class RotationMember(Base):
    """Somebody in a rotation, and the place at which they begin."""

    __tablename__ = "rotation_member"

    rotation_id: Mapped[int] = mapped_column(
        ForeignKey("shift_rotation.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False, index=True
    )
    place: Mapped[int]


class RotaEntry(Base):
    """One person's shift on one day, with its hours as they were planned."""

    __tablename__ = "rota_entry"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    day: Mapped[date]
    """The city's day that it begins on."""
    shift_id: Mapped[int] = mapped_column(ForeignKey("shift.id"), index=True)
    starts: Mapped[int]
    minutes: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(String(16))
    """`domain.shifts.EntrySource`."""
    rotation_id: Mapped[int | None] = mapped_column(
        ForeignKey("shift_rotation.id", ondelete="SET NULL"), index=True
    )
    """None too when the rotation was removed: what it planned and is past stays."""
    planned_for: Mapped[int | None]
    """Of a rotation: the member that it was made for, also after a swap and when he was removed:
    no other has his number."""
    note: Mapped[str] = mapped_column(String(200))
    version: Mapped[int]
    updated_by: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("user_id", "day", "shift_id"),
        Index("ix_rota_entry_day", "day"),
    )


class LeaveRequest(Base):
    """Days that somebody asks to be away."""

    __tablename__ = "leave_request"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    first_day: Mapped[date]
    last_day: Mapped[date] = mapped_column(index=True)
    """Included."""
    kind: Mapped[str] = mapped_column(String(16))
    """`domain.requests.LeaveKind`."""
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    """`domain.requests.RequestState`."""
    asked_by: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_leave_request_state_id", "state", "id"),)

    @property
    def people(self) -> tuple[int, ...]:
        """Whom it concerns."""
        return (self.user_id,)


class SwapRequest(Base):
    """Somebody asks a colleague to work a shift in their place, perhaps for one of theirs.

    Days and shifts are copies for the record; `*_version` tells whether the entry is still the one
    that they agreed on.
    """

    __tablename__ = "swap_request"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    entry_id: Mapped[int] = mapped_column(info=loose(OUTLIVED))
    entry_version: Mapped[int]
    day: Mapped[date]
    shift_id: Mapped[int] = mapped_column(info=loose(OUTLIVED))
    partner_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    partner_entry_id: Mapped[int | None] = mapped_column(info=loose(OUTLIVED))
    partner_entry_version: Mapped[int | None]
    partner_day: Mapped[date | None]
    partner_shift_id: Mapped[int | None] = mapped_column(info=loose(OUTLIVED))
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    """`domain.requests.RequestState`."""
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    """By the partner."""
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_swap_request_state_id", "state", "id"),)

    @property
    def people(self) -> tuple[int, ...]:
        """Whom it concerns."""
        return (self.user_id, self.partner_id)


class RotaFeed(Base):
    """The secret address of somebody's calendar feed; only its hash is kept."""

    __tablename__ = "rota_feed"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
