"""The calls that seats made about a case are found by it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.create_index(
        "ix_call_case_number",
        "call",
        ["case_number"],
        sqlite_where=sa.text("case_number != ''"),
        postgresql_where=sa.text("case_number != ''"),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_index("ix_call_case_number", table_name="call")
