"""Shifts over their API, on a real database, with a clock and people of our own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from fastapi import FastAPI

from callcenter.people.access.actor import Actor
from callcenter.people.domain.permissions import Role
from callcenter.platform.config import Settings
from callcenter.platform.db.engine import Database
from callcenter.platform.db.migrate import upgrade_async
from callcenter.platform.http.api import install_error_handlers
from callcenter.platform.http.given import shelf_of
from callcenter.workforce.domain.attendance import PresentSpan
from callcenter.workforce.domain.shifts import ShiftKind
from callcenter.workforce.opening import endpoints as opening_endpoints
from callcenter.workforce.opening import holiday_endpoints
from callcenter.workforce.opening.service import OpeningService
from callcenter.workforce.opening.workdays import WorkdayService
from callcenter.workforce.shifts import endpoints, request_endpoints, rota_endpoints
from callcenter.workforce.shifts.attendance import AttendanceService
from callcenter.workforce.shifts.changes import RotaChanges
from callcenter.workforce.shifts.feed import FeedService
from callcenter.workforce.shifts.patterns import PatternService
from callcenter.workforce.shifts.requests import RequestService
from callcenter.workforce.shifts.rota_sheet import RotaImport
from callcenter.workforce.shifts.service import ShiftService
from tests.unit.asking import Door, let_in, person
from tests.unit.rows import add_users

CITY = ZoneInfo("Asia/Shanghai")
WANG, LI, ZHAO, CHEN = 7, 8, 9, 10
BOSS = 1
NAMES = {BOSS: "班长", WANG: "王芳", LI: "李强", ZHAO: "赵敏", CHEN: "陈晨"}


class Watch:
    """A clock that stands still until told; at first Tuesday 24 November 2026, noon."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def at(self, text: str) -> None:
        self.now = datetime.fromisoformat(text).replace(tzinfo=CITY).astimezone(UTC)


class Staff:
    """`ports.People`."""

    def __init__(self) -> None:
        self.known = dict(NAMES)
        self.lost: dict[int, Collection[ShiftKind]] = {}
        """What somebody may not do any more."""

    async def colleagues(self) -> Mapping[int, str]:
        able = await self.able(self.known)
        return {one: self.known[one] for one in able if ShiftKind.SEAT in able[one]}

    async def able(self, user_ids: Collection[int]) -> Mapping[int, Collection[ShiftKind]]:
        return {
            one: frozenset(ShiftKind).difference(self.lost.get(one, ()))
            for one in user_ids
            if one in self.known
        }

    async def names(self, user_ids: Collection[int]) -> Mapping[int, str]:
        return {one: self.known[one] for one in user_ids if one in self.known}


class Logins:
    """`ports.Presence`."""

    def __init__(self) -> None:
        self.spans: dict[int, list[PresentSpan]] = {}

    def add(self, user_id: int, begun: str, ended: str | None = None) -> None:
        """On the city's clock."""
        first, last = (
            None if text is None else datetime.fromisoformat(text).replace(tzinfo=CITY)
            for text in (begun, ended)
        )
        assert first is not None
        self.spans.setdefault(user_id, []).append((first, last))

    async def here(self) -> Collection[int]:
        return {one for one, spans in self.spans.items() if any(end is None for _, end in spans)}

    async def presence(self, user_id: int, start: datetime, end: datetime) -> Sequence[PresentSpan]:
        return [
            span
            for span in self.spans.get(user_id, [])
            if span[0] < end and (span[1] is None or span[1] > start)
        ]


@dataclass
class Office:
    client: httpx.AsyncClient
    database: Database
    settings: Settings
    door: Door
    watch: Watch
    staff: Staff
    logins: Logins
    shifts: ShiftService
    requests: RequestService
    opening: OpeningService
    shift_ids: dict[str, int] = field(default_factory=dict)

    # -- who asks -----------------------------------------------------------------------------

    def as_boss(self) -> None:
        self.door.who = person("boss", Role.SUPERVISOR, user_id=BOSS)

    def as_agent(self, user_id: int) -> None:
        self.door.who = person(f"agent{user_id}", Role.OPERATOR, user_id=user_id)

    def as_machine(self) -> None:
        self.door.who = person("machine", Role.ADMIN, user_id=None)

    @property
    def who(self) -> Actor:
        return self.door.who

    # -- requests -----------------------------------------------------------------------------

    async def send(self, method: str, url: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.client.request(method, url, json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def refused(self, method: str, url: str, body: Any = None) -> tuple[int, str]:
        answer = await self.client.request(method, url, json=body)
        return answer.status_code, answer.json()["error"]["code"]

    async def get(self, url: str, **query: Any) -> Any:
        answer = await self.client.get(url, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def pattern(self, code: str, starts: int, minutes: int, *, kind: str = "seat") -> int:
        """Hours; the pattern's id."""
        body = {
            "code": code,
            "name": f"{code}班",
            "starts": starts * 60,
            "minutes": minutes * 60,
            "kind": kind,
        }
        made = await self.send("POST", "/api/shifts", body, 201)
        self.shift_ids[code] = made["id"]
        return int(made["id"])

    async def usual(self) -> None:
        """Early 8–16, late 16–24, night 22–8."""
        await self.pattern("early", 8, 8)
        await self.pattern("late", 16, 8)
        await self.pattern("night", 22, 10)

    async def entry(self, user_id: int, day: str, code: str) -> Any:
        """Put a shift into the rota; the entry."""
        body = {"user_id": user_id, "day": day, "shift_id": self.shift_ids[code]}
        return (await self.send("POST", "/api/rota", body, 201))["entry"]

    async def rotation(self, circle: list[str | None], members: dict[int, int], **more: Any) -> Any:
        body = {
            "name": more.pop("name", "轮班"),
            "circle": [None if code is None else self.shift_ids[code] for code in circle],
            "anchor": "2026-11-24",
            "members": [{"user_id": one, "place": place} for one, place in members.items()],
            **more,
        }
        return await self.send("POST", "/api/rota/rotations", body, 201)

    async def plan(self, rotation_id: int, first: str, last: str, **more: Any) -> Any:
        body = {"from": first, "to": last, **more}
        return await self.send("POST", f"/api/rota/rotations/{rotation_id}/plan", body)

    async def rota(self, first: str, last: str, **query: Any) -> list[tuple[int, str, str]]:
        """(user, day, shift) in order."""
        return [
            (entry["user_id"], entry["day"], entry["shift_code"])
            for entry in await self.get("/api/rota", **{"from": first, "to": last}, **query)
        ]

    async def conflicts(self, first: str, last: str) -> list[tuple[str, int | None]]:
        found = await self.get("/api/rota/conflicts", **{"from": first, "to": last})
        return [(conflict["code"], conflict["user_id"]) for conflict in found]


@asynccontextmanager
async def office(home: Path, **more: Any) -> AsyncIterator[Office]:
    """A fresh one; `more` are settings."""
    settings = Settings(_env_file=None, home=home, **more)
    watch, staff, logins = Watch(), Staff(), Logins()
    await upgrade_async(settings.db_url)
    database = Database(settings.db_url)
    await add_users(database, NAMES)
    app = FastAPI()
    install_error_handlers(app)
    for router in (
        endpoints.router,
        rota_endpoints.router,
        rota_endpoints.feed_router,
        request_endpoints.leave_router,
        request_endpoints.swap_router,
        opening_endpoints.router,
        holiday_endpoints.router,
    ):
        app.include_router(router)
    opening = OpeningService(database, settings.time_zone, watch)
    workdays = WorkdayService(database, settings.time_zone, watch)
    shifts = ShiftService(database, settings, opening, staff, watch)
    requests = RequestService(database, shifts, watch)
    shelf_of(app).put(
        database,
        settings,
        opening,
        workdays,
        shifts,
        requests,
        RotaChanges(database, shifts, opening, watch),
        PatternService(database, settings, watch),
        AttendanceService(settings, shifts, opening, workdays, logins, watch),
        RotaImport(database, shifts, watch),
        FeedService(database, settings, shifts, watch),
    )
    door = let_in(app, database, settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://office", headers={"If-Match": "*"}
    ) as client:
        made = Office(
            client, database, settings, door, watch, staff, logins, shifts, requests, opening
        )
        made.as_boss()
        yield made
    await database.close()
