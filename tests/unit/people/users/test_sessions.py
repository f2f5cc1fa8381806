"""Logging in, staying in and getting out, over HTTP."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from callcenter.people.domain.permissions import Role
from callcenter.people.users.service import UserService
from callcenter.people.users.sessions import From, SessionService
from callcenter.platform.db.engine import Database
from tests.unit.app.running import GOOD, Browser, Service, code, service

STRANGER = "203.0.113.9"
BLOCK = {"number": "13800138000", "reason": "x"}


class Clock:
    """A clock and a monotonic one that stand still until told."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)
        self.seconds = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, span: timedelta) -> None:
        self.at += span
        self.seconds += span.total_seconds()


def stand_still(running: Service) -> Clock:
    """A clock of the test's own for the sessions."""
    clock, sessions = Clock(), running.get(SessionService)
    sessions._clock, sessions._monotonic = clock.now, clock.monotonic
    sessions._throttle._monotonic = clock.monotonic
    return clock


async def first_admin(running: Service) -> Browser:
    assert await running.get(UserService).ensure_first_admin(running.secrets)
    return Browser(running.browser(), "admin")


async def test_the_first_admin_must_choose_a_password_before_anything_else(
    running: Service,
) -> None:
    admin = await first_admin(running)
    answer = await admin.log_in(running.secrets.admin_password)
    assert answer.status_code == 200
    assert answer.json()["must_change_password"] is True
    assert (await admin.get("/api/me")).json()["login"] == "admin"
    assert code(await admin.get("/api/users")) == (403, "password_change_required")
    assert code(await admin.get("/api/cases")) == (403, "password_change_required")

    changed = await admin.post("/api/password", current=running.secrets.admin_password, new=GOOD)
    assert changed.status_code == 200
    admin.csrf = changed.json()["csrf_token"]
    users = (await admin.get("/api/users")).json()["items"]
    assert [(one["login"], one["roles"]) for one in users] == [("admin", ["admin"])]
    assert not await running.get(UserService).ensure_first_admin(running.secrets)
    again = Browser(running.browser(), "admin")
    assert code(await again.log_in(running.secrets.admin_password)) == (401, "wrong_login")
    assert (await again.log_in(GOOD)).status_code == 200


async def test_the_cookie_is_for_no_script_and_no_other_site(running: Service) -> None:
    admin = await first_admin(running)
    answer = await admin.log_in(running.secrets.admin_password)
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert {"httponly", "samesite=strict", "path=/"} <= {
            part.strip().casefold() for part in cookie.split(";")
        }
        assert "secure" not in cookie.casefold()
    async with running.get(Database).reading() as session:
        kept = str((await session.execute(text("SELECT * FROM user_session"))).all())
        kept += str((await session.execute(text("SELECT * FROM user_device"))).all())
        kept += str((await session.execute(text("SELECT * FROM user"))).all())
    for held in admin.client.cookies.jar:
        assert str(held.value) not in kept
    assert running.secrets.admin_password not in kept


async def test_behind_tls_cookies_go_over_tls_alone(tmp_path: Path) -> None:
    async with service(tmp_path, cookie_secure=True) as running:
        admin = await first_admin(running)
        answer = await admin.log_in(running.secrets.admin_password)
        for cookie in answer.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-")
            assert "; Secure" in cookie


async def test_a_write_needs_the_csrf_token_and_comes_from_our_own_pages(
    running: Service,
) -> None:
    wang = await running.person("wang", Role.SUPERVISOR)
    url = "/api/blocklist"
    assert code(await wang.client.post(url, json=BLOCK)) == (403, "csrf_failed")
    for csrf in ("", "x", wang.csrf[:-1], "é" * 64):
        answer = await wang.client.post(url, json=BLOCK, headers={b"X-CSRF-Token": csrf.encode()})
        assert code(answer) == (403, "csrf_failed")
    own = {"X-CSRF-Token": wang.csrf}
    for foreign in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://service.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = await wang.client.post(url, json=BLOCK, headers={**own, **foreign})
        assert code(answer) == (403, "csrf_failed"), foreign
    assert (await wang.get(url)).json()["items"] == []
    answer = await wang.client.post(
        url,
        json=BLOCK,
        headers={**own, "Origin": "http://service", "Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 201
    assert answer.json()["created_by"] == "wang"


async def test_no_other_site_can_log_a_browser_in(running: Service) -> None:
    await running.person("wang", Role.OPERATOR)
    body = {"login": "wang", "password": GOOD}
    answer = await running.browser().post(
        "/api/login", json=body, headers={"Origin": "https://evil.example"}
    )
    assert code(answer) == (403, "csrf_failed")
    assert "set-cookie" not in answer.headers


async def test_a_bad_token_is_not_saved_by_a_good_cookie(running: Service) -> None:
    wang = await running.person("wang", Role.OPERATOR)
    answer = await wang.client.get("/api/me", headers={"Authorization": "Bearer nonsense"})
    assert code(answer) == (401, "unauthenticated")


async def test_one_browser_logs_out_or_all_of_them(running: Service) -> None:
    first = await running.person("wang", Role.OPERATOR)
    second, third = (Browser(running.browser(), "wang") for _ in range(2))
    for browser in (second, third):
        assert (await browser.log_in()).status_code == 200
    assert (await first.post("/api/logout")).status_code == 204
    assert code(await first.get("/api/me")) == (401, "unauthenticated")
    assert (await second.get("/api/me")).status_code == 200
    assert (await second.post("/api/logout", everywhere=True)).status_code == 204
    assert code(await third.get("/api/me")) == (401, "unauthenticated")


async def test_a_changed_password_ends_every_other_session(running: Service) -> None:
    here = await running.person("wang", Role.OPERATOR)
    there = Browser(running.browser(), "wang")
    await there.log_in()
    new = "another phrase altogether"
    assert code(await here.post("/api/password", current="wrong one", new=new)) == (
        403,
        "wrong_password",
    )
    answer = await here.post("/api/password", current=GOOD, new=new)
    assert answer.status_code == 200
    assert (await here.get("/api/me")).status_code == 200
    assert code(await there.get("/api/me")) == (401, "unauthenticated")
    assert code(await there.log_in(GOOD)) == (401, "wrong_login")
    assert (await there.log_in(new)).status_code == 200


@pytest.mark.parametrize(
    ("new", "rule"),
    [
        ("short", "length"),
        ("x" * 9, "length"),
        ("wang.fang123", "login"),
        ("WANG.FANG.WANG.FANG", "login"),
        ("aaaaaaaaaaaaaa", "repeated"),
        ("1212121212", "repeated"),
        ("Password123", "common"),
        ("Qwertyuiop", "common"),
        (GOOD, "same"),
    ],
)
async def test_a_weak_password_is_refused_by_the_rule_it_breaks(
    running: Service, new: str, rule: str
) -> None:
    wang = await running.person("wang.fang", Role.OPERATOR)
    answer = await wang.post("/api/password", current=GOOD, new=new)
    assert code(answer) == (422, "weak_password")
    assert answer.json()["error"]["details"]["rule"] == rule


async def test_a_session_ends_when_it_is_left_and_at_the_latest_after_a_shift(
    running: Service,
) -> None:
    wang = await running.person("wang", Role.OPERATOR)
    clock = stand_still(running)
    idle = timedelta(minutes=running.settings.session_idle_minutes)
    longest = timedelta(hours=running.settings.session_hours)
    step, gone = idle - timedelta(minutes=2), timedelta()
    while gone + step < longest:
        clock.pass_by(step)
        gone += step
        assert (await wang.get("/api/me")).status_code == 200
    clock.pass_by(longest - gone)
    assert code(await wang.get("/api/me")) == (401, "unauthenticated")
    await wang.log_in()
    clock.pass_by(idle)
    assert code(await wang.get("/api/me")) == (401, "unauthenticated")


async def test_strangers_are_slowed_down_and_lock_nobody_out(running: Service) -> None:
    clock = stand_still(running)
    wang = await running.person("wang", Role.OPERATOR, address="10.0.0.7")
    stranger = Browser(running.browser(STRANGER), "wang")
    outcomes = [code(await stranger.log_in(f"guess {serial}")) for serial in range(8)]
    assert outcomes[:5] == [(401, "wrong_login")] * 5
    assert outcomes[5:] == [(429, "login_delayed")] * 3
    # The right password is not told from a wrong one either, until the wait is over.
    delayed = await stranger.log_in(GOOD)
    assert code(delayed) == (429, "login_delayed")
    assert int(delayed.headers["retry-after"]) >= 1

    # The world joins in: the user's own bucket fills as well.
    for serial in range(40):
        await Browser(running.browser(f"198.51.100.{serial}"), "wang").log_in("guess")
    # From the browser he always uses he gets in, and from his office without its cookie too.
    assert (await wang.log_in()).status_code == 200
    assert (await Browser(running.browser("10.0.0.7"), "wang").log_in()).status_code == 200
    # The browser is known wherever it is carried.
    carried = Browser(running.browser("172.16.3.4"), "wang")
    for cookie in wang.client.cookies.jar:
        carried.client.cookies.set(cookie.name, str(cookie.value))
    assert (await carried.log_in()).status_code == 200
    # Where he never was, he waits; not for ever.
    fresh = Browser(running.browser("192.0.2.77"), "wang")
    assert code(await fresh.log_in()) == (429, "login_delayed")
    clock.pass_by(timedelta(seconds=301))
    assert (await fresh.log_in()).status_code == 200


async def test_one_who_tries_many_users_is_slowed_down_and_a_colleague_beside_him_is_not(
    running: Service,
) -> None:
    stand_still(running)
    wang = await running.person("wang", Role.OPERATOR, address=STRANGER)
    outcomes = [
        code(await Browser(running.browser(STRANGER), f"user{serial}").log_in("guess"))[1]
        for serial in range(40)
    ]
    assert outcomes.count("wrong_login") == 30
    assert outcomes[-1] == "login_delayed"
    assert (await wang.log_in()).status_code == 200


async def test_nothing_tells_which_users_there_are(running: Service) -> None:
    await running.person("wang", Role.OPERATOR)
    made = await running.get(UserService).create(
        "gone", name="x", roles=frozenset({Role.OPERATOR}), actor="test"
    )
    admin = await running.machine(Role.ADMIN)
    await admin.patch(f"/api/users/{made.user.id}", json={"enabled": False})
    answers = []
    for login, password in (("wang", "wrong"), ("nobody", "wrong"), ("gone", made.password)):
        answers.append(await Browser(running.browser(STRANGER), login).log_in(password))
    assert {answer.text for answer in answers} == {answers[0].text}
    assert code(answers[0]) == (401, "wrong_login")


async def test_what_was_typed_wrongly_is_kept_nowhere(running: Service) -> None:
    await running.person("wang", Role.OPERATOR)
    await Browser(running.browser(STRANGER), "my-secret-as-login").log_in("x")
    await Browser(running.browser(STRANGER), "wang").log_in("my-secret-as-password")
    async with running.get(Database).reading() as session:
        rows = (await session.execute(text("SELECT * FROM trail_entry ORDER BY seq"))).all()
    assert "my-secret" not in str(rows)
    assert [row.subject for row in rows if row.action == "user.login_failed"] == ["user:wang"]


async def test_who_would_wait_behind_too_many_is_sent_away_and_the_others_get_in(
    running: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callcenter.people.users.passwords.WAITING_MAX", 3)
    wang = await running.person("wang", Role.OPERATOR)
    passwords = running.get(SessionService)._passwords
    slow, verify = threading.Event(), passwords._verify

    def held(password: str, kept: str | None) -> bool:
        slow.wait(60)
        return bool(verify(password, kept))

    monkeypatch.setattr(passwords, "_verify", held)
    waiting = [asyncio.create_task(passwords.verify("x", None)) for _ in range(3)]
    await asyncio.sleep(0)  # all three have asked
    answer = await wang.log_in()
    assert code(answer) == (429, "too_many_logins")
    assert answer.headers["retry-after"] == "3"
    slow.set()
    assert await asyncio.gather(*waiting) == [False] * 3
    assert (await wang.log_in()).status_code == 200


async def test_a_hash_of_other_parameters_is_renewed_at_the_next_login(running: Service) -> None:
    wang = await running.person("wang", Role.OPERATOR)

    async def kept() -> str:
        async with running.get(Database).reading() as session:
            found = await session.scalar(text("SELECT password_hash FROM user"))
        return str(found)

    before = await kept()
    assert before.startswith("$argon2id$")
    assert "m=8192,t=1" in before
    sessions: SessionService = running.get(SessionService)
    sessions._passwords._hasher = type(sessions._passwords._hasher)(
        time_cost=2, memory_cost=8192, parallelism=1
    )
    assert (await wang.log_in()).status_code == 200
    assert "m=8192,t=2" in await kept()
    assert (await wang.log_in()).status_code == 200


async def test_a_user_disabled_while_his_password_is_checked_does_not_get_in(
    running: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    wang = await running.person("wang", Role.OPERATOR)
    sessions: SessionService = running.get(SessionService)
    verify = sessions._passwords.verify

    async def meanwhile(password: str, kept: str | None) -> bool:
        right = await verify(password, kept)
        async with running.get(Database).writing() as session:
            await session.execute(text("UPDATE user SET enabled = 0"))
        return right

    monkeypatch.setattr(sessions._passwords, "verify", meanwhile)
    assert code(await wang.log_in()) == (401, "wrong_login")


async def test_a_token_is_no_person(running: Service) -> None:
    async with await running.machine(Role.OPERATOR) as client:
        me: dict[str, Any] = (await client.get("/api/me")).json()
        assert (me["user_id"], me["roles"], me["csrf_token"]) == (None, ["operator"], None)
        assert code(await client.post("/api/logout")) == (403, "not_a_person")
        body = {"current": "x", "new": GOOD}
        assert code(await client.post("/api/password", json=body)) == (403, "not_a_person")


async def test_old_sessions_and_browsers_are_forgotten(running: Service) -> None:
    wang = await running.person("wang", Role.OPERATOR)
    clock = stand_still(running)
    clock.pass_by(timedelta(days=running.settings.known_device_days + 1))
    await Browser(running.browser("192.0.2.50"), "wang").log_in()
    async with running.get(Database).reading() as session:
        sessions = await session.scalar(text("SELECT count(*) FROM user_session"))
        devices = await session.scalar(text("SELECT count(*) FROM user_device"))
    assert (sessions, devices) == (1, 1)
    assert code(await wang.get("/api/me")) == (401, "unauthenticated")


def test_where_a_login_comes_from_shows_no_secret() -> None:
    assert "secret" not in repr(From("192.0.2.1", "browser", "secret"))
