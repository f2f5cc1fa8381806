"""What the ledger opens and tells, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from callcenter.casework.cases.models import Case, CaseEvent
from callcenter.casework.cases.repository import CaseFilter
from callcenter.casework.cases.service import CaseChanges, CaseService
from callcenter.platform.broadcast import Change
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.telephony.calls.models import Call
from callcenter.telephony.domain.ledger import (
    CallRow,
    Direction,
    EndedBy,
    LedgerChanges,
    Outcome,
    TalkRow,
    Via,
    VoiceMessageRow,
)
from callcenter.telephony.domain.media import MediaNote, MediaStatus

# 15:59:30 UTC is half a minute before midnight in Shanghai.
BEFORE_MIDNIGHT = datetime(2026, 11, 24, 15, 59, 30, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = Settings(_env_file=None, home=tmp_path).db_url
    await upgrade_async(url)
    made = Database(url)
    yield made
    await made.close()


@pytest.fixture
def cases(database: Database, tmp_path: Path) -> CaseService:
    return CaseService(database, Settings(home=tmp_path))


def call(
    serial: int, *, answered: datetime | None = BEFORE_MIDNIGHT, direction: str = "inbound"
) -> CallRow:
    started = (answered or BEFORE_MIDNIGHT) - timedelta(seconds=5)
    return CallRow(
        id=f"pbx1:1795407499.{serial}",
        node="pbx1",
        linkedid=f"1795407499.{serial}",
        direction=Direction(direction),
        caller_number="13800138000",
        caller_name="张三",
        called_number="12345",
        started_at=started,
        answered_at=answered,
        ended_at=None,
        ended_by=None,
        outcome=Outcome.IN_PROGRESS,
        route="queue",
        queue="12345",
        seat="8001" if answered else "",
        first_seat="8001" if answered else "",
    )


def over(row: CallRow, *, seat: str = "8001") -> CallRow:
    outcome = Outcome.ANSWERED if row.answered_at else Outcome.VOICE_MESSAGE
    ended = (row.answered_at or row.started_at) + timedelta(minutes=3)
    return replace(row, ended_at=ended, ended_by=EndedBy.CALLER, outcome=outcome, seat=seat)


def talk(row: CallRow, index: int, seat: str) -> TalkRow:
    started = (row.answered_at or row.started_at) + timedelta(seconds=index - 1)
    return TalkRow(
        id=f"{row.id}/t{index}",
        call_id=row.id,
        seat=seat,
        channel=f"1795407499.9{index}",
        channel_name=f"PJSIP/{seat}-0000000{index}",
        via=Via.QUEUE if index == 1 else Via.BLIND,
        started_at=started,
        ended_at=None,
        ended_by=None,
    )


def message(row: CallRow, *, done: bool = True) -> VoiceMessageRow:
    started = row.started_at + timedelta(seconds=10)
    return VoiceMessageRow(
        id=f"{row.id}/vm1",
        call_id=row.id,
        path="2026/11/24/pbx1-1.wav",
        reason="closed",
        started_at=started,
        ended_at=started + timedelta(seconds=20) if done else None,
    )


async def hear(cases: CaseService, database: Database, changes: LedgerChanges) -> list[Change]:
    async with database.writing() as session:
        return list(await cases.on_ledger(session, changes))


async def all_cases(database: Database) -> list[Case]:
    async with database.reading() as session:
        return list((await session.scalars(select(Case).order_by(Case.id))).all())


async def history(database: Database) -> list[tuple[str, dict[str, object]]]:
    async with database.reading() as session:
        rows = (await session.scalars(select(CaseEvent).order_by(CaseEvent.id))).all()
        return [(row.kind, row.data) for row in rows]


async def test_an_answered_call_has_one_case_however_often_it_is_told(
    cases: CaseService, database: Database
) -> None:
    row = call(1)
    first = await hear(cases, database, LedgerChanges(calls=(row,), talks=(talk(row, 1, "8001"),)))
    again = await hear(cases, database, LedgerChanges(calls=(row,), talks=(talk(row, 1, "8001"),)))

    (case,) = await all_cases(database)
    assert (case.number, case.source, case.status) == ("20261124-00001", "call", "open")
    assert (case.caller_number, case.contact_number) == ("13800138000", "13800138000")
    assert case.opened_at == BEFORE_MIDNIGHT
    assert [change.topic for change in first] == ["case.opened"]
    assert first[0].data["number"] == case.number
    assert again == []
    assert [kind for kind, _ in await history(database)] == ["opened"]


async def test_nothing_is_opened_for_who_was_not_answered_or_did_not_call_in(
    cases: CaseService, database: Database
) -> None:
    rows = (call(1, answered=None), call(2, direction="internal"), over(call(3, answered=None)))
    assert await hear(cases, database, LedgerChanges(calls=rows)) == []
    assert await all_cases(database) == []


async def test_the_day_is_the_citys_and_each_day_counts_for_itself(
    cases: CaseService, database: Database
) -> None:
    late, early = call(1), call(2, answered=BEFORE_MIDNIGHT + timedelta(minutes=1))
    later = call(3, answered=BEFORE_MIDNIGHT + timedelta(minutes=2))
    await hear(cases, database, LedgerChanges(calls=(early, late)))
    await hear(cases, database, LedgerChanges(calls=(later,)))
    assert [case.number for case in await all_cases(database)] == [
        "20261124-00001",
        "20261125-00001",
        "20261125-00002",
    ]


async def test_a_batch_as_large_as_the_setting_has_numbers_without_a_gap(
    cases: CaseService, database: Database
) -> None:
    rows = tuple(
        over(call(serial, answered=BEFORE_MIDNIGHT - timedelta(seconds=serial)))
        for serial in range(1, 1501)
    )
    published = await hear(cases, database, LedgerChanges(calls=rows))
    found = await all_cases(database)
    assert len(published) == len(found) == 1500
    assert [case.day_count for case in found] == list(range(1, 1501))
    assert found[0].call_id == rows[-1].id  # the earliest answer has the first number


async def test_what_people_wrote_survives_the_rest_of_the_call(
    cases: CaseService, database: Database
) -> None:
    row = call(1)
    await hear(cases, database, LedgerChanges(calls=(row,)))
    written = CaseChanges(version=1, values={"title": "噪音", "contact_number": "139"})
    await cases.edit("20261124-00001", written, actor="小李")
    ended = over(row, seat="8002")
    published = await hear(
        cases, database, LedgerChanges(calls=(ended,), talks=(talk(row, 2, "8002"),))
    )

    (case,) = await all_cases(database)
    assert (case.title, case.contact_number, case.version) == ("噪音", "139", 2)
    assert (case.seat, case.first_seat, case.call_ended_at) == ("8002", "8001", ended.ended_at)
    assert [change.topic for change in published] == ["case.updated"]
    steps = await history(database)
    assert [kind for kind, _ in steps] == ["opened", "edited", "seat_changed", "call_ended"]
    assert steps[1][1]["changes"] == {
        "title": {"from": "", "to": "噪音"},
        "contact_number": {"from": "13800138000", "to": "139"},
    }


async def test_a_rebuild_adds_nothing_and_takes_nothing_back(
    cases: CaseService, database: Database
) -> None:
    row, ended = call(1), over(call(1), seat="8002")
    talks = (talk(row, 1, "8001"), talk(row, 2, "8002"))
    await hear(cases, database, LedgerChanges(calls=(row,), talks=talks[:1]))
    await hear(cases, database, LedgerChanges(calls=(ended,), talks=talks))
    before = await all_cases(database), await history(database)

    assert await hear(cases, database, LedgerChanges(calls=(row,), talks=talks[:1])) == []
    assert await hear(cases, database, LedgerChanges(calls=(ended,), talks=talks)) == []
    (was,), (now,) = before[0], await all_cases(database)
    assert (now.seat, now.call_ended_at, now.updated_at) == (
        was.seat,
        was.call_ended_at,
        was.updated_at,
    )
    assert await history(database) == before[1]


async def test_a_voice_message_opens_the_case_when_it_is_over(
    cases: CaseService, database: Database
) -> None:
    row = call(1, answered=None)
    going_on = LedgerChanges(calls=(row,), voice_messages=(message(row, done=False),))
    assert await hear(cases, database, going_on) == []
    done = message(row)
    changes = LedgerChanges(calls=(over(row),), voice_messages=(done,))
    await hear(cases, database, changes)
    await hear(cases, database, changes)

    (case,) = await all_cases(database)
    assert (case.source, case.voice_message_id) == ("voice_message", done.id)
    assert case.opened_at == done.ended_at
    kinds = [kind for kind, _ in await history(database)]
    assert kinds == ["opened", "voice_message", "call_ended"]


async def test_a_voice_message_may_come_in_a_batch_without_its_call(
    cases: CaseService, database: Database
) -> None:
    row = call(1, answered=None)
    async with database.writing() as session:
        values = {name: getattr(row, name) for name in CallRow.__slots__}
        session.add(Call(**values))
    await hear(cases, database, LedgerChanges(voice_messages=(message(row),)))
    (case,) = await all_cases(database)
    assert (case.call_id, case.caller_name) == (row.id, "张三")


async def test_a_message_of_an_answered_call_belongs_to_its_case(
    cases: CaseService, database: Database
) -> None:
    row = call(1)
    await hear(cases, database, LedgerChanges(calls=(row,)))
    await hear(cases, database, LedgerChanges(voice_messages=(message(row),)))
    (case,) = await all_cases(database)
    assert (case.source, case.voice_message_id) == ("call", f"{row.id}/vm1")


async def test_what_became_of_a_recording_is_told_once(
    cases: CaseService, database: Database
) -> None:
    row = call(1)
    await hear(cases, database, LedgerChanges(calls=(row,)))
    told: list[Change] = []
    for status in (MediaStatus.PENDING, MediaStatus.MISSING, MediaStatus.READY, MediaStatus.READY):
        async with database.writing() as session:
            told.extend(
                await cases.note_media(session, [MediaNote(row.id, f"{row.id}/rec1", status)])
            )
    async with database.writing() as session:
        nobodys = MediaNote("pbx1:9.9", "pbx1:9.9/rec1", MediaStatus.READY)
        assert not await cases.note_media(session, [nobodys])
    assert [change.data["status"] for change in told] == ["missing", "ready"]
    kinds = [kind for kind, _ in await history(database)]
    assert kinds == ["opened", "recording_missing", "recording_ready"]


async def test_a_batch_that_is_rolled_back_gives_its_numbers_back(
    cases: CaseService, database: Database
) -> None:
    async def crash() -> None:
        async with database.writing() as session:
            await cases.on_ledger(session, LedgerChanges(calls=(call(1),)))
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        await crash()
    await hear(cases, database, LedgerChanges(calls=(call(2),)))
    assert [case.number for case in await all_cases(database)] == ["20261124-00001"]


async def test_the_list_is_narrowed_and_paged(cases: CaseService, database: Database) -> None:
    rows = tuple(call(n, answered=BEFORE_MIDNIGHT - timedelta(seconds=n)) for n in range(1, 6))
    await hear(cases, database, LedgerChanges(calls=rows))
    first = await cases.page(CaseFilter(caller_number="+8613800138000"), before=None, limit=3)
    key = (first[-1].opened_at, first[-1].id)
    rest = await cases.page(CaseFilter(), before=key, limit=3)
    assert [case.call_id for case in (*first, *rest)] == [row.id for row in rows]
