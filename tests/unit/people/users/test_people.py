"""People and tokens, as admins manage them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from callcenter.people.domain.permissions import Role
from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.service import Trail
from callcenter.people.users.service import UserService
from tests.unit.app.running import GOOD, Browser, Service, code

WANG = {"login": "Wang.Fang", "name": " 王芳 ", "roles": ["operator"]}


async def make(admin: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await admin.post("/api/users", json={**WANG, **changes})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def actions(running: Service, subject: str) -> list[tuple[str, str]]:
    found = await running.get(Trail).page(TrailFilter(subject=subject), before=None, limit=100)
    return [(one.action, one.actor) for one in reversed(found)]


async def test_a_user_is_made_with_a_password_that_is_shown_once(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    made = await make(admin)
    assert (made["login"], made["name"], made["roles"]) == ("wang.fang", "王芳", ["operator"])
    assert made["must_change_password"] is True
    read = (await admin.get(f"/api/users/{made['id']}")).json()
    assert "password" not in read
    wang = Browser(running.browser(), "WANG.fang")
    assert (await wang.log_in(made["password"])).status_code == 200
    assert await actions(running, "user:wang.fang") == [
        ("user.made", "admin"),
        ("user.logged_in", "wang.fang"),
    ]


async def test_what_may_not_be_is_refused_by_its_code(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    made = await make(admin)
    url = "/api/users"
    for login in ("王芳", ".x", "a b", "a@b", "-"):
        assert code(await admin.post(url, json={**WANG, "login": login})) == (422, "bad_login")
    assert code(await admin.post(url, json=WANG)) == (409, "login_exists")
    bad_fields: list[dict[str, Any]] = [
        {"roles": []}, {"roles": ["king"]}, {"name": " "}, {"login": "x" * 33},
    ]  # fmt: skip
    for bad in bad_fields:
        assert code(await admin.post(url, json={**WANG, **bad})) == (422, "bad_input")
    one = f"{url}/{made['id']}"
    bad_changes: list[dict[str, Any]] = [
        {"roles": []}, {"roles": None}, {"login": "li"}, {"password": "x"},
    ]  # fmt: skip
    for body in bad_changes:
        assert code(await admin.patch(one, json=body)) == (422, "bad_input")
    for method in ("GET", "DELETE", "PATCH"):
        answer = await admin.request(method, f"{url}/4711", json={} if method == "PATCH" else None)
        assert code(answer) == (404, "user_not_found")


async def test_another_role_counts_at_once(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    wang = await running.person("wang", Role.OPERATOR)
    user_id = (await wang.get("/api/me")).json()["user_id"]
    assert code(await wang.get("/api/blocklist")) == (403, "forbidden")
    await admin.patch(f"/api/users/{user_id}", json={"roles": ["supervisor"]})
    assert (await wang.get("/api/blocklist")).status_code == 200
    await admin.patch(f"/api/users/{user_id}", json={"roles": ["operator", "analyst"]})
    assert code(await wang.get("/api/blocklist")) == (403, "forbidden")


async def test_who_is_disabled_is_out_at_once_and_stays_out(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    wang = await running.person("wang", Role.OPERATOR)
    user_id = (await wang.get("/api/me")).json()["user_id"]
    told: list[int] = []
    running.get(UserService).on_change(told.append)
    await admin.patch(f"/api/users/{user_id}", json={"enabled": False})
    assert told == [user_id]
    assert code(await wang.get("/api/me")) == (401, "unauthenticated")
    assert code(await wang.log_in()) == (401, "wrong_login")
    await admin.patch(f"/api/users/{user_id}", json={"enabled": True})
    # He is known nowhere any more, but that costs him nothing.
    assert code(await wang.get("/api/me")) == (401, "unauthenticated")
    assert (await wang.log_in()).status_code == 200
    changes = [one for one in await actions(running, "user:wang") if one[0] == "user.changed"]
    assert changes == [("user.changed", "admin")] * 2


async def test_what_changes_nothing_tells_nobody(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    made = await make(admin)
    before = await actions(running, "user:wang.fang")
    answer = await admin.patch(f"/api/users/{made['id']}", json={"name": "王芳"})
    assert answer.status_code == 200
    assert await actions(running, "user:wang.fang") == before


async def test_a_forgotten_password_is_replaced_by_one_to_be_changed(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    wang = await running.person("wang", Role.OPERATOR)
    user_id = (await wang.get("/api/me")).json()["user_id"]
    reset = (await admin.post(f"/api/users/{user_id}/password")).json()
    assert code(await wang.get("/api/me")) == (401, "unauthenticated")
    assert code(await wang.log_in(GOOD)) == (401, "wrong_login")
    assert (await wang.log_in(reset["password"])).json()["must_change_password"] is True


async def test_an_admin_logs_somebody_out_everywhere(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    wang = await running.person("wang", Role.OPERATOR)
    user_id = (await wang.get("/api/me")).json()["user_id"]
    await Browser(running.browser(), "wang").log_in()
    answer = await admin.post(f"/api/users/{user_id}/logout")
    assert answer.json() == {"sessions": 2}
    assert code(await wang.get("/api/me")) == (401, "unauthenticated")


async def test_somebody_who_may_manage_people_always_stays(running: Service) -> None:
    machine = await running.machine(Role.ADMIN)
    chief = await running.person("chief", Role.ADMIN)
    url = f"/api/users/{(await chief.get('/api/me')).json()['user_id']}"
    for body in ({"enabled": False}, {"roles": ["operator"]}):
        assert code(await chief.send("PATCH", url, body)) == (409, "last_admin")
    await make(machine, login="deputy", roles=["admin", "analyst"])
    assert (await chief.send("PATCH", url, {"roles": ["operator"]})).status_code == 200
    assert code(await chief.get("/api/users")) == (403, "forbidden")


async def test_who_has_logged_in_is_not_removed(running: Service) -> None:
    machine = await running.machine(Role.ADMIN)
    await running.person("chief", Role.ADMIN)
    slip = await make(machine, login="slip")
    assert (await machine.delete(f"/api/users/{slip['id']}")).status_code == 204
    wang = await running.person("wang", Role.OPERATOR)
    user_id = (await wang.get("/api/me")).json()["user_id"]
    assert code(await machine.delete(f"/api/users/{user_id}")) == (409, "user_has_history")


async def test_the_list_is_in_order_and_its_pages_join(running: Service) -> None:
    admin = await running.machine(Role.ADMIN)
    for login in ("li", "an", "zhou", "wang", "bai"):
        await make(admin, login=login)
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await admin.get("/api/users", params=params)).json()
        seen += [one["login"] for one in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert seen == ["an", "bai", "li", "wang", "zhou"]
    assert code(await admin.get("/api/users", params={"cursor": "~"})) == (422, "bad_cursor")


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_a_token_may_what_its_role_may(running: Service, role: Role) -> None:
    admin = await running.machine(Role.ADMIN)
    body = {"name": "wall", "roles": [role]}
    made = (await admin.post("/api/tokens", json=body)).json()
    async with running.browser(Authorization=f"Bearer {made['token']}") as wall:
        assert (await wall.get("/api/me")).json()["roles"] == [role]
        assert code(await wall.get("/api/tokens")) == (403, "forbidden")
        listed = (await admin.get("/api/tokens")).json()
        assert {one["name"]: one["roles"] for one in listed}["wall"] == [role]
        assert made["token"] not in str(listed)
        assert (await admin.delete("/api/tokens/wall")).status_code == 204
        assert (await wall.get("/api/me")).status_code == 401
    assert await actions(running, "token:wall") == [
        ("token.made", "admin"),
        ("token.revoked", "admin"),
    ]


async def test_the_trail_is_read_by_those_who_may_and_names_its_reader(running: Service) -> None:
    chief = await running.person("chief", Role.ADMIN)
    page = (await chief.get("/api/trail", actor="chief")).json()
    assert {one["action"] for one in page["items"]} == {
        "user.logged_in", "user.password_changed",
    }  # fmt: skip
    assert {one["address"] for one in page["items"]} == {"192.0.2.1"}
    first = (await chief.get("/api/trail", limit=1)).json()
    rest = (await chief.get("/api/trail", cursor=first["next"])).json()
    assert [one["seq"] for one in rest["items"]] == list(range(first["items"][0]["seq"] - 1, 0, -1))
    assert (await running.get(Trail).verify()).problem is None
