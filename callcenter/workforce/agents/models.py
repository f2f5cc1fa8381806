"""Agents' states and their intervals, break reasons, skills; facts of the ledger on their way.

Who has ever logged in cannot be removed, so whoever has intervals keeps them. What a removed queue
was to an agent goes with it: another one under the same code begins without.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.platform.db.base import Base


class AgentRow(Base):
    """Who is logged in: one row an agent, as the machine left him (`agents.records`)."""

    __tablename__ = "agent"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("user.id"), primary_key=True, autoincrement=False
    )
    seat: Mapped[str] = mapped_column(String(16), unique=True)
    """One agent one seat, one seat one agent."""
    machine: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime]


class AgentInterval(Base):
    """An agent was in one state at one seat; logged out is no interval."""

    __tablename__ = "agent_interval"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    seat: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(32))
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """Null: it goes on; one an agent at most."""

    __table_args__ = (
        Index("ix_agent_interval_user_id_begun_at", "user_id", "begun_at"),
        Index("ix_agent_interval_begun_at", "begun_at"),
        Index(
            "uq_agent_interval_open",
            "user_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


class BreakReason(Base):
    """Why an agent may be away."""

    __tablename__ = "break_reason"

    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    limit_seconds: Mapped[int | None]
    """Longer is told to supervisors; null: as long as it takes."""
    enabled: Mapped[bool]
    """False: nobody may take it any more; a break under way goes on."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class AgentSkill(Base):
    """How well an agent serves a queue; 1 is best."""

    __tablename__ = "agent_skill"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    queue: Mapped[str] = mapped_column(
        String(64), ForeignKey("call_queue.code", ondelete="CASCADE"), primary_key=True, index=True
    )
    level: Mapped[int]


class AgentFact(Base):
    """What the ledger says of a seat, written with the ledger, gone once it was taken."""

    __tablename__ = "agent_fact"

    id: Mapped[int] = mapped_column(primary_key=True)
    seat: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16))
    """talk_ended, ring_answered, ring_missed or ring_refused."""
    leg: Mapped[str] = mapped_column(String(40))
    queue: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class WrapUpTime(Base):
    """How long the wrap-up after a talk out of `queue` is; others have the setting's."""

    __tablename__ = "wrap_up_time"

    queue: Mapped[str] = mapped_column(
        String(64), ForeignKey("call_queue.code", ondelete="CASCADE"), primary_key=True
    )
    seconds: Mapped[int]
