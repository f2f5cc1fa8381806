"""Shifts on a running system: who is in the PBX's queue is who should be here, at every moment."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from icalendar import Calendar

from tests.live.live_shifts import COMING, OVER, RUNNING, City, ShiftHouse, founded, rings
from tests.live.live_stories import HOTLINE, Stories

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

SETTINGS = {
    "time_zone": City.ZONE,
    "members_by_shift": True,
    "agents_required": True,
    "wrap_up_seconds": 1,
    "announce_position_seconds": 0,
    "announce_voice_message_seconds": 0,
    "shift_grace_seconds": 1,
    # What is to happen at once is not the work of the next round.
    "shift_watch_seconds": 600,
    "reconcile_seconds": 600,
}
ALWAYS: dict[str, list[object]] = {"week": [], "special_days": []}


@pytest.fixture(scope="module", autouse=True)
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """Before the instance, which lives in it."""
    with founded(tmp_path_factory.mktemp("zones")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def house(stories: Stories, city: City) -> AsyncIterator[ShiftHouse]:
    async with contextlib.AsyncExitStack() as stack:
        made = ShiftHouse(stories, city, stack)
        yield made
        await made.close()


async def test_callers_reach_only_those_whose_shift_runs(house: ShiftHouse) -> None:
    await house.queue("english", "02166660001")
    crew = await house.crew(4, HOTLINE, "english")
    phones = [phone for _, phone in crew]
    assert await house.members() == set(), "nobody has a shift"
    (here, _), (gone, _), (coming, _), (away, _) = crew
    for agent, hours in ((here, RUNNING), (gone, OVER), (coming, COMING), (away, RUNNING)):
        await house.on(agent, hours)
    await house.leave(away)
    await house.has(phones[0])
    await house.has(phones[0], queue="english")
    await house.reaches(phones[0], *phones[1:])
    # While he is on a break, nobody steps in who should not be here.
    await here.set("break", reason="meal")
    await house.paused(phones[0].user, paused=True)
    waiting, out = await house.dial(HOTLINE)
    await house.waits(HOTLINE, waiting)
    await house.has(phones[0])
    await here.set("ready")
    await house.stories.answer(phones[0], out)
    await out.hang_up()
    await house.rang_only(waiting.user, phones[0])
    assert not any(rings(phone) for phone in phones[1:])


async def test_the_queue_changes_with_the_shift_and_keeps_who_talks_and_who_waits(
    house: ShiftHouse,
) -> None:
    stories = house.stories
    (early, early_phone), (late, late_phone) = await house.crew(2)
    entry = await house.on(early, RUNNING)
    await house.has(early_phone)
    talk = await house.talk(HOTLINE, early_phone)
    waiting, out = await house.dial(HOTLINE)
    await house.waits(HOTLINE, waiting)
    edge = house.city.edge()
    await house.plan(late, edge.minute, 22 * 60)
    await house.ends_at(entry, edge)
    await house.turns(edge, {early_phone.user}, {late_phone.user})
    # Who waited has kept his place, and the talk goes on.
    taken = await stories.answer(late_phone, out)
    await stories.speak(talk.out, talk.taken)
    await talk.out.hang_up()
    await out.hang_up()
    await taken.ended()
    await early.becomes("ready")
    await late.becomes("ready")
    await house.reaches(late_phone)
    await house.rang_only(waiting.user, late_phone)
    await stories.answered_story(talk.number, early_phone.user)
    assert await house.visits(waiting) == [(HOTLINE, "connected")]


async def test_leave_counts_from_its_approval_until_it_is_given_back(house: ShiftHouse) -> None:
    (wang, wang_phone), (li, li_phone) = await house.crew(2)
    for agent in (wang, li):
        await house.on(agent, RUNNING)
    await house.has(wang_phone, li_phone)
    own = await house.desk(wang)
    day = str(house.city.today)
    asked = await own.send("POST", "/api/leave", first_day=day, last_day=day, kind="sick")
    path = f"/api/leave/{asked['id']}"
    assert await house.members() == {wang_phone.user, li_phone.user}, "nobody has decided"
    await house.system.post(f"{path}/approve", answer="早日康复")
    await house.has(li_phone)
    await house.reaches(li_phone, wang_phone)
    await house.reaches(li_phone, wang_phone)  # Nor is it the other's turn.
    await own.send("POST", f"{path}/withdraw")
    await house.has(wang_phone, li_phone)
    await li.set("break", reason="meal")
    await house.paused(li_phone.user, paused=True)
    await house.reaches(wang_phone)


async def test_a_swap_moves_the_membership(house: ShiftHouse) -> None:
    (wang, wang_phone), (li, li_phone) = await house.crew(2)
    asking, asked = await house.desk(wang), await house.desk(li)
    theirs = await house.on(li, COMING)
    edge = house.city.edge(4)
    own = await house.plan(wang, edge.minute, 22 * 60)
    swap = await asking.send(
        "POST", "/api/swaps", entry_id=own["id"], partner_id=li.user_id,
        partner_entry_id=theirs["id"],
    )  # fmt: skip
    path = f"/api/swaps/{swap['id']}"
    await asked.send("POST", f"{path}/accept")
    if edge.passed:  # On a slow machine; the swap is in time all the same.
        await house.has(wang_phone)
    await house.system.post(f"{path}/approve")
    rota = {entry["id"]: entry["user_id"] for entry in await house.today("/api/rota")}
    assert (rota[own["id"]], rota[theirs["id"]]) == (li.user_id, wang.user_id)
    await house.passes(edge)
    await house.has(li_phone)
    await house.reaches(li_phone, wang_phone)


async def test_the_queue_is_right_again_after_either_part_was_dead(house: ShiftHouse) -> None:
    system = house.system
    (early, early_phone), (late, late_phone) = await house.crew(2)
    entry = await house.on(early, RUNNING)
    await house.has(early_phone)
    edge = house.city.edge(2)
    await house.plan(late, edge.minute, 22 * 60)
    await house.ends_at(entry, edge)
    system.kill("callcenter")
    in_time = not edge.passed
    await house.passes(edge)
    if in_time:
        assert await house.members() == {early_phone.user}, "callers still reach somebody"
    system.begin("callcenter")
    await system.ready()
    await house.has(late_phone)
    await house.reaches(late_phone, early_phone)
    system.kill("asterisk")
    system.begin("asterisk")
    await system.ready()
    await house.has(late_phone)
    await asyncio.gather(house.back(early_phone), house.back(late_phone))
    await late.becomes("ready")
    await house.reaches(late_phone, early_phone)


async def test_who_is_late_early_absent_and_away_is_told(house: ShiftHouse) -> None:
    system, city = house.system, house.city
    people = {
        name: await house.agent()
        for name in ("kept", "late", "early", "absent", "away", "unplanned", "duty")
    }
    seats = dict(zip(("kept", "late", "early", "unplanned"), system.prepared.seats, strict=False))
    for name in ("kept", "early", "unplanned"):
        await people[name].sits_at(seats[name].extension)
    begin = city.edge()
    entries = [
        await house.plan(people[name], begin.minute, 22 * 60)
        for name in ("kept", "late", "early", "absent", "away")
    ]
    await house.on(people["unplanned"], COMING)
    await house.plan(people["duty"], 6 * 60, 22 * 60, "duty")
    await house.leave(people["away"])
    by_id = {agent.user_id: name for name, agent in people.items()}

    def told(found: list[Any]) -> dict[str, str]:
        return {
            by_id[one["user_id"]]: one["attendance"] for one in found if one["user_id"] in by_id
        }

    async def now(**wanted: str) -> Any:
        async def probe() -> Any:
            found = await system.get("/api/shifts/now")
            return found if told(found["expected"]) == wanted else None

        try:
            return await system.until(probe, 10)
        except TimeoutError:
            found = await system.get("/api/shifts/now")
            raise AssertionError(f"not {wanted} but {told(found['expected'])}") from None

    running = {"kept": "present", "early": "present", "away": "on_leave"}
    found = await now(**running, late="missing", absent="missing")
    await people["late"].sits_at(seats["late"].extension)
    await people["early"].set("offline")
    found = await now(**running | {"early": "gone"}, late="late", absent="missing")
    assert [one["user_id"] for one in found["on_duty"]] == [people["duty"].user_id]
    assert [by_id.get(one["user_id"]) for one in found["unplanned"]] == ["unplanned"]
    assert found["unplanned"][0]["next_starts"] is not None
    end = city.edge()
    for entry in entries:
        await house.ends_at(entry, end)
    await house.passes(end)
    found = await house.today("/api/rota/attendance")
    assert told([one for one in found if one["attendance"] != "upcoming"]) == {
        "kept": "kept",
        "late": "late",
        "early": "left_early",
        "absent": "absent",
        "away": "on_leave",
    }
    attention = {one["user_id"] for one in found if one["needs_attention"]}
    assert {by_id[one] for one in attention & by_id.keys()} == {"late", "early", "absent"}


async def test_a_rotation_decides_who_is_in_the_queue_and_what_is_wrong_is_named(
    house: ShiftHouse,
) -> None:
    (wang, wang_phone), (li, li_phone) = await house.crew(2)
    day, shift_id = house.city.today, await house.pattern(6 * 60, 22 * 60)
    rotation = await house.system.post(
        "/api/rota/rotations",
        name=f"轮班 {wang.user_id}",
        circle=[shift_id, None],
        anchor=str(day),
        members=[{"user_id": wang.user_id, "place": 0}, {"user_id": li.user_id, "place": 1}],
    )
    path = f"/api/rota/rotations/{rotation['id']}/plan"
    span = {"from": str(day), "to": str(day + timedelta(days=91))}
    assert (await house.system.post(path, **span, dry_run=True))["added"] == 92
    assert await house.members() == set()
    assert (await house.system.post(path, **span))["added"] == 92
    await house.has(wang_phone)
    await house.reaches(wang_phone, li_phone)
    # A second shift over the first, and a night before the next morning.
    await house.plan(wang, 7 * 60, 9 * 60)
    tomorrow = str(day + timedelta(days=1))
    await house.system.post(
        "/api/rota", user_id=li.user_id, day=str(day), shift_id=await house.pattern(1320, 1770)
    )
    conflicts = await house.system.get("/api/rota/conflicts", **{"from": str(day), "to": tomorrow})
    named = {(one["code"], one["user_id"]) for one in conflicts}
    assert {("double_booking", wang.user_id), ("too_little_rest", li.user_id)} <= named
    uncovered = [one for one in conflicts if one["code"] == "not_covered"]
    assert any(one["facts"]["people"] == 0 for one in uncovered)
    answer = await house.system.api.delete(f"/api/rota/rotations/{rotation['id']}")
    assert answer.is_success
    assert await house.members() == {wang_phone.user}, "today is worked as it was planned"


async def test_a_file_changes_the_queue_and_the_feed(house: ShiftHouse) -> None:
    api = house.system.api
    (wang, wang_phone), (li, li_phone) = await house.crew(2)
    entry = await house.on(wang, RUNNING)
    await house.on(li, COMING)
    await house.has(wang_phone)
    day = str(house.city.today)
    text = (await api.get("/api/rota/export", params={"from": day, "to": day})).text

    async def take(content: str) -> Any:
        headers = {"Content-Type": "text/csv"}
        return (await api.post("/api/rota/import", content=content, headers=headers)).json()

    taken = await take(text)
    assert (taken["added"], taken["changed"], taken["removed"]) == (0, 0, 0), "as it went"
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    (row,) = (row for row in rows if row["user_id"] == str(wang.user_id))
    head = "day,user_id,shift\n"
    swapped = f"{head}{day},{wang.user_id},\n{day},{li.user_id},{row['shift']}\n"
    wrong = await take(f"{swapped}{day},{li.user_id},?\n")
    assert wrong["error"]["code"] == "bad_csv"
    assert await house.members() == {wang_phone.user}
    assert await take(swapped) == {"added": 1, "changed": 0, "removed": 2, "unchanged": 0}
    await house.has(li_phone)
    # The calendar of the one who works now has the shift, and the other's is empty.
    address = f"http://127.0.0.1:{house.system.settings.api_port}"
    calendars = {}
    for agent in (wang, li):
        path = (await (await house.desk(agent)).send("POST", "/api/rota/feed"))["path"]
        answer = await house.stranger.get(address + path)
        assert answer.headers["content-type"].startswith("text/calendar")
        calendars[agent] = [
            (event.decoded("dtstart"), event.decoded("dtend"), str(event["summary"]))
            for event in Calendar.from_ical(answer.content).walk("VEVENT")
        ]
    moments = [datetime.fromisoformat(entry[key]) for key in ("starts", "ends")]
    assert calendars == {wang: [], li: [(*moments, entry["shift_name"])]}
    assert (await house.stranger.get(f"{address}/calendar/{'x' * 43}.ics")).status_code == 404
    await house.leave(li)
    await house.has()
    assert b"VEVENT" not in (await house.stranger.get(address + path)).content


async def test_the_calendar_closes_the_line_and_opens_it(house: ShiftHouse) -> None:
    stories, system = house.stories, house.system
    agent, phone = await house.serving(0, HOTLINE)
    await house.on(agent, RUNNING)
    await house.has(phone)
    day = str(house.city.today)

    async def closed() -> None:
        assert not (await system.get("/api/opening/now"))["open"]
        before = len(rings(phone))
        citizen, out = await house.dial(HOTLINE)
        await out.hears_sound()
        await out.hang_up()
        told = await stories.told(citizen.user)
        assert (told.call.outcome, told.visits) == ("closed", [])
        assert len(rings(phone)) == before

    special = {"day": day, "note": "设备检修"}
    try:
        await stories.put("/api/opening", {"week": [], "special_days": [special]})
        await closed()
        # The office's week does not open today; at Spring Festival the line is open all the same.
        shut = {"weekday": (house.city.today.weekday() + 3) % 7, "opens": 480, "closes": 1080}
        await stories.put("/api/opening", {"week": [shut], "special_days": []})
        await closed()
        period = await system.post(
            "/api/opening/periods", first_day=day, last_day=day, opens=0, closes=1440,
            note="春节24小时值守",
        )  # fmt: skip
        await house.reaches(phone)
        await agent.becomes("ready")
        await stories.put("/api/opening", {"week": [shut], "special_days": [special]})
        await closed()
        # Open until the next minute, and closed by itself.
        edge = house.city.edge()
        until = special | {"opens": 0, "closes": edge.minute}
        await stories.put("/api/opening", {"week": [shut], "special_days": [until]})
        await house.reaches(phone)
        await house.passes(edge)
        await closed()
        await system.api.delete(f"/api/opening/periods/{period['id']}")
    finally:
        await stories.put("/api/opening", ALWAYS)
