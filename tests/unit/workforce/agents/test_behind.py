"""A seat is ready only while somebody is behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from callcenter.people.domain.permissions import Role
from callcenter.people.users.sessions import SessionService
from callcenter.platform.config import AgentSessionEnd
from callcenter.platform.db.engine import Database
from callcenter.workforce.agents.behind import SomebodyBehind
from callcenter.workforce.domain.agents import AgentState
from tests.unit.app.running import GOOD, Browser, Service, service
from tests.unit.workforce.agents.office import FIRST, FREE, LI, SECOND, WANG, Office, talking


class Sessions:
    def __init__(self) -> None:
        self.alive: set[int] = {WANG, LI}
        self.used: set[int] = set()

    async def behind(self, user_ids: Collection[int]) -> frozenset[int]:
        return frozenset(self.alive & set(user_ids))

    async def used_since(self, moments: Mapping[int, datetime]) -> frozenset[int]:
        return frozenset(self.used & set(moments))


def watch(office: Office, rule: AgentSessionEnd) -> tuple[SomebodyBehind, Sessions]:
    sessions = Sessions()
    return SomebodyBehind(office.agents, sessions, rule), sessions


async def test_an_idle_agent_without_a_session_is_off_his_seat(office: Office) -> None:
    behind, sessions = watch(office, AgentSessionEnd.LOG_OUT)
    await office.agents.log_in(WANG, FIRST, actor="x")
    await office.agents.log_in(LI, SECOND, actor="x")
    await behind.look()
    assert office.agents.at(FIRST) == WANG
    sessions.alive.discard(WANG)
    await behind.look()
    assert office.agents.at(FIRST) is None
    assert office.agents.at(SECOND) == LI


async def test_his_call_goes_on_and_the_next_is_not_offered(office: Office) -> None:
    behind, sessions = watch(office, AgentSessionEnd.LOG_OUT)
    await office.agents.log_in(WANG, FIRST, actor="x")
    await office.sees(FIRST, talking("17.2"))
    await behind.look()
    sessions.alive.discard(WANG)
    for _ in range(3):
        await behind.look()
    assert office.agents.at(FIRST) == WANG
    assert (await office.agents.get(WANG)).agent.state is AgentState.TALKING
    # Said before the call ends, so that no queue is faster than we are.
    assert office.pbx.pauses[FIRST] == "session_ended"
    await office.sees(FIRST, FREE)
    assert office.pbx.pauses[FIRST] != ""
    await behind.look()
    assert office.agents.at(FIRST) is None


async def test_by_setting_he_keeps_the_seat_on_a_break_or_nothing_happens(office: Office) -> None:
    behind, sessions = watch(office, AgentSessionEnd.BREAK)
    nothing, _ = watch(office, AgentSessionEnd.KEEP)
    await office.agents.log_in(WANG, FIRST, actor="x")
    await behind.look()
    sessions.alive.clear()
    await nothing.look()
    assert (await office.agents.get(WANG)).agent.on_break is None
    for _ in range(2):
        await behind.look()
    agent = (await office.agents.get(WANG)).agent
    assert (agent.seat, agent.on_break and agent.on_break.reason) == (FIRST, "session_ended")


async def test_who_was_seated_by_somebody_else_works_with_his_phone_alone(office: Office) -> None:
    """Until he has a session; from then on its end is his."""
    behind, sessions = watch(office, AgentSessionEnd.LOG_OUT)
    sessions.alive.clear()
    await office.agents.log_in(WANG, FIRST, actor="a machine")
    for _ in range(2):
        await behind.look()
    assert office.agents.at(FIRST) == WANG
    sessions.alive.add(WANG)
    await behind.look()
    sessions.alive.discard(WANG)
    await behind.look()
    assert office.agents.at(FIRST) is None


async def test_a_session_that_ran_out_while_the_service_was_down_has_ended(office: Office) -> None:
    behind, sessions = watch(office, AgentSessionEnd.LOG_OUT)
    await office.agents.log_in(WANG, FIRST, actor="x")
    await office.agents.log_in(LI, SECOND, actor="a machine")
    sessions.alive.clear()
    sessions.used.add(WANG)
    await behind.look()
    assert (office.agents.at(FIRST), office.agents.at(SECOND)) == (None, LI)


async def test_who_is_no_agent_any_more_leaves_after_his_call(office: Office) -> None:
    await office.agents.log_in(WANG, FIRST, actor="x")
    await office.sees(FIRST, talking("17.2"))
    del office.people.known[WANG]
    office.agents.user_changed(WANG)
    await office.agents.take_due()
    assert office.agents.at(FIRST) == WANG
    assert office.pbx.pauses[FIRST] == "not_an_agent"
    await office.sees(FIRST, FREE)
    await office.agents.take_due()
    assert office.agents.at(FIRST) is None


# -- the ways in which a session ends --------------------------------------------------------------


async def logs_out(_app: Service, person: Browser, _admin: Browser, _id: int) -> None:
    assert (await person.post("/api/logout")).is_success


async def is_logged_out(_app: Service, _person: Browser, admin: Browser, user_id: int) -> None:
    assert (await admin.post(f"/api/users/{user_id}/logout")).is_success


async def gets_a_password(_app: Service, _person: Browser, admin: Browser, user_id: int) -> None:
    assert (await admin.post(f"/api/users/{user_id}/password")).is_success


async def is_disabled(_app: Service, _person: Browser, admin: Browser, user_id: int) -> None:
    answer = await admin.send("PATCH", f"/api/users/{user_id}", {"enabled": False})
    assert answer.is_success, answer.text


async def runs_out(app: Service, _person: Browser, _admin: Browser, user_id: int) -> None:
    async with app.get(Database).writing() as session:
        past = datetime.now(UTC) - timedelta(days=2)
        await session.execute(
            text("UPDATE user_session SET expires_at = :past WHERE user_id = :id"),
            {"past": past.strftime("%Y-%m-%d %H:%M:%S.%f"), "id": user_id},
        )


Way = Callable[[Service, Browser, Browser, int], Awaitable[None]]


@pytest.mark.parametrize("way", [logs_out, is_logged_out, gets_a_password, is_disabled, runs_out])
async def test_however_a_session_ends_nobody_is_behind(tmp_path: Path, way: Way) -> None:
    async with service(tmp_path) as app:
        person, admin = await app.person("wang", Role.OPERATOR), await app.person("su", Role.ADMIN)
        user_id = (await person.get("/api/me")).json()["user_id"]
        sessions = app.get(SessionService)
        assert await sessions.behind([user_id]) == {user_id}
        await way(app, person, admin, user_id)
        assert await sessions.behind([user_id]) == frozenset()


async def test_a_new_password_of_ones_own_and_a_second_browser_stay_behind(tmp_path: Path) -> None:
    async with service(tmp_path) as app:
        person = await app.person("wang", Role.OPERATOR)
        user_id = (await person.get("/api/me")).json()["user_id"]
        answer = await person.post("/api/password", current=GOOD, new=f"{GOOD} again")
        assert answer.is_success
        assert await app.get(SessionService).behind([user_id]) == {user_id}
