"""Users by a sheet: made and changed all or none, and nothing secret goes out."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from callcenter.people.domain.permissions import Role
from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.service import Trail
from callcenter.people.users.service import UserService
from callcenter.people.users.sheet import NAMES, read_users
from callcenter.platform.sheets.reading import SheetLimits
from callcenter.platform.sheets.writing import SheetFormat
from tests.unit.app.running import Browser, Service, code, service

URL = "/api/users"


async def take(admin: httpx.AsyncClient, text: str | bytes, **query: Any) -> httpx.Response:
    data = text.encode() if isinstance(text, str) else text
    return await admin.post(f"{URL}/import", files={"file": data}, params=query)


async def make(running: Service, login: str, *roles: Role, name: str = "王芳") -> int:
    users = running.get(UserService)
    made = await users.create(login, name=name, roles=frozenset(roles), actor="test")
    return made.user.id


async def everybody(running: Service) -> dict[str, tuple[str, Sequence[str], bool]]:
    users = await running.get(UserService).all()
    return {one.login: (one.name, sorted(one.roles), one.enabled) for one in users}


def named(problems: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(one["row"], one["column"], one["fault"]) for one in problems]


async def test_a_sheet_makes_and_changes_users(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    await make(running, "li.qiang", Role.OPERATOR, name="李强")
    await make(running, "zhao.min", Role.OPERATOR, name="赵敏")
    sheet = (
        "登录名,姓名,角色,启用\r\n"
        "LI.Qiang,,班长、话务员,\r\nzhao.min,赵敏,operator,yes\r\n"
        "wang.fang,王芳,operator analyst,\r\nsun.li,孙丽,回访员,no\r\n,,,\r\n"
    )
    wanted = {
        "dry_run": True,
        "created": ["wang.fang", "sun.li"],
        "changed": ["li.qiang"],
        "unchanged": 1,
        "problems": [],
        "items": [],
    }
    before = await everybody(running)
    assert (await take(admin, sheet, dry_run=True)).json() == wanted
    assert await everybody(running) == before

    done = (await take(admin, sheet)).json()
    assert {**done, "items": []} == {**wanted, "dry_run": False}
    after = await everybody(running)
    assert after["li.qiang"] == ("李强", ["operator", "supervisor"], True)
    assert after["wang.fang"] == ("王芳", ["analyst", "operator"], True)
    assert after["sun.li"] == ("孙丽", ["reviewer"], False)
    wang, _ = done["items"]
    answer = await Browser(running.browser(), "wang.fang").log_in(wang["password"])
    assert (answer.status_code, answer.json()["must_change_password"]) == (200, True)
    for login, action in (
        ("li.qiang", "user.changed"),
        ("wang.fang", "user.made"),
        ("sun.li", "user.made"),
    ):
        found = await running.get(Trail).page(
            TrailFilter(subject=f"user:{login}", action=action), before=None, limit=9
        )
        assert [one.actor for one in found] == ["admin"], login


async def test_a_sheet_with_mistakes_does_nothing_and_names_them_all(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    await make(running, "li", Role.OPERATOR)
    sheet = (
        "login,name,roles,enabled,version\n"
        "li,新名,king,maybe,\nroot,甲,admin,,\nwang,乙,,,\nwang,丙,operator,,\nsun,,operator,,\n"
        "王芳,丁,operator,,\n,戊,operator,,\nzhao,己,operator,,v1\nadmin,庚,operator,,\n"
        "li2,x\x00y,operator,,\n"
    ).replace("\x00", "\x01")
    wanted = [
        (2, "roles", "bad_value"),
        (2, "enabled", "bad_value"),
        (3, "login", "reserved_name"),
        (4, "roles", "missing"),
        (5, "login", "login_twice"),
        (6, "name", "missing"),
        (7, "login", "bad_value"),
        (8, "login", "missing"),
        (9, "version", "version_conflict"),
        (10, "login", "reserved_name"),  # the token of this test
        (11, "name", "bad_value"),
    ]
    before = await everybody(running)
    looked = await take(admin, sheet, dry_run=True)
    assert (looked.status_code, named(looked.json()["problems"])) == (200, wanted)
    refused = await take(admin, sheet)
    assert code(refused) == (422, "bad_sheet")
    assert named(refused.json()["error"]["details"]["problems"]) == wanted
    assert await everybody(running) == before


@pytest.mark.parametrize("form", SheetFormat)
async def test_what_is_exported_can_be_imported_and_changes_nothing(
    running: Service, form: SheetFormat
) -> None:
    admin = await running.machine(Role.ADMIN)
    for at, name in enumerate(('=cmd|"/c"', '逗号,和"引号"', "'撇号", "-1", "王芳")):
        await make(running, f"w{at}", *list(Role)[: at + 1], name=name)
    sheet = await admin.get(f"{URL}/export", params={"format": form})
    assert sheet.headers["content-type"] == form.media_type
    again = (await take(admin, sheet.content)).json()
    assert (again["created"], again["changed"], again["unchanged"]) == ([], [], 5)
    assert again["problems"] == []


async def test_nothing_secret_stands_in_an_export(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    done = (await take(admin, "login,name,roles\nwang,王芳,operator\n")).json()
    (item,) = done["items"]
    sheet = await admin.get(f"{URL}/export")
    assert item["password"] not in sheet.text
    assert "argon2" not in sheet.text
    book = load_workbook(
        io.BytesIO((await admin.get(f"{URL}/export", params={"format": "xlsx"})).content)
    )
    heading = [cell.value for cell in next(iter(book.worksheets[0].rows))]
    assert heading == list(NAMES)
    assert "password" not in NAMES


async def test_a_change_that_the_sheet_has_not_seen_is_not_lost(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    user_id = await make(running, "wang", Role.OPERATOR)
    sheet = (await admin.get(f"{URL}/export")).content
    await admin.patch(f"{URL}/{user_id}", json={"roles": ["supervisor"]})
    edited = sheet.replace("王芳".encode(), "王方".encode())
    looked = await take(admin, edited, dry_run=True)
    assert named(looked.json()["problems"]) == [(2, "version", "version_conflict")]
    assert code(await take(admin, edited)) == (422, "bad_sheet")
    assert (await everybody(running))["wang"] == ("王芳", ["supervisor"], True)
    # Who says no version changes whatever is there.
    assert (await take(admin, "login,name\nwang,王方\n")).json()["changed"] == ["wang"]


async def test_an_admin_stays(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    await make(running, "wang", Role.ADMIN)
    await make(running, "li", Role.ADMIN)
    both = "login,roles,enabled\nwang,operator,\nli,,no\n"
    looked = await take(admin, both, dry_run=True)
    assert named(looked.json()["problems"]) == [(2, "", "last_admin"), (3, "", "last_admin")]
    assert code(await take(admin, both)) == (422, "bad_sheet")
    handed_on = "login,name,roles,enabled\nwang,,operator,\nli,,,no\nsun,孙丽,admin,\n"
    done = await take(admin, handed_on)
    assert done.json()["created"] == ["sun"], done.text
    assert (await everybody(running))["li"][2] is False


async def test_who_is_disabled_by_a_sheet_is_out_at_once(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    wang = await running.person("wang", Role.OPERATOR)
    assert (await wang.get("/api/me")).status_code == 200
    await take(admin, "login,enabled\nwang,no\n")
    assert code(await wang.get("/api/me")) == (401, "unauthenticated")


async def test_what_each_may_do(running: Service) -> None:
    client = await running.machine(*(set(Role) - {Role.ADMIN}))
    assert code(await client.get(f"{URL}/export")) == (403, "forbidden")
    assert code(await take(client, "login\nwang\n", dry_run=True)) == (403, "forbidden")


async def test_so_many_are_made_by_one_sheet(tmp_path: Any) -> None:
    async with service(tmp_path, users_new_max=2) as running:
        admin = await running.machine(Role.ADMIN)
        rows = "".join(f"w{at},王芳,operator\n" for at in range(3))
        looked = (await take(admin, "login,name,roles\n" + rows, dry_run=True)).json()
        assert named(looked["problems"]) == [(4, "", "too_many_new")]


@given(st.binary(max_size=500) | st.text(max_size=500).map(str.encode))
def test_whatever_is_sent_is_read_to_the_end(data: bytes) -> None:
    for sheet in (data, b"login,name,roles,enabled,version\n" + data):
        read = read_users(sheet, SheetLimits(500, 1 << 20))
        assert len({row.login for row in read.rows}) == len(read.rows)
