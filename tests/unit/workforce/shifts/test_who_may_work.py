"""Who may work is asked whenever the rota is read: a shift of somebody who is disabled, or has lost
the role, covers nothing, is named as a conflict, and counts in no forecast."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from callcenter.people.domain.permissions import Role
from callcenter.people.users.service import UserChanges, UserService
from callcenter.workforce.domain.shifts import ShiftKind
from callcenter.workforce.shifts.service import ShiftService
from tests.unit.app.running import service
from tests.unit.workforce.shifts.office import CITY, LI, WANG, Office
from tests.unit.workforce.shifts.test_shifts_wired import ALL_DAY, made, own_id

LOST = UserChanges(roles=frozenset({Role.LEADER}))
DISABLED = UserChanges(enabled=False)


async def people(desk: Office, day: str) -> list[int]:
    starts = datetime.fromisoformat(day).replace(tzinfo=CITY)
    return [one.people for one in await desk.shifts.cover(starts, starts + timedelta(days=1))]


@pytest.mark.parametrize("lost", [[ShiftKind.SEAT], list(ShiftKind)])
async def test_a_shift_of_somebody_who_may_not_work_covers_nothing(
    desk: Office, lost: list[ShiftKind]
) -> None:
    await desk.entry(WANG, "2026-11-25", "early")
    await desk.entry(LI, "2026-11-25", "early")
    assert await people(desk, "2026-11-25") == [0, 2, 0]
    desk.staff.lost[LI] = lost
    assert await people(desk, "2026-11-25") == [0, 1, 0]
    assert ("may_not_work", LI) in await desk.conflicts("2026-11-25", "2026-11-25")
    desk.watch.at("2026-11-25 09:00")
    assert await desk.shifts.on_shift_now() == {WANG}
    found = await desk.get("/api/shifts/now")
    assert [one["user_id"] for one in found["expected"]] == [WANG]
    assert found["covered"] == 1
    # It was so when it was planned again: the rule is asked anew, not remembered.
    del desk.staff.lost[LI]
    assert await desk.shifts.on_shift_now() == {WANG, LI}


async def test_a_duty_needs_no_seat_but_somebody_who_is_there(desk: Office) -> None:
    await desk.pattern("duty", 0, 24, kind="duty")
    await desk.entry(LI, "2026-11-25", "duty")
    desk.staff.lost[LI] = [ShiftKind.SEAT]
    assert ("may_not_work", LI) not in await desk.conflicts("2026-11-25", "2026-11-25")
    desk.staff.lost[LI] = list(ShiftKind)
    assert ("may_not_work", LI) in await desk.conflicts("2026-11-25", "2026-11-25")


async def test_what_is_past_stays_as_it_was_worked(desk: Office) -> None:
    await desk.entry(LI, "2026-11-23", "early")
    desk.watch.at("2026-11-24 12:00")
    desk.staff.lost[LI] = list(ShiftKind)
    assert ("may_not_work", LI) not in await desk.conflicts("2026-11-23", "2026-11-23")
    query = {"from": "2026-11-23", "to": "2026-11-23"}
    assert len(await desk.get("/api/rota/attendance", **query)) == 1


async def test_planning_says_it_at_once(desk: Office) -> None:
    desk.staff.lost[LI] = [ShiftKind.SEAT]
    body = {"user_id": LI, "day": "2026-11-25", "shift_id": desk.shift_ids["early"]}
    saved = await desk.send("POST", "/api/rota", body, 201)
    assert [one["code"] for one in saved["conflicts"]] == ["may_not_work"]


@pytest.mark.parametrize("change", [LOST, DISABLED])
async def test_real_users_who_are_disabled_or_lose_the_role(
    tmp_path: Path, change: UserChanges
) -> None:
    async with service(tmp_path) as app:
        boss = await app.person("boss", Role.SUPERVISOR)
        await app.person("wang", Role.OPERATOR)
        user_id = await own_id(app, "wang")
        shift = await made(boss, "/api/shifts", **ALL_DAY)
        shifts = app.get(ShiftService)
        today = str(shifts.today())
        await made(boss, "/api/rota", user_id=user_id, day=today, shift_id=shift["id"])
        assert await shifts.on_shift_now() == {user_id}
        day = {"from": today, "to": today}
        before = (await boss.get("/api/forecast", **day)).json()
        await app.get(UserService).change(user_id, change, actor="test")
        assert await shifts.on_shift_now() == frozenset()
        found = await boss.get("/api/rota/conflicts", **{"from": today, "to": today})
        assert ("may_not_work", user_id) in [(one["code"], one["user_id"]) for one in found.json()]
        after = (await boss.get("/api/forecast", **day)).json()
        assert sum(one["rostered"] for one in rows(before)) > 0
        assert sum(one["rostered"] for one in rows(after)) == 0


def rows(data: object) -> list[dict[str, int]]:
    """Every object in `data` that says how many are rostered."""
    found: list[dict[str, int]] = []
    if isinstance(data, dict):
        found += [data] if "rostered" in data else []
        for value in data.values():
            found += rows(value)
    elif isinstance(data, list):
        for value in data:
            found += rows(value)
    return found
