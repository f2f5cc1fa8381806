"""The rota by hand: entries, conflicts, who is on shift, and who was there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from callcenter.platform.broadcast import Change
from callcenter.telephony.domain.ids import Extension
from callcenter.telephony.domain.seating import DesiredMember
from callcenter.workforce.shifts.neighbours import MembersByShift
from callcenter.workforce.shifts.watch import EDGE_SECONDS, ShiftWatch
from tests.unit.workforce.shifts.office import CHEN, CITY, LI, WANG, ZHAO, Office, office


async def test_a_night_is_an_entry_of_the_day_that_it_begins_on(desk: Office) -> None:
    entry = await desk.entry(WANG, "2026-11-25", "night")
    assert (entry["starts"], entry["ends"]) == ("2026-11-25T14:00:00Z", "2026-11-26T00:00:00Z")
    assert (entry["name"], entry["source"], entry["version"]) == ("王芳", "manual", 1)
    assert await desk.get(f"/api/rota/{entry['id']}") == entry
    assert await desk.rota("2026-11-26", "2026-11-26") == []


async def test_saving_names_the_conflicts_and_forbids_nothing(desk: Office) -> None:
    await desk.entry(WANG, "2026-11-24", "late")
    body = {"user_id": WANG, "day": "2026-11-25", "shift_id": desk.shift_ids["early"]}
    saved = await desk.send("POST", "/api/rota", body, 201)
    (conflict,) = saved["conflicts"]
    assert (conflict["code"], conflict["name"]) == ("too_little_rest", "王芳")
    assert conflict["facts"] == {"minutes": 480, "needed": 660}
    assert len(await desk.rota("2026-11-24", "2026-11-25")) == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"user_id": 999}, "unknown_user"),
        ({"shift_id": 999}, "unknown_shift"),
        ({"day": "2026-02-30"}, "bad_input"),
        ({"user_id": 0}, "bad_input"),
        ({"note": "x" * 201}, "bad_input"),
    ],
)
async def test_what_is_no_entry_is_refused(desk: Office, body: dict[str, Any], code: str) -> None:
    right = {"user_id": WANG, "day": "2026-11-25", "shift_id": desk.shift_ids["early"]}
    assert await desk.refused("POST", "/api/rota", right | body) == (422, code)


async def test_the_same_shift_is_there_once(desk: Office) -> None:
    await desk.entry(WANG, "2026-11-25", "early")
    body = {"user_id": WANG, "day": "2026-11-25", "shift_id": desk.shift_ids["early"]}
    assert await desk.refused("POST", "/api/rota", body) == (409, "rota_entry_exists")
    other = await desk.entry(LI, "2026-11-25", "early")
    change = {"version": 1, "user_id": WANG}
    assert await desk.refused("PATCH", f"/api/rota/{other['id']}", change) == (
        409,
        "rota_entry_exists",
    )


async def test_who_saves_second_is_told(desk: Office) -> None:
    entry = await desk.entry(WANG, "2026-11-25", "early")
    url = f"/api/rota/{entry['id']}"
    first = await desk.send("PATCH", url, {"version": 1, "note": "带新人"})
    assert (first["entry"]["version"], first["entry"]["note"]) == (2, "带新人")
    assert await desk.refused("PATCH", url, {"version": 1, "user_id": LI}) == (
        409,
        "version_conflict",
    )
    moved = await desk.send("PATCH", url, {"version": 2, "user_id": LI})
    assert (moved["entry"]["user_id"], moved["entry"]["note"]) == (LI, "带新人")


async def test_an_entry_that_is_not_there(desk: Office) -> None:
    for method, body in (("GET", None), ("PATCH", {"version": 1}), ("DELETE", None)):
        assert await desk.refused(method, "/api/rota/99", body) == (404, "rota_entry_not_found")


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-11-25", "2026-11-24"),
        ("2026-01-01", "2026-12-31"),
        ("1999-12-31", "2000-01-02"),
        ("9999-12-30", "9999-12-31"),
        ("0001-01-01", "0001-01-02"),
    ],
)
@pytest.mark.parametrize("url", ["/api/rota", "/api/rota/conflicts", "/api/rota/attendance"])
async def test_days_that_cannot_be_asked_for(desk: Office, url: str, first: str, last: str) -> None:
    answer = await desk.client.get(url, params={"from": first, "to": last})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_range")


async def test_an_agent_reads_own_shifts_and_no_others(desk: Office) -> None:
    await desk.entry(WANG, "2026-11-25", "early")
    await desk.entry(LI, "2026-11-25", "late")
    desk.as_agent(LI)
    query = {"from": "2026-11-24", "to": "2026-11-30"}
    assert [e["shift_code"] for e in await desk.get("/api/rota/mine", **query)] == ["late"]
    assert await desk.refused("GET", "/api/rota?from=2026-11-24&to=2026-11-30") == (
        403,
        "forbidden",
    )
    desk.as_machine()
    assert await desk.refused("GET", "/api/rota/mine?from=2026-11-24&to=2026-11-30") == (
        403,
        "not_a_person",
    )


# -- conflicts --------------------------------------------------------------------------------


async def test_each_kind_of_conflict_is_found_by_name(desk: Office) -> None:
    hours = [{"weekday": weekday, "opens": 480, "closes": 1440} for weekday in range(7)]
    desk.door.ask_as()
    await desk.send("PUT", "/api/opening", {"week": hours, "special_days": []})
    desk.as_boss()
    await desk.entry(WANG, "2026-11-25", "early")
    await desk.entry(LI, "2026-11-25", "late")
    assert await desk.conflicts("2026-11-25", "2026-11-25") == []
    await desk.entry(LI, "2026-11-25", "night")
    # From 16:00 to 8:00 without rest.
    assert await desk.conflicts("2026-11-25", "2026-11-25") == [
        ("too_long", LI),
        ("double_booking", LI),
    ]
    assert ("not_covered", None) in await desk.conflicts("2026-11-26", "2026-11-26")
    del desk.staff.known[LI]
    assert ("unknown_person", LI) in await desk.conflicts("2026-11-25", "2026-11-25")


async def test_a_run_of_days_is_found_from_any_of_them(desk: Office) -> None:
    for day in range(20, 28):
        await desk.entry(WANG, f"2026-11-{day}", "early")
    for day in (20, 24, 27):
        found = await desk.conflicts(f"2026-11-{day}", f"2026-11-{day}")
        assert ("too_many_days", WANG) in found, day
    assert ("too_many_days", WANG) not in await desk.conflicts("2026-11-29", "2026-11-29")


async def test_twenty_four_hours_at_spring_festival_want_a_night_shift(desk: Office) -> None:
    desk.door.ask_as()
    hours = [{"weekday": weekday, "opens": 480, "closes": 960} for weekday in range(7)]
    await desk.send("PUT", "/api/opening", {"week": hours, "special_days": []})
    desk.as_boss()
    for day in (16, 17):
        await desk.entry(WANG, f"2026-02-{day}", "early")
    assert await desk.conflicts("2026-02-16", "2026-02-17") == []
    desk.door.ask_as()
    festival = {
        "first_day": "2026-02-16",
        "last_day": "2026-02-17",
        "opens": 0,
        "closes": 1440,
        "note": "春节",
    }
    await desk.send("POST", "/api/opening/periods", festival, 201)
    found = await desk.get("/api/rota/conflicts", **{"from": "2026-02-16", "to": "2026-02-17"})
    assert [(c["code"], c["starts"], c["ends"]) for c in found] == [
        ("not_covered", "2026-02-15T16:00:00Z", "2026-02-16T00:00:00Z"),
        ("not_covered", "2026-02-16T08:00:00Z", "2026-02-17T00:00:00Z"),
        ("not_covered", "2026-02-17T08:00:00Z", "2026-02-17T16:00:00Z"),
    ]


async def test_more_cover_may_be_asked_for(tmp_path: Path) -> None:
    async with office(tmp_path, shift_min_covered=2, shift_max_hours=24) as desk:
        await desk.pattern("day", 0, 24)
        await desk.entry(WANG, "2026-11-25", "day")
        assert await desk.conflicts("2026-11-25", "2026-11-25") == [("not_covered", None)]
        await desk.entry(LI, "2026-11-25", "day")
        assert await desk.conflicts("2026-11-25", "2026-11-25") == []


# -- who is there -----------------------------------------------------------------------------


async def test_on_shift_through_the_night(desk: Office) -> None:
    await desk.entry(WANG, "2026-11-25", "night")
    await desk.entry(LI, "2026-11-26", "early")
    await desk.pattern("duty", 0, 24, kind="duty")
    await desk.entry(ZHAO, "2026-11-25", "duty")
    for moment, expected in (
        ("2026-11-25 21:59", set()),
        ("2026-11-25 22:00", {WANG}),
        ("2026-11-26 07:59", {WANG}),
        ("2026-11-26 08:00", {LI}),
        ("2026-11-26 16:00", set()),
    ):
        desk.watch.at(moment)
        assert await desk.shifts.on_shift_now() == expected, moment
    desk.watch.at("2026-11-26 03:00")
    assert (await desk.shifts.at_work()).holds == timedelta(hours=5)


async def test_the_watch_tells_of_each_change_once(desk: Office) -> None:
    told: list[Change] = []
    heard: list[int] = []
    watch = ShiftWatch(desk.settings, desk.shifts, told.append)
    watch.on_change(lambda: heard.append(len(told)))
    await desk.entry(WANG, "2026-11-25", "early")
    await watch.look()
    await watch.look()
    desk.watch.at("2026-11-25 08:00")
    await watch.look()
    await desk.entry(LI, "2026-11-25", "early")
    await watch.look()
    desk.watch.at("2026-11-25 16:00")
    await watch.look()
    await watch.look()
    assert {change.topic for change in told} == {"shifts.changed"}
    assert [(c.data["began"], c.data["ended"]) for c in told] == [
        ([], []),
        ([WANG], []),
        ([LI], []),
        ([], [WANG, LI]),
    ]
    assert heard == [1, 2, 3, 4]


async def test_the_watch_looks_again_when_the_next_shift_begins_or_ends(desk: Office) -> None:
    usual = desk.settings.shift_watch_seconds
    watch = ShiftWatch(desk.settings, desk.shifts, lambda _change: None)
    assert await watch.look() == usual
    await desk.entry(WANG, "2026-11-25", "early")
    for moment, seconds in (
        ("2026-11-25 07:00", usual),
        ("2026-11-25 07:59:57", 3),
        ("2026-11-25 08:00", usual),
        ("2026-11-25 15:59:59.5", 0.5),
        ("2026-11-25 15:59:59.999999", EDGE_SECONDS),
        ("2026-11-25 16:00", usual),
    ):
        desk.watch.at(moment)
        assert await watch.look() == seconds, moment


async def a_shift_now(desk: Office) -> None:
    await desk.entry(WANG, "2026-11-25", "early")


async def a_swap(desk: Office) -> None:
    entry = await desk.entry(LI, "2026-11-25", "early")
    desk.watch.at("2026-11-24 12:00")
    desk.as_agent(LI)
    asked = await desk.send(
        "POST", "/api/swaps", {"entry_id": entry["id"], "partner_id": WANG}, 201
    )
    desk.as_agent(WANG)
    await desk.send("POST", f"/api/swaps/{asked['id']}/accept")
    desk.watch.at("2026-11-25 09:00")
    desk.as_boss()
    await desk.send("POST", f"/api/swaps/{asked['id']}/approve", {})


async def leave_given_back(desk: Office) -> None:
    await desk.entry(WANG, "2026-11-25", "early")
    days = {"first_day": "2026-11-25", "last_day": "2026-11-25", "kind": "annual"}
    asked = await desk.send("POST", "/api/leave", {**days, "user_id": WANG}, 201)
    await desk.send("POST", f"/api/leave/{asked['id']}/approve", {})
    await desk.send("POST", f"/api/leave/{asked['id']}/withdraw")


async def a_file(desk: Office) -> None:
    text = f"day,user_id,shift\n2026-11-25,{WANG},early\n"
    answer = await desk.client.post(
        "/api/rota/import", content=text, headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 200


async def a_rotation(desk: Office) -> None:
    made = await desk.rotation(["early"], {WANG: 0})
    await desk.plan(made["id"], "2026-11-25", "2026-11-25")


@pytest.mark.parametrize("change", [a_shift_now, a_swap, leave_given_back, a_file, a_rotation])
@pytest.mark.timeout(20)
async def test_the_watch_hears_of_every_change_of_the_rota(
    tmp_path: Path, change: Callable[[Office], Awaitable[None]]
) -> None:
    """Its next round by itself would be in ten minutes."""
    async with office(tmp_path, shift_watch_seconds=600) as desk:
        await desk.usual()
        desk.watch.at("2026-11-25 09:00")
        told: asyncio.Queue[Change] = asyncio.Queue()
        watch = ShiftWatch(desk.settings, desk.shifts, told.put_nowait)
        running = asyncio.create_task(watch.run())
        try:
            assert (await told.get()).data["on_shift"] == []
            await change(desk)
            while (await told.get()).data["on_shift"] != [WANG]:
                pass
        finally:
            running.cancel()


async def test_members_of_the_queue_are_those_on_shift(desk: Office) -> None:
    # At 8003 nobody is logged in: no person, no shift.
    holders = {"8001": WANG, "8002": LI, "8003": None}
    everybody = [
        DesiredMember("12345", Extension(seat), "", user_id=user_id)
        for seat, user_id in holders.items()
    ]

    async def members() -> list[DesiredMember]:
        return everybody

    by_shift = MembersByShift(desk.shifts, members)
    await desk.entry(WANG, "2026-11-25", "early")
    desk.watch.at("2026-11-25 09:00")
    assert [m.extension for m in await by_shift()] == ["8001", "8003"]
    desk.watch.at("2026-11-25 16:00")
    assert [m.extension for m in await by_shift()] == ["8003"]


async def test_who_should_be_here_and_who_is(desk: Office) -> None:
    await desk.entry(WANG, "2026-11-25", "early")
    await desk.entry(LI, "2026-11-25", "early")
    await desk.entry(ZHAO, "2026-11-25", "late")
    await desk.pattern("duty", 0, 24, kind="duty")
    await desk.entry(1, "2026-11-25", "duty")
    desk.logins.add(WANG, "2026-11-25 07:55")
    desk.logins.add(ZHAO, "2026-11-25 08:10")
    desk.logins.add(CHEN, "2026-11-24 15:55")
    desk.watch.at("2026-11-25 08:30")
    now = await desk.get("/api/shifts/now")
    assert [(e["name"], e["attendance"], e["needs_attention"]) for e in now["expected"]] == [
        ("王芳", "present", False),
        ("李强", "missing", True),
    ]
    assert now["expected"][1]["late_seconds"] == 1800
    assert (now["covered"], now["needed"], now["opening"]["open"]) == (2, 1, True)
    assert [duty["name"] for duty in now["on_duty"]] == ["班长"]
    assert now["unplanned"] == [
        {"user_id": ZHAO, "name": "赵敏", "next_starts": "2026-11-25T08:00:00Z"},
        {"user_id": CHEN, "name": "陈晨", "next_starts": None},
    ]
    assert now["next_change"] == "2026-11-25T08:00:00Z"
    assert [w["code"] for w in now["warnings"]] == ["next_year_missing"]


async def test_how_shifts_were_kept(desk: Office) -> None:
    await desk.entry(WANG, "2026-11-23", "early")
    await desk.entry(LI, "2026-11-23", "early")
    await desk.entry(ZHAO, "2026-11-23", "night")
    await desk.entry(WANG, "2026-11-25", "early")
    desk.logins.add(WANG, "2026-11-23 08:20", "2026-11-23 15:00")
    desk.logins.add(ZHAO, "2026-11-23 21:50", "2026-11-24 08:05")
    found = await desk.get("/api/rota/attendance", **{"from": "2026-11-23", "to": "2026-11-25"})
    assert [(f["name"], f["attendance"]) for f in found] == [
        ("王芳", "late_and_left_early"),
        ("李强", "absent"),
        ("赵敏", "kept"),
        ("王芳", "upcoming"),
    ]
    assert (found[0]["late_seconds"], found[0]["early_seconds"]) == (1200, 3600)
    query = {"from": "2026-11-23", "to": "2026-11-25", "user_id": ZHAO}
    (own,) = await desk.get("/api/rota/attendance", **query)
    assert own["present_seconds"] == 10 * 3600


async def test_cover_counts_people_without_leave(desk: Office) -> None:
    await desk.entry(WANG, "2026-11-25", "early")
    await desk.entry(LI, "2026-11-25", "early")
    starts = datetime(2026, 11, 25, tzinfo=CITY)
    pieces = await desk.shifts.cover(starts, starts + timedelta(days=1))
    assert [(p.starts.astimezone(CITY).hour, p.people) for p in pieces] == [
        (0, 0),
        (8, 2),
        (16, 0),
    ]
