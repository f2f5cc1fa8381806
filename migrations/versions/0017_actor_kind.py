"""The audit trail: the kind of actor, and how each entry was chained. Tokens that end.

What there is was chained by its hash alone, without a kind: it stays so and is verified so. Columns
are added, no row is written: the table refuses that.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them; tokens may end by themselves, too."""
    kind = sa.Column("actor_kind", sa.String(length=8), nullable=False, server_default="")
    scheme = sa.Column("scheme", sa.Integer(), nullable=False, server_default="1")
    op.add_column("trail_entry", kind)
    op.add_column("trail_entry", scheme)
    # Those that there are go on without an end: a machine that nobody thought of would stand still.
    op.add_column("api_token", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Remove them. Entries that were written since cannot be verified without."""
    op.drop_column("api_token", "expires_at")
    op.drop_column("trail_entry", "scheme")
    op.drop_column("trail_entry", "actor_kind")
