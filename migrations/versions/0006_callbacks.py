"""Missed calls and call-backs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "callback_task",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=128), nullable=False),
        sa.Column("open_number", sa.String(length=128), nullable=True),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("requested", sa.Boolean(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_missed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_missed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_call_id", sa.String(length=64), nullable=False),
        sa.Column("missed_count", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_by", sa.String(length=64), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("got_through_call_id", sa.String(length=64), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("case_number", sa.String(length=20), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_task")),
        sa.UniqueConstraint("open_number", name=op.f("uq_callback_task_open_number")),
    )
    op.create_index("ix_callback_task_status_joined_at", "callback_task", ["status", "joined_at"])
    op.create_table(
        "callback_missed",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["callback_task.id"],
            name=op.f("fk_callback_missed_task_id_callback_task"),
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_callback_missed")),
    )
    op.create_index(op.f("ix_callback_missed_task_id"), "callback_missed", ["task_id"])
    op.create_table(
        "callback_attempt",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(length=64), nullable=False),
        sa.Column("seat", sa.String(length=16), nullable=False),
        sa.Column("dialled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["callback_task.id"],
            name=op.f("fk_callback_attempt_task_id_callback_task"),
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_callback_attempt")),
    )
    op.create_index(op.f("ix_callback_attempt_task_id"), "callback_attempt", ["task_id"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("callback_attempt")
    op.drop_table("callback_missed")
    op.drop_table("callback_task")
