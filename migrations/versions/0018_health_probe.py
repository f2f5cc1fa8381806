"""The row that health writes, to know that the database can be written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from callcenter.platform.db.base import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "health_probe",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_health_probe"),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("health_probe")
