"""Cases over the API: lists, one case with what belongs to it, edits that do not overwrite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.casework.cases.endpoints import router
from callcenter.casework.cases.repository import CaseFilter, list_statement
from callcenter.casework.cases.service import CaseService
from callcenter.platform.broadcast import Broadcast
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.calls.models import Call
from callcenter.telephony.domain.ledger import CallRow, Direction, LedgerChanges, Outcome
from tests.unit.asking import let_in

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
FIRST = "20261124-00001"


@dataclass(frozen=True)
class Audio:
    id: str
    call_id: str
    kind: str
    status: str
    duration_ms: int | None = None


class Shelf:
    """Audio files, as the recordings' service would find them."""

    def __init__(self) -> None:
        self.files: list[Audio] = []

    async def for_calls(
        self, _session: AsyncSession, call_ids: Collection[str]
    ) -> Mapping[str, Sequence[Audio]]:
        return {
            call_id: [one for one in self.files if one.call_id == call_id] for call_id in call_ids
        }


@dataclass(frozen=True)
class Desk:
    client: httpx.AsyncClient
    database: Database
    cases: CaseService
    shelf: Shelf

    async def answered(
        self, serial: int, *, caller: str = "13800138000", seat: str = "8001"
    ) -> str:
        """Call number `serial`, answered so many minutes after noon; its id."""
        at = NOON + timedelta(minutes=serial)
        row = CallRow(
            id=f"pbx1:17.{serial}",
            node="pbx1",
            linkedid=f"17.{serial}",
            direction=Direction.INBOUND,
            caller_number=caller,
            caller_name="",
            called_number="12345",
            started_at=at,
            answered_at=at,
            ended_at=None,
            ended_by=None,
            outcome=Outcome.IN_PROGRESS,
            route="queue",
            queue="12345",
            seat=seat,
            first_seat=seat,
        )
        async with self.database.writing() as session:
            session.add(Call(**{name: getattr(row, name) for name in CallRow.__slots__}))
            await self.cases.on_ledger(session, LedgerChanges(calls=(row,)))
        return row.id

    async def numbers(self, **filters: Any) -> list[str]:
        answer = await self.client.get("/api/cases", params=filters)
        assert answer.status_code == 200, answer.text
        return [case["number"][-1] for case in answer.json()["items"]]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settings = Settings(home=tmp_path)
    await upgrade_async(settings.db_url)
    database, audio = Database(settings.db_url), Shelf()
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    cases = CaseService(database, settings, media=audio)
    shelf_of(app).put(database, settings, cases, Broadcast())
    let_in(app, database, settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        yield Desk(client, database, cases, audio)
    await database.close()


async def test_the_list_is_newest_first_and_its_pages_join(desk: Desk) -> None:
    for serial in range(1, 8):
        await desk.answered(serial)
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 3}
    while True:
        page = (await desk.client.get("/api/cases", params=params)).json()
        seen += [case["number"] for case in page["items"]]
        assert len(page["items"]) <= 3
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == [f"20261124-0000{count}" for count in range(7, 0, -1)]


async def test_every_filter_narrows(desk: Desk) -> None:
    await desk.answered(1, caller="13800138000", seat="8001")
    call_id = await desk.answered(2, caller="02161234567", seat="8002")
    await desk.answered(3, caller="13800138000", seat="8002")
    await desk.client.patch(f"/api/cases/{FIRST}", json={"version": 1, "status": "closed"})

    assert await desk.numbers(caller="+86 138-0013-8000") == ["3", "1"]
    assert await desk.numbers(seat="8002") == ["3", "2"]
    assert await desk.numbers(status="closed") == ["1"]
    assert await desk.numbers(source="voice_message") == []
    assert await desk.numbers(call_id=call_id) == ["2"]
    assert await desk.numbers(number="20261124-00003") == ["3"]
    assert await desk.numbers(number="20261124") == ["3", "2", "1"]
    assert await desk.numbers(number="20261125") == []
    second = (NOON + timedelta(minutes=2)).isoformat()
    assert await desk.numbers(opened_from=second) == ["3", "2"]
    assert await desk.numbers(opened_to=second) == ["1"]
    assert await desk.numbers(seat="8002", caller="13800138000") == ["3"]


async def test_a_case_comes_with_its_call_its_audio_and_its_history(desk: Desk) -> None:
    call_id = await desk.answered(1)
    desk.shelf.files = [
        Audio(f"{call_id}/rec1", call_id, "recording", "ready", 61_000),
        Audio("other/rec1", "other", "recording", "ready"),
    ]
    case = (await desk.client.get(f"/api/cases/{FIRST}")).json()
    assert case["call"]["outcome"] == "in_progress"
    assert [(one["id"], one["duration_ms"]) for one in case["recordings"]] == [
        (f"{call_id}/rec1", 61_000)
    ]
    assert case["voice_message"] is None
    assert [step["kind"] for step in case["events"]] == ["opened"]


async def test_the_second_to_save_is_told_and_overwrites_nothing(desk: Desk) -> None:
    await desk.answered(1)
    first = await desk.client.patch(
        f"/api/cases/{FIRST}", json={"version": 1, "title": " 噪音 ", "kind": "complaint"}
    )
    second = await desk.client.patch(f"/api/cases/{FIRST}", json={"version": 1, "title": "x"})
    assert (first.status_code, first.json()["title"], first.json()["version"]) == (200, "噪音", 2)
    assert second.status_code == 409
    error = second.json()["error"]
    assert (error["code"], error["details"]["version"]) == ("version_conflict", 2)
    assert (await desk.client.get(f"/api/cases/{FIRST}")).json()["title"] == "噪音"


async def test_what_changes_nothing_moves_no_version(desk: Desk) -> None:
    await desk.answered(1)
    answer = await desk.client.patch(f"/api/cases/{FIRST}", json={"version": 1, "title": ""})
    assert (answer.status_code, answer.json()["version"]) == (200, 1)
    assert len(answer.json()["events"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"version": -1},
        {"version": "1"},
        {"version": 1, "title": "x" * 201},
        {"version": 1, "content": "x" * 20_001},
        {"version": 1, "title": "a\0b"},
        {"version": 1, "title": None},
        {"version": 1, "kind": "poem"},
        {"version": 1, "seat": "8002"},
        {"version": 1, "number": "20261124-00002"},
    ],
)
async def test_what_may_not_be_written_is_refused_by_name(desk: Desk, body: dict[str, Any]) -> None:
    await desk.answered(1)
    answer = await desk.client.patch(f"/api/cases/{FIRST}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_input")
    assert (await desk.client.get(f"/api/cases/{FIRST}")).json()["version"] == 1


@pytest.mark.parametrize("body", [{}, {"title": "x"}])
async def test_what_was_read_must_be_said(desk: Desk, body: dict[str, Any]) -> None:
    await desk.answered(1)
    answer = await desk.client.patch(f"/api/cases/{FIRST}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (428, "version_required")
    assert (await desk.client.get(f"/api/cases/{FIRST}")).json()["version"] == 1


async def test_the_kind_can_be_taken_back(desk: Desk) -> None:
    await desk.answered(1)
    await desk.client.patch(f"/api/cases/{FIRST}", json={"version": 1, "kind": "help"})
    answer = await desk.client.patch(f"/api/cases/{FIRST}", json={"version": 2, "kind": None})
    assert (answer.json()["kind"], answer.json()["version"]) == (None, 3)


async def test_the_history_is_paged_in_its_order(desk: Desk) -> None:
    await desk.answered(1)
    for version in range(1, 5):
        body = {"version": version, "title": str(version)}
        await desk.client.patch(f"/api/cases/{FIRST}", json=body)
    url = f"/api/cases/{FIRST}/events"
    first = (await desk.client.get(url, params={"limit": 3})).json()
    rest = (await desk.client.get(url, params={"limit": 3, "cursor": first["next"]})).json()
    steps = [*first["items"], *rest["items"]]
    assert [step["kind"] for step in steps] == ["opened"] + ["edited"] * 4
    assert [step["data"]["changes"]["title"]["to"] for step in steps[1:]] == ["1", "2", "3", "4"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (CaseFilter(), "ix_case_opened_at_id"),
        (CaseFilter(status="open"), "ix_case_status_opened_at_id"),
        (CaseFilter(opened_from=NOON), "ix_case_opened_at_id"),
        (CaseFilter(caller_number="13800138000"), "ix_case_caller_number_opened_at_id"),
        (CaseFilter(seat="8001"), "ix_case_seat_opened_at_id"),
        (CaseFilter(call_id="pbx1:17.1"), "sqlite_autoindex_case"),
        (CaseFilter(number="20261124"), "sqlite_autoindex_case"),
    ],
)
async def test_every_filter_is_in_an_index(desk: Desk, wanted: CaseFilter, index: str) -> None:
    for before in (None, (NOON, 7)):
        statement = list_statement(wanted, before=before, limit=50)
        compiled = statement.compile(
            dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
        )
        async with desk.database.reading() as session:
            plan = await session.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))
            steps = [row.detail for row in plan]
        assert any(index in step for step in steps), (before, steps)
