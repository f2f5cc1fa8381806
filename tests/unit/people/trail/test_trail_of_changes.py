"""Every change that people make over the API leaves its entry, in the transaction that makes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from callcenter.people.domain.permissions import Role
from callcenter.people.trail import repository
from callcenter.people.trail.repository import TrailFilter
from callcenter.people.trail.service import Trail
from tests.unit.app.running import Service, service

CHANGES: list[tuple[str, str, Any, str, str]] = [
    ("POST", "/api/blocklist", {"number": "13800138000", "reason": "x"}, "blocklist.added",
     "blocklist:1"),
    ("PATCH", "/api/blocklist/1", {"reason": "y"}, "blocklist.changed", "blocklist:1"),
    ("DELETE", "/api/blocklist/1", None, "blocklist.removed", "blocklist:1"),
    ("PUT", "/api/opening", {"week": [], "special_days": []}, "opening.replaced", "opening"),
    ("POST", "/api/seats", {"extension": "8001", "name": "x"}, "seat.created", "seat:8001"),
    ("PATCH", "/api/seats/8001", {"name": "y"}, "seat.changed", "seat:8001"),
    ("POST", "/api/seats/8001/secret", None, "seat.secret_rotated", "seat:8001"),
    ("DELETE", "/api/seats/8001", None, "seat.removed", "seat:8001"),
    ("POST", "/api/users", {"login": "li", "name": "x", "roles": ["operator"]}, "user.made",
     "user:li"),
    ("PATCH", "/api/users/1", {"name": "y"}, "user.changed", "user:li"),
    ("POST", "/api/users/1/password", None, "user.password_reset", "user:li"),
    ("POST", "/api/users/1/logout", None, "user.logged_out", "user:li"),
    ("DELETE", "/api/users/1", None, "user.removed", "user:li"),
    ("POST", "/api/tokens", {"name": "wall", "roles": ["analyst"]}, "token.made", "token:wall"),
    ("DELETE", "/api/tokens/wall", None, "token.revoked", "token:wall"),
]  # fmt: skip


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Service]:
    async with service(tmp_path) as made:
        yield made


async def test_each_change_leaves_one_entry_that_names_who_and_what(running: Service) -> None:
    async with await running.machine(Role.ADMIN) as admin:
        for method, url, body, action, subject in CHANGES:
            before = (await running.get(Trail).verify()).entries
            answer = await admin.request(method, url, json=body)
            assert answer.is_success, (url, answer.text)
            newest = await running.get(Trail).page(TrailFilter(), before=None, limit=9)
            # That the answer shows a number is another fact.
            found = [one for one in newest if one.seq > before and one.action != "number.shown"]
            assert [(one.actor, one.action, one.subject) for one in found] == [
                ("admin", action, subject)
            ]
            assert found[0].address == "192.0.2.1"
            verdict = await running.get(Trail).verify()
            assert verdict.problem is None
            for secret in ("secret", "password", "token"):
                shown = answer.json().get(secret) if answer.content else None
                assert shown is None or shown not in str(found)


async def test_what_cannot_be_noted_is_not_done(
    running: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await running.machine(Role.ADMIN) as admin:
        seat = {"extension": "8001", "name": "x"}
        assert (await admin.post("/api/seats", json=seat)).status_code == 201

        async def fails(_session: AsyncSession, _rows: Any) -> None:
            raise RuntimeError("the trail cannot be written")

        monkeypatch.setattr(repository, "append", fails)
        for method, url, body in (
            ("DELETE", "/api/seats/8001", None),
            ("POST", "/api/blocklist", {"number": "13800138000", "reason": "x"}),
            ("POST", "/api/users", {"login": "li", "name": "x", "roles": ["operator"]}),
        ):
            assert (await admin.request(method, url, json=body)).status_code == 500
        assert (await admin.get("/api/seats/8001")).status_code == 200
        assert (await admin.get("/api/blocklist")).json()["items"] == []
        assert (await admin.get("/api/users")).json()["items"] == []
