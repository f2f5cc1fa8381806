"""Patterns and rotations over the API, and what a rotation plans."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workforce.shifts.office import CHEN, LI, WANG, ZHAO, Office


async def test_what_was_made_is_what_is_read(desk: Office) -> None:
    found = await desk.get("/api/shifts")
    assert [shift["code"] for shift in found] == ["early", "late", "night"]
    assert found[2] | {"id": 0, "version": 0, "updated_at": ""} == {
        "id": 0,
        "version": 0,
        "code": "night",
        "name": "night班",
        "starts": 1320,
        "minutes": 600,
        "kind": "seat",
        "enabled": True,
        "updated_by": "boss",
        "updated_at": "",
    }
    assert await desk.get(f"/api/shifts/{found[2]['id']}") == found[2]


async def test_a_code_is_there_once(desk: Office) -> None:
    body = {"code": "early", "name": "早", "starts": 0, "minutes": 60}
    assert await desk.refused("POST", "/api/shifts", body) == (409, "shift_exists")
    late = desk.shift_ids["late"]
    assert await desk.refused("PUT", f"/api/shifts/{late}", body) == (409, "shift_exists")


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "Early"},
        {"code": ""},
        {"name": " "},
        {"name": "a\0b"},
        {"starts": -1},
        {"starts": 1440},
        {"minutes": 0},
        {"minutes": 1441},
        {"kind": "rest"},
        {"colour": "red"},
    ],
)
async def test_what_is_no_pattern_is_refused(desk: Office, wrong: dict[str, Any]) -> None:
    body = {"code": "extra", "name": "加班", "starts": 0, "minutes": 60} | wrong
    assert await desk.refused("POST", "/api/shifts", body) == (422, "bad_input")


async def test_a_changed_pattern_moves_what_is_to_come_and_leaves_what_was(desk: Office) -> None:
    for day in ("2026-11-23", "2026-11-24", "2026-11-25"):
        await desk.entry(WANG, day, "early")
    body = {"code": "early", "name": "早班", "starts": 540, "minutes": 480}
    await desk.send("PUT", f"/api/shifts/{desk.shift_ids['early']}", body)
    rota = await desk.get("/api/rota", **{"from": "2026-11-23", "to": "2026-11-25"})
    assert [entry["starts"][11:16] for entry in rota] == ["00:00", "00:00", "01:00"]
    assert [entry["version"] for entry in rota] == [1, 1, 2]


async def test_a_rotation_plans_no_disabled_shift(desk: Office) -> None:
    made = await desk.rotation(["early", "late"], {WANG: 0})
    body = {"code": "late", "name": "晚班", "starts": 960, "minutes": 480, "enabled": False}
    await desk.send("PUT", f"/api/shifts/{desk.shift_ids['late']}", body)
    url = f"/api/rota/rotations/{made['id']}/plan"
    days = {"from": "2026-11-25", "to": "2026-11-26"}
    assert await desk.refused("POST", url, days) == (422, "shift_disabled")
    assert await desk.rota("2026-11-25", "2026-11-26") == []


async def test_a_pattern_in_use_is_not_removed_but_disabled(desk: Office) -> None:
    url = f"/api/shifts/{desk.shift_ids['early']}"
    entry = await desk.entry(WANG, "2026-11-25", "early")
    assert await desk.refused("DELETE", url) == (409, "shift_in_use")
    body = {"code": "early", "name": "早班", "starts": 480, "minutes": 480, "enabled": False}
    await desk.send("PUT", url, body)
    new = {"user_id": LI, "day": "2026-11-25", "shift_id": desk.shift_ids["early"]}
    assert await desk.refused("POST", "/api/rota", new) == (422, "shift_disabled")
    assert await desk.rota("2026-11-25", "2026-11-25") == [(WANG, "2026-11-25", "early")]
    await desk.send("DELETE", f"/api/rota/{entry['id']}", status=204)
    await desk.send("DELETE", url, status=204)
    assert await desk.refused("GET", url) == (404, "shift_not_found")
    assert await desk.refused("PUT", url, body) == (404, "shift_not_found")
    assert await desk.refused("DELETE", url) == (404, "shift_not_found")


# -- rotations --------------------------------------------------------------------------------


async def test_a_rotation_plans_its_circle_day_by_day(desk: Office) -> None:
    made = await desk.rotation(["early", "late", "night", None], {WANG: 0, LI: 1})
    result = await desk.plan(made["id"], "2026-11-24", "2026-11-28")
    assert (result["added"], result["kept"], result["assumed_years"]) == (8, 0, [])
    assert await desk.rota("2026-11-24", "2026-11-28") == [
        (WANG, "2026-11-24", "early"),
        (LI, "2026-11-24", "late"),
        (WANG, "2026-11-25", "late"),
        (LI, "2026-11-25", "night"),
        (WANG, "2026-11-26", "night"),
        (LI, "2026-11-27", "early"),
        (WANG, "2026-11-28", "early"),
        (LI, "2026-11-28", "late"),
    ]


async def test_planning_twice_changes_nothing(desk: Office) -> None:
    made = await desk.rotation(["early", "late"], {WANG: 0, LI: 1})
    await desk.plan(made["id"], "2026-11-24", "2026-11-30")
    before = await desk.get("/api/rota", **{"from": "2026-11-24", "to": "2026-11-30"})
    again = await desk.plan(made["id"], "2026-11-24", "2026-11-30")
    assert again == {
        "added": 0,
        "changed": 0,
        "removed": 0,
        "unchanged": 14,
        "kept": 0,
        "assumed_years": [],
    }
    assert await desk.get("/api/rota", **{"from": "2026-11-24", "to": "2026-11-30"}) == before


async def test_a_dry_run_says_what_it_would_do_and_does_nothing(desk: Office) -> None:
    made = await desk.rotation(["early"], {WANG: 0})
    would = await desk.plan(made["id"], "2026-11-24", "2026-11-30", dry_run=True)
    assert would["added"] == 7
    assert await desk.rota("2026-11-24", "2026-11-30") == []
    assert await desk.plan(made["id"], "2026-11-24", "2026-11-30") == would


async def test_a_changed_rotation_replaces_its_own_plan_and_nobody_elses(desk: Office) -> None:
    made = await desk.rotation(["early"], {WANG: 0, LI: 0, ZHAO: 0})
    await desk.entry(LI, "2026-11-25", "night")
    await desk.plan(made["id"], "2026-11-25", "2026-11-25")
    by_hand = await desk.get("/api/rota", **{"from": "2026-11-25", "to": "2026-11-25"})
    zhao = next(entry for entry in by_hand if entry["user_id"] == ZHAO)
    await desk.send(
        "PATCH", f"/api/rota/{zhao['id']}", {"version": zhao["version"], "user_id": CHEN}
    )
    body = {
        "name": "轮班",
        "circle": [desk.shift_ids["late"]],
        "anchor": "2026-11-24",
        "members": [{"user_id": one, "place": 0} for one in (WANG, LI, ZHAO)],
    }
    await desk.send("PUT", f"/api/rota/rotations/{made['id']}", body)
    result = await desk.plan(made["id"], "2026-11-25", "2026-11-25")
    # 赵's day is 陈's now, by hand; 李 has a night of his own.
    assert (result["changed"], result["added"], result["kept"]) == (1, 0, 2)
    assert sorted(await desk.rota("2026-11-25", "2026-11-25")) == [
        (WANG, "2026-11-25", "late"),
        (LI, "2026-11-25", "night"),
        (CHEN, "2026-11-25", "early"),
    ]


async def test_members_who_left_lose_what_was_planned(desk: Office) -> None:
    made = await desk.rotation(["early"], {WANG: 0, LI: 0})
    await desk.plan(made["id"], "2026-11-25", "2026-11-26")
    body = {
        "name": "轮班",
        "circle": [desk.shift_ids["early"]],
        "anchor": "2026-11-24",
        "members": [{"user_id": LI, "place": 0}],
    }
    await desk.send("PUT", f"/api/rota/rotations/{made['id']}", body)
    assert (await desk.plan(made["id"], "2026-11-25", "2026-11-26"))["removed"] == 2
    assert {entry[0] for entry in await desk.rota("2026-11-25", "2026-11-26")} == {LI}


async def test_working_days_only_goes_by_holidays_and_moved_days(desk: Office) -> None:
    desk.watch.at("2026-09-20 12:00")
    made = await desk.rotation(["early"], {WANG: 0}, workdays_only=True, anchor="2026-09-21")
    await desk.plan(made["id"], "2026-09-25", "2026-10-12")
    days = [day for _, day, _ in await desk.rota("2026-09-25", "2026-10-12")]
    # Mid-autumn 25–27 September and National Day 1–7 October; Saturday the 10th is worked.
    assert days == [
        "2026-09-28",
        "2026-09-29",
        "2026-09-30",
        "2026-10-08",
        "2026-10-09",
        "2026-10-10",
        "2026-10-12",
    ]


async def test_a_year_without_holidays_is_planned_and_said(desk: Office) -> None:
    made = await desk.rotation(["early"], {WANG: 0}, workdays_only=True)
    result = await desk.plan(made["id"], "2026-12-31", "2027-01-01")
    assert result["assumed_years"] == [2027]
    year = {"days": [{"day": "2027-01-01", "kind": "holiday", "name": "元旦"}]}
    desk.door.ask_as()
    await desk.send("PUT", "/api/holidays/years/2027", year)
    result = await desk.plan(made["id"], "2026-12-31", "2027-01-01")
    assert (result["removed"], result["assumed_years"]) == (1, [])


async def test_the_past_is_not_planned(desk: Office) -> None:
    made = await desk.rotation(["early"], {WANG: 0})
    url = f"/api/rota/rotations/{made['id']}/plan"
    body = {"from": "2026-11-23", "to": "2026-11-30"}
    assert await desk.refused("POST", url, body) == (422, "rota_in_the_past")
    body = {"from": "2026-11-30", "to": "2026-11-29"}
    assert await desk.refused("POST", url, body) == (422, "bad_range")
    body = {"from": "2026-11-30", "to": "2027-11-29"}
    assert await desk.refused("POST", url, body) == (422, "bad_range")


async def test_a_removed_rotation_takes_its_plan_along_from_tomorrow_on(desk: Office) -> None:
    made = await desk.rotation(["early"], {WANG: 0})
    await desk.plan(made["id"], "2026-11-24", "2026-11-27")
    await desk.send("DELETE", f"/api/rota/rotations/{made['id']}", status=204)
    assert await desk.rota("2026-11-24", "2026-11-27") == [(WANG, "2026-11-24", "early")]
    url = f"/api/rota/rotations/{made['id']}"
    for method in ("GET", "DELETE"):
        assert await desk.refused(method, url) == (404, "rotation_not_found")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"circle": []}, "bad_input"),
        ({"circle": [999]}, "unknown_shift"),
        ({"every_days": 0}, "bad_input"),
        ({"members": [{"user_id": WANG, "place": 1}]}, "bad_rotation"),
        ({"members": [{"user_id": WANG, "place": 0}] * 2}, "bad_input"),
    ],
)
async def test_what_is_no_rotation_is_refused(
    desk: Office, wrong: dict[str, Any], code: str
) -> None:
    body = {"name": "新", "circle": [None], "anchor": "2026-11-24", "members": []} | wrong
    assert await desk.refused("POST", "/api/rota/rotations", body) == (422, code)
    assert await desk.get("/api/rota/rotations") == []


async def test_a_rotations_name_is_there_once(desk: Office) -> None:
    first = await desk.rotation(["early"], {WANG: 0}, every_days=10)
    assert await desk.get("/api/rota/rotations") == [first]
    other = await desk.rotation(["early"], {}, name="另一")
    body = {"name": "轮班", "circle": [None], "anchor": "2026-11-24", "members": []}
    assert await desk.refused("POST", "/api/rota/rotations", body) == (409, "rotation_exists")
    url = f"/api/rota/rotations/{other['id']}"
    assert await desk.refused("PUT", url, body) == (409, "rotation_exists")
