"""``/api/calls`` over a ledger that a real PBX's journals filled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

import callcenter.telephony.calls.endpoints
from callcenter.casework.cases.service import CaseService
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.calls.ingest import JournalReader
from callcenter.telephony.calls.ports import CaseNumbers
from callcenter.telephony.calls.service import CallService
from tests.unit.asking import let_in
from tests.unit.traces import NAMES, journal

STORIES = [name for name in NAMES if name not in ("nobody_there_message", "pbx_killed")]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(_env_file=None, home=tmp_path)
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    cases = CaseService(database, settings)
    settings.journal_dir.mkdir(parents=True)
    settings.journal_file.write_bytes(b"".join(journal(name) for name in STORIES))
    await JournalReader(database, settings, (cases,)).catch_up()
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(callcenter.telephony.calls.endpoints.router)
    shelf = shelf_of(app)
    shelf.put(settings, database, CallService(database))
    shelf.put_as(CaseNumbers, cases)
    let_in(app, database, settings)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
    await database.close()


async def items(api: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await api.get("/api/calls", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_pages_hold_every_call_once_newest_first(api: httpx.AsyncClient) -> None:
    everything = await items(api, limit=200)
    moments = [call["started_at"] for call in everything]
    assert moments == sorted(moments, reverse=True)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 7}
    while True:
        page = (await api.get("/api/calls", params=query)).json()
        seen += [call["id"] for call in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == [call["id"] for call in everything]
    assert len(seen) == len(set(seen)) > 20


async def test_filters_narrow(api: httpx.AsyncClient) -> None:
    everything = await items(api, limit=200)
    for field, value in (("direction", "internal"), ("outcome", "abandoned"), ("seat", "8002")):
        found = await items(api, limit=200, **{field: value})
        assert found == [call for call in everything if call[field] == value]
        assert found
    one = everything[3]
    assert one in await items(api, caller=f"+86 {one['caller_number']}")
    assert await items(api, open=True) == []
    since = await items(api, limit=200, started_from=one["started_at"])
    assert since == everything[:4]
    before = await items(api, limit=200, started_to=one["started_at"])
    assert before == everything[4:]


async def test_one_call_has_all_that_happened_in_order(api: httpx.AsyncClient) -> None:
    calls = await items(api, limit=200, outcome="answered", direction="inbound")
    details = [(await api.get(f"/api/calls/{quote(call['id'], safe='')}")).json() for call in calls]
    assert all(detail["case_number"] for detail in details)
    assert {t["how"] for detail in details for t in detail["transfers"]} == {
        "completed", "returned", "failed",
    }  # fmt: skip
    for detail in details:
        assert detail["talks"]
        for part in ("visits", "rings", "talks"):
            ids = [row["id"] for row in detail[part]]
            assert ids == sorted(ids, key=lambda one: (len(one), one))
    assert any(detail["ratings"] for detail in details)
    assert all(detail["recordings"][0]["bridged_ms"] > 0 for detail in details)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/calls/pbx1:1.1", 404, "call_not_found"),
        ("/api/calls?cursor=nonsense", 422, "bad_cursor"),
        ("/api/calls?cursor=WyIyMDI2IiwgMV0", 422, "bad_cursor"),
        ("/api/calls?outcome=eaten", 422, "bad_input"),
        ("/api/calls?started_from=20261124", 422, "bad_input"),
        ("/api/calls?limit=0", 422, "bad_input"),
    ],
)
async def test_bad_questions_have_clear_answers(
    api: httpx.AsyncClient, path: str, status: int, code: str
) -> None:
    answer = await api.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
