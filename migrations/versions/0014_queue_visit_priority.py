"""The priority of a stay in a queue: for its sake a later caller may be served first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from callcenter.platform.db.base import BigInt

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.add_column("queue_visit", sa.Column("priority", BigInt, server_default="0", nullable=False))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("queue_visit", "priority")
