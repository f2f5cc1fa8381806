"""Public holidays, moved working days and special periods: over the API, and as a law over every
day of several years."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.workforce.domain.opening import is_open
from callcenter.workforce.domain.workdays import DayKind, days_between
from callcenter.workforce.opening import endpoints, holiday_endpoints
from callcenter.workforce.opening.official import published
from callcenter.workforce.opening.service import PERIODS_MAX, OpeningService
from callcenter.workforce.opening.workdays import WorkdayService
from tests.unit.asking import let_in

CITY = ZoneInfo("Asia/Shanghai")
OFFICE = [{"weekday": weekday, "opens": 480, "closes": 1080} for weekday in range(5)]
NEW_YEAR = {"days": [{"day": "2027-01-01", "kind": "holiday", "name": "元旦"}]}


class Watch:
    """A clock that stands still until told; at first a Tuesday, noon in the city."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def at(self, day: str, clock: str = "12:00") -> None:
        self.now = datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=CITY)


@dataclass(frozen=True)
class Desk:
    client: httpx.AsyncClient
    database: Database
    opening: OpeningService
    workdays: WorkdayService
    watch: Watch

    async def put(self, url: str, body: Any) -> Any:
        answer = await self.client.put(url, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def get(self, url: str) -> Any:
        answer = await self.client.get(url)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def office(self) -> None:
        await self.put("/api/opening", {"week": OFFICE, "special_days": []})

    async def open_at(self, day: str, clock: str = "12:00") -> bool:
        self.watch.at(day, clock)
        answer: bool = (await self.get("/api/opening/now"))["open"]
        assert await self.opening.is_open() == answer
        return answer

    async def period(self, first: str, last: str, *span: int) -> Any:
        opens, closes = span or (None, None)
        body = {"first_day": first, "last_day": last, "opens": opens, "closes": closes}
        answer = await self.client.post("/api/opening/periods", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settings, watch = Settings(_env_file=None, home=tmp_path), Watch()
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(endpoints.router)
    app.include_router(holiday_endpoints.router)
    opening = OpeningService(database, settings.time_zone, watch)
    workdays = WorkdayService(database, settings.time_zone, watch)
    shelf_of(app).put(database, settings, opening, workdays)
    let_in(app, database, settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://desk", headers={"If-Match": "*"}
    ) as client:
        yield Desk(client, database, opening, workdays, watch)
    await database.close()


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# -- what is done on holidays -----------------------------------------------------------------


async def test_at_first_holidays_change_nothing(desk: Desk) -> None:
    """A 12345 line is open around the clock; whoever closes it on holidays says so."""
    rule = await desk.get("/api/opening/holidays")
    del rule["version"]
    nothing: dict[str, Any] = {"spans": [], "opens": None, "closes": None}
    assert rule == nothing | {"holidays": "as_week", "moved_workday_as": None}
    assert await desk.open_at("2026-10-01")
    await desk.office()
    assert await desk.open_at("2026-10-01")
    assert not await desk.open_at("2026-10-10")  # a Saturday that is worked


async def test_closed_on_holidays_and_open_on_moved_working_days(desk: Desk) -> None:
    await desk.office()
    rule = {"holidays": "closed", "opens": None, "closes": None, "moved_workday_as": 0}
    assert (await desk.put("/api/opening/holidays", rule)).items() >= rule.items()
    assert not await desk.open_at("2026-10-01")  # a Thursday
    assert await desk.open_at("2026-10-10")
    assert not await desk.open_at("2026-10-10", "18:00")
    assert not await desk.open_at("2026-10-11")  # a Sunday like any other
    assert await desk.open_at("2026-10-08")


async def test_hours_of_their_own_on_holidays(desk: Desk) -> None:
    await desk.office()
    await desk.put("/api/opening/holidays", {"holidays": "hours", "opens": 540, "closes": 720})
    assert await desk.open_at("2026-10-03", "09:00")  # a Saturday, and a holiday
    assert not await desk.open_at("2026-10-03", "12:00")
    assert (await desk.get("/api/opening/now"))["next_opening"] == "2026-10-04T09:00:00+08:00"


LUNCH = [{"opens": 540, "closes": 720}, {"opens": 780, "closes": 1020}]
"""Open before it and after it."""


async def test_holidays_and_periods_have_a_lunch_break(desk: Desk) -> None:
    await desk.office()
    rule = await desk.put("/api/opening/holidays", {"holidays": "hours", "spans": LUNCH})
    assert (rule["spans"], rule["opens"], rule["closes"]) == (LUNCH, 540, 1020)
    assert (await desk.put("/api/opening/holidays", rule))["spans"] == LUNCH
    body = {"first_day": "2026-12-05", "last_day": "2026-12-06", "spans": LUNCH}
    period = (await desk.client.post("/api/opening/periods", json=body)).json()
    assert (period["spans"], period["opens"], period["closes"]) == (LUNCH, 540, 1020)
    for day in ("2026-10-03", "2026-12-06"):
        found = [await desk.open_at(day, clock) for clock in ("11:59", "12:00", "13:00", "17:00")]
        assert found == [True, False, True, False], day
    both = [{"opens": 540, "closes": 720}, {"opens": 700, "closes": 1020}]
    for answer in (
        await desk.client.put("/api/opening/holidays", json={"holidays": "hours", "spans": both}),
        await desk.client.post("/api/opening/periods", json=body | {"spans": both}),
        await desk.client.put(f"/api/opening/periods/{period['id']}", json=body | {"spans": both}),
    ):
        assert refused(answer) == (422, "spans_overlap")


async def test_every_day_of_four_years_by_all_rules_at_once(desk: Desk) -> None:
    """The law: special day, else period, else holiday or moved working day, else the week."""
    special = {"day": "2026-10-02", "opens": 600, "closes": 660, "note": ""}
    await desk.put("/api/opening", {"week": OFFICE, "special_days": [special]})
    await desk.put(
        "/api/opening/holidays",
        {"holidays": "hours", "opens": 540, "closes": 1020, "moved_workday_as": 4},
    )
    await desk.period("2026-02-13", "2026-02-24", 0, 1440)
    await desk.period("2026-08-01", "2026-08-03")
    known = await desk.opening.days()
    workdays = await desk.workdays.workdays()
    for day in days_between(date(2024, 1, 1), date(2027, 12, 31)):
        if day == date(2026, 10, 2):
            expected = range(600, 660)
        elif date(2026, 2, 13) <= day <= date(2026, 2, 24):
            expected = range(1440)
        elif date(2026, 8, 1) <= day <= date(2026, 8, 3):
            expected = range(0)
        elif workdays.facts(day).kind is DayKind.HOLIDAY:
            expected = range(540, 1020)
        elif workdays.works(day):
            expected = range(480, 1080)
        else:
            expected = range(0)
        for minute in (0, 479, 480, 539, 540, 600, 659, 660, 1019, 1020, 1079, 1080, 1439):
            moment = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=CITY)
            assert is_open(moment, known.week, known.days) == (minute in expected), moment


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"holidays": "sometimes"},
        {"holidays": "hours"},
        {"holidays": "hours", "opens": 540},
        {"holidays": "closed", "opens": 540, "closes": 600},
        {"holidays": "closed", "spans": LUNCH},
        {"holidays": "hours", "spans": []},
        {"holidays": "hours", "spans": LUNCH, "opens": 540},
        {"holidays": "hours", "opens": 600, "closes": 600},
        {"holidays": "as_week", "moved_workday_as": 7},
    ],
)
async def test_what_is_no_rule_is_refused(desk: Desk, rule: dict[str, Any]) -> None:
    answer = await desk.client.put("/api/opening/holidays", json=rule)
    assert refused(answer) == (422, "bad_input")


# -- periods ----------------------------------------------------------------------------------


async def test_twenty_four_hours_at_spring_festival(desk: Desk) -> None:
    await desk.office()
    await desk.put("/api/opening/holidays", {"holidays": "closed"})
    await desk.period("2026-02-15", "2026-02-21", 0, 1440)
    assert not await desk.open_at("2026-02-14", "23:59")
    assert await desk.open_at("2026-02-15", "00:00")
    assert (await desk.get("/api/opening/now"))["closes"] == "2026-02-22T00:00:00+08:00"
    assert await desk.open_at("2026-02-21", "23:59")
    assert not await desk.open_at("2026-02-22", "00:00")


async def test_a_special_day_stands_above_a_period_and_the_later_period_above_the_longer(
    desk: Desk,
) -> None:
    await desk.period("2026-12-01", "2026-12-31", 480, 1080)
    await desk.period("2026-12-10", "2026-12-12")
    special = [{"day": "2026-12-11", "opens": 0, "closes": 1440, "note": ""}]
    await desk.put("/api/opening", {"week": [], "special_days": special})
    assert await desk.open_at("2026-12-09")
    assert not await desk.open_at("2026-12-10")
    assert await desk.open_at("2026-12-11")
    assert not await desk.open_at("2026-12-12")
    assert not await desk.open_at("2026-12-13", "20:00")


async def test_periods_are_changed_and_removed(desk: Desk) -> None:
    made = await desk.period("2026-12-01", "2026-12-02")
    url = f"/api/opening/periods/{made['id']}"
    moved = await desk.put(url, {"first_day": "2026-12-05", "last_day": "2026-12-05"})
    assert await desk.open_at("2026-12-01")
    assert not await desk.open_at("2026-12-05")
    assert await desk.get("/api/opening/periods") == [moved]
    assert (await desk.client.delete(url)).status_code == 204
    assert await desk.open_at("2026-12-05")
    assert refused(await desk.client.delete(url)) == (404, "period_not_found")
    body = {"first_day": "2026-12-05", "last_day": "2026-12-05"}
    assert refused(await desk.client.put(url, json=body)) == (404, "period_not_found")


async def test_replacing_the_calendar_leaves_periods_and_rule(desk: Desk) -> None:
    made = await desk.period("2026-12-01", "2026-12-02")
    await desk.put("/api/opening/holidays", {"holidays": "closed"})
    await desk.office()
    assert await desk.get("/api/opening/periods") == [made]
    assert (await desk.get("/api/opening/holidays"))["holidays"] == "closed"


@pytest.mark.parametrize(
    "body",
    [
        {"first_day": "2026-12-02", "last_day": "2026-12-01"},
        {"first_day": "2026-12-02", "last_day": "2028-12-01"},
        {"first_day": "2026-12-02", "last_day": "2026-12-02", "opens": 5},
        {"first_day": "2026-12-02", "last_day": "2026-12-02", "opens": 5, "closes": 5},
    ],
)
async def test_what_is_no_period_is_refused(desk: Desk, body: dict[str, Any]) -> None:
    answer = await desk.client.post("/api/opening/periods", json=body)
    assert refused(answer) == (422, "bad_input")


async def test_periods_have_an_end(desk: Desk) -> None:
    first = date(2026, 12, 1)
    for number in range(PERIODS_MAX):
        day = str(first + timedelta(days=number))
        await desk.period(day, day)
    body = {"first_day": "2026-11-30", "last_day": "2026-11-30"}
    answer = await desk.client.post("/api/opening/periods", json=body)
    assert refused(answer) == (422, "too_many_periods")


# -- the answer for a call --------------------------------------------------------------------


async def test_another_process_is_decided_by_each_change_at_once(desk: Desk) -> None:
    """The AGI server keeps the calendar in memory; it must never answer from an old one."""
    agi = OpeningService(desk.database, "Asia/Shanghai", desk.watch)
    desk.watch.at("2026-10-01")
    assert await agi.is_open()
    await desk.put("/api/opening/holidays", {"holidays": "closed"})
    assert not await agi.is_open()
    await desk.put("/api/holidays/days/2026-10-01", {"kind": "workday"})
    assert await agi.is_open()
    assert (await desk.client.delete("/api/holidays/days/2026-10-01")).status_code == 204
    assert not await agi.is_open()
    made = await desk.period("2026-10-01", "2026-10-01", 0, 1440)
    assert await agi.is_open()
    await desk.client.delete(f"/api/opening/periods/{made['id']}")
    assert not await agi.is_open()
    await desk.put("/api/holidays/years/2026", {"days": [{"day": "2026-01-01", "kind": "holiday"}]})
    assert await agi.is_open()
    assert (await desk.client.delete("/api/holidays/years/2026")).status_code == 204
    assert not await agi.is_open()
    special = [{"day": "2026-10-01", "opens": 0, "closes": 1440, "note": ""}]
    await desk.put("/api/opening", {"week": [], "special_days": special})
    assert await agi.is_open()


async def test_an_unchanged_calendar_is_read_once(desk: Desk) -> None:
    first = await desk.opening.days()
    for _ in range(3):
        await desk.opening.is_open()
    assert await desk.opening.days() is first
    await desk.put("/api/opening/holidays", {"holidays": "closed"})
    assert (await desk.opening.days()).version == first.version + 1


# -- the days themselves ----------------------------------------------------------------------


async def test_status_warns_of_the_missing_year_from_november_on(desk: Desk) -> None:
    status = await desk.get("/api/holidays/status")
    assert (status["official_first_year"], status["official_last_year"]) == (
        published().first_year,
        published().last_year,
    )
    assert [(w["code"], w["year"]) for w in status["warnings"]] == [("next_year_missing", 2027)]
    assert status["today"] == {
        "day": "2026-11-24",
        "kind": "workday",
        "name": "",
        "source": "official",
        "version": 0,
    }
    desk.watch.at("2026-10-31")
    assert (await desk.get("/api/holidays/status"))["warnings"] == []
    desk.watch.at("2027-01-01")
    status = await desk.get("/api/holidays/status")
    assert [w["code"] for w in status["warnings"]] == ["year_missing"]
    assert status["today"]["source"] == "assumed"


async def test_an_entered_year_is_known(desk: Desk) -> None:
    assert not (await desk.get("/api/holidays/years/2027"))["known"]
    year = await desk.put("/api/holidays/years/2027", NEW_YEAR)
    (day,) = year.pop("days")
    assert year.pop("version") > 0 < day.pop("version")
    assert year == {"year": 2027, "known": True, "declared": True}
    assert day == {"day": "2027-01-01", "kind": "holiday", "name": "元旦", "source": "admin"}
    status = await desk.get("/api/holidays/status")
    assert (status["warnings"], status["declared_years"]) == ([], [2027])
    await desk.put("/api/opening/holidays", {"holidays": "closed"})
    assert not await desk.open_at("2027-01-01")
    assert (await desk.client.delete("/api/holidays/years/2027")).status_code == 204
    assert await desk.open_at("2027-01-01")
    answer = await desk.client.delete("/api/holidays/years/2027")
    assert refused(answer) == (404, "calendar_year_not_found")


async def test_a_published_year_that_is_entered_anew_is_as_it_was_entered(desk: Desk) -> None:
    body = {"days": [{"day": "2026-10-10", "kind": "holiday", "name": "市庆"}]}
    await desk.put("/api/holidays/years/2026", body)
    workdays = await desk.workdays.workdays()
    differing = [
        day
        for day in days_between(date(2026, 1, 1), date(2026, 12, 31))
        if workdays.facts(day).kind.differs
    ]
    assert differing == [date(2026, 10, 10)]


async def test_a_single_day_stands_above_the_list(desk: Desk) -> None:
    day = await desk.put("/api/holidays/days/2026-11-24", {"kind": "holiday", "name": "市庆"})
    assert day["source"] == "admin"
    days = (await desk.get("/api/holidays/years/2026"))["days"]
    assert day in days
    assert len(days) == 1 + sum(when.year == 2026 for when in published().days)
    answer = await desk.client.delete("/api/holidays/days/2026-11-25")
    assert refused(answer) == (404, "calendar_day_not_found")


@pytest.mark.parametrize(
    ("url", "body", "code"),
    [
        ("years/2003", {"days": []}, "bad_year"),
        ("years/2101", {"days": []}, "bad_year"),
        ("years/2027", {"days": NEW_YEAR["days"] * 2}, "bad_input"),
        ("years/2028", NEW_YEAR, "bad_calendar_day"),
        ("years/2027", {"days": [{"day": "2027-01-01", "kind": "weekend"}]}, "bad_calendar_day"),
        ("days/2027-01-02", {"kind": "workday"}, "bad_calendar_day"),
        ("days/2027-01-04", {"kind": "moved_workday"}, "bad_calendar_day"),
        ("days/2003-01-04", {"kind": "holiday"}, "bad_year"),
        ("days/2027-02-29", {"kind": "holiday"}, "bad_input"),
        ("days/2027-01-04", {"kind": "holiday", "name": "a\0"}, "bad_input"),
    ],
)
async def test_days_that_cannot_be_are_refused(
    desk: Desk, url: str, body: dict[str, Any], code: str
) -> None:
    answer = await desk.client.put(f"/api/holidays/{url}", json=body)
    assert refused(answer) == (422, code)
    assert (await desk.workdays.workdays()).admin == {}


@pytest.mark.parametrize(
    "days",
    [
        [],
        [{"day": "2027-01-02", "kind": "moved_workday"}],
        [{"day": "2027-01-04", "kind": "workday"}],
    ],
)
async def test_a_year_without_a_holiday_is_no_year(desk: Desk, days: list[dict[str, str]]) -> None:
    answer = await desk.client.put("/api/holidays/years/2027", json={"days": days})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_calendar_year")
    assert not (await desk.get("/api/holidays/years/2027"))["known"]
