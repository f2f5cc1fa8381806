"""The live floor and the day's report say the same at any moment, also around midnight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from callcenter.access import Actor
from callcenter.api import install_error_handlers
from callcenter.calls import repository as ledger
from callcenter.calls.models import Call, QueueVisit, Talk, VoiceMessage
from callcenter.db.base import Base
from callcenter.db.engine import Database
from callcenter.domain.ledger import LedgerChanges
from callcenter.domain.permissions import Role, permissions_of
from callcenter.live.service import LiveService
from callcenter.reports.endpoints import router
from callcenter.reports.schemas import DayOut
from callcenter.reports.service import ReportService, day_span
from tests.unit.live.house import ALL, Counted, Neighbours, body, live_service
from tests.unit.reports.ledgers import DAY, MIDNIGHT, ZONE, Step, call_row, told_ledgers

TABLES = [table.__table__ for table in (Call, QueueVisit, Talk, VoiceMessage)]


@asynccontextmanager
async def ledger_database(path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{path}")
    async with database.engine.begin() as connection:
        await connection.run_sync(lambda sync: Base.metadata.create_all(sync, tables=TABLES))  # type: ignore[arg-type]
    try:
        yield database
    finally:
        await database.close()


async def clear(database: Database) -> None:
    async with database.writing() as session:
        for table in TABLES:
            await session.execute(table.delete())  # type: ignore[attr-defined]


def shown(service: LiveService) -> Any:
    """Today, as the screens show it, in the report's form."""
    items = body(service, ALL)["items"]
    total = dict(items["today"]["total"])
    return {"day": total.pop("day"), "total": total, "queues": items["queues"]}


async def reported(neighbours: Neighbours, database: Database) -> Any:
    reports = ReportService(database, "Asia/Shanghai", neighbours, lambda: neighbours.now)
    report = await reports.day()
    return DayOut.of(report.figures, report.to_call_back).model_dump(mode="json")


async def follow(database: Database, steps: list[Step], load_at: int) -> None:
    """Each step is committed and taken; the service begins, or begins anew, at `load_at`."""
    await clear(database)
    neighbours = Neighbours(floor=None)
    service = None
    for index, step in enumerate(steps):
        neighbours.now = step.at
        if index % (1 + load_at) == 0:
            service = live_service(neighbours, database)
            await service._book.load()
        assert service is not None
        async with database.writing() as session:
            await ledger.write_changes(session, step.changes)
        service._book.take(step.changes)
        neighbours.missed = [Counted("12345", index % 3, step.at)]
        service._all_stale()
        await service.step()
        assert shown(service) == await reported(neighbours, database)
    # The city's next midnight: an empty day, whatever is still going on.
    assert service is not None
    neighbours.now = max(neighbours.now, MIDNIGHT) + timedelta(days=1)
    neighbours.missed = []
    service._all_stale()
    await service.step()
    assert shown(service) == await reported(neighbours, database)
    assert shown(service)["total"]["inbound"] == 0


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(told_ledgers(8), st.integers(0, 30))
def test_live_is_the_report_at_any_moment(tmp_path: Path, steps: list[Step], load_at: int) -> None:
    """In memory = SQL, for every prefix of a generated ledger, wherever the service began."""

    async def go() -> None:
        async with ledger_database(tmp_path / "ledger.db") as database:
            await follow(database, steps, load_at)

    asyncio.run(go())


async def test_what_is_committed_while_the_ledger_is_read_is_not_missed(tmp_path: Path) -> None:
    async with ledger_database(tmp_path / "ledger.db") as database:
        neighbours = Neighbours(floor=None, now=MIDNIGHT + timedelta(seconds=1))
        service = live_service(neighbours, database)
        call = LedgerChanges(calls=(call_row(1, MIDNIGHT),))
        loading = asyncio.create_task(service._book.load())
        await asyncio.sleep(0)  # It has begun to read, and what it reads holds no call.
        async with database.writing() as session:
            await ledger.write_changes(session, call)
        service._book.take(call)
        await loading
        await service.step()
        assert shown(service) == await reported(neighbours, database)
        assert shown(service)["total"]["inbound"] == 1


@pytest.mark.parametrize(
    ("day", "start", "hours"),
    [
        (DAY, datetime(2026, 11, 23, 16, tzinfo=MIDNIGHT.tzinfo), 24),
        (date(1986, 5, 4), datetime(1986, 5, 3, 16, tzinfo=MIDNIGHT.tzinfo), 23),  # summer time
    ],
)
def test_a_day_is_the_citys(day: date, start: datetime, hours: int) -> None:
    """China had summer time until 1991: a day is what the clock says, not 24 hours."""
    begun, ended = day_span(day, ZONE)
    assert begun == start
    assert ended - begun == timedelta(hours=hours)


@asynccontextmanager
async def client(database: Database, *roles: Role) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    app.state.reports = ReportService(
        database, "Asia/Shanghai", Neighbours(), lambda: MIDNIGHT + timedelta(hours=1)
    )
    who = Actor("chen", permissions_of(roles))

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["who"] = who
        await app(scope, receive, send)

    transport = httpx.ASGITransport(gate)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as made:
        yield made


async def test_the_report_over_http(tmp_path: Path) -> None:
    async with ledger_database(tmp_path / "ledger.db") as database:
        async with client(database, Role.SUPERVISOR) as supervisor:
            today = (await supervisor.get("/api/reports/day")).json()
            assert (today["day"], today["total"]["offered"]) == ("2026-11-24", 0)
            past = await supervisor.get("/api/reports/day", params={"day": "2026-11-23"})
            assert past.json()["day"] == "2026-11-23"
            for day, expected in (
                ("2026-11-25", "day_out_of_range"),
                ("1999-12-31", "day_out_of_range"),
                ("yesterday", "bad_input"),
            ):
                answer = await supervisor.get("/api/reports/day", params={"day": day})
                assert answer.json()["error"]["code"] == expected
        async with client(database, Role.OPERATOR) as operator:
            assert (await operator.get("/api/reports/day")).status_code == 403
