"""Whole numbers have 64 bits on PostgreSQL too.

Whatever the migrations before this one made INTEGER is found in the database itself, ids and their
sequences too. SQLite's INTEGER has 64 bits already. Later migrations write `db.base.BigInt`.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COLUMNS = sa.text(
    "SELECT table_name, column_name, data_type FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND data_type = :type ORDER BY 1, 2"
)
_SEQUENCES = sa.text(
    "SELECT sequence_name FROM information_schema.sequences"
    " WHERE sequence_schema = current_schema() AND data_type = :type ORDER BY 1"
)


def upgrade() -> None:
    """Widen them."""
    _turn("integer", "bigint")


def downgrade() -> None:
    """Narrow them; refused by the database if a value no longer fits."""
    _turn("bigint", "integer")


def _turn(old: str, new: str) -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    quote = connection.dialect.identifier_preparer.quote
    tables: dict[str, list[str]] = {}
    for table, column, _type in connection.execute(_COLUMNS, {"type": old}):
        tables.setdefault(table, []).append(column)
    for table, columns in tables.items():
        # All of a table at once: each ALTER may write the whole table anew.
        words = ", ".join(f"ALTER COLUMN {quote(name)} TYPE {new}" for name in columns)
        op.execute(f"ALTER TABLE {quote(table)} {words}")
    for (sequence,) in connection.execute(_SEQUENCES, {"type": old}).all():
        op.execute(f"ALTER SEQUENCE {quote(sequence)} AS {new}")
