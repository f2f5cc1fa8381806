"""No question reads a whole table of those that grow with the years.

Every list of the API is asked with every parameter that it has, and every value of those that have
few; what the service then says to its database, its background tasks included, is explained. So a
new list is looked at without being named here.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from callcenter.casework.cases.service import CaseService
from callcenter.people.domain.permissions import Role
from callcenter.people.tokens.service import TokenService
from callcenter.platform.db.engine import Database
from callcenter.platform.http.cursors import encode_cursor
from callcenter.telephony.queues.service import QueueService
from callcenter.workforce.shifts.service import ShiftService
from tests.unit.app.running import Service, service

GROWING = {
    "agent_interval",
    "call",
    "callback_attempt",
    "callback_missed",
    "callback_task",
    "case",
    "case_event",
    "leave_request",
    "media_access",
    "media_file",
    "media_removal",
    "queue_visit",
    "rating",
    "recording",
    "ring",
    "rota_entry",
    "swap_request",
    "talk",
    "trail_entry",
    "transfer",
    "voice_message",
}
USUAL = {
    "call": {"direction", "outcome", "ended_at"},
    # Tasks are missed last soon after they were missed first: of an end alone the newer are passed.
    "callback_task": {"status", "first_missed_at"},
    "case": {"source"},
    "media_file": {"kind", "status"},
    "voice_message": {"ended_at"},
}
"""By what a list may be narrowed along its order: nearly every row fits, so a page is soon full."""
SMALL = {"ix_call_open", "ix_case_confidential", "ix_media_file_left"}
"""Indexes of what is only passing, or rare: they do not grow."""
WHOLE = (
    "count(*) AS count_1 FROM trail_entry",
    "sum(journal_offset",
)
SAMPLES = {
    "cursor": "",
    "from": "2026-11-24",
    "to": "2026-11-25",
    "day": "2026-11-24",
    "month": "2026-11",
    "limit": 2,
    "number": "13800138000",
    "caller_number": "13800138000",
    "case_number": "20261124-00001",
    "case": "20261124-00001",
    "call_id": "pbx1:1.1",
}
PATHS = {
    "user_id": "1",
    "number": "20261124-00001",
    "code": "12345",
    "extension": "8001",
    "media_id": "pbx1:1.1/r1",
    "call_id": "pbx1:1.1",
    "year": "2026",
}
CURSORS = (
    encode_cursor(5),
    encode_cursor("x"),
    encode_cursor("2026-11-24T04:00:00+00:00", 5),
    encode_cursor("2026-11-24T04:00:00+00:00", "x"),
)


class Heard:
    """What was said to the database: each statement once, with values."""

    def __init__(self, database: Database) -> None:
        self.said: dict[str, Any] = {}
        self._engine = database.engine.sync_engine
        event.listen(self._engine, "before_cursor_execute", self._hear)

    def _hear(self, _c: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)\b", statement) and "advisory" not in statement:
            self.said.setdefault(statement, values)

    def stop(self) -> None:
        event.remove(self._engine, "before_cursor_execute", self._hear)


def _requests(app: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every GET of the API with each of its parameters."""
    described = app.openapi()

    def schema(one: dict[str, Any]) -> dict[str, Any]:
        while True:
            if "$ref" in one:
                one = described["components"]["schemas"][one["$ref"].rpartition("/")[2]]
            elif "anyOf" in one:
                one = next(part for part in one["anyOf"] if part.get("type") != "null")
            else:
                return one

    def values(parameter: dict[str, Any]) -> Sequence[Any]:
        kind = schema(parameter["schema"])
        name = parameter["name"]
        if name == "cursor":
            return CURSORS
        if "enum" in kind:
            return list(kind["enum"])
        if kind.get("type") == "boolean":
            return ["true", "false"]
        if kind.get("format") == "date-time":
            return ["2026-11-24T04:00:00Z" if "to" not in name else "2026-11-25T04:00:00Z"]
        if name in SAMPLES:
            return [SAMPLES[name]]
        if kind.get("format") == "date":
            return ["2026-11-24"]
        return [1 if kind.get("type") == "integer" else "12345"]

    for path, methods in described["paths"].items():
        if "get" not in methods or not path.startswith("/api/"):
            continue
        parameters = methods["get"].get("parameters", [])
        url = re.sub(r"\{(\w+)[^}]*\}", lambda found: PATHS.get(found[1], "1"), path)
        queries = [one for one in parameters if one["in"] == "query"]
        always = {one["name"]: values(one)[0] for one in queries if one.get("required")}
        yield url, always
        for one in queries:
            for value in values(one):
                yield url, {**always, one["name"]: value}
        every = {one["name"]: values(one)[0] for one in queries if one["name"] in {"from", "to"}}
        yield url, {**always, **every}


async def _ask_everything(app: Service) -> dict[str, Any]:
    await app.get(QueueService).ensure_first()
    token = await app.get(TokenService).create("asks", tuple(Role))
    boss = await app.person("boss", *Role)
    heard = Heard(app.get(Database))
    asked = 0
    async with app.browser(Authorization=f"Bearer {token}") as machine:
        for url, query in _requests(app.app):
            if "stream" in url or "events" in url.split("/")[-1:]:
                continue
            answer = await machine.get(url, params=query)
            assert answer.status_code < 500 or answer.status_code == 503, (url, answer.text)
            asked += answer.status_code == 200
            if "/me" in url or "/mine" in url:
                await boss.client.get(url, params=query)
    await app.get(CaseService).confidential_calls({"pbx1:1.1"})
    await app.get(ShiftService).on_shift_now()
    await asyncio.sleep(0)
    heard.stop()
    assert asked > 60
    return heard.said


def _where(statement: str) -> str:
    ends = r"\bWHERE\b(.*?)(\bORDER BY\b|\bGROUP BY\b|\bLIMIT\b|$)"
    found = re.search(ends, statement, re.DOTALL)
    return found[1] if found else ""


def _in_order(table: str, statement: str) -> bool:
    """Whether it reads a page along the table's order, of what nearly every row fits."""
    if "LIMIT" not in statement or "ORDER BY" not in statement:
        return False
    where = _where(statement)
    named = set(re.findall(rf'"?{table}"?\.(\w+)', where))
    keys = set(re.findall(rf'"?{table}"?\.(\w+)', statement.partition("ORDER BY")[2]))
    return "!=" not in where and named <= USUAL.get(table, set()) | keys


def _lines(connection: Connection, statement: str, values: Any) -> list[str]:
    """The database's plan, a line for each step."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        return [str(row.detail) for row in rows]
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    found = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
    plan = json.loads(found) if isinstance(found, str) else found
    lines = []

    def walk(node: dict[str, Any]) -> None:
        relation = node.get("Relation Name")
        if relation is not None and "Index Cond" not in node and "Recheck Cond" not in node:
            lines.append(f"SCAN {relation} USING {node.get('Index Name', 'nothing')}")
        for part in node.get("Plans", ()):
            walk(part)

    walk(plan[0]["Plan"])
    return lines


def _faults(connection: Connection, said: dict[str, Any]) -> list[str]:
    faults = []
    for statement, values in said.items():
        if any(one in " ".join(statement.split()) for one in WHOLE):
            continue
        lines = _lines(connection, statement, values)
        scanned = {
            found[1]
            for line in lines
            if (found := re.match(r"SCAN \"?(\w+)", line))
            and not any(line.endswith(f" {index}") for index in SMALL)
        }
        for table in sorted(scanned & GROWING):
            sorts = any("TEMP B-TREE FOR ORDER BY" in line for line in lines)
            if sorts or not _in_order(table, statement):
                faults.append(f"{table}: {' '.join(statement.split())}\n  {lines}")
    return faults


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
async def test_no_list_reads_a_whole_table_of_those_that_grow(
    tmp_path: Path, database_kind: str
) -> None:
    async with service(tmp_path) as app:
        said = await _ask_everything(app)
        assert len(said) > 100
        async with app.get(Database).engine.connect() as connection:
            assert connection.dialect.name == database_kind
            faults = await connection.run_sync(_faults, said)
    assert not faults, "\n".join(faults)
