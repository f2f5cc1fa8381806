"""The audit sees every difference it has a name for, and none where there is none."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from callcenter.casework.cases.models import Case, CaseEvent
from callcenter.casework.cases.service import CaseService
from callcenter.insight.audit.compare import Kind
from callcenter.insight.audit.service import make_audit
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.calls.models import Call, JournalOffset, QueueVisit, Ring, Talk
from callcenter.telephony.pbx.queue_log import read_queue_log
from callcenter.telephony.recordings.models import MediaFile
from callcenter.telephony.recordings.service import MediaService
from tests.unit.traces import FOLDER, journal

STORY = "blind_keys"


class Books:
    """One story in the ledger, its file finished, its queue_log written."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database

    async def fill(self) -> None:
        settings, database = self.settings, self.database
        settings.journal_dir.mkdir(parents=True)
        settings.journal_file.write_bytes(journal(STORY))
        settings.queue_log_file.write_bytes((FOLDER / f"{STORY}.queue_log").read_bytes())
        features = (CaseService(database, settings), MediaService(database, settings))
        await JournalReader(database, settings, features).catch_up()
        sound = b"sound"
        self.file = settings.recordings_dir / "2026" / "one.opus"
        self.file.parent.mkdir(parents=True)
        self.file.write_bytes(sound)
        values = {
            "status": "ready",
            "path": "2026/one.opus",
            "bytes": len(sound),
            "sha256": hashlib.sha256(sound).hexdigest(),
        }
        async with database.writing() as session:
            await session.execute(update(MediaFile).values(values))

    async def kinds(self) -> list[Kind]:
        found = await make_audit(self.settings, self.database).differences()
        assert all(str(one) for one in found)
        return [one.kind for one in found]


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Books]:
    settings = Settings(_env_file=None, home=tmp_path)
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    made = Books(settings, database)
    await made.fill()
    yield made
    await database.close()


async def test_books_that_balance_have_no_difference(books: Books) -> None:
    assert await books.kinds() == []


async def test_a_stay_that_the_ledger_lost(books: Books) -> None:
    async with books.database.writing() as session:
        await session.execute(delete(QueueVisit))
    assert await books.kinds() == [Kind.VISIT_MISSING, Kind.VISIT_END]


async def test_a_stay_that_the_queue_log_does_not_know(books: Books) -> None:
    log = books.settings.queue_log_file
    first = log.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in first if "|ENTERQUEUE|" not in line]
    begun = kept[0].split("|")[0]
    log.write_text(f"{int(begun) - 10}|1.1|12345|NONE|ENTERQUEUE||1|1\n", encoding="utf-8")
    assert Kind.VISIT_UNKNOWN in await books.kinds()


async def test_a_stay_that_ended_otherwise(books: Books) -> None:
    async with books.database.writing() as session:
        await session.execute(update(QueueVisit).values(how="timeout"))
    assert await books.kinds() == [Kind.VISIT_END, Kind.VISIT_END]


async def test_a_talk_that_the_ledger_lost(books: Books) -> None:
    async with books.database.writing() as session:
        await session.execute(delete(Talk))
    assert await books.kinds() == [Kind.TALK_MISSING]


async def test_an_answered_call_without_its_case(books: Books) -> None:
    async with books.database.writing() as session:
        await session.execute(delete(CaseEvent))
        await session.execute(delete(Case))
    assert await books.kinds() == [Kind.CASE_MISSING]


async def test_audio_of_which_nobody_says_what_became_of_it(books: Books) -> None:
    async with books.database.writing() as session:
        await session.execute(delete(MediaFile))
    assert await books.kinds() == [Kind.AUDIO_WITHOUT_STATE, Kind.FILE_UNKNOWN]


async def test_a_finished_file_that_is_gone_or_was_changed(books: Books) -> None:
    books.file.write_bytes(b"other")
    assert await books.kinds() == [Kind.FILE_CHANGED]
    books.file.unlink()
    assert await books.kinds() == [Kind.FILE_MISSING]


async def test_sound_that_belongs_to_no_call(books: Books) -> None:
    stray = books.settings.voice_messages_dir / "2026" / "stray.wav"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"")
    assert await books.kinds() == []
    stray.write_bytes(b"sound")
    assert await books.kinds() == [Kind.FILE_UNKNOWN]


@pytest.mark.parametrize("days", [0, 8], ids=["just now", "longer ago than is looked at"])
async def test_who_was_overtaken(books: Books, days: int) -> None:
    """Of two who waited in one queue the later one was offered to a seat first, at the end of what
    was read of the journal; a consult that waits there is no caller, and is not counted."""
    async with books.database.reading() as session:
        read_to = await session.scalar(select(JournalOffset.last_row_at))
        call = (await session.scalars(select(Call))).one()
    assert read_to is not None
    begun = read_to - timedelta(days=days, seconds=60)

    def waits(name: str, came: float, rang: float, *, channel: str | None = None) -> list[Any]:
        at = begun + timedelta(seconds=came)
        columns = {column.name: getattr(call, column.name) for column in Call.__table__.columns}
        identity = f"pbx1:{name}"
        stay = {"call_id": identity, "queue": "quiet", "joined_at": at, "how": "connected"}
        rang_at = begun + timedelta(seconds=rang)
        return [
            Call(**{**columns, "id": identity, "started_at": at}),
            QueueVisit(id=f"{identity}/q1", channel=channel or name, left_at=rang_at, **stay),
            Ring(
                id=f"{identity}/r1", call_id=identity, visit_id=f"{identity}/q1", seat="8001",
                channel="9.9", rang_at=rang_at, ended_at=rang_at, how="answered",
            ),
        ]  # fmt: skip

    async with books.database.writing() as session:
        session.add_all([*waits("1.1", 0, 30), *waits("1.2", 1, 20)])
        session.add_all(waits("1.0", -1, 31, channel="7.7"))
    audit = make_audit(books.settings, books.database)
    found = [one.about for one in await audit.differences() if one.kind is Kind.OVERTAKEN]
    assert found == ([] if days else ["pbx1:1.1"])


async def test_what_is_not_read_yet_is_no_difference(books: Books) -> None:
    """The PBX has gone on since: its log has a stay that the journal reader has not come to."""
    with books.settings.journal_file.open("ab") as stream:
        stream.write(journal("wait_limit"))
    with books.settings.queue_log_file.open("ab") as stream:
        stream.write((FOLDER / "wait_limit.queue_log").read_bytes())
    assert await books.kinds() == []


def test_a_torn_or_foreign_line_of_the_queue_log_is_passed_over(tmp_path: Path) -> None:
    log = tmp_path / "queue_log"
    log.write_text(
        "1|NONE|NONE|NONE|QUEUESTART|\n"
        "what|is|this|line|here\n"
        "2|1.1|12345|NONE|ENTERQUEUE||139|1\n"
        "3|1.1|12345|NONE|ABAN",
        encoding="utf-8",
    )
    assert [(entry.at, entry.event) for entry in read_queue_log(log)] == [(2, "ENTERQUEUE")]
    assert list(read_queue_log(tmp_path / "none")) == []


async def test_a_recording_that_lacks_a_voice(books: Books) -> None:
    values = {
        "status": "one_sided",
        "expected_left_ms": 9000,
        "left_ms": 9100,
        "expected_right_ms": 9000,
        "right_ms": 2000,
    }
    async with books.database.writing() as session:
        await session.execute(update(MediaFile).values(values))
    assert await books.kinds() == [Kind.VOICE_MISSING]
