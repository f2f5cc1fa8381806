"""No step of the service needs a second connection while it holds the first: with one connection
for everybody every endpoint answers, every background task runs, and the journal is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from callcenter.casework.cases.repository import CaseFilter
from callcenter.casework.cases.service import CaseService
from callcenter.people.domain.permissions import Role
from callcenter.platform.broadcast import Broadcast
from callcenter.platform.db.engine import Database
from callcenter.platform.health import HealthStatus
from callcenter.telephony.calls.service import CallService
from tests.unit.app.running import Service, service
from tests.unit.traces import NAMES, journal

STORIES = sorted(NAMES, key=lambda name: name == "pbx_killed")
ORDER = ("post", "put", "patch", "get", "head", "delete")
"""What is made is there when it is asked for, and goes at the end."""
QUERY = {
    "from": "2026-11-24", "to": "2026-11-25", "calls": "20", "handle_seconds": "200",
    "state": "x",
}  # fmt: skip
MOMENTS = {"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}
GOES_ON = "/stream"
UNASKED = ("/api/logout", "/api/login", "/api/token")
"""Ends or refuses the one who walks; asked by its own tests."""


def bodies(api: Mapping[str, Any], operation: Mapping[str, Any]) -> list[Any]:
    """The examples that the description has of what the operation takes."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        schema = api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema.get("examples", ()))


@asynccontextmanager
async def busy_service(home: Path) -> AsyncIterator[Service]:
    """One connection, and a ledger with a call of every kind, read by the service itself."""
    async with service(home, database_connections=1, database_wait_seconds=60) as running:
        running.settings.journal_dir.mkdir(parents=True, exist_ok=True)
        async with asyncio.timeout(60), running.get(Broadcast).subscribe() as changes:
            running.settings.journal_file.write_bytes(b"".join(journal(name) for name in STORIES))
            async for change in changes:
                if change.topic == "case.opened":
                    break
        yield running


async def test_every_endpoint_and_task_makes_do_with_one_connection(tmp_path: Path) -> None:
    async with busy_service(tmp_path) as running:
        client = await running.machine(Role.ADMIN)
        case = (await running.get(CaseService).page(CaseFilter(), before=None, limit=1))[0]
        books = await running.get(CallService).books()
        known = {
            "number": case.number, "call_id": case.call_id, "extension": "8001", "year": "2026",
            "media_id": next(iter(books.ended_recordings)), "code": "12345", "key": "1",
            "day": "2026-11-24", "token": "x", "name": "nobody",
        }  # fmt: skip
        api = running.app.openapi()
        answers: dict[tuple[str, str], int] = {}
        for method in ORDER:
            for path, operations in api["paths"].items():
                if method not in operations or GOES_ON in path or path.startswith(UNASKED):
                    continue
                operation = operations[method]
                names = [
                    one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"
                ]
                url = path.format(**{name: known.get(name, "1") for name in names})
                answers[method, path] = await ask(client, api, method, url, operation)
        broken = {key: status for key, status in answers.items() if status >= 500 and status != 503}
        assert broken == {}
        read = {path: status for (method, path), status in answers.items() if method == "get"}
        assert sum(status == 200 for status in read.values()) > len(read) * 0.7, read
        health = (await client.get("/healthz")).json()["parts"]
        assert health["tasks"]["status"] == HealthStatus.OK, health["tasks"]


async def ask(
    client: httpx.AsyncClient, api: Mapping[str, Any], method: str, url: str, operation: Any
) -> int:
    """The worst status of the operation, for each of its examples."""
    wanted = {one["name"]: one for one in operation.get("parameters", ()) if one.get("required")}
    query = {name: QUERY[name] for name, one in wanted.items() if one["in"] == "query"}
    if wanted.get("from", {}).get("schema", {}).get("format") == "date-time":
        query |= MOMENTS
    worst = 0
    for body in bodies(api, operation) or [None]:
        answer = await client.request(method, url, params=query, json=body)
        if answer.status_code == 503 and "/api/" in url:
            assert answer.json()["error"]["code"] == "pbx_unavailable", (url, answer.text)
        worst = max(worst, answer.status_code)
    return worst


async def test_no_crowd_of_requests_takes_the_journals_connection(tmp_path: Path) -> None:
    """All connections are held, and the ledger goes on; who waits in vain is told 503."""
    async with service(tmp_path, database_connections=2, database_wait_seconds=0.2) as running:
        client = await running.machine(Role.ADMIN)
        database = running.get(Database)
        running.settings.journal_dir.mkdir(parents=True, exist_ok=True)
        async with AsyncExitStack() as held:
            for _ in range(2):
                await held.enter_async_context(database.engine.connect())
            answer = await client.get("/api/cases")
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "database_unavailable"
            assert "CALLCENTER_DATABASE_CONNECTIONS" in answer.json()["error"]["message"]
            async with asyncio.timeout(30), running.get(Broadcast).subscribe() as changes:
                running.settings.journal_file.write_bytes(journal("answered"))
                async for change in changes:
                    if change.topic == "case.opened":
                        break
        assert len((await client.get("/api/cases")).json()["items"]) == 1
