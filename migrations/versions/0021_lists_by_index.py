"""Every list of what grows is read along an index, whatever it is narrowed to.

Partial indexes hold what is rare: of the words that most calls have, such as answered, a page is
soon full along the moments.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_NEW: tuple[tuple[str, str, tuple[str, ...], str | None], ...] = (
    ("ix_call_open", "call", ("started_at", "id"), "ended_at IS NULL"),
    ("ix_call_seat", "call", ("seat", "started_at", "id"), "seat != ''"),
    ("ix_call_queue", "call", ("queue", "started_at", "id"), "queue != ''"),
    ("ix_call_outcome", "call", ("outcome", "started_at", "id"), "outcome != 'answered'"),
    ("ix_call_direction", "call", ("direction", "started_at", "id"), "direction != 'inbound'"),
    ("ix_voice_message_started_at_id", "voice_message", ("started_at", "id"), None),
    (
        "ix_voice_message_reason_started_at_id",
        "voice_message",
        ("reason", "started_at", "id"),
        None,
    ),
    (
        "ix_case_caller_number_opened_at_id",
        "case",
        ("caller_number", "opened_at", "id"),
        None,
    ),
    ("ix_case_seat_opened_at_id", "case", ("seat", "opened_at", "id"), None),
    ("ix_case_status_opened_at_id", "case", ("status", "opened_at", "id"), None),
    ("ix_case_source", "case", ("source", "opened_at", "id"), "source != 'call'"),
    ("ix_case_confidential", "case", ("opened_at", "id"), "confidential"),
    ("ix_trail_entry_actor_seq", "trail_entry", ("actor", "seq"), None),
    ("ix_trail_entry_actor_kind_seq", "trail_entry", ("actor_kind", "seq"), None),
    ("ix_trail_entry_action_seq", "trail_entry", ("action", "seq"), None),
    ("ix_trail_entry_subject_seq", "trail_entry", ("subject", "seq"), None),
    ("ix_trail_entry_at_seq", "trail_entry", ("at", "seq"), None),
    ("ix_callback_task_last_missed_at_id", "callback_task", ("last_missed_at", "id"), None),
    ("ix_callback_task_first_missed_at", "callback_task", ("first_missed_at",), None),
    *(
        (
            f"ix_callback_task_{name}_last_missed_at_id",
            "callback_task",
            (name, "last_missed_at", "id"),
            None,
        )
        for name in ("status", "queue", "number", "reason")
    ),
    ("ix_media_file_left", "media_file", ("due_at",), "source_left"),
    ("ix_leave_request_state_id", "leave_request", ("state", "id"), None),
    ("ix_swap_request_state_id", "swap_request", ("state", "id"), None),
)
"""(name, table, columns, which rows)."""

_BOOLEANS = {"confidential", "source_left"}

_OLD = (
    ("ix_media_file_source_left", "media_file", "source_left"),
    ("ix_voice_message_started_at", "voice_message", "started_at"),
    ("ix_case_caller_number", "case", "caller_number"),
    ("ix_case_seat", "case", "seat"),
    ("ix_trail_entry_actor", "trail_entry", "actor"),
    ("ix_trail_entry_subject", "trail_entry", "subject"),
)
"""Each has a better one now."""


def upgrade() -> None:
    """Make them."""
    for name, table, columns, where in _NEW:
        rows = None if where is None else sa.text(where)
        # SQLite keeps a boolean as a number, and takes the index for a question that says so.
        numbers = sa.text(f"{where} = 1") if where in _BOOLEANS else rows
        op.create_index(name, table, list(columns), sqlite_where=numbers, postgresql_where=rows)
    for name, table, _column in _OLD:
        op.drop_index(name, table)


def downgrade() -> None:
    """Remove them."""
    for name, table, column in _OLD:
        op.create_index(name, table, [column])
    for name, table, _columns, _where in reversed(_NEW):
        op.drop_index(name, table)
