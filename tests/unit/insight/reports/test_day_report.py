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

from callcenter.insight.reports.endpoints import router
from callcenter.insight.reports.service import ReportService
from callcenter.people.access.rights import Actor
from callcenter.people.domain.permissions import Role, permissions_of
from callcenter.platform.db.base import Base
from callcenter.platform.db.engine import Database
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.telephony.calls import repository as ledger
from callcenter.telephony.calls.models import (
    Call,
    JournalOffset,
    QueueVisit,
    Rating,
    Recording,
    Ring,
    Talk,
    Transfer,
    VoiceMessage,
)
from callcenter.telephony.domain.ledger import LedgerChanges, QueueVisitRow, VisitEnd
from callcenter.workforce.domain.figures import Thresholds
from callcenter.workforce.figures.measure import day_span
from callcenter.workforce.figures.schemas import DayOut
from callcenter.workforce.live.models import SeatClockRow
from callcenter.workforce.live.service import LiveService
from tests.unit.insight.reports.ledgers import DAY, MIDNIGHT, ZONE, Step, call_row, told_ledgers
from tests.unit.workforce.live.house import ALL, Counted, Neighbours, Screen, body, live_service

TABLES = [
    table.__table__
    for table in (
        *(Call, QueueVisit, Ring, Talk, Transfer, Recording, VoiceMessage, Rating),
        *(JournalOffset, SeatClockRow),
    )
]
THRESHOLDS: tuple[Thresholds, ...] = (
    {},
    {"business": timedelta(seconds=40)},
    {"12345": timedelta(seconds=5)},
)


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
    reports = ReportService(
        database,
        "Asia/Shanghai",
        neighbours,
        lambda: neighbours.now,
        thresholds=neighbours.thresholds_now,
    )
    report = await reports.day()
    told = DayOut.of(report.figures, report.to_call_back).model_dump(mode="json")
    # Of the day alone: the floor shows what goes on.
    return {name: told[name] for name in ("day", "total", "queues")}


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
        neighbours.thresholds = THRESHOLDS[index % 3]
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


async def test_the_rates_within_a_queues_own_threshold_are_the_same_everywhere(
    tmp_path: Path,
) -> None:
    """On the floor, on the stream and in the report; also after an admin has changed it."""
    async with ledger_database(tmp_path / "ledger.db") as database:
        neighbours = Neighbours(floor=None, now=MIDNIGHT + timedelta(hours=1))
        service = live_service(neighbours, database)
        screen = Screen(service, ALL)
        await screen.take()
        answered = MIDNIGHT + timedelta(seconds=30)
        calls = tuple(
            call_row(serial, MIDNIGHT, queue=queue, answered_at=answered)
            for serial, queue in enumerate(("12345", "business"), 1)
        )
        visits = tuple(
            QueueVisitRow(
                f"{call.id}/q1", call.id, "c", call.queue, MIDNIGHT, answered, VisitEnd.CONNECTED
            )
            for call in calls
        )
        changes = LedgerChanges(calls=calls, queue_visits=visits)
        async with database.writing() as session:
            await ledger.write_changes(session, changes)
        service.take(changes)
        for seconds, rate, total in ((15, 0.0, 0.0), (30, 1.0, 0.5)):
            neighbours.thresholds = {"business": timedelta(seconds=seconds)}
            service.queues_changed()
            await service.step()
            await screen.take_until(service.snapshot().number)
            assert shown(service) == await reported(neighbours, database)
            business = screen.items["queues"]["business"]
            assert business == shown(service)["queues"]["business"]
            assert (business["threshold_seconds"], business["threshold_rate"]) == (seconds, rate)
            assert business["service_rate"] == 0.0
            of_all = screen.items["today"]["total"]
            assert (of_all["threshold_seconds"], of_all["threshold_rate"]) == (None, total)
        await screen.close()


async def test_a_ledger_that_another_process_rebuilt_is_read_again(tmp_path: Path) -> None:
    """``callcenter rebuild`` tells nobody: the running service finds the new generation."""
    async with ledger_database(tmp_path / "ledger.db") as database:
        neighbours = Neighbours(floor=None, now=MIDNIGHT + timedelta(seconds=60))
        async with database.writing() as session:
            await ledger.save_offset(session, "pbx1", offset())
            call = call_row(1, MIDNIGHT, queue="12345")
            await ledger.write_changes(session, LedgerChanges(calls=(call,)))
        service = live_service(neighbours, database)
        await service._load()
        await service.step()
        assert shown(service)["total"]["inbound"] == 1
        other = Database(str(database.engine.url))
        async with other.writing() as session:
            found = await ledger.calls_begun(session, "pbx1", MIDNIGHT, None)
            await ledger.forget_calls(session, found)
            await ledger.next_generation(session, "pbx1")
            calls = tuple(call_row(serial, MIDNIGHT, queue="12345") for serial in (2, 3))
            await ledger.write_changes(session, LedgerChanges(calls=calls))
        await other.close()
        await service.look_at_ledger()
        await service.step()
        assert shown(service) == await reported(neighbours, database)
        assert shown(service)["total"]["inbound"] == 2
        # The reader's own commits are no new generation: nothing is read again for them.
        version = service._book.version
        async with database.writing() as session:
            await ledger.save_offset(session, "pbx1", offset(position=7))
        await service.look_at_ledger()
        assert service._book.version == version


def offset(position: int = 0) -> ledger.Offset:
    return ledger.Offset("f", position, "f", 0, None, 0, MIDNIGHT)


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
    shelf_of(app).put(
        ReportService(
            database, "Asia/Shanghai", Neighbours(), lambda: MIDNIGHT + timedelta(hours=1)
        )
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
