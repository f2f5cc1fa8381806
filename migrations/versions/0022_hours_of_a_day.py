"""A day that differs may be open in several spans, as a weekday may: before and after lunch.

Back again there is one span: from the first opening to the last closing, so that nobody is turned
away who was served before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_SPANS_CHARACTERS = 256
_TABLES = (
    ("special_day", "spans", "opens", "closes"),
    ("opening_period", "spans", "opens", "closes"),
    ("opening_rule", "holiday_spans", "holiday_opens", "holiday_closes"),
)
"""(table, spans, opens, closes)."""


def upgrade() -> None:
    """``540-1020`` for what was from 540 to 1020; empty for a closed day."""
    for table, spans, opens, closes in _TABLES:
        # A column at a time: SQLite would count a rebuilt table's ids anew.
        kind = sa.String(_SPANS_CHARACTERS)
        op.add_column(table, sa.Column(spans, kind, nullable=False, server_default=""))
        rows = sa.table(table, *map(sa.column, (spans, opens, closes)))
        words = sa.cast(rows.c[opens], sa.String) + "-" + sa.cast(rows.c[closes], sa.String)
        op.execute(rows.update().where(rows.c[opens].is_not(None)).values({spans: words}))
        if op.get_bind().dialect.name != "sqlite":
            op.alter_column(table, spans, server_default=None)
        op.drop_column(table, opens)
        op.drop_column(table, closes)


def downgrade() -> None:
    """From the first opening to the last closing."""
    for table, spans, opens, closes in _TABLES:
        op.add_column(table, sa.Column(opens, sa.Integer(), nullable=True))
        op.add_column(table, sa.Column(closes, sa.Integer(), nullable=True))
        rows = sa.table(table, *map(sa.column, (spans, opens, closes)))
        connection = op.get_bind()
        found = connection.execute(sa.select(rows.c[spans]).distinct()).scalars().all()
        for words in filter(None, found):
            ends = {opens: int(words.split("-")[0]), closes: int(words.split("-")[-1])}
            connection.execute(rows.update().where(rows.c[spans] == words).values(ends))
        op.drop_column(table, spans)
