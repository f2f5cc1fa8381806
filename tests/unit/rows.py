"""Rows that a feature's tests need because theirs name them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from callcenter.people.users.models import User
from callcenter.platform.db.engine import Database
from callcenter.telephony.queues.models import Queue

MADE = datetime(2026, 11, 1, tzinfo=UTC)


async def add_users(database: Database, names: Mapping[int, str]) -> None:
    """Users with these ids; one who is there already stays."""
    async with database.writing() as session:
        for user_id, name in names.items():
            if await session.get(User, user_id) is None:
                session.add(
                    User(
                        id=user_id,
                        login=f"user{user_id}",
                        name=name,
                        roles="operator",
                        must_change_password=False,
                        enabled=True,
                        created_at=MADE,
                        updated_at=MADE,
                    )
                )


async def add_queues(database: Database, *codes: str) -> None:
    """Queues with these codes; one that is there already stays."""
    async with database.writing() as session:
        for code in codes:
            if await session.get(Queue, code) is None:
                session.add(
                    Queue(
                        code=code,
                        name=code,
                        name_en="",
                        strategy="rrmemory",
                        ring_seconds=20,
                        wrapup_seconds=0,
                        max_waiting=50,
                        wait_limit_seconds=300,
                        announcements=True,
                        announce_position_seconds=30,
                        announce_voice_message_seconds=60,
                        music="default",
                        service_level_seconds=15,
                        language="zh",
                        weight=0,
                        enabled=True,
                        created_at=MADE,
                        updated_at=MADE,
                    )
                )
