"""A talk that was none leaves the ledger again, whatever the pieces it was read in."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.telephony.calls import repository
from callcenter.telephony.calls.models import Call, Talk
from callcenter.telephony.domain.callbook import CallBook
from tests.unit.telephony.domain.test_parties import without_sound


@pytest.mark.parametrize("cut", range(0, 24, 4))
@pytest.mark.parametrize(("then", "seats"), [("taken", ["8002"]), ("given up", [])])
async def test_its_row_goes(tmp_path: Path, cut: int, then: str, seats: list[str]) -> None:
    settings = Settings(_env_file=None, home=tmp_path)
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    book = CallBook("pbx1")
    for number, row in enumerate(without_sound(then=then).rows):
        book.apply(row, number)
        if number % (cut + 1) == cut:
            async with database.writing() as session:
                await repository.write_changes(session, book.take())
    async with database.writing() as session:
        await repository.write_changes(session, book.take())
    async with database.reading() as session:
        talks = (await session.scalars(select(Talk))).all()
        (call,) = (await session.scalars(select(Call))).all()
    await database.close()
    assert [talk.seat for talk in talks] == seats
    assert (call.answered_at is not None, call.seat) == (bool(seats), "".join(seats))
