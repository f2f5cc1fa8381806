"""Agents: state intervals, break reasons, skills."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FIRST_REASONS = (
    ("ring_no_answer", "久叫不应", None),
    ("tea", "小休", 15 * 60),
    ("meal", "用餐", 60 * 60),
    ("training", "培训", None),
    ("meeting", "会议", None),
)
"""The first one is the machine's own; the rest are a beginning that an admin changes."""


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "agent",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seat", sa.String(length=16), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_agent")),
        sa.UniqueConstraint("seat", name=op.f("uq_agent_seat")),
    )
    op.create_table(
        "agent_interval",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("seat", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_interval")),
    )
    op.create_index("ix_agent_interval_begun_at", "agent_interval", ["begun_at"])
    op.create_index("ix_agent_interval_user_id_begun_at", "agent_interval", ["user_id", "begun_at"])
    op.create_index(
        "uq_agent_interval_open",
        "agent_interval",
        ["user_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    reasons = op.create_table(
        "break_reason",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("limit_seconds", sa.Integer(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_break_reason")),
    )
    op.create_table(
        "agent_skill",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "queue", name=op.f("pk_agent_skill")),
    )
    op.create_table(
        "agent_fact",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("seat", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("leg", sa.String(length=40), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_fact")),
    )
    op.create_table(
        "wrap_up_time",
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("queue", name=op.f("pk_wrap_up_time")),
    )
    now = datetime.now(UTC)
    op.bulk_insert(
        reasons,
        [
            {
                "code": code,
                "name": name,
                "limit_seconds": limit,
                "enabled": True,
                "created_at": now,
                "updated_at": now,
            }
            for code, name, limit in _FIRST_REASONS
        ],
    )


def downgrade() -> None:
    """Remove them."""
    for table in (
        "wrap_up_time",
        "agent_fact",
        "agent_skill",
        "break_reason",
        "agent_interval",
        "agent",
    ):
        op.drop_table(table)
