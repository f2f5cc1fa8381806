"""Numbers in people's words: every text column of every table says one, in some spelling; no role
that may not see whole numbers is sent its digits, by whatever address, file or stream. And what is
shown to the others is noted, whatever the answer's form.
"""

from __future__ import annotations

import io
import itertools
import json
import re
from datetime import date, timedelta
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import Table, insert, select, update

from callcenter.casework.cases.models import CaseEvent
from callcenter.people.domain.answers import Form, masked_answer, numbers_shown
from callcenter.people.domain.permissions import ROLE_PERMISSIONS, Permission, Role
from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.service import Noted, Trail
from callcenter.platform.db.base import Base
from callcenter.platform.db.engine import Database
from callcenter.platform.domain.numbers_in_text import mask_numbers
from callcenter.platform.sheets.writing import SheetFormat, write_sheet
from tests.unit.app.test_no_number_leaves import CASE, INBOUND, MASKING, NOON, Hotline, hotline
from tests.unit.platform.domain.test_numbers_in_text import digits_of

__all__ = ["hotline"]

SAID = "13912345678"
SPELLINGS = (
    "13912345678", "139-1234-5678", "139.1234.5678", "139/1234/5678", "139—1234—5678",
    "１３９１２３４５６７８", "１３９．１２３４．５６７８", "一三九一二三四五六七八",
    "139\u200b1234\u200b5678", "1\u20603\u206091234\u00ad5678", "+86 139 1234 5678",
    "0086-13912345678", "1 3 9 1 2 3 4 5 6 7 8", "139\u30001234\u30005678", "139·1234·5678",
)  # fmt: skip
WORDS: dict[str, tuple[str, ...]] = {
    "blocked_number": ("reason",), "break_reason": ("name",), "calendar_day": ("name",),
    "call": ("caller_name",), "call_queue": ("name", "name_en"), "callback_task": ("note",),
    "callback_attempt": ("note",), "leave_request": ("reason", "answer"), "media_file": ("error",),
    "case": ("title", "content", "citizen_name", "address", "caller_name"),
    "opening_period": ("note",), "queue_number": ("note",), "rota_entry": ("note",),
    "seat": ("name",), "shift": ("name",), "shift_rotation": ("name",), "special_day": ("note",),
    "swap_request": ("reason", "answer"), "user": ("name",), "user_session": ("user_agent",),
}  # fmt: skip
"""Columns that hold what somebody wrote."""
DAY = date(2026, 11, 24)
PLAIN: dict[type, Any] = {int: 1, str: "", bool: True, object: NOON, date: DAY}
BY = {"updated_by": "x", "updated_at": NOON}
ROWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("user", {"id": 1, "login": "li.na", "name": "x", "roles": "operator"}),
    ("seat", {"extension": "8001", "name": "x", "secret": "x" * 32, "phones": "both"}),
    ("call_queue", {"code": "12345", "name": "x", "strategy": "rrmemory", "language": "zh"}),
    ("break_reason", {"code": "errand", "name": "x"}),
    (
        "shift",
        {
            "id": 1, "code": "early", "name": "x", "starts": 480, "minutes": 480, "kind": "seat",
            "enabled": True, **BY,
        },
    ),
    (
        "shift_rotation",
        {
            "id": 1, "name": "x", "every_days": 1, "anchor": DAY, "workdays_only": False, **BY,
        },
    ),
    ("rotation_place", {"rotation_id": 1, "position": 0, "shift_id": 1}),
    (
        "rota_entry",
        {
            "id": 1, "user_id": 1, "day": DAY, "shift_id": 1, "starts": 480, "minutes": 480,
            "kind": "seat", "source": "manual", "rotation_id": None, "planned_for": None,
            "note": "x", "version": 1, **BY,
        },
    ),
    (
        "leave_request",
        {
            "id": 1, "user_id": 1, "first_day": DAY, "last_day": DAY, "kind": "annual",
            "reason": "x", "state": "asked", "asked_by": "x", "asked_at": NOON, "answer": "",
        },
    ),
    (
        "swap_request",
        {
            "id": 1, "user_id": 1, "entry_id": 1, "entry_version": 1, "day": DAY, "shift_id": 1,
            "partner_id": 1, "reason": "x", "state": "asked", "asked_at": NOON, "answer": "",
        },
    ),
    ("special_day", {"day": DAY, "spans": "", "note": "x", "updated_at": NOON}),
    (
        "opening_period",
        {
            "id": 1, "first_day": DAY, "last_day": DAY + timedelta(days=1), "spans": "",
            "note": "x", **BY,
        },
    ),
    ("calendar_year", {"year": 2026, "declared_by": "x", "declared_at": NOON}),
    ("calendar_day", {"day": DAY, "kind": "holiday", "name": "x", **BY}),
    ("queue_number", {"number": "02112345", "queue": "12345", "note": "x", "updated_at": NOON}),
    (
        "callback_attempt",
        {
            "call_id": "pbx1:17.9", "task_id": 1, "serial": 1, "agent": "x", "seat": "8001",
            "dialled_at": NOON, "note": "x",
        },
    ),
)  # fmt: skip


def table(name: str) -> Table:
    return Base.metadata.tables[name]


@pytest.fixture
async def talkative(hotline: Hotline) -> Hotline:
    """Every column of `WORDS` says `SAID`, and so does the history of the case."""
    spelled = itertools.cycle(SPELLINGS)
    async with hotline.running.get(Database).writing() as session:
        for name, values in ROWS:
            rest = {
                one.name: PLAIN[one.type.python_type]
                for one in table(name).columns
                if one.name not in values and not one.nullable and one.server_default is None
            }
            await session.execute(insert(table(name)).values({**rest, **values}))
        for name, words in WORDS.items():
            keys = list(table(name).primary_key)
            for row in (await session.execute(select(*keys))).all():
                here = [key == value for key, value in zip(keys, row, strict=True)]
                values = {column: f"请回电{next(spelled)}" for column in words}
                await session.execute(update(table(name)).where(*here).values(values))
        for step in (await session.scalars(select(CaseEvent))).all():
            step.data = {"changes": {"content": {"from": "", "to": f"打 {next(spelled)} 吧"}}}
    return hotline


async def test_the_walk_meets_the_words_of_every_table(talkative: Hotline) -> None:
    bodies = await talkative.walk(talkative.admin)
    said = {url for url, text in bodies.items() if SAID in digits_of(text)}
    for url in (
        "/api/cases", f"/api/cases/{CASE}", f"/api/cases/{CASE}/events", "/api/calls", "/api/users",
        "/api/seats", "/api/seats/export", "/api/queues", "/api/break-reasons", "/api/blocklist",
        "/api/callbacks", "/api/shifts", "/api/rota", "/api/rota/export", "/api/leave",
        "/api/swaps",
        "/api/opening",
    ):  # fmt: skip
        assert url in said, (url, bodies.get(url, "")[:300])


@pytest.mark.parametrize("role", MASKING)
async def test_whoever_may_not_see_numbers_reads_none_in_any_words(
    talkative: Hotline, role: Role
) -> None:
    client = await talkative.running.machine(role)
    bodies = await talkative.walk(client)
    assert bodies
    assert [url for url, text in bodies.items() if SAID in digits_of(text)] == []
    if Permission.CASE_READ in ROLE_PERMISSIONS[role]:
        case = json.loads(bodies[f"/api/cases/{CASE}"])
        assert case["title"].startswith("请回电")
        # What is no number of anybody's came through as it was.
        assert (case["number"], case["call_id"]) == (CASE, INBOUND)
        assert case["opened_at"].startswith("2026-")


async def test_nor_does_a_calendar_that_nobody_logs_in_to(talkative: Hotline) -> None:
    person = await talkative.running.person("wang", Role.OPERATOR)
    me = (await person.get("/api/me")).json()["user_id"]
    async with talkative.running.get(Database).writing() as session:
        row = update(table("rota_entry")).values(user_id=me, day=date.today())  # noqa: DTZ011
        await session.execute(row)
    made = await person.post("/api/rota/feed")
    address = re.search(r"/calendar/[^/]+\.ics", made.text)
    assert address is not None, made.text
    feed = await talkative.running.browser().get(address[0])
    assert feed.status_code == 200
    assert "请回电" in feed.text
    assert SAID not in digits_of(feed.text)
    uid = re.search(r"^UID:.*$", feed.text, re.MULTILINE)
    assert uid is not None
    assert "*" not in uid[0]


@pytest.mark.parametrize(
    "role", [role for role in Role if Permission.CASE_CONFIDENTIAL not in ROLE_PERMISSIONS[role]]
)
async def test_the_words_of_a_confidential_case_say_no_number(
    talkative: Hotline, role: Role
) -> None:
    case = (await talkative.admin.get(f"/api/cases/{CASE}")).json()
    body = {"version": case["version"], "confidential": True}
    (await talkative.admin.patch(f"/api/cases/{CASE}", json=body)).raise_for_status()
    client = await talkative.running.machine(role)
    for url in (f"/api/cases/{CASE}", f"/api/cases/{CASE}/events", "/api/cases"):
        answer = await client.get(url)
        if answer.status_code != 403:
            items = answer.json().get("items", ())
            text = next((str(one) for one in items if one.get("number") == CASE), answer.text)
            assert SAID not in digits_of(text), url


async def test_stars_that_a_screen_sends_back_are_what_they_stand_for(talkative: Hotline) -> None:
    unit = await talkative.running.machine(Role.UNIT_USER)
    before = (await talkative.admin.get(f"/api/cases/{CASE}")).json()
    seen = (await unit.get(f"/api/cases/{CASE}")).json()
    body = {
        "version": seen["version"], "title": seen["title"], "content": f"{seen['content']},已处理",
    }  # fmt: skip
    (await unit.patch(f"/api/cases/{CASE}", json=body)).raise_for_status()
    after = (await talkative.admin.get(f"/api/cases/{CASE}")).json()
    assert after["title"] == before["title"]
    assert after["content"] == f"{before['content']},已处理"


# -- what was shown is noted ---------------------------------------------------------------------


async def noted(hotline: Hotline, actor: str) -> list[Noted]:
    found = await hotline.running.get(Trail).page(
        TrailFilter(actor=actor, action="number.shown"), before=None, limit=200
    )
    return list(reversed(found))


async def test_the_first_page_of_a_list_is_noted_with_what_it_showed(hotline: Hotline) -> None:
    client = await hotline.running.machine(Role.OPERATOR)
    for _ in range(3):
        page = await client.get("/api/calls", params={"from": "2026-11-24T00:00:00Z"})
        if page.status_code != 200:
            page = await client.get("/api/calls", params={"started_from": "2026-11-24T00:00:00Z"})
        assert page.status_code == 200, page.text
    entries = await noted(hotline, "operator")
    assert [one.subject for one in entries] == ["/api/calls"]
    data = entries[0].data
    assert f"call:{INBOUND}" in data["of"]
    assert data["count"] >= len(data["of"]) >= 5
    assert list(data["asked"].values()) == ["2026-11-24T00:00:00Z"]


@pytest.mark.parametrize("role", list(Role))
async def test_every_answer_with_a_whole_number_is_in_the_trail(
    talkative: Hotline, role: Role
) -> None:
    """Whatever its address and form: for each there is an entry that names its things, or one of
    the endpoint's own."""
    admin = role is Role.ADMIN
    client = talkative.admin if admin else await talkative.running.machine(role)
    trail = talkative.running.get(Trail)
    for url, query in talkative.addresses():
        if not url.startswith("/api/"):
            continue  # figures and health; the walk above has read them
        answer = await client.get(url, params=query)
        if answer.status_code != 200:
            continue
        form = Form(answer.headers["content-type"].partition(";")[0])
        shown = numbers_shown(answer.content, form, "")
        if Permission.NUMBER_SEE not in ROLE_PERMISSIONS[role]:
            assert shown == frozenset(), url
            continue
        entries = await trail.page(TrailFilter(actor=role.value), before=None, limit=1000)
        told = {one.subject for one in entries}.union(*(one.data.get("of", ()) for one in entries))
        missing = {of for of, _digits in shown if of.startswith(("case:", "call:"))} - told
        assert not missing, (url, missing)
        assert not shown or told, url


def test_a_stream_and_a_file_are_read_as_lists_are() -> None:
    frame = (
        'id: ab-7\nevent: changes\ndata: {"epoch":"12345678","at":"2026-11-24T03:57:04Z",'
        '"put":[{"kind":"calls",'
        f'"key":"{INBOUND}","item":{{"caller_number":"{SAID}","seat":"8001"}}}}]}}\n\n'
    ).encode()
    assert numbers_shown(frame, Form.EVENTS, "") == {(f"call:{INBOUND}", SAID)}
    masked = masked_answer(frame, Form.EVENTS).decode()
    assert masked.startswith('id: ab-7\nevent: changes\ndata: {"epoch":"12345678"')
    assert masked.endswith("\n\n")
    assert '"139****5678"' in masked
    rows = f"2026-11-24,8001,早班,139-1234-5678\n2026-11-25,8002,,{SAID}\n".encode()
    assert numbers_shown(rows, Form.CSV, "") == {("", SAID)}
    assert masked_answer(rows, Form.CSV).decode() == (
        "2026-11-24,8001,早班,139-****-5678\n2026-11-25,8002,,139****5678\n"
    )


@pytest.mark.parametrize("said", ["139-1234-5678", "１３９１２３４５６７８", "a & <b> 13912345678"])
def test_a_workbook_is_read_as_well(said: str) -> None:
    columns, row = ["extension", "name"], ["8001", said]
    body = write_sheet(columns, [row], SheetFormat.XLSX)
    assert {one for _of, one in numbers_shown(body, Form.EXCEL, "")} == {SAID}
    masked = masked_answer(body, Form.EXCEL)
    assert numbers_shown(masked, Form.EXCEL, "") == frozenset()
    page = load_workbook(io.BytesIO(masked)).active
    assert page is not None
    assert [cell.value for cell in page[2]] == ["8001", mask_numbers(said)]


async def test_an_export_is_masked_in_every_form_of_file(talkative: Hotline) -> None:
    analyst = await talkative.running.machine(Role.ANALYST)
    for url in ("/api/seats/export", "/api/rota/export"):
        query = {"format": "xlsx", "from": "2026-11-24", "to": "2026-11-25"}
        if url.startswith("/api/seats"):
            query = {"format": "xlsx"}
        answer = await analyst.get(url, params=query)
        if answer.status_code == 403:
            continue
        assert answer.status_code == 200, (url, answer.text)
        if "spreadsheetml" in answer.headers["content-type"]:
            assert numbers_shown(answer.content, Form.EXCEL, "") == frozenset()
            assert load_workbook(io.BytesIO(answer.content)).active is not None
