"""The opening calendar over the API and its service, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.workforce.domain.opening import is_open
from callcenter.workforce.opening.endpoints import router
from callcenter.workforce.opening.schemas import SPANS_MAX, SPECIAL_DAYS_MAX
from callcenter.workforce.opening.service import OpeningService
from tests.unit.asking import let_in

# A Tuesday, noon in the city.
NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
URL = "/api/opening"
ALWAYS: dict[str, Any] = {"week": [], "special_days": []}
OFFICE = [
    {"weekday": weekday, "opens": opens, "closes": closes}
    for weekday in range(5)
    for opens, closes in ((480, 720), (810, 1080))
]


class Watch:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def without_version(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert body.pop("version") >= 0
    return body


@dataclass(frozen=True)
class Desk:
    client: httpx.AsyncClient
    database: Database
    service: OpeningService
    watch: Watch

    async def put(self, week: Any = (), special_days: Any = ()) -> httpx.Response:
        body = {"week": list(week), "special_days": list(special_days)}
        return await self.client.put(URL, json=body)

    async def now(self) -> Any:
        answer = await self.client.get(f"{URL}/now")
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settings, watch = Settings(_env_file=None, home=tmp_path), Watch()
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    service = OpeningService(database, settings.time_zone, watch)
    shelf_of(app).put(database, settings, service)
    let_in(app, database, settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://desk", headers={"If-Match": "*"}
    ) as client:
        yield Desk(client, database, service, watch)
    await database.close()


def special(day: str, opens: int | None = None, closes: int | None = None) -> dict[str, Any]:
    """As it was said before days had several spans."""
    return {"day": day, "opens": opens, "closes": closes, "note": ""}


def answered(body: dict[str, Any]) -> dict[str, Any]:
    """What is answered to `special`."""
    span = {"opens": body["opens"], "closes": body["closes"]}
    return body | {"spans": [] if body["opens"] is None else [span]}


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_new_line_is_always_open(desk: Desk) -> None:
    assert without_version(await desk.client.get(URL)) == ALWAYS
    assert await desk.service.is_open()
    now = {"open": True, "now": "2026-11-24T12:00:00+08:00", "next_opening": None, "closes": None}
    assert await desk.now() == now


async def test_what_was_put_is_what_is_read(desk: Desk) -> None:
    days = [
        special("2026-10-01") | {"note": "国庆节"},
        special("2026-10-10", 540, 1020) | {"note": "调休上班"},
        special("2027-01-01", 0, 1440),
    ]
    answer = await desk.put(OFFICE, days)
    assert answer.status_code == 200
    wanted = {"week": OFFICE, "special_days": list(map(answered, days))}
    assert without_version(answer) == wanted
    assert (await desk.client.get(URL)).json() == answer.json()


LUNCH = [{"opens": 540, "closes": 720}, {"opens": 780, "closes": 1020}]
"""Open before it and after it."""


async def test_a_special_day_has_a_lunch_break_as_weekdays_have(desk: Desk) -> None:
    day = {"day": "2026-11-24", "spans": LUNCH[::-1]}
    answer = await desk.put((), [day])
    (read,) = answer.json()["special_days"]
    assert (read["spans"], read["opens"], read["closes"]) == (LUNCH, 540, 1020)
    # What was read can be sent back, and what knows one span alone loses nothing unseen.
    again = await desk.client.put(URL, json=answer.json())
    assert again.json()["special_days"] == [read]
    shorter = read | {"closes": 900}
    assert refused(await desk.put((), [shorter])) == (422, "bad_input")
    closed = read | {"opens": None, "closes": None}
    assert refused(await desk.put((), [closed])) == (422, "bad_input")
    for clock, opened in (("11:59", True), ("12:00", False), ("12:59", False), ("13:00", True)):
        desk.watch.now = datetime.fromisoformat(f"2026-11-24T{clock}:00+08:00")
        assert await desk.service.is_open() is opened, clock
    desk.watch.now = datetime.fromisoformat("2026-11-24T12:30:00+08:00")
    assert (await desk.now())["next_opening"] == "2026-11-24T13:00:00+08:00"
    hours = await desk.service.hours()
    assert hours.days[date(2026, 11, 24)] == [(540, 720), (780, 1020)]


async def test_spans_of_a_special_day_do_not_overlap(desk: Desk) -> None:
    both = [{"opens": 540, "closes": 720}, {"opens": 700, "closes": 1020}]
    answer = await desk.put((), [{"day": "2026-11-24", "spans": both}])
    assert refused(answer) == (422, "spans_overlap")
    assert answer.json()["error"]["details"] == {"day": "2026-11-24"}
    many = [{"opens": at, "closes": at + 1} for at in range(0, 50, 2)]
    assert refused(await desk.put((), [{"day": "2026-11-24", "spans": many}])) == (422, "bad_input")


async def test_of_two_who_read_the_same_calendar_the_second_is_told(desk: Desk) -> None:
    read = (await desk.client.get(URL)).json()
    first = await desk.client.put(URL, json={**read, "week": OFFICE})
    assert first.status_code == 200
    second = await desk.client.put(URL, json={**read, "special_days": [special("2026-10-01")]})
    assert second.status_code == 409
    error = second.json()["error"]
    assert error["code"] == "version_conflict"
    assert error["details"]["version"] == first.json()["version"] != read["version"]
    assert (await desk.client.get(URL)).json() == first.json()
    again = await desk.client.put(URL, json={**first.json(), "special_days": []})
    assert again.status_code == 200


async def test_rows_come_back_in_order_whatever_the_order_they_came_in(desk: Desk) -> None:
    days = [special("2027-01-01"), special("2026-10-01")]
    answer = await desk.put(OFFICE[::-1], days)
    assert without_version(answer) == {
        "week": OFFICE,
        "special_days": list(map(answered, days[::-1])),
    }


async def test_the_new_calendar_takes_the_place_of_all_of_the_old(desk: Desk) -> None:
    await desk.put(OFFICE, [special("2026-11-24")])
    assert not await desk.service.is_open()
    await desk.put()
    assert without_version(await desk.client.get(URL)) == ALWAYS
    assert await desk.service.is_open()


async def test_now_says_when_that_changes(desk: Desk) -> None:
    await desk.put(OFFICE, [special("2026-11-26"), special("2026-11-27")])
    noon = await desk.now()
    assert (noon["open"], noon["next_opening"]) == (False, "2026-11-24T13:30:00+08:00")
    desk.watch.now = NOON - timedelta(minutes=1)
    morning = await desk.now()
    assert (morning["open"], morning["closes"]) == (True, "2026-11-24T12:00:00+08:00")
    desk.watch.now = NOON + timedelta(days=1, hours=6)  # Wednesday, 18:00: Thursday is no day
    assert (await desk.now())["next_opening"] == "2026-11-30T08:00:00+08:00"


async def test_a_holiday_far_away_closes_a_line_that_is_always_open(desk: Desk) -> None:
    await desk.put([], [special("2027-10-01")])
    assert (await desk.now())["closes"] == "2027-10-01T00:00:00+08:00"


async def test_the_short_answer_for_a_call_is_the_long_one(desk: Desk) -> None:
    """`is_open` reads one special day of the many; it must be the right one on every day."""
    days = [special(f"2026-11-{day:02}", *((540, 720) if day % 3 else ())) for day in range(10, 30)]
    await desk.put(OFFICE, days)
    calendar = (await desk.service.calendar()).calendar
    for hours in range(0, 14 * 24, 5):
        desk.watch.now = datetime(2026, 11, 18, 15, 30, tzinfo=UTC) + timedelta(hours=hours)
        local = desk.watch.now + timedelta(hours=8)
        expected = is_open(local.replace(tzinfo=None), calendar.week, calendar.special_days)
        assert await desk.service.is_open() == expected, local
        assert (await desk.now())["open"] == expected


async def test_a_special_day_is_the_citys_day(desk: Desk) -> None:
    await desk.put([], [special("2026-11-25")])
    desk.watch.now = datetime(2026, 11, 24, 15, 59, 59, tzinfo=UTC)
    assert await desk.service.is_open()
    desk.watch.now += timedelta(seconds=1)
    assert not await desk.service.is_open()
    desk.watch.now += timedelta(days=1)
    assert await desk.service.is_open()


@pytest.mark.parametrize("weekday", range(7))
async def test_spans_that_overlap_are_refused_by_day(desk: Desk, weekday: int) -> None:
    await desk.put(OFFICE)
    spans = [(600, 700), (480, 601), (0, 10)]
    week = [{"weekday": weekday, "opens": opens, "closes": closes} for opens, closes in spans]
    answer = await desk.put(week)
    assert refused(answer) == (422, "spans_overlap")
    error = answer.json()["error"]
    assert error["details"] == {"weekday": weekday}
    assert "08:00–10:01 and 10:00–11:40" in error["message"]
    assert (await desk.client.get(URL)).json()["week"] == OFFICE


async def test_spans_that_touch_are_one_to_a_caller(desk: Desk) -> None:
    week = [
        {"weekday": 1, "opens": opens, "closes": closes}
        for opens, closes in ((480, 720), (720, 780))
    ]
    assert (await desk.put(week)).json()["week"] == week
    desk.watch.now = NOON - timedelta(minutes=1)
    assert (await desk.now())["closes"] == "2026-11-24T13:00:00+08:00"


BAD: tuple[dict[str, Any], ...] = (
    {},
    {"week": []},
    {"week": None, "special_days": []},
    ALWAYS | {"notes": {}},
    ALWAYS | {"week": [{"weekday": 7, "opens": 0, "closes": 10}]},
    ALWAYS | {"week": [{"weekday": -1, "opens": 0, "closes": 10}]},
    ALWAYS | {"week": [{"weekday": 0, "opens": 10, "closes": 10}]},
    ALWAYS | {"week": [{"weekday": 0, "opens": 1320, "closes": 360}]},
    ALWAYS | {"week": [{"weekday": 0, "opens": -1, "closes": 360}]},
    ALWAYS | {"week": [{"weekday": 0, "opens": 0, "closes": 1441}]},
    ALWAYS | {"week": [{"weekday": 0, "opens": 0.5, "closes": 10}]},
    ALWAYS | {"week": [{"weekday": 0, "opens": 0, "closes": 10, "note": ""}]},
    ALWAYS | {"week": [{"weekday": 0, "opens": 0, "closes": 10}] * (SPANS_MAX + 1)},
    ALWAYS | {"special_days": [special("2026-13-01")]},
    ALWAYS | {"special_days": [special("2026-02-29")]},
    ALWAYS | {"special_days": [special("2026-10-01"), special("2026-10-01", 0, 10)]},
    ALWAYS | {"special_days": [special("2026-10-01", 10)]},
    ALWAYS | {"special_days": [special("2026-10-01", None, 10)]},
    ALWAYS | {"special_days": [special("2026-10-01", 10, 10)]},
    ALWAYS | {"special_days": [special("2026-10-01") | {"note": "x" * 201}]},
    ALWAYS | {"special_days": [special("2026-10-01") | {"note": "a\0b"}]},
)


@pytest.mark.parametrize("body", BAD)
async def test_what_is_no_calendar_is_refused_as_a_whole(desk: Desk, body: dict[str, Any]) -> None:
    await desk.put(OFFICE)
    assert refused(await desk.client.put(URL, json=body)) == (422, "bad_input")
    assert (await desk.client.get(URL)).json()["week"] == OFFICE


async def test_the_largest_calendar_is_taken(desk: Desk) -> None:
    week = [
        {"weekday": weekday, "opens": hour * 60, "closes": hour * 60 + 30}
        for weekday in range(7)
        for hour in range(24)
    ]
    assert len(week) == SPANS_MAX
    first = date(2026, 11, 24)
    days = [special(str(first + timedelta(days=n))) for n in range(SPECIAL_DAYS_MAX)]
    answer = await desk.put(week, days)
    assert without_version(answer) == {"week": week, "special_days": list(map(answered, days))}
    opening = first + timedelta(days=SPECIAL_DAYS_MAX)
    assert (await desk.now())["next_opening"] == f"{opening}T00:00:00+08:00"


async def test_who_reads_meanwhile_sees_the_old_or_the_new_never_a_mixture(desk: Desk) -> None:
    summer = [special("2026-07-01", 0, 60)]
    winter = [special("2026-12-01", 0, 120), special("2026-12-02", 0, 120)]
    await desk.put(OFFICE, summer)
    both = [(OFFICE, summer), (OFFICE[:2], winter)]
    allowed = [{"week": week, "special_days": list(map(answered, days))} for week, days in both]

    async def change() -> None:
        for turn in range(20):
            await desk.put(*both[turn % 2])

    changing = asyncio.create_task(change())
    seen = []
    while not changing.done():
        seen.append(without_version(await desk.client.get(URL)))
    await changing
    assert [calendar for calendar in seen if calendar not in allowed] == []


async def test_a_calendar_that_cannot_be_written_leaves_the_old_one(desk: Desk) -> None:
    await desk.put(OFFICE)
    async with desk.database.writing() as session:
        await session.execute(
            text(
                "CREATE TRIGGER no_more BEFORE INSERT ON special_day"
                " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        )
    with pytest.raises(Exception, match="disk full"):
        await desk.put([], [special("2026-10-01")])
    assert (await desk.client.get(URL)).json()["week"] == OFFICE
