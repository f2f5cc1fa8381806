"""Queues that an admin defines, and the numbers that lead to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "call_queue",
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_en", sa.String(length=100), nullable=False),
        sa.Column("transfer_number", sa.String(length=8), nullable=True),
        sa.Column("strategy", sa.String(length=16), nullable=False),
        sa.Column("ring_seconds", sa.Integer(), nullable=False),
        sa.Column("wrapup_seconds", sa.Integer(), nullable=False),
        sa.Column("max_waiting", sa.Integer(), nullable=False),
        sa.Column("wait_limit_seconds", sa.Integer(), nullable=False),
        sa.Column("announcements", sa.Boolean(), nullable=False),
        sa.Column("announce_position_seconds", sa.Integer(), nullable=False),
        sa.Column("announce_voice_message_seconds", sa.Integer(), nullable=False),
        sa.Column("music", sa.String(length=40), nullable=False),
        sa.Column("overflow", sa.String(length=20), nullable=True),
        sa.Column("service_level_seconds", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_call_queue")),
        sa.UniqueConstraint("transfer_number", name=op.f("uq_call_queue_transfer_number")),
        sa.ForeignKeyConstraint(
            ["overflow"], ["call_queue.code"], name=op.f("fk_call_queue_overflow_call_queue")
        ),
    )
    op.create_table(
        "queue_number",
        sa.Column("number", sa.String(length=15), nullable=False),
        sa.Column("queue", sa.String(length=20), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_queue_number")),
        sa.ForeignKeyConstraint(
            ["queue"], ["call_queue.code"], name=op.f("fk_queue_number_queue_call_queue")
        ),
    )
    op.create_index(op.f("ix_queue_number_queue"), "queue_number", ["queue"])
    op.create_table(
        "queue_menu_key",
        sa.Column("key", sa.String(length=1), nullable=False),
        sa.Column("queue", sa.String(length=20), nullable=True),
        sa.Column("language", sa.String(length=2), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_queue_menu_key")),
        sa.ForeignKeyConstraint(
            ["queue"], ["call_queue.code"], name=op.f("fk_queue_menu_key_queue_call_queue")
        ),
    )
    op.create_index(op.f("ix_queue_menu_key_queue"), "queue_menu_key", ["queue"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("queue_menu_key")
    op.drop_table("queue_number")
    op.drop_table("call_queue")
