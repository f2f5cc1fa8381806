"""Cases are found by the number to call back."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index; numbers stay as they were written until somebody saves them."""
    op.create_index("ix_case_contact_number", "case", ["contact_number"])


def downgrade() -> None:
    """Without it."""
    op.drop_index("ix_case_contact_number", table_name="case")
