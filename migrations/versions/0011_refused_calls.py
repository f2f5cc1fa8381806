"""The machine's own break after refused calls has a name, like the one after calls left ringing."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_REASON = sa.table(
    "break_reason",
    sa.column("code", sa.String),
    sa.column("name", sa.String),
    sa.column("limit_seconds", sa.Integer),
    sa.column("enabled", sa.Boolean),
    sa.column("created_at", sa.DateTime(timezone=True)),
    sa.column("updated_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Add it, in the place of one that an admin happens to have called so."""
    downgrade()
    now = datetime.now(UTC)
    op.bulk_insert(
        _REASON,
        [
            {
                "code": "ring_refused",
                "name": "拒接来电",
                "limit_seconds": None,
                "enabled": True,
                "created_at": now,
                "updated_at": now,
            }
        ],
    )


def downgrade() -> None:
    """Remove it."""
    op.execute(_REASON.delete().where(_REASON.c.code == "ring_refused"))
