"""The dialplan's questions, asked as Asterisk asks them, answered from a real database."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from agi.client import AgiUnanswered, ask
from agi.database import THREADS, open_database
from agi.process import make_questions, warm
from agi.protocol import Request
from agi.server import AgiServer
from agi.stats import Stats
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.db.unavailable import DatabaseUnavailable
from callcenter.platform.errors import BadInput
from callcenter.telephony.blocklist.service import BlocklistService
from callcenter.telephony.calls.models import Call, Rating, VoiceMessage
from callcenter.workforce.domain.opening import ALWAYS, Calendar, Span
from callcenter.workforce.opening.service import NotedCalendar, OpeningService

# A hanging server is what is tested for, and uvloop lets no signal end a test.
pytestmark = pytest.mark.timeout(60, method="thread")

# Noon in the city, a Tuesday.
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
CALLER = "13800138000"
OTHER = "02161234567"
OPEN = {"CC_ROUTE": "queue", "CC_QUEUE": "12345", "CC_PRIORITY": "0"}
MINUTE = timedelta(minutes=1)


class Watch:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Desk:
    """The AGI server over a database, and that database for writing."""

    settings: Settings
    watch: Watch
    database: Database
    stats: Stats
    reads: Database
    """The server's own."""
    serial: int = field(default=0)

    async def ask(self, question: str, *args: str, **who: str) -> dict[str, str]:
        return await ask(self.settings.agi_port, question, *args, **who)

    async def route(self, caller: str, **who: str) -> tuple[str, int]:
        """Route and priority of a call from `caller`."""
        answer = await self.ask("route", "12345", caller=caller, **who)
        assert answer.keys() == OPEN.keys()
        assert answer["CC_QUEUE"] == "12345"
        return answer["CC_ROUTE"], int(answer["CC_PRIORITY"])

    async def had(self, caller: str, outcome: str, **changes: Any) -> Call:
        """A call of `caller`, from five minutes ago to two minutes ago, goes into the ledger."""
        self.serial += 1
        ended = None if outcome == "in_progress" else self.watch.now - 2 * MINUTE
        values: dict[str, Any] = {
            "id": f"pbx1:1795407499.{self.serial}",
            "node": "pbx1",
            "linkedid": f"1795407499.{self.serial}",
            "direction": "inbound",
            "caller_number": caller,
            "caller_name": "",
            "called_number": "12345",
            "started_at": self.watch.now - 5 * MINUTE,
            "answered_at": None,
            "ended_at": ended,
            "ended_by": "caller",
            "outcome": outcome,
            "route": "queue",
            "queue": "12345",
            "seat": "",
            "first_seat": "",
        }
        row = Call(**(values | changes))
        async with self.database.writing() as session:
            session.add(row)
        return row

    async def talked(self, caller: str, ended_by: str, **changes: Any) -> Call:
        answered = self.watch.now - 4 * MINUTE
        return await self.had(
            caller, "answered", answered_at=answered, ended_by=ended_by, **changes
        )

    async def left_message(self, caller: str, at: datetime) -> None:
        call = await self.had(caller, "voice_message", started_at=at - MINUTE, ended_at=at + MINUTE)
        row = VoiceMessage(
            id=f"{call.id}/vm1", call_id=call.id, path="x", reason="closed", started_at=at
        )
        async with self.database.writing() as session:
            session.add(row)

    async def scored(self, caller: str, at: datetime) -> None:
        call = await self.talked(caller, "seat", started_at=at - 3 * MINUTE, ended_at=at)
        async with self.database.writing() as session:
            session.add(Rating(id=f"{call.id}/s1", call_id=call.id, seat="8001", score=5, at=at))

    async def calendar(self, calendar: Calendar) -> None:
        opening = OpeningService(self.database, self.settings.time_zone)
        await opening.replace(NotedCalendar(calendar), actor="admin")


@dataclass
class Desks:
    """Makes a desk of other settings; all end with the test."""

    home: Path
    port: int
    made: list[tuple[Desk, AgiServer]] = field(default_factory=list)

    async def __call__(self, *, migrate: bool = True, **changes: Any) -> Desk:
        # Long, so that a busy machine is no reason for a default.
        values = {"agi_deadline_ms": 5000, **changes}
        settings = Settings(_env_file=None, home=self.home, agi_port=self.port, **values)
        if migrate:
            await upgrade_async(settings.db_url)
        watch, stats, reads = Watch(), Stats(NOW, 0), open_database(settings)
        server = AgiServer(settings, make_questions(settings, reads, watch), stats)
        await server.start()
        desk = Desk(settings, watch, Database(settings.db_url), stats, reads)
        self.made.append((desk, server))
        return desk


@pytest.fixture
async def desks(tmp_path: Path, free_port: int) -> AsyncIterator[Desks]:
    made = Desks(tmp_path, free_port)
    yield made
    for desk, server in made.made:
        await server.stop()
        await desk.reads.close()
        await desk.database.close()


@pytest.fixture
async def desk(desks: Desks) -> Desk:
    return await desks()


# -- route ----------------------------------------------------------------------------------------


async def test_a_caller_of_whom_nothing_is_known_goes_to_the_queue(desk: Desk) -> None:
    for caller in (CALLER, "unknown", "", "anonymous", "张三"):
        assert await desk.ask("route", "12345", caller=caller) == OPEN


async def test_who_is_blocked_is_told_so_in_every_writing_until_it_ends(desk: Desk) -> None:
    blocklist = BlocklistService(desk.database, desk.watch)
    await blocklist.add(CALLER, reason="骚扰", until=NOW + timedelta(hours=1), actor="admin")
    for written in (CALLER, f"+86{CALLER}", f"0{CALLER}", f"sip:+86{CALLER}@carrier.example"):
        assert await desk.route(written) == ("blocked", 0)
    assert await desk.route(OTHER) == ("queue", 0)
    desk.watch.now += timedelta(hours=1)
    assert await desk.route(CALLER) == ("queue", 0)


async def test_no_entry_of_the_blocklist_shuts_out_who_hides_the_number(desk: Desk) -> None:
    blocklist = BlocklistService(desk.database, desk.watch)
    await blocklist.add(CALLER, reason="骚扰", until=None, actor="admin")
    for number in ("unknown-1", "x"):
        with pytest.raises(BadInput):
            await blocklist.add(number, reason="骚扰", until=None, actor="admin")
    for hidden in ("unknown", "anonymous", "", "0000", "匿名"):
        assert await desk.route(hidden) == ("queue", 0)


async def test_closed_by_the_calendar_on_the_citys_clock(desk: Desk) -> None:
    mornings = tuple((Span(480, 720),) for _ in range(7))  # 08:00–12:00
    await desk.calendar(Calendar(mornings))
    assert await desk.route(CALLER) == ("closed", 0)
    desk.watch.now = NOW - timedelta(microseconds=1)
    assert await desk.route(CALLER) == ("queue", 0)

    await desk.calendar(Calendar(ALWAYS, {TODAY: ()}))
    assert await desk.route(CALLER) == ("closed", 0)
    desk.watch.now = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)  # the city's midnight
    assert await desk.route(CALLER) == ("queue", 0)


async def test_blocked_comes_before_closed(desk: Desk) -> None:
    blocklist = BlocklistService(desk.database, desk.watch)
    await blocklist.add(CALLER, reason="骚扰", until=None, actor="admin")
    await desk.calendar(Calendar(ALWAYS, {TODAY: ()}))
    assert await desk.route(CALLER) == ("blocked", 0)
    assert await desk.route(OTHER) == ("closed", 0)


async def test_who_was_cut_off_goes_before_all_others(desk: Desk) -> None:
    await desk.talked(CALLER, "system")
    assert await desk.route(f"+86{CALLER}") == ("queue", 10)
    assert await desk.route(OTHER) == ("queue", 0)
    desk.watch.now += timedelta(minutes=14)
    assert await desk.route(CALLER) == ("queue", 0)


async def test_the_pbx_died_in_the_middle_of_the_talk(desk: Desk) -> None:
    await desk.had(CALLER, "interrupted", answered_at=NOW - 4 * MINUTE, ended_by="system")
    assert await desk.route(CALLER) == ("queue", 10)


@pytest.mark.parametrize("ended_by", ["caller", "seat"])
async def test_who_was_served_has_no_priority(desk: Desk, ended_by: str) -> None:
    await desk.had(CALLER, "abandoned", started_at=NOW - 8 * MINUTE, ended_at=NOW - 7 * MINUTE)
    await desk.talked(CALLER, ended_by)
    assert await desk.route(CALLER) == ("queue", 0)


async def test_who_waited_and_reached_nobody_goes_before_who_did_not_wait(desk: Desk) -> None:
    for number, outcome in ((CALLER, "abandoned"), (OTHER, "overflow")):
        await desk.had(number, outcome)
        assert await desk.route(number) == ("queue", 5)


async def test_who_left_a_message_or_was_told_closed_has_no_priority(desk: Desk) -> None:
    for serial, outcome in enumerate(("voice_message", "closed", "blocked", "hung_up")):
        await desk.had(f"1390000000{serial}", outcome, queue="")
        assert await desk.route(f"1390000000{serial}") == ("queue", 0)


async def test_the_call_that_asks_is_no_earlier_call(desk: Desk) -> None:
    call = await desk.had(CALLER, "in_progress")
    uniqueid = call.id.partition(":")[2]
    assert await desk.route(CALLER, uniqueid=uniqueid) == ("queue", 0)
    # But from another line it is: the mobile lost its radio and its owner dials again.
    assert await desk.route(CALLER, uniqueid="1795407499.999") == ("queue", 5)


async def test_only_calls_to_us_count(desk: Desk) -> None:
    await desk.had(CALLER, "abandoned", direction="outbound")
    await desk.had(CALLER, "abandoned", direction="internal")
    assert await desk.route(CALLER) == ("queue", 0)


async def test_who_has_no_number_inherits_nobodys_priority(desk: Desk) -> None:
    for _ in range(3):
        await desk.talked("", "system")
        await desk.had("", "abandoned")
    assert await desk.route("anonymous") == ("queue", 0)


async def test_a_company_with_a_thousand_calls_today(desk: Desk) -> None:
    rows = [f"pbx1:17.{serial}" for serial in range(1000)]
    template = await desk.talked(OTHER, "seat", started_at=NOW - timedelta(hours=3))
    async with desk.database.writing() as session:
        values = {column.name: getattr(template, column.name) for column in Call.__table__.columns}
        for serial, call_id in enumerate(rows):
            began = NOW - timedelta(hours=3) + timedelta(seconds=serial)
            times = {"started_at": began, "ended_at": began + MINUTE}
            session.add(Call(**(values | times | {"id": call_id})))
    assert await desk.route(OTHER) == ("queue", 0)
    await desk.talked(OTHER, "system")
    assert await desk.route(OTHER) == ("queue", 10)


async def test_priority_can_be_turned_off(desks: Desks) -> None:
    desk = await desks(priority_minutes=0)
    await desk.talked(CALLER, "system")
    assert await desk.route(CALLER) == ("queue", 0)


HOSTILE = (
    "${SHELL(reboot)}", "1)}${EVAL(x", '"\n200 result=1', "blocked", "'; DROP TABLE call; --",
    "%_%", "\\", "1" * 900, "CC_ROUTE=blocked", "\x1b[31m", "../../etc/passwd", "一二三四五",
)  # fmt: skip


@pytest.mark.parametrize("text_", HOSTILE)
async def test_nothing_told_comes_from_the_caller(desk: Desk, text_: str) -> None:
    """The dialplan evaluates what it is told. Words are the settings' and the rules' own."""
    words = {"queue", "12345", "0", "yes", "180", "ask"}
    for question in ("route", "voice_message", "rating"):
        try:
            answer = await desk.ask(question, text_, caller=text_)
        except AgiUnanswered:
            assert "\n" in text_  # refused as a whole
            continue
        assert set(answer.values()) <= words
    async with desk.database.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM call"))).scalar_one() == 0


# -- voice_message --------------------------------------------------------------------------------


async def test_a_message_is_taken_until_the_caller_left_many(desks: Desks) -> None:
    desk = await desks(voice_messages_per_hour=3, voice_message_max_seconds=90)
    for count in range(3):
        answer = await desk.ask("voice_message", "closed", caller=CALLER)
        assert answer == {"CC_VM": "yes", "CC_VM_MAX": "90"}
        await desk.left_message(CALLER, NOW - (count + 1) * 10 * MINUTE)
    answer = await desk.ask("voice_message", "closed", caller=f"+86{CALLER}")
    assert answer == {"CC_VM": "no", "CC_VM_MAX": "90"}
    assert (await desk.ask("voice_message", "closed", caller=OTHER))["CC_VM"] == "yes"
    desk.watch.now += 31 * MINUTE  # the first is an hour old
    assert (await desk.ask("voice_message", "closed", caller=CALLER))["CC_VM"] == "yes"


async def test_callers_without_a_number_share_one_allowance(desks: Desks) -> None:
    desk = await desks(voice_messages_anonymous_per_hour=2)
    for hidden in ("anonymous", "unknown"):
        assert (await desk.ask("voice_message", "closed", caller=hidden))["CC_VM"] == "yes"
        await desk.left_message("", NOW - MINUTE)
    assert (await desk.ask("voice_message", "closed", caller="anonymous"))["CC_VM"] == "no"
    assert (await desk.ask("voice_message", "closed", caller=CALLER))["CC_VM"] == "yes"


async def test_no_message_is_taken_when_the_disk_is_nearly_full(desks: Desks) -> None:
    desk = await desks(voice_message_free_floor_mib=2**40)
    assert (await desk.ask("voice_message", "closed", caller=CALLER))["CC_VM"] == "no"


# -- rating ---------------------------------------------------------------------------------------


async def test_a_score_is_asked_for_once_a_day(desk: Desk) -> None:
    assert await desk.ask("rating", "8001", caller=CALLER) == {"CC_RATING": "ask"}
    await desk.scored(CALLER, NOW - timedelta(hours=23))
    assert await desk.ask("rating", "8001", caller=f"0{CALLER}") == {"CC_RATING": "skip"}
    assert await desk.ask("rating", "8001", caller=OTHER) == {"CC_RATING": "ask"}
    desk.watch.now += timedelta(hours=1)
    assert await desk.ask("rating", "8001", caller=CALLER) == {"CC_RATING": "ask"}


async def test_who_has_no_number_is_always_asked(desk: Desk) -> None:
    await desk.scored("", NOW - MINUTE)
    assert await desk.ask("rating", "8001", caller="anonymous") == {"CC_RATING": "ask"}


async def test_always_and_never(desks: Desks, tmp_path: Path) -> None:
    always = await desks(rating_again_hours=0)
    await always.scored(CALLER, NOW - MINUTE)
    assert await always.ask("rating", "8001", caller=CALLER) == {"CC_RATING": "ask"}
    settings = Settings(_env_file=None, home=tmp_path, rating=False)
    never = make_questions(settings, always.reads, always.watch)["rating"]
    assert await never(Request("rating", ("8001",), {"agi_callerid": OTHER})) == {
        "CC_RATING": "skip"
    }


# -- a database that is not well ------------------------------------------------------------------


async def test_a_database_that_is_not_there_is_not_made_and_is_used_once_it_is(
    desks: Desks,
) -> None:
    desk = await desks(migrate=False)
    await warm(make_questions(desk.settings, desk.reads, desk.watch))
    for question in ("route", "rating", "voice_message"):
        with pytest.raises(AgiUnanswered):
            await desk.ask(question, caller=CALLER)
    assert await desk.ask("ping") == {}
    assert desk.stats.lost == {"failed": 3}
    assert not (desk.settings.home / "callcenter.db").exists()
    await upgrade_async(desk.settings.db_url)
    assert await desk.route(CALLER) == ("queue", 0)


async def test_a_locked_database_gives_the_default_and_then_the_answer(desks: Desks) -> None:
    desk = await desks(agi_deadline_ms=1000)
    with closing(sqlite3.connect(desk.settings.home / "callcenter.db")) as repair:
        repair.execute("PRAGMA locking_mode=EXCLUSIVE")
        repair.execute("BEGIN EXCLUSIVE")
        repair.execute("DELETE FROM blocked_number")
        with pytest.raises(AgiUnanswered):
            await desk.ask("route", caller=CALLER)
        assert await desk.ask("ping") == {}
        repair.rollback()
    assert desk.stats.lost.total() == 1
    assert await desk.route(CALLER) == ("queue", 0)


async def test_a_database_that_hangs_gives_the_default_and_then_the_answer(desks: Desks) -> None:
    desk = await desks(agi_deadline_ms=1000)
    release, hanging = threading.Event(), threading.Semaphore(0)

    def hang(_connection: Connection) -> None:
        hanging.release()
        release.wait()

    reads = [asyncio.create_task(desk.reads.read(hang)) for _ in range(THREADS)]
    for _ in reads:
        assert await asyncio.to_thread(hanging.acquire)
    calls = [desk.ask("route", caller=CALLER) for _ in range(20)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers] == [AgiUnanswered] * 20
    assert desk.stats.lost == {"deadline": 20}
    assert desk.stats.open == 0
    release.set()
    await asyncio.gather(*reads)
    assert await desk.route(CALLER) == ("queue", 0)


async def test_the_server_cannot_write(desk: Desk) -> None:
    with pytest.raises(DatabaseUnavailable, match="readonly"):
        await desk.reads.read(lambda connection: connection.execute(text("DELETE FROM call")))
