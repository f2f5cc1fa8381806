"""The rota as CSV and as a calendar feed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from tests.unit.workforce.shifts.office import LI, WANG, ZHAO, Office

RANGE = {"from": "2026-11-01", "to": "2026-12-31"}


async def take(desk: Office, text: str | bytes, **query: str) -> httpx.Response:
    return await desk.client.post(
        "/api/rota/import", content=text, headers={"Content-Type": "text/csv"}, params=query
    )


async def taken(desk: Office, text: str | bytes) -> dict[str, int]:
    """What a file did; what it would do was said before, and left everything as it was."""
    before = await desk.get("/api/rota", **RANGE)
    tried = (await take(desk, text, dry_run="true")).json()
    assert await desk.get("/api/rota", **RANGE) == before
    answer = await take(desk, text)
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert tried == {**result, "dry_run": True, "problems": []}
    numbers: dict[str, int] = result
    return numbers


async def problems(desk: Office, text: str | bytes) -> list[str]:
    answer = await take(desk, text)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "bad_csv"
    tried = await take(desk, text, dry_run="true")
    assert tried.json()["problems"] == error["details"]["problems"]
    return [f"row {one['row']}: {one['message']}" for one in error["details"]["problems"]]


async def exported(desk: Office) -> str:
    answer = await desk.client.get("/api/rota/export", params=RANGE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return answer.text


# -- CSV --------------------------------------------------------------------------------------


async def test_what_goes_out_and_comes_back_changes_nothing(desk: Office) -> None:
    await desk.entry(WANG, "2026-11-25", "early")
    await desk.entry(LI, "2026-11-25", "night")
    before = await desk.get("/api/rota", **RANGE)
    text = await exported(desk)
    assert text == (
        "\ufeffday,user_id,name,shift,note\r\n"
        "2026-11-25,7,王芳,early,\r\n"
        "2026-11-25,8,李强,night,\r\n"
    )
    assert await taken(desk, text) == {"added": 0, "changed": 0, "removed": 0, "unchanged": 2}
    assert await desk.get("/api/rota", **RANGE) == before


async def test_a_rota_moves_to_an_empty_one(desk: Office) -> None:
    for user_id, day, code in ((WANG, 25, "early"), (WANG, 26, "late"), (LI, 25, "night")):
        await desk.entry(user_id, f"2026-11-{day}", code)
    text, rota = await exported(desk), await desk.rota("2026-11-01", "2026-12-31")
    for entry in await desk.get("/api/rota", **RANGE):
        await desk.send("DELETE", f"/api/rota/{entry['id']}", status=204)
    assert (await taken(desk, text))["added"] == 3
    assert await desk.rota("2026-11-01", "2026-12-31") == rota
    assert {e["source"] for e in await desk.get("/api/rota", **RANGE)} == {"import"}


async def test_for_days_and_people_of_the_file_the_rota_is_what_it_says(desk: Office) -> None:
    await desk.entry(WANG, "2026-11-25", "early")
    await desk.entry(WANG, "2026-11-26", "early")
    await desk.entry(LI, "2026-11-25", "early")
    await desk.entry(LI, "2026-11-26", "early")
    text = (
        "day,user_id,shift,note\n2026-11-25,7,late,带新人\n2026-11-25,8,,\n2026-11-26,8,early,x\n"
    )
    assert await taken(desk, text) == {"added": 1, "changed": 1, "removed": 2, "unchanged": 0}
    assert await desk.rota("2026-11-25", "2026-11-26") == [
        (WANG, "2026-11-25", "late"),
        (WANG, "2026-11-26", "early"),
        (LI, "2026-11-26", "early"),
    ]


async def test_a_file_is_taken_whole_or_not_at_all(desk: Office) -> None:
    text = (
        "day,user_id,shift\n"
        "2026-11-25,7,early\n"
        "2026-11-26,7,nigth\n"
        "2026-11-26,99,early\n"
        "2026-11-25,7,early\n"
    )
    assert await problems(desk, text) == [
        "row 3: there is no shift 'nigth'; is it night?",
        "row 4: there is no user 99",
        "row 5: the same as row 2",
    ]
    assert await desk.rota("2026-11-25", "2026-11-26") == []


async def test_who_left_and_what_is_disabled_comes_back_but_is_not_planned_anew(
    desk: Office,
) -> None:
    await desk.entry(WANG, "2026-11-25", "early")
    await desk.entry(LI, "2026-11-25", "night")
    night = await desk.get(f"/api/shifts/{desk.shift_ids['night']}")
    body = {key: night[key] for key in ("code", "name", "starts", "minutes", "kind")}
    await desk.send("PUT", f"/api/shifts/{night['id']}", {**body, "enabled": False})
    text = await exported(desk)
    del desk.staff.known[WANG]
    assert await taken(desk, text) == {"added": 0, "changed": 0, "removed": 0, "unchanged": 2}
    assert await problems(
        desk,
        "day,user_id,shift\n2026-11-26,7,early\n2026-11-26,8,night\n2026-11-27,7,\n",
    ) == [
        "row 2: there is no user 7",
        "row 3: shift night is disabled",
        "row 4: there is no user 7",
    ]
    await taken(desk, "day,user_id,shift\n2026-11-25,7,\n")
    assert await desk.rota("2026-11-25", "2026-11-27") == [(LI, "2026-11-25", "night")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("day,shift\n", "row 1: the column user_id must be there"),
        ("day,user_id,shift\n2026-11-25,x,early\n", "row 2: 'x' is not a number of a user"),
        ("day,user_id,shift,notes\n", "row 1: there is no column 'notes'; is it note?"),
    ],
)
async def test_what_cannot_be_read_is_named_by_its_row(
    desk: Office, text: str, problem: str
) -> None:
    assert (await problems(desk, text))[0] == problem


async def test_what_office_programs_in_china_save_is_taken(desk: Office) -> None:
    text = "日期;人员编号;班次;备注\r\n2026/11/25;7;early;替班\r\n;;;\r\n"
    assert (await taken(desk, text.encode("gbk")))["added"] == 1
    assert await desk.rota("2026-11-25", "2026-11-25") == [(WANG, "2026-11-25", "early")]
    book = (await desk.client.get("/api/rota/export", params={**RANGE, "format": "xlsx"})).content
    assert book.startswith(b"PK")
    assert await taken(desk, book) == {"added": 0, "changed": 0, "removed": 0, "unchanged": 1}
    form = await desk.client.post("/api/rota/import", files={"file": ("班表.xlsx", book)})
    assert form.json()["unchanged"] == 1


async def test_notes_stay_where_the_file_has_none(desk: Office) -> None:
    await taken(desk, "day,user_id,shift,note\n2026-11-25,7,early,替班\n")
    assert (await taken(desk, "day,user_id,shift\n2026-11-25,7,early\n"))["unchanged"] == 1
    (entry,) = await desk.get("/api/rota", **RANGE)
    assert entry["note"] == "替班"
    assert (await taken(desk, "day,user_id,shift,note\n2026-11-25,7,early,\n"))["changed"] == 1


@pytest.mark.parametrize(
    "form",
    [
        {"files": {"sheet": ("x.csv", b"day")}},
        {"files": [("file", ("x.csv", b"day")), ("file", ("y.csv", b"day"))]},
        {"files": {"file": ("x.csv", b"day")}, "data": {"dry_run": "true"}},
        {"content": b"no form", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"no form", "headers": {"Content-Type": "multipart/form-data"}},
        {"params": {"dry_run": "true"}},
    ],
)
async def test_a_form_holds_one_file_and_nothing_else(desk: Office, form: dict[str, Any]) -> None:
    answer = await desk.client.post("/api/rota/import", **form)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_input")


async def test_a_name_is_no_formula_in_a_spreadsheet(desk: Office) -> None:
    desk.staff.known[ZHAO] = "=HYPERLINK(1)"
    entry = await desk.entry(ZHAO, "2026-11-25", "early")
    await desk.send("PATCH", f"/api/rota/{entry['id']}", {"version": 1, "note": "+86"})
    text = await exported(desk)
    assert "2026-11-25,9,'=HYPERLINK(1),early,'+86" in text
    assert (await taken(desk, text))["unchanged"] == 1


async def test_an_agent_takes_no_file(desk: Office) -> None:
    desk.as_agent(WANG)
    assert (await take(desk, "day,user_id,shift\n")).status_code == 403
    assert (await desk.client.get("/api/rota/export", params=RANGE)).status_code == 403


# -- iCalendar --------------------------------------------------------------------------------


async def feed(desk: Office, user_id: int) -> str:
    desk.as_agent(user_id)
    made = await desk.send("POST", "/api/rota/feed")
    desk.as_boss()
    path: str = made["path"]
    return path


async def events(desk: Office, path: str) -> list[Any]:
    answer = await desk.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    return list(Calendar.from_ical(answer.content).walk("VEVENT"))


async def test_a_feed_shows_ones_own_shifts_in_utc(desk: Office) -> None:
    entry = await desk.entry(WANG, "2026-11-25", "night")
    await desk.entry(LI, "2026-11-25", "early")
    (event,) = await events(desk, await feed(desk, WANG))
    assert event["UID"] == f"rota-{entry['id']}@pbx1"
    assert event["SUMMARY"] == "night班"
    assert event["DTSTART"].dt == datetime(2026, 11, 25, 14, tzinfo=UTC)
    assert event["DTEND"].dt == datetime(2026, 11, 26, 0, tzinfo=UTC)


async def test_a_moved_shift_keeps_its_id_and_counts_up(desk: Office) -> None:
    entry = await desk.entry(WANG, "2026-11-25", "night")
    path = await feed(desk, WANG)
    (before,) = await events(desk, path)
    change = {"version": 1, "shift_id": desk.shift_ids["late"]}
    await desk.send("PATCH", f"/api/rota/{entry['id']}", change)
    (after,) = await events(desk, path)
    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] > before["SEQUENCE"]


async def test_leave_is_not_in_the_feed(desk: Office) -> None:
    await desk.entry(WANG, "2026-12-07", "early")
    days = {"first_day": "2026-12-07", "last_day": "2026-12-07", "kind": "sick", "user_id": WANG}
    leave = await desk.send("POST", "/api/leave", days, 201)
    path = await feed(desk, WANG)
    assert len(await events(desk, path)) == 1
    await desk.send("POST", f"/api/leave/{leave['id']}/approve", {})
    assert await events(desk, path) == []


async def test_a_new_address_voids_the_old_one(desk: Office) -> None:
    old = await feed(desk, WANG)
    new = await feed(desk, WANG)
    assert old != new
    assert await desk.refused("GET", old) == (404, "feed_not_found")
    assert await events(desk, new) == []
    desk.as_agent(WANG)
    await desk.send("DELETE", "/api/rota/feed", status=204)
    assert await desk.refused("GET", new) == (404, "feed_not_found")
    assert await desk.refused("DELETE", "/api/rota/feed") == (404, "feed_not_found")


async def test_who_is_no_user_any_more_has_no_feed(desk: Office) -> None:
    path = await feed(desk, WANG)
    del desk.staff.known[WANG]
    assert await desk.refused("GET", path) == (404, "feed_not_found")


async def test_the_secret_is_not_kept(desk: Office) -> None:
    path = await feed(desk, WANG)
    secret = path.removeprefix("/calendar/").removesuffix(".ics")
    assert len(secret) >= 43  # 256 bits
    await desk.database.close()
    for file in desk.settings.home.glob("callcenter.db*"):
        assert secret.encode() not in file.read_bytes()


async def test_a_feed_reaches_a_month_back_and_two_ahead(desk: Office) -> None:
    for day in ("2026-10-24", "2026-10-25", "2027-01-23", "2027-01-24"):
        await desk.entry(WANG, day, "early")
    found = await events(desk, await feed(desk, WANG))
    assert [event["DTSTART"].dt.date() for event in found] == [
        date(2026, 10, 25),
        date(2027, 1, 23),
    ]


async def test_a_feed_that_has_not_changed_is_not_sent_again(desk: Office) -> None:
    await desk.entry(WANG, "2026-11-25", "early")
    desk.as_agent(WANG)
    path = (await desk.client.post("/api/rota/feed")).json()["path"]
    first = await desk.client.get(path)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, max-age=3600"
    assert b"X-PUBLISHED-TTL:PT1H" in first.content
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT1H" in first.content
    for known in (etag, f'"other", W/{etag}', "*"):
        again = await desk.client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    desk.as_boss()
    await desk.entry(WANG, "2026-11-26", "early")
    changed = await desk.client.get(path, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
