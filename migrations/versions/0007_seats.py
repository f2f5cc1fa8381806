"""Seats: which phones each may have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Seats that are there may have either kind: nothing changes until a browser registers."""
    with op.batch_alter_table("seat") as batch_op:
        batch_op.add_column(
            sa.Column("phones", sa.String(length=8), server_default="both", nullable=False)
        )
        batch_op.add_column(
            sa.Column("browser", sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:
    """Every phone is a SIP phone again."""
    with op.batch_alter_table("seat") as batch_op:
        batch_op.drop_column("browser")
        batch_op.drop_column("phones")
