"""What was sent from and to the caller, and how much of it is on each side of a recording."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from callcenter.platform.db.base import BigInt

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_OF_FILES = ("expected_left_ms", "expected_right_ms", "left_ms", "right_ms")


def upgrade() -> None:
    """Make the columns; of calls before this one nothing is known."""
    op.add_column("recording", sa.Column("renewed", BigInt, server_default="0", nullable=False))
    for name in ("left_sent_ms", "right_sent_ms"):
        op.add_column("recording", sa.Column(name, BigInt, nullable=True))
    for name in _OF_FILES:
        op.add_column("media_file", sa.Column(name, BigInt, nullable=True))


def downgrade() -> None:
    """Remove them."""
    for name in reversed(_OF_FILES):
        op.drop_column("media_file", name)
    for name in ("right_sent_ms", "left_sent_ms", "renewed"):
        op.drop_column("recording", name)
