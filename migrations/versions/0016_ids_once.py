"""No id is given twice, and what names a row is a foreign key.

SQLite: every table with a counted id becomes AUTOINCREMENT, and counts on from the highest id that
anything in the database has ever named: an old rota names a user who was removed, the trail an
entry. Rows that hang on something that is gone go too, by the rule of their foreign key.

The order matters: no table that others refer to is copied while they do, for SQLite empties a table
before it drops it, and with foreign keys in force that would take the others' rows along.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_COUNTED = (
    "user",
    "shift",
    "shift_rotation",
    "case",
    "callback_task",
    "agent_fact",
    "agent_interval",
    "api_token",
    "case_event",
    "leave_request",
    "media_access",
    "media_removal",
    "opening_hours",
    "opening_period",
    "rota_entry",
    "swap_request",
    "user_device",
    "user_session",
)

_KEYS = (
    ("agent", "user_id", "user", "id", None),
    ("agent_interval", "user_id", "user", "id", None),
    ("agent_skill", "user_id", "user", "id", "CASCADE"),
    ("agent_skill", "queue", "call_queue", "code", "CASCADE"),
    ("case_event", "case_id", "case", "id", None),
    ("leave_request", "user_id", "user", "id", "CASCADE"),
    ("media_access", "media_id", "media_file", "id", None),
    ("media_removal", "media_id", "media_file", "id", None),
    ("rota_entry", "user_id", "user", "id", "CASCADE"),
    ("rota_entry", "shift_id", "shift", "id", None),
    ("rota_entry", "rotation_id", "shift_rotation", "id", "SET NULL"),
    ("rota_feed", "user_id", "user", "id", "CASCADE"),
    ("rotation_member", "rotation_id", "shift_rotation", "id", "CASCADE"),
    ("rotation_member", "user_id", "user", "id", "CASCADE"),
    ("rotation_place", "rotation_id", "shift_rotation", "id", "CASCADE"),
    ("rotation_place", "shift_id", "shift", "id", None),
    ("swap_request", "user_id", "user", "id", "CASCADE"),
    ("swap_request", "partner_id", "user", "id", "CASCADE"),
    ("user_device", "user_id", "user", "id", "CASCADE"),
    ("user_session", "user_id", "user", "id", "CASCADE"),
    ("wrap_up_time", "queue", "call_queue", "code", "CASCADE"),
)
"""(table, column, table it names, column there, what becomes of it when that is removed)."""

_OLD_KEYS = (
    ("callback_missed", "task_id", "callback_task", "id", None),
    ("callback_attempt", "task_id", "callback_task", "id", None),
)
"""There already, and in the way of copying what they name."""

_INDEXES = (
    ("agent_skill", "queue"),
    ("rota_entry", "rotation_id"),
    ("rotation_member", "user_id"),
    ("rotation_place", "shift_id"),
)

_NAMED_BY = {
    "user": (
        ("agent", "user_id"),
        ("agent_interval", "user_id"),
        ("agent_skill", "user_id"),
        ("leave_request", "user_id"),
        ("rota_entry", "user_id"),
        ("rota_entry", "planned_for"),
        ("rota_feed", "user_id"),
        ("rotation_member", "user_id"),
        ("swap_request", "user_id"),
        ("swap_request", "partner_id"),
        ("trail_entry", "user_id"),
        ("user_device", "user_id"),
        ("user_session", "user_id"),
    ),
    "shift": (
        ("rota_entry", "shift_id"),
        ("rotation_place", "shift_id"),
        ("swap_request", "shift_id"),
        ("swap_request", "partner_shift_id"),
    ),
    "shift_rotation": (
        ("rota_entry", "rotation_id"),
        ("rotation_member", "rotation_id"),
        ("rotation_place", "rotation_id"),
    ),
    "rota_entry": (("swap_request", "entry_id"), ("swap_request", "partner_entry_id")),
    "case": (("case_event", "case_id"),),
}
"""Who may know a higher id than the table itself has."""

_SUBJECTS = {
    "user": "agent",
    "shift": "shift",
    "shift_rotation": "rotation",
    "rota_entry": "rota",
    "leave_request": "leave",
    "swap_request": "swap",
    "opening_period": "period",
    "blocked_number": "blocklist",
}
"""How the trail calls them: ``rota:17``."""


def upgrade() -> None:
    """Count on, and hold what is named."""
    known = _highest_known() if _is_sqlite() else {}
    for table, column, parent, key, rule in _KEYS:
        if rule is not None:  # Of the others none was ever removed while it was named.
            _drop_lost(table, column, parent, key, rule)
    if _is_sqlite():
        for table in {row[0] for row in _OLD_KEYS}:
            _rebuild(table, without=_OLD_KEYS)
        referring = {row[0] for row in _KEYS}
        # Those that nothing names yet come last, with their own keys.
        for table in (*(one for one in _COUNTED if one not in referring), *sorted(referring)):
            _rebuild(table, counted=table in _COUNTED, keys=_KEYS)
        for table in {row[0] for row in _OLD_KEYS}:
            _rebuild(table, keys=_OLD_KEYS)
        _count_on(known)
    else:
        for table, column, parent, key, rule in _KEYS:
            op.create_foreign_key(
                _name(table, column, parent), table, parent, [column], [key], ondelete=rule
            )
    for table, column in _INDEXES:
        op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    """Let go. The ids that were given stay given; what is given from now on may be a second."""
    for table, column in reversed(_INDEXES):
        op.drop_index(f"ix_{table}_{column}", table)
    if not _is_sqlite():
        for table, column, parent, _key, _rule in reversed(_KEYS):
            op.drop_constraint(_name(table, column, parent), table, type_="foreignkey")
        return
    for table in {row[0] for row in _OLD_KEYS}:
        _rebuild(table, without=_OLD_KEYS)
    referring = {row[0] for row in _KEYS}
    for table in (*sorted(referring), *(one for one in _COUNTED if one not in referring)):
        _rebuild(table, without=_KEYS)
    for table in {row[0] for row in _OLD_KEYS}:
        _rebuild(table, keys=_OLD_KEYS)


_Keys = tuple[tuple[str, str, str, str, str | None], ...]


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _name(table: str, column: str, parent: str) -> str:
    return f"fk_{table}_{column}_{parent}"


def _rebuild(table: str, *, counted: bool = False, keys: _Keys = (), without: _Keys = ()) -> None:
    """Copy the table, with `keys` and without others, its ids counted for good or not."""
    with op.batch_alter_table(
        table, recreate="always", table_kwargs={"sqlite_autoincrement": counted}
    ) as batch:
        for child, column, parent, _key, _rule in without:
            if child == table:
                batch.drop_constraint(_name(child, column, parent), type_="foreignkey")
        for child, column, parent, key, rule in keys:
            if child == table:
                batch.create_foreign_key(
                    _name(child, column, parent), parent, [column], [key], ondelete=rule
                )


def _drop_lost(table: str, column: str, parent: str, key: str, rule: str) -> None:
    """What hangs on something that is gone goes, or forgets it, as its foreign key says."""
    quote = op.get_bind().dialect.identifier_preparer.quote
    there = f"SELECT 1 FROM {quote(parent)} AS there"  # noqa: S608 - our names
    same = f"there.{quote(key)} = {quote(table)}.{quote(column)}"
    lost = f"{quote(column)} IS NOT NULL AND NOT EXISTS ({there} WHERE {same})"
    if rule == "SET NULL":
        op.execute(f"UPDATE {quote(table)} SET {quote(column)} = NULL WHERE {lost}")  # noqa: S608 - our names
    else:
        op.execute(f"DELETE FROM {quote(table)} WHERE {lost}")  # noqa: S608 - our names


def _highest_known() -> dict[str, int]:
    """The highest id that any row names, by table."""
    connection = op.get_bind()
    quote = connection.dialect.identifier_preparer.quote

    def highest(expression: str, table: str, where: str = "") -> int:
        query = f"SELECT max({expression}) FROM {quote(table)}{where}"  # noqa: S608 - our names
        return int(connection.exec_driver_sql(query).scalar_one() or 0)

    def all_of(table: str) -> Iterator[int]:
        yield highest("id", table)
        for other, column in _NAMED_BY.get(table, ()):
            yield highest(quote(column), other)
        if (word := _SUBJECTS.get(table)) is not None:
            begins = f" WHERE subject >= '{word}:' AND subject < '{word};'"
            yield highest(
                f"CAST(substr(subject, {len(word) + 2}) AS INTEGER)", "trail_entry", begins
            )

    return {table: max(all_of(table)) for table in (*_COUNTED, "blocked_number")}


def _count_on(known: dict[str, int]) -> None:
    connection = op.get_bind()
    for table, highest in known.items():
        connection.execute(
            sa.text("DELETE FROM sqlite_sequence WHERE name = :table"), {"table": table}
        )
        connection.execute(
            sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :highest)"),
            {"table": table, "highest": highest},
        )
