"""Steering: switches of the line, what a call made by a seat is about, pauses of recordings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the columns."""
    op.create_table(
        "steering_switch",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.String(32), nullable=False),
        sa.Column("changed_by", sa.String(64), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_steering_switch")),
    )
    op.add_column(
        "call", sa.Column("case_number", sa.String(32), nullable=False, server_default="")
    )
    op.add_column("recording", sa.Column("gaps", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("recording", "gaps")
    op.drop_column("call", "case_number")
    op.drop_table("steering_switch")
