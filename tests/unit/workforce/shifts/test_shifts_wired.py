"""Shifts in the whole service: real users, their real log-ins, and no PBX."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from callcenter.people.domain.permissions import Role
from callcenter.people.trail.models import TrailEntry
from callcenter.people.users.service import UserService
from callcenter.platform.db.engine import Database
from callcenter.workforce.agents.history import AgentHistory
from callcenter.workforce.agents.models import AgentInterval
from callcenter.workforce.agents.service import AgentService
from callcenter.workforce.shifts.neighbours import AgentPresence
from callcenter.workforce.shifts.service import ShiftService
from tests.unit.app.running import Browser, Service, service
from tests.unit.rows import add_queues, add_users

ALL_DAY = {"code": "all", "name": "全天", "starts": 0, "minutes": 1440}


async def own_id(app: Service, login: str) -> int:
    return int((await app.get(UserService).by_login(login)).id)


async def made(browser: Browser, url: str, **body: Any) -> Any:
    answer = await browser.post(url, **body)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def test_a_supervisor_plans_an_agent_and_sees_who_is_missing(tmp_path: Path) -> None:
    async with service(tmp_path) as app:
        boss = await app.person("boss", Role.SUPERVISOR)
        agent = await app.person("wang", Role.OPERATOR)
        user_id = await own_id(app, "wang")
        shift = await made(boss, "/api/shifts", **ALL_DAY)
        today = str(app.get(ShiftService).today())
        saved = await made(boss, "/api/rota", user_id=user_id, day=today, shift_id=shift["id"])
        assert saved["entry"]["name"] == "Wang"
        mine = await agent.get("/api/rota/mine", **{"from": today, "to": today})
        assert [entry["id"] for entry in mine.json()] == [saved["entry"]["id"]]
        assert (await agent.get("/api/shifts/now")).status_code == 403
        assert await app.get(ShiftService).on_shift_now() == {user_id}
        (expected,) = (await boss.get("/api/shifts/now")).json()["expected"]
        assert expected["user_id"] == user_id
        assert expected["attendance"] in (
            "missing",
            "upcoming",
        )  # within the first minutes of a day
        # The feed stands outside /api, so that a calendar can read it without logging in.
        path = (await made(agent, "/api/rota/feed"))["path"]
        stranger = app.browser()
        assert b"BEGIN:VEVENT" in (await stranger.get(path)).content
        assert (await stranger.get("/calendar/" + "x" * 43 + ".ics")).status_code == 404
        noted = {entry.action for entry in await actions(app)}
        assert {"shift.added", "rota.added", "rota.feed_made"} <= noted


async def actions(app: Service) -> list[Any]:
    """The entries of the audit trail."""
    async with app.get(Database).reading() as session:
        return list((await session.execute(select(TrailEntry))).scalars())


async def test_presence_is_being_logged_in_whatever_one_does(tmp_path: Path) -> None:
    begun = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)

    def at(minutes: int) -> datetime:
        return begun + timedelta(minutes=minutes)

    async with service(tmp_path) as app:
        states = [
            ("ready", 0, 60),
            ("break", 60, 75),
            ("unreachable", 75, 80),
            ("ready", 120, 180),
            ("talking", 180, None),
        ]
        await add_users(app.get(Database), {7: "王芳"})
        async with app.get(Database).writing() as session:
            for state, first, last in states:
                session.add(
                    AgentInterval(
                        user_id=7,
                        seat="8001",
                        state=state,
                        reason="",
                        begun_at=at(first),
                        ended_at=None if last is None else at(last),
                    )
                )
        presence = AgentPresence(app.get(AgentHistory), app.get(AgentService))
        assert await presence.presence(7, at(0), at(480)) == [
            (at(0), at(80)),
            (at(120), None),
        ]
        assert await presence.presence(7, at(90), at(100)) == []
        assert await presence.presence(8, at(0), at(480)) == []


async def test_who_takes_a_removed_user_s_login_inherits_nothing(tmp_path: Path) -> None:
    """Whoever has never logged in may be removed: what was planned for him goes with him."""
    async with service(tmp_path) as app:
        boss = await app.person("boss", Role.ADMIN, Role.SUPERVISOR)
        person = {"login": "wang", "name": "王芳", "roles": ["operator"]}
        gone = (await made(boss, "/api/users", **person))["id"]
        shift = await made(boss, "/api/shifts", **ALL_DAY)
        today = str(app.get(ShiftService).today())
        await made(boss, "/api/rota", user_id=gone, day=today, shift_id=shift["id"])
        leave = {"first_day": today, "last_day": today, "kind": "sick", "user_id": gone}
        await made(boss, "/api/leave", **leave)
        await made(
            boss,
            "/api/rota/rotations",
            name="轮班",
            circle=[shift["id"]],
            anchor=today,
            members=[{"user_id": gone, "place": 0}],
        )
        await add_queues(app.get(Database), "12345")
        await app.get(AgentService).set_skills(gone, {"12345": 2}, actor="test")
        await app.get(UserService).remove(gone, actor="test")
        new = (await made(boss, "/api/users", **person))["id"]
        assert new > gone
        span = {"from": today, "to": today}
        assert (await boss.get("/api/rota", **span)).json() == []
        assert (await boss.get("/api/leave")).json()["items"] == []
        (rotation,) = (await boss.get("/api/rota/rotations")).json()
        assert rotation["members"] == []
        assert await app.get(AgentService).skills(new) == {}
