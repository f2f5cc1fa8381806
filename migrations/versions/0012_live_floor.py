"""The ledger's generation, and the seats' clocks: what the live floor must know after a restart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from callcenter.platform.db.base import BigInt, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.add_column(
        "journal_offset", sa.Column("generation", BigInt, server_default="0", nullable=False)
    )
    op.create_table(
        "seat_clock",
        sa.Column("extension", sa.String(16), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("seat_clock")
    op.drop_column("journal_offset", "generation")
