"""Nobody's change is lost: every write says which version it has seen, and there is one way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from callcenter.casework.cases.models import Case
from callcenter.people.domain.permissions import Role
from callcenter.people.tokens.service import TokenService
from callcenter.platform.db.engine import Database
from callcenter.platform.errors import VersionConflict, VersionRequired
from callcenter.platform.http.versions import VERSIONED, WHOLE, VersionedRoute
from callcenter.platform.versions import Seen, check_version, seeing, version_of
from callcenter.telephony.queues.service import QueueService
from callcenter.workforce.shifts.service import ShiftService
from tests.unit.app.running import Service, service
from tests.unit.app.test_permissions import Endpoint, endpoints
from tests.unit.rows import add_queues

EXEMPT = {
    "DELETE /api/steering/spy": "ends what one does oneself; nothing is kept of it",
    "DELETE /api/rota/feed": "voids one's own secret; it holds nothing that somebody could change",
    "DELETE /api/tokens/{name}": "revokes: whatever it was, it ends; and it cannot be changed",
    "PUT /api/steering/line": "an emergency: the last word holds, and it is one word",
    "PUT /api/steering/line/announcement": "as the line's: one word, and the last holds",
}
WRITES = [one for one in endpoints() if {"PUT", "PATCH", "DELETE"} & set(one.methods)]


def test_every_write_asks_what_was_seen() -> None:
    silent = [
        str(one)
        for one in WRITES
        if str(one) not in EXEMPT
        and not {id(VERSIONED), id(WHOLE)} & {id(mark) for mark in one.route.dependencies}
    ]
    assert silent == []


def test_what_replaces_a_whole_must_say_it() -> None:
    blind = [
        str(one)
        for one in WRITES
        if one.methods == ["PUT"]
        and str(one) not in EXEMPT
        and not any(mark is WHOLE for mark in one.route.dependencies)
    ]
    assert blind == []


def test_whatever_has_a_version_is_answered_with_its_etag() -> None:
    def versioned(one: Endpoint) -> bool:
        model = one.route.response_model
        return (
            isinstance(model, type)
            and issubclass(model, BaseModel)
            and "version" in {*model.model_fields, *model.model_computed_fields}
        )

    assert [
        str(one)
        for one in endpoints()
        if versioned(one) and not isinstance(one.route, VersionedRoute)
    ] == []


# -- each of them, tried ---------------------------------------------------------------------------


@dataclass
class Thing:
    """What is written: how it is read, and two bodies that differ."""

    url: str
    bodies: tuple[Any, Any] = (None, None)
    read: str = ""
    """Where, if it has no GET of its own; the item with `url`'s last part in `key`."""
    key: str = ""
    first: Any = None
    """The body that makes it be there."""


Make = Callable[["Desk"], Awaitable[Thing]]


@dataclass
class Desk:
    app: Service
    client: httpx.AsyncClient

    async def post(self, url: str, **body: Any) -> Any:
        answer = await self.client.post(url, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def version(self, thing: Thing) -> int:
        answer = await self.client.get(thing.read or thing.url)
        assert answer.status_code == 200, answer.text
        if not thing.read:
            assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
            return int(answer.json()["version"])
        found = answer.json()
        items = found if isinstance(found, list) else found.get("items", found.get("days"))
        last = thing.url.rpartition("/")[2]
        (one,) = [item for item in items if str(item[thing.key]) == last]
        return int(one["version"])

    async def user(self) -> int:
        body = {"login": "wang", "name": "王芳", "roles": ["operator"]}
        return int((await self.post("/api/users", **body))["id"])

    async def shift(self, code: str = "early") -> int:
        body = {"code": code, "name": "早班", "starts": 480, "minutes": 480}
        return int((await self.post("/api/shifts", **body))["id"])


async def _user(desk: Desk) -> Thing:
    return Thing(f"/api/users/{await desk.user()}", ({"name": "王"}, {"enabled": False}))


async def _seat(desk: Desk) -> Thing:
    await desk.post("/api/seats", extension="8001", name="一")
    return Thing("/api/seats/8001", ({"name": "二"}, {"in_queue": False}))


async def _queue(desk: Desk) -> Thing:
    await desk.post("/api/queues", code="night", name="夜间")
    return Thing("/api/queues/night", ({"weight": 3}, {"ring_seconds": 30}))


async def _number(desk: Desk) -> Thing:
    await desk.post("/api/numbers", number="02161234567", queue="english")
    bodies = ({"note": "一"}, {"note": "二"})
    return Thing("/api/numbers/02161234567", bodies, read="/api/numbers", key="number")


async def _menu_key(desk: Desk) -> Thing:
    bodies = ({"queue": "english"}, {"queue": None})
    first = {"queue": "12345"}
    return Thing("/api/menu-keys/7", bodies, read="/api/menu-keys", key="key", first=first)


async def _blocked(desk: Desk) -> Thing:
    made = await desk.post("/api/blocklist", number="13800138000", reason="骚扰")
    return Thing(f"/api/blocklist/{made['id']}", ({"reason": "一"}, {"reason": "二"}))


async def _reason(desk: Desk) -> Thing:
    await desk.post("/api/break-reasons", code="nap", name="午休")
    bodies = ({"name": "一"}, {"name": "二"})
    return Thing("/api/break-reasons/nap", bodies, read="/api/break-reasons", key="code")


async def _skills(desk: Desk) -> Thing:
    bodies = ({"levels": {"english": 1}}, {"levels": {"12345": 2, "english": 1}})
    first = {"levels": {"12345": 1}}
    return Thing(f"/api/agents/{await desk.user()}/skills", bodies, first=first)


async def _wrap_up(_desk: Desk) -> Thing:
    bodies = ({"seconds": {"english": 60}}, {"seconds": {"12345": 30, "english": 60}})
    return Thing("/api/agents/wrap-up-times", bodies, first={"seconds": {"12345": 20}})


def _week(opens: int) -> dict[str, Any]:
    return {"week": [{"weekday": 0, "opens": opens, "closes": 1000}], "special_days": []}


async def _opening(_desk: Desk) -> Thing:
    return Thing("/api/opening", (_week(500), _week(510)), first=_week(480))


async def _rule(_desk: Desk) -> Thing:
    bodies = ({"holidays": "closed", "moved_workday_as": 1}, {"holidays": "as_week"})
    return Thing("/api/opening/holidays", bodies, first={"holidays": "closed"})


async def _period(desk: Desk) -> Thing:
    span = {"first_day": "2027-02-05", "last_day": "2027-02-12"}
    made = await desk.post("/api/opening/periods", **span)
    bodies = (span | {"note": "一"}, span | {"note": "二"})
    return Thing(
        f"/api/opening/periods/{made['id']}", bodies, read="/api/opening/periods", key="id"
    )


def _year_of(name: str) -> dict[str, Any]:
    return {"days": [{"day": "2029-01-01", "kind": "holiday", "name": name}]}


async def _year(_desk: Desk) -> Thing:
    return Thing("/api/holidays/years/2029", (_year_of("一"), _year_of("二")), first=_year_of("元"))


async def _day(_desk: Desk) -> Thing:
    bodies = ({"kind": "holiday", "name": "一"}, {"kind": "holiday", "name": "二"})
    return Thing(
        "/api/holidays/days/2029-01-01",
        bodies,
        read="/api/holidays/years/2029",
        key="day",
        first={"kind": "holiday", "name": "元旦"},
    )


async def _shift(desk: Desk) -> Thing:
    body = {"code": "early", "name": "一", "starts": 480, "minutes": 400}
    return Thing(f"/api/shifts/{await desk.shift()}", (body, body | {"name": "二"}))


async def _rotation(desk: Desk) -> Thing:
    body = {
        "name": "轮班",
        "circle": [await desk.shift()],
        "anchor": "2026-12-01",
        "members": [{"user_id": await desk.user(), "place": 0}],
    }
    made = await desk.post("/api/rota/rotations", **body)
    bodies = (body | {"members": []}, body | {"circle": [None]})
    return Thing(f"/api/rota/rotations/{made['id']}", bodies)


async def _entry(desk: Desk) -> Thing:
    day = str(desk.app.get(ShiftService).today())
    body = {"user_id": await desk.user(), "day": day, "shift_id": await desk.shift()}
    made = (await desk.post("/api/rota", **body))["entry"]
    return Thing(f"/api/rota/{made['id']}", ({"note": "一"}, {"note": "二"}))


async def _case(desk: Desk) -> Thing:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    values: dict[str, Any] = {
        "number": "20261124-00001",
        "day": now.date(),
        "day_count": 1,
        "source": "call",
        "call_id": "pbx1:1.1",
        "validity": "valid",
        "status": "open",
        "confidential": False,
        "version": 1,
        **dict.fromkeys(("call_started_at", "opened_at", "updated_at"), now),
    }
    for column in Case.__table__.columns:
        if column.name not in values and not column.nullable and column.name != "id":
            values[column.name] = ""
    async with desk.app.get(Database).writing() as session:
        session.add(Case(**values))
    return Thing("/api/cases/20261124-00001", ({"title": "一"}, {"title": "二"}))


THINGS: dict[str, Make] = {
    "/api/users/{user_id}": _user,
    "/api/seats/{extension}": _seat,
    "/api/queues/{code}": _queue,
    "/api/numbers/{number}": _number,
    "/api/menu-keys/{key}": _menu_key,
    "/api/blocklist/{blocked_id}": _blocked,
    "/api/break-reasons/{code}": _reason,
    "/api/agents/{user_id}/skills": _skills,
    "/api/agents/wrap-up-times": _wrap_up,
    "/api/opening": _opening,
    "/api/opening/holidays": _rule,
    "/api/opening/periods/{period_id}": _period,
    "/api/holidays/years/{year}": _year,
    "/api/holidays/days/{day}": _day,
    "/api/shifts/{shift_id}": _shift,
    "/api/rota/rotations/{rotation_id}": _rotation,
    "/api/rota/{entry_id}": _entry,
    "/api/cases/{number}": _case,
}
TRIED = [one for one in WRITES if str(one) not in EXEMPT]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with service(tmp_path) as app:
        await app.get(QueueService).ensure_first()
        await add_queues(app.get(Database), "english")
        token = await app.get(TokenService).create("desk", tuple(Role))
        async with app.browser(Authorization=f"Bearer {token}") as client:
            yield Desk(app, client)


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"] if answer.status_code >= 400 else ""


@pytest.mark.parametrize("write", TRIED, ids=str)
async def test_of_two_who_read_the_same_one_saves(desk: Desk, write: Endpoint) -> None:
    thing = await THINGS[write.path](desk)
    (method,) = write.methods
    url, (mine, theirs) = thing.url, thing.bodies
    if thing.first is not None:
        made = await desk.client.put(url, json=thing.first)
        assert made.status_code == 200, made.text
    seen = await desk.version(thing)

    async def send(body: Any, **headers: str) -> httpx.Response:
        sent = None if method == "DELETE" else body
        return await desk.client.request(method, url, json=sent, headers=headers)

    assert _code(await send(mine, **{"If-Match": '"1234"'})) == (409, "version_conflict")
    if any(mark is WHOLE for mark in write.route.dependencies):
        assert _code(await send(mine)) == (428, "version_required")
    assert await desk.version(thing) == seen
    if method == "DELETE":
        # Somebody has saved since.
        other = "PUT" if thing.first is not None or "period" in url else "PATCH"
        other = "PUT" if f"PUT {write.path}" in {str(one) for one in WRITES} else other
        tag = {"If-Match": f'"{seen}"'}
        saved = await desk.client.request(other, url, json=theirs, headers=tag)
        assert saved.status_code == 200, saved.text
        assert _code(await send(None, **tag)) == (409, "version_conflict")
        now = await desk.version(thing)
        assert (await send(None, **{"If-Match": f'"{now}"'})).status_code == 204
        return
    # Two at the same moment: by the body, and by the header.
    answers = await asyncio.gather(
        send(mine | {"version": seen}), send(theirs, **{"If-Match": f'W/"{seen}"'})
    )
    assert sorted(map(_code, answers)) == [(200, ""), (409, "version_conflict")]
    (lost,) = [answer for answer in answers if answer.status_code == 409]
    now = await desk.version(thing)
    assert lost.json()["error"]["details"]["version"] == now != seen
    again = await send(mine | {"version": now})
    assert again.status_code == 200, again.text
    assert (await send(theirs, **{"If-Match": "*"})).status_code == 200


async def test_a_thing_made_anew_is_not_the_one_that_was_read(desk: Desk) -> None:
    await desk.post("/api/seats", extension="8001", name="一")
    tag = (await desk.client.get("/api/seats/8001")).headers["etag"]
    assert (await desk.client.delete("/api/seats/8001")).status_code == 204
    await desk.post("/api/seats", extension="8001", name="一")
    late = await desk.client.delete("/api/seats/8001", headers={"If-Match": tag})
    assert _code(late) == (409, "version_conflict")


async def test_if_none_match_makes_and_does_not_replace(desk: Desk) -> None:
    new = {"If-None-Match": "*"}
    url, body = "/api/menu-keys/7", {"queue": "english"}
    assert (await desk.client.put(url, json=body, headers=new)).status_code == 200
    again = await desk.client.put(url, json={"queue": None}, headers=new)
    assert _code(again) == (409, "version_conflict")


def test_the_rule_of_versions() -> None:
    check_version(5, "x")  # Outside a request nobody is asked.
    with seeing(Seen(must_say=True)):
        check_version(None, "x")
        check_version(5, "x", empty=True)
        with pytest.raises(VersionRequired):
            check_version(5, "x")
    with seeing(Seen((frozenset({5}),))):
        check_version(5, "x")
        for present in (None, 6):
            with pytest.raises(VersionConflict):
                check_version(present, "x")
    with seeing(Seen((frozenset({5, 6}), frozenset({6})), must_say=True)):
        check_version(6, "x")
        with pytest.raises(VersionConflict):
            check_version(5, "x")
    with seeing(Seen(anything=True, must_say=True)):
        check_version(6, "x")


def test_equal_contents_have_one_version_and_others_another() -> None:
    assert version_of({"a": 1, "b": 2}) == version_of({"b": 2, "a": 1})
    assert version_of(frozenset("abc")) == version_of(frozenset("cab"))
    different = [None, 0, "", "0", [], [0], {"a": 0}, {"a": None}, False, "a", frozenset("a")]
    assert len({version_of(one) for one in different}) >= len(different) - 1
    assert 0 < version_of() <= 2**48
