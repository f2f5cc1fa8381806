"""What of a recording there was no room for on the disk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns."""
    for table in ("recording", "voice_message", "media_file"):
        op.add_column(table, sa.Column("no_room", sa.String(16), nullable=False, server_default=""))


def downgrade() -> None:
    """Remove them."""
    for table in ("media_file", "voice_message", "recording"):
        op.drop_column(table, "no_room")
